//! Several workers, and workers that are killed: nothing is lost or doubled, no receipt is ahead of
//! the database.

use std::{collections::BTreeMap, time::Duration};

use sqlx::AnyConnection;
use store_actors::wire::uplink::Receipt;
use tokio::time::timeout;

use crate::support::{
    chain::Chain, connect, eventually, mosquitto::Mosquitto, office::Office, postgres::Postgres,
    tap::Tap,
};

const BATCH: u64 = 5;

/// After which a store sends again.
const SILENCE: Duration = Duration::from_secs(1);

fn chains(stores: usize, records: u64) -> Vec<Chain> {
    (1..=stores)
        .map(|number| Chain::of(&format!("{number:04}"), records))
        .collect()
}

/// Every batch above the stores' watermarks, the stores in turn, each store's later batches first
/// within a window of four.
fn send_all(tap: &mut Tap, chains: &[Chain], through: &BTreeMap<String, u64>) {
    let records = chains[0].records.len() as u64;
    let batches: Vec<u64> = (0..records.div_ceil(BATCH)).collect();
    for window in batches.chunks(4) {
        for batch in window.iter().rev() {
            for chain in chains {
                let (first, last) = (batch * BATCH + 1, (batch + 1) * BATCH);
                if last
                    > through
                        .get(chain.store.store.as_str())
                        .copied()
                        .unwrap_or(0)
                {
                    tap.send(&chain.store, &chain.part(first, last));
                }
            }
        }
    }
}

/// The receipt must say no more than the database holds, at the time it comes.
async fn check_against(database: &mut AnyConnection, receipt: &Receipt) {
    let held: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM record WHERE seq <= $2 AND store_id = (SELECT id FROM store WHERE store = $1)",
    )
    .bind(receipt.store.to_string())
    .bind(i64::try_from(receipt.through).unwrap())
    .fetch_one(database)
    .await
    .unwrap();
    assert_eq!(
        held,
        i64::try_from(receipt.through).unwrap(),
        "{receipt:?} is ahead of the database"
    );
}

async fn killed_again_and_again(url: &str) {
    const RECORDS: u64 = 600;
    const KILLS: usize = 5;
    let broker = Mosquitto::start().await;
    let mut tap = Tap::open(&broker).await;
    let chains = chains(2, RECORDS);
    let mut office = Office::start(&broker, url).await;
    let mut database = connect(url).await;
    let mut through: BTreeMap<String, u64> = BTreeMap::new();
    for kill in 0..=KILLS {
        send_all(&mut tap, &chains, &through);
        // killed after a few receipts, with much still on its way
        let mut patience = if kill < KILLS {
            1 + 2 * kill
        } else {
            usize::MAX
        };
        while patience > 0 && through.values().sum::<u64>() < 2 * RECORDS {
            // what was lost with the worker is sent again, as a store does that hears nothing
            let Ok(receipt) = timeout(SILENCE, tap.receipt()).await else {
                send_all(&mut tap, &chains, &through);
                continue;
            };
            check_against(&mut database, &receipt).await;
            let known = through.entry(receipt.store.to_string()).or_default();
            *known = receipt.through.max(*known);
            patience -= 1;
        }
        if kill < KILLS {
            office.kill();
            for receipt in tap.receipts_now() {
                check_against(&mut database, &receipt).await;
            }
            office = Office::start(&broker, url).await;
        }
    }
    for chain in &chains {
        let seen = office.store(chain.store.store.as_str()).await;
        assert_eq!(
            (seen["records"].as_u64(), seen["watermark"].as_u64()),
            (Some(RECORDS), Some(RECORDS))
        );
        assert_eq!(
            (seen["missing"].as_u64(), seen["conflicts"].as_u64()),
            (Some(0), Some(0))
        );
    }
}

#[tokio::test]
async fn killed_again_and_again_on_sqlite_no_receipt_is_ahead_of_the_database() {
    let dir = tempfile::tempdir().unwrap();
    killed_again_and_again(&format!("sqlite:{}/x.db", dir.path().display())).await;
}

#[tokio::test]
async fn killed_again_and_again_on_postgres_no_receipt_is_ahead_of_the_database() {
    let server = Postgres::start().await;
    killed_again_and_again(&server.database("office").await).await;
}

async fn two_workers(url: &str) {
    const RECORDS: u64 = 400;
    let broker = Mosquitto::start().await;
    let mut tap = Tap::open(&broker).await;
    // both make the tables of one new database
    let (left, right) = tokio::join!(Office::start(&broker, url), Office::start(&broker, url));
    let chains = chains(4, RECORDS);
    send_all(&mut tap, &chains, &BTreeMap::new());
    for chain in &chains {
        eventually("all records of a store", || async {
            let seen = left.store(chain.store.store.as_str()).await;
            (seen["watermark"] == RECORDS).then_some(())
        })
        .await;
    }
    let stored = r#"head_office_records_total{outcome="stored"}"#;
    let (of_left, of_right) = (left.metric(stored).await, right.metric(stored).await);
    assert_eq!(of_left + of_right, 4 * RECORDS);
    assert!(
        of_left > 0 && of_right > 0,
        "{of_left} and {of_right}: the work was not divided"
    );
    for chain in &chains {
        let seen = right.store(chain.store.store.as_str()).await;
        assert_eq!(
            (seen["records"].as_u64(), seen["missing"].as_u64()),
            (Some(RECORDS), Some(0))
        );
        assert_eq!(
            (seen["duplicates"].as_u64(), seen["conflicts"].as_u64()),
            (Some(0), Some(0))
        );
    }
    // one is killed: the other does all the work
    left.kill();
    let late = Chain::of("late", 50);
    let heard = async {
        loop {
            tap.send(&late.store, &late.records);
            if timeout(SILENCE, tap.receipt_through(&late.store, 50))
                .await
                .is_ok()
            {
                break;
            }
        }
    };
    timeout(Duration::from_secs(30), heard)
        .await
        .expect("the worker that is left does not work");
    assert!(right.stop().await.success());
}

#[tokio::test]
async fn two_workers_on_one_sqlite_file_divide_the_work_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    two_workers(&format!("sqlite:{}/x.db", dir.path().display())).await;
}

#[tokio::test]
async fn two_workers_on_postgres_divide_the_work_and_lose_nothing() {
    let server = Postgres::start().await;
    two_workers(&server.database("office").await).await;
}
