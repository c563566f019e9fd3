//! Whole payments through the real programs: `store-controller` and `head-office` as processes,
//! devices on real pseudo-terminals, the sandbox acquirer with its ledger. Read this to see what
//! the product does.

use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use serde_json::{Value, json};
use store_controller::adapters::picture;
use store_sim::{
    acquirer::{Connection, Delivery, Operation, Rule},
    lab::{
        args::Args,
        shop::Shop,
        till::{has_ended, state},
    },
};

pub const PATIENCE: Duration = Duration::from_secs(20);
pub const ALIPAY: &str = "289431869362714645";

/// A calm shop on free ports, without card readers, in a folder of its own.
pub struct Story {
    pub shop: Shop,
    folder: tempfile::TempDir,
}

impl Story {
    pub async fn open(counters: u8) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::open(&Args::calm(counters), folder.path())
            .await
            .unwrap();
        Self { shop, folder }
    }

    async fn post(&self, key: &str, counter: &str, tender: &str) -> String {
        let opened = self
            .shop
            .till
            .open(key, counter, "12.50", tender)
            .await
            .unwrap();
        opened["id"].as_str().unwrap().to_owned()
    }

    pub async fn reaches(&self, id: &str, wanted: &str) -> Value {
        let payment = self
            .shop
            .till
            .until(id, PATIENCE, |payment| state(payment) == wanted)
            .await
            .unwrap();
        assert_eq!(state(&payment), wanted, "{payment}");
        payment
    }

    pub fn charged(&self, id: &str) -> Decimal {
        self.shop
            .acquirer
            .ledger()
            .order(id)
            .map(|order| order.net())
            .unwrap_or_default()
    }

    async fn device(&self, id: &str) -> String {
        let devices = self.shop.till.get("/v1/devices").await.unwrap();
        let devices = devices["devices"].as_array().unwrap();
        let device = devices.iter().find(|device| device["id"] == id);
        device.unwrap_or_else(|| panic!("no {id} in {devices:?}"))["state"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// How long it took until the device was shown so.
    async fn shown(&self, device: &str, wanted: impl Fn(&str) -> bool) -> Duration {
        let begun = Instant::from(tokio::time::Instant::now());
        loop {
            if wanted(&self.device(device).await) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < PATIENCE, "{device} was never shown so");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Every record of the journal, once, at the head office.
    pub async fn head_office_has_all(&self) {
        let begun = Instant::from(tokio::time::Instant::now());
        loop {
            let outbox = self.shop.till.get("/v1/outbox").await.unwrap();
            let stores = self.shop.head_office_till.get("/v1/stores").await.unwrap();
            let store = &stores["items"][0];
            let done = outbox["depth"] == 0 && store["watermark"] == outbox["last_seq"];
            if done && store["missing"] == 0 {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{outbox} {stores}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn close(self) {
        self.shop.close().await.unwrap();
        drop(self.folder);
    }
}

#[tokio::test]
async fn a_customer_shows_a_code_and_everyone_agrees() {
    let story = Story::open(2).await;
    let counter = &story.shop.counters[0];
    let id = story.post("basket-1", "01", "customer_code").await;
    story.reaches(&id, "collecting").await;
    counter.scanner.scan(ALIPAY).await.unwrap();
    let paid = story.reaches(&id, "approved").await;
    assert_eq!(paid["amount"], "12.50");
    assert_eq!(story.charged(&id), Decimal::new(1250, 2));

    let said = counter.terminal.until(PATIENCE, |shown| {
        shown.screen.iter().any(|line| line.contains("交易成功")) && !shown.sounds.is_empty()
    });
    said.await.expect("the terminal says 交易成功 and sounds");

    let again = story.post("basket-1", "01", "customer_code").await;
    assert_eq!(again, id, "the same key is the same payment");
    story.head_office_has_all().await;
    let log = std::fs::read_to_string(story.folder.path().join("store-controller.log")).unwrap();
    assert!(
        !log.contains(ALIPAY),
        "SEC-1: the customer's code is in the log"
    );
    story.close().await;
}

#[tokio::test]
async fn the_shop_shows_a_qr_and_the_customer_pays_it() {
    let story = Story::open(1).await;
    let id = story.post("basket-1", "01", "merchant_qr").await;
    let shown = story
        .shop
        .till
        .until(&id, PATIENCE, |payment| payment["qr"]["text"].is_string())
        .await
        .unwrap();
    let qr = shown["qr"]["text"].as_str().unwrap().to_owned();
    let on_terminal = story.shop.counters[0]
        .terminal
        .until(PATIENCE, |shown| shown.qr.as_deref() == Some(&qr));
    on_terminal.await.expect("the terminal shows the QR");
    let svg = story
        .shop
        .till
        .text(&format!("/v1/payments/{id}/qr.svg"))
        .await
        .unwrap();
    assert!(svg.contains("<svg"), "{svg}");
    story.shop.acquirer.customers().pay(&qr, "wechat").unwrap();
    story.reaches(&id, "approved").await;
    story.close().await;
}

#[tokio::test]
async fn a_payment_begins_at_the_terminal() {
    let story = Story::open(1).await;
    let counter = &story.shop.counters[0];
    let typed = async {
        while counter.terminal.type_amount("8.80").await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, typed)
        .await
        .expect("the idle terminal asks for an amount");
    let found = async {
        loop {
            let list = story
                .shop
                .till
                .get("/v1/payments?counter=01&limit=1")
                .await
                .unwrap();
            if let Some(id) = list["payments"][0]["id"].as_str() {
                return id.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let id = tokio::time::timeout(PATIENCE, found)
        .await
        .expect("a payment begins");
    let collecting = story.reaches(&id, "collecting").await;
    assert_eq!(
        (collecting["amount"].as_str(), collecting["tender"].as_str()),
        (Some("8.80"), Some("any"))
    );
    counter.scanner.scan(ALIPAY).await.unwrap();
    story.reaches(&id, "approved").await;
    story.close().await;
}

#[tokio::test]
async fn a_pulled_cable_is_seen_within_2_s_and_back_within_3_s() {
    let story = Story::open(2).await;
    let counter = &story.shop.counters[0];
    for device in ["01-scanner", "01-terminal"] {
        match device {
            "01-scanner" => counter.scanner.unplug().await.unwrap(),
            _ => counter.terminal.unplug().await.unwrap(),
        }
        let seen = story.shown(device, |health| health != "ready").await;
        assert!(
            seen < Duration::from_secs(2),
            "{device} was seen gone after {seen:?}"
        );
        let refused = story
            .shop
            .till
            .get("/v1/counters")
            .await
            .unwrap()
            .to_string();
        assert!(refused.contains("not connected"), "{refused}");
        match device {
            "01-scanner" => counter.scanner.plug().await.unwrap(),
            _ => counter.terminal.plug().await.unwrap(),
        }
        let back = story.shown(device, |health| health == "ready").await;
        assert!(
            back < Duration::from_secs(3),
            "{device} was back after {back:?}"
        );
        assert_eq!(
            story.device("02-scanner").await,
            "ready",
            "the other counter noticed nothing"
        );
    }
    let devices = story.shop.till.get("/v1/devices").await.unwrap();
    let restarts = devices["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|device| device["restarts"].as_u64().unwrap());
    assert_eq!(
        restarts.sum::<u64>(),
        0,
        "a cable is no reason for a restart: {devices}"
    );
    story.close().await;
}

#[tokio::test]
async fn an_unplugged_scanner_in_mid_payment_reads_the_code_when_it_is_back() {
    let story = Story::open(1).await;
    let scanner = &story.shop.counters[0].scanner;
    let id = story.post("basket-1", "01", "customer_code").await;
    story.reaches(&id, "collecting").await;
    scanner.babble(b"28943186").await.unwrap();
    scanner.unplug().await.unwrap();
    story.shown("01-scanner", |health| health != "ready").await;
    scanner.plug().await.unwrap();
    story.shown("01-scanner", |health| health == "ready").await;
    scanner.scan(ALIPAY).await.unwrap();
    story.reaches(&id, "approved").await;
    story.close().await;
}

#[tokio::test]
async fn the_controller_is_killed_in_mid_charge_and_the_books_agree() {
    let story = Story::open(1).await;
    let silence = Delivery::Silence {
        money_moved: true,
        connection: Connection::Hold,
    };
    story
        .shop
        .acquirer
        .rules()
        .add(Rule::on(Operation::Charge).delivery(silence).times(1))
        .unwrap();
    let id = story.post("basket-1", "01", "customer_code").await;
    story.reaches(&id, "collecting").await;
    story.shop.counters[0].scanner.scan(ALIPAY).await.unwrap();
    let moved = async {
        while story.charged(&id).is_zero() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, moved)
        .await
        .expect("the acquirer moves the money");
    {
        let mut controller = story.shop.controller.lock().await;
        controller.kill().await.unwrap();
        controller.start().unwrap();
    }
    let settled = story
        .shop
        .till
        .until(&id, PATIENCE, has_ended)
        .await
        .unwrap();
    assert_eq!(
        state(&settled),
        "approved",
        "the acquirer says so: {settled}"
    );
    let order = story.shop.acquirer.ledger().order(&id).unwrap();
    assert_eq!(order.movements.len(), 1, "charged once");
    // the chart of the hour goes on over another restart
    {
        let mut controller = story.shop.controller.lock().await;
        controller.kill().await.unwrap();
        controller.start().unwrap();
    }
    let url = format!("http://{}/", story.shop.listen);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    crate::support::eventually("the payment in the chart", || async {
        let page = http.get(&url).header("accept-language", "en").send().await;
        let page = page.ok()?.text().await.ok()?;
        page.contains("1 payments; the most").then_some(())
    })
    .await;
    story.head_office_has_all().await;
    story.close().await;
}

#[tokio::test]
async fn a_picture_of_the_code_is_the_same_as_a_scan() {
    let story = Story::open(1).await;
    let id = story.post("basket-1", "01", "customer_code").await;
    story.reaches(&id, "collecting").await;
    let picture = picture::png(ALIPAY, &picture::QrStyle::default()).unwrap();
    let url = format!("http://{}/v1/counters/01/scan-image", story.shop.listen);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = http
        .post(url)
        .header("Content-Type", "image/png")
        .body(picture)
        .send()
        .await
        .unwrap();
    assert!(sent.status().is_success(), "{}", sent.text().await.unwrap());
    story.reaches(&id, "approved").await;
    story.close().await;
}

#[tokio::test]
async fn what_was_brought_back_is_refunded_once_and_never_beyond_the_payment() {
    let story = Story::open(1).await;
    let id = story.post("basket-1", "01", "customer_code").await;
    story.reaches(&id, "collecting").await;
    story.shop.counters[0].scanner.scan(ALIPAY).await.unwrap();
    story.reaches(&id, "approved").await;
    let first = story
        .shop
        .till
        .refund("refund-1", &id, "10.00")
        .await
        .unwrap();
    let again = story
        .shop
        .till
        .refund("refund-1", &id, "10.00")
        .await
        .unwrap();
    assert_eq!(first["id"], again["id"]);
    let beyond = story
        .shop
        .till
        .refund("refund-2", &id, "2.51")
        .await
        .unwrap_err()
        .to_string();
    assert!(beyond.contains("2.50"), "{beyond}");
    let refund = first["id"].as_str().unwrap();
    let done = async {
        loop {
            let refund = story
                .shop
                .till
                .get(&format!("/v1/refunds/{refund}"))
                .await
                .unwrap();
            if refund["state"] == json!("refunded") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, done)
        .await
        .expect("the refund comes through");
    assert_eq!(story.charged(&id), Decimal::new(250, 2));
    story.close().await;
}
