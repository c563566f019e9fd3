//! Alive, ready, measured; devices, counters and the outbox as the board has them.

use serde_json::json;
use store_actors::{
    counter::CounterStatus,
    domain::{
        ids::PaymentId,
        money::Currency,
        offline::{
            OfflineRefused,
            budget::{OfflineStatus, Share},
        },
        readiness::Obstacle,
        readiness::TenderReadiness,
        tender::Tender,
        timestamp::Timestamp,
    },
    signal::{AcquirerStatus, DeviceKind, DeviceStatus, Health, OutboxStatus, Signal},
};

use super::shop::{Shop, payment};
use crate::{dashboards::check_metrics, support::eventually};

fn counter(id: &str, obstacles: Vec<Obstacle>) -> CounterStatus {
    let readiness = TenderReadiness {
        tender: Tender::Card,
        ready: obstacles.is_empty(),
        offline: false,
        obstacles,
    };
    CounterStatus {
        id: id.parse().unwrap(),
        tenders: vec![readiness],
        pre_authorises: false,
        at_stand: None,
        unresolved: vec![],
    }
}

fn scanner(health: Health) -> Signal {
    Signal::DeviceChanged(DeviceStatus {
        id: "01-scanner".parse().unwrap(),
        counter: "01".parse().unwrap(),
        kind: DeviceKind::Scanner,
        health,
        since: Timestamp::from_unix_ms(1_800_000_000_000),
        last_word_at: None,
        restarts: 2,
        line: "/dev/ttyS0".into(),
    })
}

#[actix_web::test]
async fn the_offline_budget_is_shown() {
    let shop = Shop::open().await;
    let shown = shop.get("/v1/offline").await.json();
    assert_eq!(shown, serde_json::json!({ "enabled": false, "leases": [] }));
    let share = |minor_units, count| Share { minor_units, count };
    shop.signals.emit(Signal::OfflineChanged(OfflineStatus {
        currency: Currency::Cny,
        total: share(500_000, 100),
        used: share(1_250, 1),
        oldest_at: Some(Timestamp::from_unix_ms(1_800_000_000_000)),
        leases: [("01".parse().unwrap(), share(60_000, 5))].into(),
        closed: Some(OfflineRefused::TooOld),
    }));
    let shown = shop.get("/v1/offline").await.json();
    assert_eq!(
        shown["total"],
        serde_json::json!({ "amount": "5000.00", "count": 100 })
    );
    assert_eq!(
        shown["used"],
        serde_json::json!({ "amount": "12.50", "count": 1 })
    );
    assert_eq!(shown["leases"][0]["amount"], "600.00");
    assert_eq!(
        shown["closed"],
        "the oldest offline payment waits for too long already"
    );
    let page = shop.get("/metrics").await;
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    for line in [
        "store_offline_minor_units{what=\"used\"} 1250",
        "store_offline_payments{what=\"total\"} 100",
        "store_offline_oldest_timestamp_seconds 1800000000",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}

#[actix_web::test]
async fn ready_means_that_something_can_be_paid() {
    let shop = Shop::open().await;
    let readyz = async |counters: Vec<CounterStatus>| {
        shop.told.lock().unwrap().counters = counters;
        let answer = shop.get("/readyz").await;
        let codes = answer.json()["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|why| why["code"].clone())
            .collect();
        (
            answer.status,
            answer.json()["counters_ready"].clone(),
            serde_json::Value::Array(codes),
        )
    };
    let absent = || {
        vec![Obstacle::ReaderAbsent {
            why: "unplugged".into(),
        }]
    };
    let busy = || {
        vec![Obstacle::Busy {
            payment: PaymentId::from_bytes([1; 16]),
        }]
    };
    assert_eq!(
        readyz(vec![counter("01", vec![]), counter("02", absent())]).await,
        (200, json!(1), json!([]))
    );
    assert_eq!(
        readyz(vec![counter("01", busy())]).await,
        (200, json!(1), json!([])),
        "at work is no alarm"
    );
    let two = vec![counter("01", absent()), counter("02", absent())];
    assert_eq!(readyz(two).await, (503, json!(0), json!(["reader_absent"])));
    shop.signals.emit(Signal::JournalStopped {
        why: "fsync failed".into(),
    });
    assert_eq!(
        readyz(vec![counter("01", vec![])]).await,
        (503, json!(1), json!(["journal_stopped"]))
    );
    assert_eq!(
        shop.get("/healthz").await.json()["status"],
        "alive",
        "a stopped journal is no dead process"
    );
}

#[actix_web::test]
async fn counters_devices_and_outbox_are_shown() {
    let shop = Shop::open().await;
    shop.told.lock().unwrap().counters =
        vec![counter("01", vec![Obstacle::NotEnabled { ask: None }])];
    let counters = shop.get("/v1/counters").await.json();
    assert_eq!(counters["counters"][0]["ready"], false);
    assert_eq!(
        counters["counters"][0]["tenders"][0]["obstacles"][0]["code"],
        "not_enabled"
    );
    shop.signals
        .emit(scanner(Health::Absent("not plugged in".into())));
    let (id, since) = ("sandbox".parse().unwrap(), Timestamp::from_unix_ms(0));
    shop.signals.emit(Signal::AcquirerChanged(AcquirerStatus {
        id,
        reachable: true,
        why: None,
        since,
        clock_ahead_s: Some(-7),
    }));
    let page = shop.request("GET", "/").header("accept-language", "zh-CN");
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("未插入") && !page.contains("not plugged in"));
    let devices = shop.get("/v1/devices").await.json();
    assert_eq!(devices["devices"][0]["state"], "absent");
    assert_eq!(devices["devices"][0]["why"], "not plugged in");
    assert_eq!(devices["acquirers"][0]["reachable"], true);
    assert_eq!(devices["acquirers"][0]["clock_ahead_s"], -7);
    let outbox = OutboxStatus {
        state: "draining",
        last_seq: 9,
        receipted: 4,
        depth: 5,
        ..OutboxStatus::default()
    };
    shop.signals.emit(Signal::OutboxChanged(outbox));
    let outbox = shop.get("/v1/outbox").await.json();
    assert_eq!(
        (&outbox["state"], &outbox["depth"]),
        (&json!("draining"), &json!(5))
    );
}

#[actix_web::test]
async fn promtool_finds_nothing_wrong_with_the_metrics() {
    let shop = Shop::open().await;
    shop.signals.emit(scanner(Health::Ready));
    let moved = Signal::PaymentMoved {
        seq: 1,
        payment: std::sync::Arc::new(payment(1, |_| {})),
    };
    shop.signals.emit(moved);
    shop.signals.emit(Signal::ActorRestarted {
        name: "01-scanner".into(),
        why: "panicked".into(),
    });
    let page = eventually("the signals to be counted", async || {
        shop.signals.emit(Signal::JournalWrote {
            records: 3,
            took_us: 900,
        });
        let answer = shop.get("/metrics").await;
        assert_eq!(
            answer.header("content-type"),
            "text/plain; version=0.0.4; charset=utf-8"
        );
        let page = String::from_utf8(answer.body).unwrap();
        (!page.contains("store_journal_records_total 0")).then_some(page)
    });
    let page = page.await;
    check_metrics(&page);
}
