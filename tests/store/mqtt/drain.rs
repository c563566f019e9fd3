//! Backlogs, kills and dead lines: the head office holds every record once (OUT-1).

use std::time::Duration;

use store_actors::outbox::OutboxSettings;
use tokio::time::Instant;

use super::{
    head_office::HeadOffice,
    proxy::Proxy,
    shop::{Shop, broker_at, impatient, quick},
};
use crate::support::{chain::Chain, mosquitto::Mosquitto};

const STORE: &str = "0042";
const LIMITS: &str = "max_queued_messages 0\nmax_inflight_messages 0\n";

#[actix::test]
async fn a_large_backlog_drains() {
    let chain = Chain::of(STORE, 20_000);
    let broker = Mosquitto::start().await;
    let office = HeadOffice::open(broker_at(broker.port)).await;
    let begun = Instant::now();
    let settings = OutboxSettings::default();
    let shop = Shop::open_with(quick(broker_at(broker.port)), settings, &chain);
    shop.drained(20_000).await;
    let took = begun.elapsed();
    println!(
        "20000 records in {took:?}: {:.0} a second",
        20_000.0 / took.as_secs_f64()
    );
    office.assert_holds(&chain.records);
    assert_eq!(office.duplicates(), 0);
}

/// The head office holds back its receipts from 3,000 on, so that the kill certainly comes in
/// mid-drain; a second one comes wherever the drain then is. After the first one the store's line
/// stays shut until the head office is subscribed again: the first batch that the store then sends
/// is one that the head office has, whatever the machine's load makes of anybody's patience.
async fn drain_through_kills(config: &str) {
    let chain = Chain::of(STORE, 10_000);
    let mut broker = Mosquitto::start_with(&format!("{LIMITS}{config}")).await;
    let office = HeadOffice::open_receipting_until(broker_at(broker.port), Some(3_000)).await;
    let proxy = Proxy::before(broker.port).await;
    let shop = Shop::open(broker_at(proxy.port), &chain);
    shop.until("mid-drain", |status| {
        status.receipted == 3_000 && status.depth == 7_000
    })
    .await;
    // the office holds more than it has receipted: that much must come twice
    office.holds_more_than(3_000).await;
    proxy.shut();
    broker.kill();
    shop.until("offline", |status| status.state == "offline")
        .await;
    office.disconnected().await;
    let before = office.duplicates();
    assert!(broker.restart().await);
    office.subscribed().await;
    proxy.open();
    office.has_more_duplicates_than(before).await;
    office.receipt_all();
    shop.until("going on", |status| status.receipted > 3_000)
        .await;
    broker.kill();
    assert!(broker.restart().await);
    shop.drained(10_000).await;
    office.assert_holds(&chain.records);
}

#[actix::test]
async fn a_broker_killed_in_mid_drain_that_forgot_everything_costs_nothing() {
    drain_through_kills("persistence false\n").await;
}

#[actix::test]
async fn a_broker_killed_in_mid_drain_that_remembers_sessions_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().display();
    // saved at every change: the sessions are on disk when the kill comes
    drain_through_kills(&format!(
        "persistence true\npersistence_location {place}/\nautosave_interval 1\nautosave_on_changes true\n"
    ))
    .await;
    assert!(dir.path().join("mosquitto.db").exists());
}

#[actix::test]
async fn a_head_office_that_comes_late_gets_everything() {
    let chain = Chain::of(STORE, 2_000);
    let broker = Mosquitto::start().await;
    let shop = Shop::open(broker_at(broker.port), &chain);
    shop.until("a rebuild", |status| {
        status.state == "stuck" && status.rebuilds > 0
    })
    .await;
    let office = HeadOffice::open(broker_at(broker.port)).await;
    shop.drained(2_000).await;
    office.assert_holds(&chain.records);
    shop.until("online", |status| status.state == "online")
        .await;
}

#[actix::test]
async fn a_store_sees_that_no_head_office_is_there_and_goes_on_when_one_comes() {
    let chain = Chain::of(STORE, 2_000);
    let broker = Mosquitto::start().await;
    // patience that outlasts the test: only the broker's word brings it on
    let settings = OutboxSettings {
        slow_after_ms: 600_000,
        resend_after_ms: 600_000,
        stuck_after_ms: 600_000,
        ..OutboxSettings::default()
    };
    let shop = Shop::open_with(quick(broker_at(broker.port)), settings, &chain);
    shop.until("nobody there", |status| status.state == "slow")
        .await;
    let office = HeadOffice::open(broker_at(broker.port)).await;
    shop.drained(2_000).await;
    office.assert_holds(&chain.records);
    assert_eq!(shop.status().await.rebuilds, 0);
}

#[actix::test]
async fn a_line_that_goes_dead_without_a_word_is_rebuilt_by_the_watchdog() {
    let chain = Chain::of(STORE, 5_000);
    let broker = Mosquitto::start().await;
    let office = HeadOffice::open_receipting_until(broker_at(broker.port), Some(2_000)).await;
    let proxy = Proxy::before(broker.port).await;
    // no help from MQTT's keep-alive: it would take a minute
    let mut config = quick(broker_at(proxy.port));
    config.broker.keep_alive = Duration::from_secs(60);
    let shop = Shop::open_with(config, impatient(), &chain);
    shop.until("mid-drain", |status| status.receipted == 2_000)
        .await;
    proxy.cut_silently();
    office.receipt_all();
    shop.drained(5_000).await;
    office.assert_holds(&chain.records);
    let status = shop.status().await;
    assert!(status.rebuilds >= 1, "{status:?}");
    assert!(proxy.opened() >= 2);
}

#[actix::test]
async fn mqtts_own_keep_alive_finds_a_dead_line_under_an_idle_store() {
    let chain = Chain::of(STORE, 10);
    let broker = Mosquitto::start().await;
    let office = HeadOffice::open(broker_at(broker.port)).await;
    let proxy = Proxy::before(broker.port).await;
    let shop = Shop::open(broker_at(proxy.port), &chain);
    shop.drained(10).await;
    proxy.cut_silently();
    shop.until("offline", |status| status.state == "offline")
        .await;
    shop.until("online", |status| status.state == "online")
        .await;
    assert_eq!(shop.status().await.rebuilds, 0, "nothing was waiting");
    assert_eq!(office.count(), 10);
}

#[actix::test]
async fn a_broker_that_takes_small_packets_only_gets_small_batches() {
    let chain = Chain::of(STORE, 1_000);
    let broker = Mosquitto::start_with(&format!("{LIMITS}max_packet_size 2500\n")).await;
    let office = HeadOffice::open(broker_at(broker.port)).await;
    let shop = Shop::open(broker_at(broker.port), &chain);
    shop.drained(1_000).await;
    office.assert_holds(&chain.records);
}
