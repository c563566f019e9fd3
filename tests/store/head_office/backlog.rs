//! A backlog: on PostgreSQL it is kept in the messages it came in, and read as it was written.

use store_actors::{
    domain::payment::State,
    ports::Parked,
    wire::uplink::{ENCODING_ZSTD, encode_batch},
};
use store_controller::{
    adapters::mqtt::payload::pack,
    head_office::database::{Arrival, Database},
};

use super::database::{arrival, commit, open, payments, row};
use crate::support::{
    chain::{Chain, payment, time_of},
    connect,
    postgres::Postgres,
};

/// As a backlog arrives: in one packed message, which may be kept.
fn packed(chain: &Chain, first: u64, last: u64) -> Arrival {
    let records = chain.part(first, last);
    let packed = pack(encode_batch(&chain.store, &records, &Parked::new()));
    assert_eq!(packed.encoding, Some(ENCODING_ZSTD));
    Arrival {
        kept: Some(packed.bytes.into()),
        ..arrival(chain, records)
    }
}

async fn a_backlog_is_read_as_it_was_written(database: &Database) {
    let chain = Chain::of("backlog", 100);
    for (first, last) in [(1, 40), (61, 100), (41, 70)] {
        let arrivals = [packed(&chain, first, last)];
        database.commit(&arrivals, time_of(0)).await.unwrap();
    }
    commit(database, &chain, 90, 95).await;
    let seen = row(database, &chain).await;
    assert_eq!(
        (seen.watermark, seen.records, seen.duplicates),
        (100, 100, 16)
    );
    assert_eq!(bodies(database, &chain).await, written(&chain));
    let payments = payments(database, &chain, 100).await;
    let payments: Vec<_> = payments.into_iter().flatten().collect();
    let numbers: Vec<_> = payments.iter().map(|row| row.seq).collect();
    let approved: Vec<_> = (1..=50).rev().map(|number| 2 * number).collect();
    assert_eq!(numbers, approved);
    assert!(
        payments
            .iter()
            .all(|row| row.payment["state"] == "approved")
    );
}

fn written(chain: &Chain) -> Vec<&str> {
    chain.records.iter().map(|one| one.body.as_str()).collect()
}

async fn bodies(database: &Database, chain: &Chain) -> Vec<String> {
    let page = database.records(&chain.store, 1, 1_000).await;
    let items = page.unwrap().unwrap().items;
    items.into_iter().map(|row| row.body).collect()
}

#[tokio::test]
async fn a_backlog_is_read_as_it_was_written_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let database = open(&format!("sqlite:{}/x.db", dir.path().display())).await;
    a_backlog_is_read_as_it_was_written(&database).await;
}

#[tokio::test]
async fn a_backlog_is_read_as_it_was_written_on_postgres() {
    let server = Postgres::start().await;
    let database = open(&server.database("backlog").await).await;
    a_backlog_is_read_as_it_was_written(&database).await;
}

/// How many messages are kept, and of how many records the body is in one.
async fn kept(url: &str) -> (i64, i64) {
    let both = "SELECT (SELECT COUNT(*) FROM message), \
                (SELECT COUNT(*) FROM record WHERE message IS NOT NULL AND LENGTH(body) = 0)";
    sqlx::query_as(both)
        .fetch_one(&mut connect(url).await)
        .await
        .unwrap()
}

#[tokio::test]
async fn postgres_keeps_a_backlog_in_the_messages_it_came_in() {
    let server = Postgres::start().await;
    let url = server.database("kept").await;
    let database = open(&url).await;
    let chain = Chain::of("kept", 90);
    // the second message brings nothing new, of the third some is held
    for (arrivals, messages_and_records) in [
        (vec![packed(&chain, 1, 40), packed(&chain, 1, 40)], (1, 40)),
        (vec![packed(&chain, 20, 40)], (1, 40)),
        (vec![packed(&chain, 31, 60)], (1, 40)),
        (vec![packed(&chain, 61, 90)], (2, 70)),
    ] {
        database.commit(&arrivals, time_of(0)).await.unwrap();
        assert_eq!(kept(&url).await, messages_and_records);
    }
    assert_eq!(bodies(&database, &chain).await, written(&chain));

    // a disk that turned bits: what was in there is missing, and the rest is shown
    let torn = "UPDATE message SET content = overlay(content PLACING 'torn' FROM 9) WHERE id = 1";
    let mut connection = connect(&url).await;
    sqlx::raw_sql(torn).execute(&mut connection).await.unwrap();
    let found = bodies(&database, &chain).await;
    assert!(found[..40].iter().all(String::is_empty));
    assert_eq!(found[40..], written(&chain)[40..]);
    let pages = payments(&database, &chain, 10).await;
    let ids: Vec<_> = pages
        .into_iter()
        .flatten()
        .map(|row| row.payment["id"].clone())
        .collect();
    let payments = (1..=45).rev().map(|number| payment(number, State::Opened));
    let newest_first: Vec<_> = payments.map(|one| one.id.to_string().into()).collect();
    assert_eq!(ids, newest_first as Vec<serde_json::Value>);
}
