//! `make bench`: a backlog to the head office by the outbox, and by a mosquitto bridge, the best of
//! the ready-made ways. Prints the rates, their ratio, and how long other work of the store's
//! thread had to wait meanwhile (OUT-3).
//!
//! Both ends are real mosquittos on loopback. The bridge gets persistence and no limits: with its
//! usual settings it loses nearly everything. It does less: nothing is verified or receipted.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench may fail loudly, and prints what it measured"
)]

#[path = "../store/support/chain.rs"]
#[allow(dead_code)]
mod chain;
#[path = "../store/mqtt/disk.rs"]
mod disk;
#[path = "../store/mqtt/head_office.rs"]
#[allow(dead_code)]
mod head_office;
#[path = "../store/support/mosquitto.rs"]
#[allow(dead_code)]
mod mosquitto;
#[path = "../store/mqtt/shop.rs"]
#[allow(dead_code)]
mod shop;

use std::{
    net::TcpListener,
    process::Child,
    time::{Duration, Instant},
};

use actix::System;
use chain::Chain;
use head_office::HeadOffice;
use mosquitto::Mosquitto;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rumqttc::v5::{
    AsyncClient, Event, EventLoop, MqttOptions,
    mqttbytes::{QoS, v5::Packet},
};
use shop::{Shop, broker_at, quick};
use store_actors::{outbox::OutboxSettings, ports::Parked, wire::uplink::encode_batch};
use tokio::{
    net::TcpStream,
    sync::oneshot::{self, error::TryRecvError},
    time::sleep,
};

/// What the fixtures expect to find beside them.
mod support {
    pub(crate) use crate::{chain, eventually};
}

const RECORDS: usize = 100_000;
const DEADLINE: Duration = Duration::from_secs(300);
const LIMITS: &str = "max_queued_messages 0\nmax_inflight_messages 0\nmax_queued_bytes 0\n";

fn main() {
    // as `cargo test --benches` starts it: only to see that it starts
    let records = if std::env::args().any(|a| a == "--bench") {
        RECORDS
    } else {
        1_000
    };
    let chain = Chain::of("0042", u64::try_from(records).unwrap());
    let office_runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (outbox, delays) = System::new().block_on(async {
        let broker = Mosquitto::start_with(LIMITS).await;
        let office = HeadOffice::open(broker_at(broker.port));
        let office = office_runtime.spawn(office).await.unwrap();
        by_outbox(&broker, &office, &chain).await
    });
    let bridge = System::new().block_on(by_bridge(&chain));
    println!("{records} records, waiting when the link comes up:");
    println!("  outbox, each verified and receipted   {outbox:>8.0} a second");
    println!("  mosquitto bridge, its limits lifted   {bridge:>8.0} a second");
    println!(
        "  ratio                                 {:>8.2}",
        outbox / bridge
    );
    let [p50, p99, worst] = delays;
    println!(
        "meanwhile other work on the thread waited: p50 {p50:?}, p99 {p99:?}, worst {worst:?}"
    );
}

async fn by_outbox(broker: &Mosquitto, office: &HeadOffice, chain: &Chain) -> (f64, [Duration; 3]) {
    let begun = now();
    let settings = OutboxSettings::default();
    let shop = Shop::open_with(quick(broker_at(broker.port)), settings, chain);
    let (stop, mut stopped) = oneshot::channel::<()>();
    let probe = actix::spawn(async move {
        let mut delays = Vec::new();
        loop {
            let asked = now();
            sleep(Duration::from_millis(1)).await;
            delays.push(asked.elapsed().saturating_sub(Duration::from_millis(1)));
            if stopped.try_recv() != Err(TryRecvError::Empty) {
                return delays;
            }
        }
    });
    shop.drained(u64::try_from(chain.records.len()).unwrap())
        .await;
    let rate = rate(chain.records.len(), begun.elapsed());
    drop(stop);
    let mut delays = probe.await.unwrap();
    delays.sort();
    let at = |share: usize| delays[(delays.len() - 1) * share / 100];
    office.assert_holds(&chain.records);
    (rate, [at(50), at(99), at(100)])
}

/// The store's own broker takes every record as a message and keeps it; then the bridge may go.
async fn by_bridge(chain: &Chain) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let gate = free_port();
    let place = dir.path().display();
    let above = Mosquitto::start_with(LIMITS).await;
    let below = Mosquitto::start_with(&format!(
        "{LIMITS}persistence true\npersistence_location {place}/\n\
         connection up\naddress 127.0.0.1:{gate}\ntopic chain/# out 1\ncleansession false\n\
         restart_timeout 1\nbridge_attempt_unsubscribe false\nnotifications false\n"
    ))
    .await;
    fill(below.port, chain).await;

    let mut events = subscribed(above.port).await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", gate))
        .await
        .unwrap();
    let (mut from_below, _) = listener.accept().await.unwrap();
    let begun = now();
    let mut to_above = TcpStream::connect(("127.0.0.1", above.port)).await.unwrap();
    let carry = tokio::spawn(async move {
        let _ = tokio::io::copy_bidirectional(&mut from_below, &mut to_above).await;
    });
    let mut arrived = 0;
    while arrived < chain.records.len() {
        assert!(begun.elapsed() < DEADLINE, "the bridge delivered {arrived}");
        if let Event::Incoming(Packet::Publish(_)) = events.poll().await.unwrap() {
            arrived += 1;
        }
    }
    carry.abort();
    rate(arrived, begun.elapsed())
}

/// Publishes every record as a message of its own, and waits until the broker has them.
async fn fill(port: u16, chain: &Chain) {
    let (client, mut events) = client("till", port);
    let messages: Vec<Vec<u8>> = chain
        .records
        .iter()
        .map(|record| encode_batch(&chain.store, std::slice::from_ref(record), &Parked::new()))
        .collect();
    let total = messages.len();
    let publish = tokio::spawn(async move {
        for message in messages {
            let topic = "chain/demo/store/0042/up/records";
            client
                .publish(topic, QoS::AtLeastOnce, false, message)
                .await
                .unwrap();
        }
        client
    });
    let mut acknowledged = 0;
    while acknowledged < total {
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
        .set_outgoing_inflight_upper_limit(100);
    AsyncClient::new(options, 100)
}

#[allow(clippy::cast_precision_loss)]
fn rate(records: usize, took: Duration) -> f64 {
    records as f64 / took.as_secs_f64()
}

#[allow(
    clippy::disallowed_methods,
    reason = "it is real time that is measured"
)]
fn now() -> Instant {
    Instant::now()
}

pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let begun = now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < DEADLINE, "waited too long for {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn send_signal(child: &Child, signal: Signal) {
    let _ = kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal);
}
