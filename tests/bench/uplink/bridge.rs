//! The peer: a mosquitto at the store takes every record as a message, keeps it, and its bridge
//! carries it to the head office's mosquitto once the line is up.

use std::time::Duration;

use rumqttc::v5::{
    AsyncClient, Event, EventLoop, MqttOptions,
    mqttbytes::{QoS, v5::Packet},
};
use store_actors::{domain::record::Record, ports::Parked, wire::uplink::encode_batch};
use tokio::time::{Instant, timeout};

use crate::{
    LIMITS,
    world::{DEADLINE, backlog, gate::Gate, mosquitto::Mosquitto, rate},
};

const IN_FLIGHT: u16 = 100;
/// A bridge that delivers nothing for so long has nothing left.
const SILENCE: Duration = Duration::from_secs(5);

/// Messages a second, from the moment that the line is up.
pub async fn run(records: &[Record]) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let above = Mosquitto::start_with(LIMITS).await;
    let gate = Gate::before(above.port).await;
    let below = Mosquitto::start_with(&config(&gate, folder.path(), "")).await;
    fill(below.port, records).await;
    let mut events = subscribed(above.port).await;
    let begun = gate.open();
    let total = u64::try_from(records.len()).unwrap();
    let mut arrived = 0;
    while arrived < total {
        assert!(begun.elapsed() < DEADLINE, "the bridge delivered {arrived}");
        if let Event::Incoming(Packet::Publish(_)) = events.poll().await.unwrap() {
            arrived += 1;
        }
    }
    rate(total, begun.elapsed())
}

/// How many messages are gone when the store's broker is killed before the line comes up.
#[allow(clippy::cast_precision_loss, reason = "counts of a bench are small")]
pub async fn lost_when_killed(records: &[Record]) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let above = Mosquitto::start_with(LIMITS).await;
    let gate = Gate::before(above.port).await;
    let mut below = Mosquitto::start_with(&config(&gate, folder.path(), "")).await;
    fill(below.port, records).await;
    below.kill();
    assert!(below.restart().await);
    let mut events = subscribed(above.port).await;
    gate.open();
    let mut arrived = 0;
    while arrived < records.len() {
        match timeout(SILENCE, events.poll()).await {
            Ok(Ok(Event::Incoming(Packet::Publish(_)))) => arrived += 1,
            Ok(Ok(_)) => {}
            Ok(Err(cause)) => panic!("{cause}"),
            Err(_) => break,
        }
    }
    (records.len() - arrived) as f64
}

fn config(gate: &Gate, folder: &std::path::Path, more: &str) -> String {
    format!(
        "{LIMITS}persistence true\npersistence_location {}/\n{more}\
         connection up\naddress 127.0.0.1:{}\ntopic chain/# out 1\ncleansession false\n\
         restart_timeout 1\nbridge_attempt_unsubscribe false\nnotifications false\n",
        folder.display(),
        gate.port
    )
}

/// Publishes every record as a message of its own, and waits until the broker has them.
async fn fill(port: u16, records: &[Record]) {
    let (client, mut events) = client("till", port);
    let store = backlog::store();
    let topic = format!("chain/{}/store/{}/up/records", store.chain, store.store);
    let messages: Vec<Vec<u8>> = records
        .iter()
        .map(|record| encode_batch(&store, std::slice::from_ref(record), &Parked::new()))
        .collect();
    let total = messages.len();
    let publish = tokio::spawn(async move {
        for message in messages {
            let sent = client.publish(&topic, QoS::AtLeastOnce, false, message);
            sent.await.unwrap();
        }
        client
    });
    let begun = Instant::now();
    let mut acknowledged = 0;
    while acknowledged < total {
        assert!(begun.elapsed() < DEADLINE, "the broker took {acknowledged}");
        if let Event::Incoming(Packet::PubAck(_)) = events.poll().await.unwrap() {
            acknowledged += 1;
        }
    }
    drop(publish.await.unwrap());
}

async fn subscribed(port: u16) -> EventLoop {
    let (client, mut events) = client("counting", port);
    client.subscribe("chain/#", QoS::AtLeastOnce).await.unwrap();
    loop {
        if let Event::Incoming(Packet::SubAck(_)) = events.poll().await.unwrap() {
            // the event loop ends with the last client
            std::mem::forget(client);
            return events;
        }
    }
}

fn client(id: &str, port: u16) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(id, "127.0.0.1", port);
    options
        .set_keep_alive(Duration::from_secs(60))
        .set_outgoing_inflight_upper_limit(IN_FLIGHT);
    AsyncClient::new(options, usize::from(IN_FLIGHT))
}
