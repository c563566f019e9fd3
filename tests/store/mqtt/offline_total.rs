//! The head office sets what a store may accept offline: by its command line, over the real
//! mosquitto, into the store's journal, also while the store is away.

use std::process::Command;

use store_actors::{domain::offline::OfflineTotal, ports::JournalDisk};

use super::shop::{Shop, broker_at};
use crate::support::{
    chain::Chain,
    eventually,
    mosquitto::Mosquitto,
    office::{Office, PROGRAM},
};

const STORE: &str = "0042";

fn set(database: &str, store: &str, sum: &str, count: &str) -> (Option<i32>, String) {
    let done = Command::new(PROGRAM)
        .args(["offline-budget", "--database", database, "--store", store])
        .args(["--sum", sum, "--currency", "CNY", "--count", count])
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(said).unwrap())
}

async fn in_force(shop: &Shop, sum: &str, count: u32) {
    eventually(&format!("{sum} in {count} payments"), || async {
        let OfflineTotal {
            sum: known,
            count: payments,
        } = shop.disk.offline_total().await.unwrap()?;
        (known.amount().to_string() == sum && payments == count).then_some(())
    })
    .await;
}

#[actix::test]
async fn the_offline_budget_reaches_the_store_also_when_it_comes_later() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/office.db", dir.path().display());
    let (mut broker, chain) = (Mosquitto::start().await, Chain::of(STORE, 5));
    let office = Office::start(&broker, &url).await;
    let shop = Shop::open(broker_at(broker.port), &chain);
    shop.drained(5).await;

    let (code, said) = set(&url, STORE, "8000.00", "150");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("8000.00 CNY in 150 payments"), "{said}");
    in_force(&shop, "8000.00", 150).await;

    // the store goes; what is set meanwhile is found when it is back
    drop(shop);
    let (code, said) = set(&url, STORE, "0", "0");
    assert_eq!(code, Some(0), "{said}");
    let shop = Shop::open(broker_at(broker.port), &chain);
    in_force(&shop, "0.00", 0).await;
    // written down once, however often the retained message comes
    let before = shop.disk.tip().seq;
    broker.restart().await;
    office.connected().await;
    let (code, said) = set(&url, STORE, "7.00", "7");
    assert_eq!(code, Some(0), "{said}");
    in_force(&shop, "7.00", 7).await;
    assert_eq!(shop.disk.tip().seq, before + 1);

    assert_eq!(set(&url, "9999", "1.00", "1").0, Some(1), "no such store");
    assert_eq!(set(&url, STORE, "1.005", "1").0, Some(2), "no such amount");
}
