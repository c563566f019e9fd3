//! What the benches measure in: the real programs as processes, with a broker, a database, an
//! acquirer, scanners and tills around them.
//!
//! Servers listen on loopback, on free ports, and are ended by their own ids. Everything shares one
//! machine, so a figure says what the whole chain costs there; the peer beside it ran there too.

pub mod backlog;
pub mod controller;
pub mod gate;
#[path = "../store/support/mosquitto.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
pub mod mosquitto;
pub mod office;
pub mod scanners;
pub mod tills;

use std::{
    net::TcpListener,
    process::{Child, Command},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use store_sim::acquirer::{Acquirer, AcquirerConfig, AcquirerHandle, Delivery, Operation, Rule};
use tokio::time::{Instant, sleep};

pub const DEADLINE: Duration = Duration::from_secs(300);

/// Whether it shall be measured; otherwise it is only to be seen that the bench works, as
/// `cargo test --benches` asks.
pub fn is_measured() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}

/// The runtime of tills, scanners and gates: one thread, so that the programs measured have the
/// rest.
pub fn runtime() -> tokio::runtime::Runtime {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // hundreds of counters, their scanners, tills and acquirer: the usual 1,024 are too few
    let own = std::process::id().to_string();
    let raised = Command::new("prlimit")
        .args(["--pid", &own, "--nofile=8192:"])
        .status();
    assert!(raised.unwrap().success(), "open files can't be raised");
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// An acquirer that takes so long for each charge.
pub fn acquirer(ledger: &std::path::Path, own_time: Duration) -> AcquirerHandle {
    let ms = u64::try_from(own_time.as_millis()).unwrap();
    let slow = Rule::on(Operation::Charge).delivery(Delivery::Slow { ms });
    Acquirer::start(AcquirerConfig {
        rules: if ms == 0 { Vec::new() } else { vec![slow] },
        ..AcquirerConfig::new(ledger)
    })
    .unwrap()
}

pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < DEADLINE, "waited too long for {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub fn send_signal(child: &Child, signal: Signal) {
    let _ = kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal);
}

#[allow(clippy::cast_precision_loss, reason = "counts of a bench are small")]
pub fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// Middle and end of what was measured, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    pub p50: f64,
    pub p99: f64,
}

impl Spread {
    pub fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        let last = took.len().saturating_sub(1);
        let at = |share: usize| took.get(last * share / 100).copied().unwrap_or_default();
        let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
        Self {
            p50: ms(at(50)),
            p99: ms(at(99)),
        }
    }
}
