//! `make bench`: a backlog from a store's journal to receipts for what the head office has
//! committed to PostgreSQL, beside a mosquitto bridge, the best of the ready-made ways; then the
//! same with controller and broker killed twice; then the payments that are made meanwhile (OUT-3).
//!
//! Everything is real and on one machine: `store-controller` on its journal, mosquitto,
//! `head-office`, PostgreSQL. The bridge gets persistence and no limits: with its usual settings it
//! loses nearly everything. It does less: it neither verifies nor stores, and proves nothing.
//! After each run the database is compared with what was written, record by record.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench may fail loudly, and prints what it measured"
)]

#[path = "uplink/bridge.rs"]
mod bridge;
#[path = "uplink/drain.rs"]
mod drain;
#[path = "uplink/live.rs"]
mod live;
mod report;
#[allow(dead_code, reason = "another bench needs more of it")]
mod world;

#[path = "../store/support/postgres.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod postgres;

use postgres::Postgres;
use report::Row;
use world::{backlog, eventually, send_signal};

const RECORDS: u64 = 100_000;
const RECORDS_TO_TRY: u64 = 960;
/// Without limits a broker keeps everything, but for those it has no settings for.
const LIMITS: &str =
    "max_queued_messages 0\nmax_inflight_messages 0\nmax_queued_bytes 0\nset_tcp_nodelay true\n";
const ROUNDS: u32 = 3;
const BRIDGE: &str = "mosquitto bridge, limits lifted";

fn main() {
    let is_measured = world::is_measured();
    // `cargo bench --bench uplink -- drain` does this part alone, and publishes nothing
    let parts: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let count = if is_measured { RECORDS } else { RECORDS_TO_TRY };
    let rows = world::runtime().block_on(measure(count, &parts));
    match (is_measured, parts.is_empty()) {
        (true, true) => report::publish(&rows),
        (true, false) => report::print(&rows),
        (false, _) => {}
    }
}

async fn measure(count: u64, parts: &[String]) -> Vec<Row> {
    let records = backlog::records(count);
    let postgres = Postgres::start().await;
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|word| word == part);
    let mut rows = Vec::new();
    let (mut bridges, mut drains) = (Vec::new(), Vec::new());
    // side by side, so that a noisy neighbour hits both; the median counts
    for round in 0..if count == RECORDS { ROUNDS } else { 1 } {
        if wanted("bridge") {
            bridges.push(bridge::run(&records).await);
        }
        if wanted("drain") {
            let name = format!("whole_{round}");
            let drained = drain::run(&postgres, &name, &records, drain::Kills::None).await;
            drains.push(drained.per_second);
        }
    }
    println!("bridge {bridges:.0?}, store {drains:.0?} a second");
    let bridge = median(bridges);
    if wanted("drain") {
        rows.push(Row::new(
            "backlog to receipts",
            median(drains),
            "records/s",
            BRIDGE,
            bridge,
        ));
    }
    if wanted("kills") {
        let drained = drain::run(&postgres, "killed", &records, drain::Kills::Twice).await;
        let lost_by_bridge = bridge::lost_when_killed(&records).await;
        let what = "backlog, controller and broker killed twice";
        rows.push(Row::new(
            what,
            drained.per_second,
            "records/s",
            BRIDGE,
            bridge,
        ));
        let missing = drained.lost + drained.doubled;
        let what = "records lost or doubled by two kills";
        rows.push(Row::new(
            what,
            missing,
            "records",
            "bridge killed once",
            lost_by_bridge,
        ));
    }
    if wanted("live") {
        let live = live::run(&postgres, &records).await;
        let what = "payment p99 while draining";
        rows.push(Row::new(
            what,
            live.draining.p99,
            "ms",
            "the same, nothing to drain",
            live.quiet.p99,
        ));
        let what = "payment p50 while draining";
        rows.push(Row::new(
            what,
            live.draining.p50,
            "ms",
            "the same, nothing to drain",
            live.quiet.p50,
        ));
    }
    rows
}

/// NaN if there is none.
fn median(mut found: Vec<f64>) -> f64 {
    found.sort_by(f64::total_cmp);
    found.get(found.len() / 2).copied().unwrap_or(f64::NAN)
}
