//! The database, in every situation of a store's records: on SQLite, and the same on PostgreSQL.

use std::time::Duration;

use store_actors::{
    domain::{
        payment::State,
        record::{Body, Record},
    },
    ports::StoreStatus,
    wire::uplink::{Poison, PoisonEvent, StatusMessage},
};
use store_controller::head_office::database::{
    Arrival, Database, DatabaseFailed, DatabaseOptions, Outcome, PaymentQuery, PaymentRow, StoreRow,
};

use crate::support::{
    chain::{Chain, payment, store, time_of},
    connect,
    postgres::Postgres,
};

pub async fn open(url: &str) -> Database {
    let busy_timeout = Duration::from_secs(30);
    let options = DatabaseOptions {
        url: url.into(),
        password: None,
        connections: 4,
        busy_timeout,
    };
    Database::open(&options).await.unwrap()
}

pub fn arrival(chain: &Chain, records: Vec<Record>) -> Arrival {
    let records = records.into_iter().map(Into::into).collect();
    Arrival::new(chain.store.clone(), records, &[], b"message")
}

pub async fn commit(database: &Database, chain: &Chain, first: u64, last: u64) -> Outcome {
    database
        .commit(&[arrival(chain, chain.part(first, last))], time_of(0))
        .await
        .unwrap()
}

fn standing(outcome: &Outcome, chain: &Chain) -> (u64, Vec<(u64, u64)>) {
    let standing = &outcome.standings[&chain.store];
    (standing.watermark, standing.want.clone())
}

pub async fn row(database: &Database, chain: &Chain) -> StoreRow {
    let rows = database
        .stores(&chain.store.chain, time_of(100))
        .await
        .unwrap();
    rows.into_iter()
        .find(|row| row.store == chain.store.store.as_str())
        .unwrap()
}

async fn records_in_any_order_move_the_watermark(database: &Database) {
    let chain = Chain::of("order", 10);
    assert_eq!(
        standing(&commit(database, &chain, 6, 8).await, &chain),
        (0, vec![(1, 5)])
    );
    assert_eq!(
        standing(&commit(database, &chain, 10, 10).await, &chain),
        (0, vec![(1, 5), (9, 9)])
    );
    let seen = row(database, &chain).await;
    assert_eq!(
        (seen.last_seq, seen.watermark, seen.missing, seen.records),
        (10, 0, 6, 4)
    );
    let gaps = database.gaps(&chain.store, 100).await.unwrap();
    assert_eq!(gaps, Some(vec![(1, 5), (9, 9)]));
    assert_eq!(
        standing(&commit(database, &chain, 1, 5).await, &chain),
        (8, vec![(9, 9)])
    );
    assert_eq!(
        standing(&commit(database, &chain, 9, 9).await, &chain),
        (10, vec![])
    );
    let seen = row(database, &chain).await;
    assert_eq!(
        (seen.last_seq, seen.watermark, seen.missing, seen.records),
        (10, 10, 0, 10)
    );
    assert_eq!(database.gaps(&store("nobody"), 100).await.unwrap(), None);
}

async fn a_repetition_is_counted_and_answered(database: &Database) {
    let chain = Chain::of("again", 4);
    let first = commit(database, &chain, 1, 4).await;
    assert_eq!((first.stored, first.duplicates, first.conflicts), (4, 0, 0));
    let twice = [
        arrival(&chain, chain.part(2, 4)),
        arrival(&chain, chain.part(1, 4)),
    ];
    let again = database.commit(&twice, time_of(0)).await.unwrap();
    assert_eq!((again.stored, again.duplicates, again.conflicts), (0, 7, 0));
    assert_eq!(standing(&again, &chain), (4, vec![]));
    let seen = row(database, &chain).await;
    assert_eq!((seen.records, seen.duplicates, seen.conflicts), (4, 7, 0));
}

async fn another_record_under_a_number_held_is_an_alarm(database: &Database) {
    let chain = Chain::of("conflict", 4);
    let mut other = Chain::new("conflict");
    (0..4).for_each(|_| other.append(&Body::Stopped));
    commit(database, &chain, 1, 2).await;
    let outcome = commit(database, &other, 2, 2).await;
    assert_eq!(
        (outcome.stored, outcome.duplicates, outcome.conflicts),
        (0, 0, 1)
    );
    // and within one batch
    let both = [
        arrival(&chain, chain.part(3, 4)),
        arrival(&other, other.part(3, 4)),
    ];
    let outcome = database.commit(&both, time_of(0)).await.unwrap();
    assert_eq!(
        (outcome.stored, outcome.duplicates, outcome.conflicts),
        (2, 0, 2)
    );
    // the first one stays, and the chain goes on over it
    assert_eq!(standing(&outcome, &chain), (4, vec![]));
    assert_eq!(row(database, &chain).await.conflicts, 3);
    let held = database
        .records(&chain.store, 1, 10)
        .await
        .unwrap()
        .unwrap();
    let hashes: Vec<_> = held.items.iter().map(|record| record.hash).collect();
    assert_eq!(
        hashes,
        chain.records.iter().map(Record::hash).collect::<Vec<_>>()
    );
}

async fn a_broken_chain_stops_the_watermark(database: &Database) {
    let chain = Chain::of("broken", 3);
    let mut other = Chain::new("broken");
    (0..6).for_each(|_| other.append(&Body::Stopped));
    commit(database, &chain, 1, 3).await;
    let outcome = commit(database, &other, 4, 6).await;
    assert_eq!(
        (outcome.stored, standing(&outcome, &chain)),
        (3, (3, vec![]))
    );
    let seen = row(database, &chain).await;
    assert_eq!(
        (seen.watermark, seen.last_seq, seen.broken_seq),
        (3, 6, Some(4))
    );
}

async fn a_first_record_that_continues_something_is_no_beginning(database: &Database) {
    let mut whole = Chain::of("headless", 3);
    whole.records.remove(0);
    whole.records.iter_mut().for_each(|record| record.seq -= 1);
    let outcome = commit(database, &whole, 1, 2).await;
    assert_eq!((outcome.stored, standing(&outcome, &whole).0), (2, 0));
    assert_eq!(row(database, &whole).await.broken_seq, Some(1));
}

async fn poison_is_noted_once_and_the_rest_flows(database: &Database) {
    let mut chain = Chain::of("poison", 2);
    chain.append_text(r#"{"kind":"of a newer version","x":1}"#);
    chain.append_text("{half \0 of it");
    chain.append(&Body::Stopped);
    let bad = [Poison {
        at: 0,
        seq: Some(9),
        why: PoisonEvent::Hash,
    }];
    for _ in 0..2 {
        let records = chain.records.iter().cloned().map(Into::into).collect();
        let arrival = Arrival::new(chain.store.clone(), records, &bad, b"message");
        let outcome = database.commit(&[arrival], time_of(0)).await.unwrap();
        assert_eq!(standing(&outcome, &chain), (5, vec![]));
    }
    assert_eq!(row(database, &chain).await.poison, 3);
    let held = database.records(&chain.store, 3, 2).await.unwrap().unwrap();
    let shown: Vec<_> = held
        .items
        .iter()
        .map(|r| (r.kind.as_str(), r.body.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("unknown", chain.records[2].body.as_str()),
            ("unknown", "{half \0 of it")
        ]
    );
    assert_eq!(held.next.as_deref(), Some("5"));
}

async fn the_latest_snapshot_of_a_payment_wins_in_any_order(database: &Database) {
    let chain = Chain::of("payments", 20);
    let all = PaymentQuery {
        limit: 100,
        ..PaymentQuery::default()
    };
    for (first, last) in [(11, 20), (2, 2), (1, 1), (4, 10), (3, 3)] {
        commit(database, &chain, first, last).await;
    }
    let page = database
        .payments(&chain.store, &all)
        .await
        .unwrap()
        .unwrap();
    let ids: Vec<_> = page
        .items
        .iter()
        .map(|row| row.payment["id"].as_str().unwrap().to_owned())
        .collect();
    let newest_first: Vec<_> = (1..=10)
        .rev()
        .map(|number| payment(number, State::Opened).id.to_string())
        .collect();
    assert_eq!((ids, page.next), (newest_first, None));
    assert!(
        page.items
            .iter()
            .all(|row| row.payment["state"] == "approved" && row.seq % 2 == 0)
    );
    assert_eq!(page.items[9].payment["reference"], "basket 1 \0 茶");

    let since = PaymentQuery {
        since: Some(time_of(15)),
        ..all.clone()
    };
    assert_eq!(
        database
            .payments(&chain.store, &since)
            .await
            .unwrap()
            .unwrap()
            .items
            .len(),
        3
    );
    let opened = PaymentQuery {
        state: Some(State::Opened),
        ..all
    };
    assert_eq!(
        database
            .payments(&chain.store, &opened)
            .await
            .unwrap()
            .unwrap()
            .items
            .len(),
        0
    );

    let pages = payments(database, &chain, 4).await;
    let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [4, 4, 2]);
}

/// All of them, in pages of so many.
pub async fn payments(database: &Database, chain: &Chain, limit: i64) -> Vec<Vec<PaymentRow>> {
    let mut query = PaymentQuery {
        limit,
        ..PaymentQuery::default()
    };
    let mut pages = Vec::new();
    while let Some(page) = database.payments(&chain.store, &query).await.unwrap() {
        pages.push(page.items);
        let Some(next) = page.next else { break };
        query.before = Some(next.parse().unwrap());
    }
    pages
}

/// The store reports its last record and what it was told of, or is gone; gives what it is told.
async fn said(
    database: &Database,
    chain: &Chain,
    online: bool,
    report: Option<(u64, u64)>,
) -> Option<u64> {
    let report = report.map(|(last_seq, receipted)| StoreStatus {
        at: time_of(last_seq),
        version: "0.1.0".into(),
        last_seq,
        receipted,
        counters_ready: 1,
        counters: 2,
        unknown: 0,
    });
    let status = StatusMessage {
        store: chain.store.store.clone(),
        online,
        report,
    };
    let statuses = [(chain.store.clone(), status)].into();
    let held = database.keep_statuses(&statuses, time_of(0)).await.unwrap();
    held.get(&chain.store).copied()
}

async fn the_last_report_stays_and_the_last_will_is_not_one(database: &Database) {
    let chain = Chain::new("status");
    let say = async |online: bool, report: Option<u64>| {
        said(database, &chain, online, report.map(|seq| (seq, 0))).await;
        let row = row(database, &chain).await;
        (row.online, row.reported_seq, row.status_age_ms)
    };
    assert_eq!(say(false, None).await, (Some(false), 0, None));
    assert_eq!(say(true, Some(20)).await, (Some(true), 20, Some(80_000)));
    assert_eq!(say(true, Some(10)).await, (Some(true), 20, Some(80_000)));
    assert_eq!(say(false, None).await, (Some(false), 20, Some(80_000)));
}

async fn a_store_that_was_told_less_than_is_held_is_told_again(database: &Database) {
    let chain = Chain::of("told", 6);
    commit(database, &chain, 1, 6).await;
    let told = async |receipted: u64| said(database, &chain, true, Some((10, receipted))).await;
    assert_eq!(told(2).await, Some(6));
    assert_eq!(told(6).await, None);
    let last_will = said(database, &chain, false, None).await;
    assert_eq!(last_will, None, "the last will says nothing of it");
}

/// Four writers with handles of their own, the same records each, in other pieces and another
/// order.
async fn writers_at_once_lose_and_double_nothing(url: &str) {
    const RECORDS: u64 = 400;
    let chains = [Chain::of("left", RECORDS), Chain::of("right", RECORDS)];
    let mut writers = Vec::new();
    for size in [7, 11, 13, 17] {
        let (chains, url) = (chains.clone(), url.to_owned());
        writers.push(tokio::spawn(async move {
            let database = open(&url).await;
            let mut stored = 0;
            let mut pieces: Vec<u64> = (0..RECORDS.div_ceil(size)).collect();
            // far from in order, and each writer in another
            pieces.sort_by_key(|piece| (piece * (size + 31)) % 97);
            for piece in pieces {
                let part = |chain: &Chain| {
                    arrival(chain, chain.part(piece * size + 1, (piece + 1) * size))
                };
                let arrivals: Vec<_> = chains.iter().map(part).collect();
                stored += loop {
                    match database.commit(&arrivals, time_of(0)).await {
                        Ok(outcome) => break outcome.stored,
                        Err(DatabaseFailed::Busy(_)) => {}
                        Err(failed) => panic!("{failed:?}"),
                    }
                };
            }
            stored
        }));
    }
    let mut stored = 0;
    for writer in writers {
        stored += writer.await.unwrap();
    }
    assert_eq!(stored, 2 * RECORDS);
    let database = open(url).await;
    for chain in &chains {
        let seen = row(&database, chain).await;
        assert_eq!(
            (seen.watermark, seen.records, seen.missing),
            (RECORDS, RECORDS, 0)
        );
        assert_eq!((seen.duplicates, seen.conflicts), (3 * RECORDS, 0));
    }
}

macro_rules! situations {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let database = super::open(&format!("sqlite:{}/made/x.db", dir.path().display())).await;
                super::$name(&database).await;
            })*
        }

        async fn all_situations(database: &Database) {
            $($name(database).await;)*
        }
    };
}

situations!(
    records_in_any_order_move_the_watermark,
    a_repetition_is_counted_and_answered,
    another_record_under_a_number_held_is_an_alarm,
    a_broken_chain_stops_the_watermark,
    a_first_record_that_continues_something_is_no_beginning,
    poison_is_noted_once_and_the_rest_flows,
    the_latest_snapshot_of_a_payment_wins_in_any_order,
    a_store_that_was_told_less_than_is_held_is_told_again,
    the_last_report_stays_and_the_last_will_is_not_one,
);

#[tokio::test]
async fn postgres_does_the_same_in_all_situations() {
    let server = Postgres::start().await;
    let database = open(&server.database("situations").await).await;
    all_situations(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_once_on_sqlite_lose_and_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    writers_at_once_lose_and_double_nothing(&format!("sqlite:{}/x.db", dir.path().display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_once_on_postgres_lose_and_double_nothing() {
    let server = Postgres::start().await;
    writers_at_once_lose_and_double_nothing(&server.database("writers").await).await;
}

/// To whoever begins while another one writes, the store's row says that nothing is held.
#[tokio::test]
async fn what_another_has_stored_meanwhile_is_a_repetition_on_postgres() {
    let server = Postgres::start().await;
    let url = server.database("meanwhile").await;
    let database = open(&url).await;
    let chain = Chain::of("meanwhile", 6);
    commit(&database, &chain, 1, 4).await;
    let mut connection = connect(&url).await;
    let stale = "UPDATE store SET last_seq = 0";
    sqlx::raw_sql(stale).execute(&mut connection).await.unwrap();
    let both = commit(&database, &chain, 3, 6).await;
    assert_eq!((both.stored, both.duplicates, both.conflicts), (2, 2, 0));
    assert_eq!(standing(&both, &chain), (6, vec![]));
    assert_eq!(row(&database, &chain).await.records, 6);
}
