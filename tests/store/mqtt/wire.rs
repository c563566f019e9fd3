//! What programs that are not ours see and say: mosquitto_sub and mosquitto_pub.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use store_actors::{
    domain::record::Hashed,
    ports::{StoreStatus, Uplink, UplinkEvent},
    wire::uplink::{Channel, decode_batch},
};
use tokio::{sync::mpsc, time::timeout};

use super::{
    head_office::HeadOffice,
    shop::{Shop, broker_at, link, quick},
};
use crate::support::{
    DEADLINE,
    chain::{Chain, time_of},
    eventually,
    mosquitto::Mosquitto,
};

/// A mosquitto_sub that says `topic|content type|user properties|payload` of each message.
struct Tap {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Tap {
    async fn on(broker: &Mosquitto, topic: &str) -> Self {
        let before = subscriptions(broker);
        let mut child = Command::new("mosquitto_sub")
            .args([
                "-V",
                "mqttv5",
                "-h",
                "127.0.0.1",
                "-p",
                &broker.port.to_string(),
            ])
            .args(["-q", "1", "-t", topic, "-F", "%t|%C|%P|%p"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("mosquitto_sub is not installed: `make test` installs it");
        let (tx, lines) = mpsc::unbounded_channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.split(b'\n').map_while(Result::ok) {
                let _ = tx.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        eventually("mosquitto_sub to be subscribed", || async {
            (subscriptions(broker) > before).then_some(())
        })
        .await;
        Self { child, lines }
    }

    /// Topic, content type, user properties, payload.
    async fn next(&mut self) -> [String; 4] {
        let line = timeout(DEADLINE, self.lines.recv())
            .await
            .expect("nothing came")
            .unwrap();
        let parts: Vec<String> = line.splitn(4, '|').map(str::to_owned).collect();
        parts.try_into().unwrap()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn subscriptions(broker: &Mosquitto) -> usize {
    broker.log().matches("Sending SUBACK").count()
}

const CHATTY: &str = "log_type all\n";

#[actix::test]
async fn mosquitto_sub_sees_cloud_events() {
    let broker = Mosquitto::start_with(CHATTY).await;
    let mut tap = Tap::on(&broker, "chain/+/store/+/up/records").await;
    let chain = Chain::of("0042", 1);
    let _shop = Shop::open(broker_at(broker.port), &chain);
    let [topic, content_type, properties, payload] = tap.next().await;
    assert_eq!(topic, "chain/demo/store/0042/up/records");
    assert_eq!(content_type, "application/cloudevents-batch+json");
    assert_eq!(properties, "", "short messages are not packed");
    let events: Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(events[0]["id"], "0042/1");
    assert_eq!(events[0]["type"], "store.record.payment.v1");
    let batch = decode_batch(&chain.store, payload.as_bytes()).unwrap();
    let arrived: Vec<_> = batch.records.into_iter().map(Hashed::into_record).collect();
    assert_eq!(arrived, chain.records);
}

#[actix::test]
async fn long_messages_are_packed_and_say_so() {
    let broker = Mosquitto::start_with(CHATTY).await;
    let mut tap = Tap::on(&broker, "chain/+/store/+/up/records").await;
    let _shop = Shop::open(broker_at(broker.port), &Chain::of("0042", 100));
    let [_, _, properties, _] = tap.next().await;
    assert_eq!(properties, "content-encoding:zstd");
}

#[actix::test]
async fn the_status_is_retained_and_the_broker_says_when_the_store_is_gone() {
    let broker = Mosquitto::start_with(CHATTY).await;
    let chain = Chain::of("0042", 1);
    let uplink = link(quick(broker_at(broker.port)), &chain);
    let mut events = uplink.events();
    assert_eq!(
        timeout(DEADLINE, events.recv()).await.unwrap(),
        Some(UplinkEvent::Up)
    );
    let status = StoreStatus {
        at: time_of(1),
        version: "1.2.3".into(),
        last_seq: 7,
        receipted: 5,
        counters_ready: 3,
        counters: 4,
        unknown: 1,
    };
    uplink.publish_status(&status).unwrap();
    let online = |payload: &str| serde_json::from_str::<Value>(payload).unwrap();
    eventually("the report to be retained", || async {
        let mut tap = Tap::on(&broker, "chain/demo/store/0042/up/status").await;
        let [_, content_type, _, payload] = tap.next().await;
        assert_eq!(content_type, "application/json");
        (online(&payload)["report"]["last_seq"] == 7).then_some(())
    })
    .await;

    let mut tap = Tap::on(&broker, "chain/demo/store/0042/up/status").await;
    assert_eq!(online(&tap.next().await[3])["online"], true);
    drop(uplink);
    assert_eq!(online(&tap.next().await[3])["online"], false);
}

#[actix::test]
async fn receipts_that_are_none_are_passed_over() {
    let broker = Mosquitto::start().await;
    let chain = Chain::of("0042", 100);
    let shop = Shop::open(broker_at(broker.port), &chain);
    shop.until("up", |status| status.state != "offline").await;
    let topic = chain.store.topic(Channel::Receipt);
    for receipt in [
        "",
        "garbage",
        r#"{"store":"0042","through":-1,"at":"2023-11-14T22:13:20.000Z"}"#,
        r#"{"store":"0043","through":50,"at":"2023-11-14T22:13:20.000Z"}"#,
        r#"{"store":"0042","through":101,"at":"2023-11-14T22:13:20.000Z"}"#,
    ] {
        let port = broker.port.to_string();
        let done = Command::new("mosquitto_pub")
            .args([
                "-V",
                "mqttv5",
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-q",
                "1",
                "-t",
                &topic,
            ])
            .args(["-m", receipt])
            .status()
            .unwrap();
        assert!(done.success());
    }
    let status = shop
        .until("the last of them", |status| status.receipts_ignored == 1)
        .await;
    assert_eq!(status.receipted, 0);
    let office = HeadOffice::open(broker_at(broker.port)).await;
    shop.drained(100).await;
    office.assert_holds(&chain.records);
}

#[actix::test]
async fn whoever_listens_late_is_told_that_the_link_is_up() {
    let broker = Mosquitto::start().await;
    let uplink = link(quick(broker_at(broker.port)), &Chain::new("0042"));
    for _ in 0..2 {
        let mut events = uplink.events();
        assert_eq!(
            timeout(DEADLINE, events.recv()).await.unwrap(),
            Some(UplinkEvent::Up)
        );
    }
}
