//! A poison record is parked, the rest flows, and it can be sent again (OUT-2): against the real
//! mosquitto and the real head office.

use sha2::{Digest, Sha256};
use store_actors::{
    outbox::{GetParked, SendParked, SendRefused},
    ports::{Parked, PublishRefused},
    wire::uplink::{Channel, encode_batch},
};
use tempfile::TempDir;

use super::shop::{Shop, broker_at};
use crate::support::{chain::Chain, eventually, mosquitto::Mosquitto, office::Office, tap::Tap};

const STORE: &str = "0042";

/// 16 KiB of text that no packing makes shorter than half.
fn noise() -> String {
    let block = |n: u32| format!("{:x}", Sha256::digest(n.to_be_bytes()));
    (0..256).map(block).collect()
}

/// 300 records, of which the 150th is larger than 4 KiB however it is packed.
fn chain_with_a_giant() -> Chain {
    let mut chain = Chain::of(STORE, 149);
    chain.append_text(&format!(
        r#"{{"kind":"device","device":"x","event":"{}"}}"#,
        noise()
    ));
    for _ in 0..150 {
        chain.append_text(r#"{"kind":"stopped"}"#);
    }
    chain
}

fn sqlite_in(dir: &TempDir) -> String {
    format!("sqlite:{}", dir.path().join("office.db").display())
}

/// Everything else has been drained through a broker that takes no message so large.
async fn with_the_giant_parked(chain: &Chain, database: &str) -> (Mosquitto, Office, Shop) {
    let broker = Mosquitto::start_with("max_packet_size 4096\n").await;
    let office = Office::start(&broker, database).await;
    let shop = Shop::open(broker_at(broker.port), chain);
    // the record that says so is the 301st
    shop.drained(301).await;
    (broker, office, shop)
}

#[actix::test]
async fn a_record_too_large_for_the_broker_is_parked_the_rest_flows_and_it_comes_later() {
    let chain = chain_with_a_giant();
    let dir = tempfile::tempdir().unwrap();
    let database = sqlite_in(&dir);
    let (mut broker, office, shop) = with_the_giant_parked(&chain, &database).await;
    let parked = shop.outbox.send(GetParked).await.unwrap().unwrap();
    let listed: Vec<_> = parked.iter().map(|one| (one.seq, one.kind)).collect();
    assert_eq!(listed, [(150, "device")]);
    assert!(
        parked[0].why.contains("takes no message as large"),
        "{parked:?}"
    );
    assert_eq!(shop.status().await.parked, 1);
    let held = office.store(STORE).await;
    assert_eq!(
        (held["watermark"].clone(), held["stubs"].clone()),
        (301.into(), 1.into())
    );
    let stub = office
        .get(&format!("/v1/stores/{STORE}/records?from=150&limit=1"))
        .await
        .1;
    assert_eq!(stub["items"][0]["kind"], "stub");

    let send = |seq| shop.outbox.send(SendParked { seq });
    assert!(matches!(
        send(150).await.unwrap(),
        Err(SendRefused::Link(PublishRefused::TooLarge))
    ));
    assert!(matches!(
        send(151).await.unwrap(),
        Err(SendRefused::NotParked)
    ));

    broker.configure("");
    assert!(broker.restart().await);
    office.connected().await;
    eventually("the parked record to be handed over", || async {
        send(150).await.unwrap().is_ok().then_some(())
    })
    .await;
    shop.until("the head office's word", |status| status.parked == 0)
        .await;
    let whole = office
        .get(&format!("/v1/stores/{STORE}/records?from=150&limit=1"))
        .await
        .1;
    assert_eq!(whole["items"][0]["body"], chain.records[149].body.as_str());
    assert_eq!(office.store(STORE).await["stubs"], 0);
    // and that is on record as well: nobody asks twice
    shop.drained(302).await;
}

#[actix::test]
async fn a_parked_record_that_is_sent_while_nobody_is_there_comes_when_somebody_is() {
    let chain = chain_with_a_giant();
    let dir = tempfile::tempdir().unwrap();
    let database = sqlite_in(&dir);
    let (mut broker, office, shop) = with_the_giant_parked(&chain, &database).await;
    drop(office);
    // a broker that was restarted has forgotten who had subscribed
    broker.configure("");
    assert!(broker.restart().await);
    eventually("the parked record to be handed over", || async {
        let sent = shop.outbox.send(SendParked { seq: 150 }).await.unwrap();
        sent.is_ok().then_some(())
    })
    .await;
    let office = Office::start(&broker, &database).await;
    shop.until("the head office's word", |status| status.parked == 0)
        .await;
    assert_eq!(office.store(STORE).await["stubs"], 0);
    shop.drained(302).await;
}

#[actix::test]
async fn what_the_head_office_can_not_take_is_named_in_its_receipt_until_it_comes() {
    let chain = Chain::of(STORE, 10);
    let broker = Mosquitto::start().await;
    let dir = tempfile::tempdir().unwrap();
    let database = sqlite_in(&dir);
    let _office = Office::start(&broker, &database).await;
    let mut tap = Tap::open(&broker).await;
    let torn = String::from_utf8(encode_batch(
        &chain.store,
        &chain.part(4, 4),
        &Parked::new(),
    ))
    .unwrap()
    .replace("opened", "closed");
    tap.send(&chain.store, &chain.part(1, 3));
    tap.send_raw(&chain.store.topic(Channel::Records), torn.into(), false);
    tap.send(&chain.store, &chain.part(5, 10));
    let receipt = loop {
        let receipt = tap.receipt().await;
        if !receipt.refused.is_empty() {
            break receipt;
        }
    };
    assert_eq!(receipt.through, 3);
    assert_eq!(receipt.refused[0].seq, 4);
    assert_eq!(
        receipt.refused[0].why,
        "its hash is not the hash of its content"
    );
    tap.send(&chain.store, &chain.part(4, 4));
    let receipt = tap.receipt_through(&chain.store, 10).await;
    assert_eq!((receipt.refused.len(), receipt.stubs), (0, Some(vec![])));
}
