//! `make bench`: whole payments through the HTTP API of the real store, beside the same acquirer
//! asked directly by as many clients with the store's own driver, in the same run. The difference
//! is what the store adds: the till's request, four records on disk, scanner, counter, the event
//! that tells the till.
//!
//! Two kinds of acquirer: one that takes its time as a wallet does, for the latency that is added,
//! by customers who come when chance has it and by tills that are all in step; and one that answers
//! at once, for how many payments a store can carry when every till waits for it alone.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench may fail loudly, and prints what it measured"
)]

#[path = "shop/disk.rs"]
mod disk;
#[path = "shop/driver.rs"]
mod driver;
#[path = "shop/load.rs"]
mod load;
mod report;
#[allow(dead_code, reason = "another bench needs more of it")]
mod world;

use std::{sync::Arc, time::Duration};

use disk::Fsync;
use driver::Direct;
use load::{Load, Measured};
use report::Row;
use world::{
    Spread, acquirer,
    controller::{Controller, counter, journal},
    scanners::Scanners,
    tills::Tills,
};

const COUNTERS: [usize; 3] = [8, 64, 256];
/// What a wallet takes for a customer's code.
const WALLET: Duration = Duration::from_millis(250);
/// The longest pause between two customers at a counter; a real one is a hundred times as long.
const NEXT_CUSTOMER: Duration = Duration::from_millis(250);
/// The bound on what the store may add at 64 counters, without the disk's share.
const ADDED_MS: f64 = 25.0;
const DRIVER: &str = "the acquirer through the driver alone";

fn main() {
    let is_measured = world::is_measured();
    // `cargo bench --bench shop -- 64` measures that many counters alone
    let wanted: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let rows = world::runtime().block_on(async {
        let mut rows = Vec::new();
        let all = if is_measured {
            &COUNTERS[..]
        } else {
            &COUNTERS[..1]
        };
        let is_wanted = |counters: &&usize| wanted.is_empty() || wanted.contains(*counters);
        for counters in all.iter().filter(is_wanted) {
            rows.extend(measure(*counters, Load::of(is_measured)).await);
        }
        rows
    });
    if is_measured {
        report::publish(&rows);
    }
}

async fn measure(counters: usize, load: Load) -> Vec<Row> {
    let mut rows = Vec::new();
    let independent = load.with_pauses(NEXT_CUSTOMER);
    rows.extend(added(counters, "", independent).await);
    rows.extend(added(counters, ", all in step", load).await);
    let name = |what: &str| format!("{what}, {counters} counters");
    let (direct, store, _) = both(counters, Duration::ZERO, load).await;
    let what = name("payments, acquirer at once");
    rows.push(Row::new(
        what,
        store.per_second,
        "1/s",
        DRIVER,
        direct.per_second,
    ));
    let what = name("payment p99, acquirer at once");
    rows.push(Row::new(
        what,
        store.took.p99,
        "ms",
        DRIVER,
        direct.took.p99,
    ));
    rows
}

/// What the store adds to a wallet's own time.
async fn added(counters: usize, how: &str, load: Load) -> Vec<Row> {
    let (direct, store, fsync) = both(counters, WALLET, load).await;
    let mut rows = Vec::new();
    let name = |what: &str| format!("{what}, {counters} counters{how}");
    let mut latency = |what: &str, store: f64, direct: f64| {
        rows.push(Row::new(name(what), store, "ms", DRIVER, direct));
    };
    latency("payment p50", store.took.p50, direct.took.p50);
    latency("payment p99", store.took.p99, direct.took.p99);
    let added = store.took.p99 - direct.took.p99;
    let bound = ADDED_MS + fsync.p99;
    rows.push(Row::new(
        name("added latency p99"),
        added,
        "ms",
        "25 ms + one fsync (p99, meanwhile)",
        bound,
    ));
    rows
}

/// The acquirer alone, then behind the store.
async fn both(counters: usize, own_time: Duration, load: Load) -> (Measured, Measured, Spread) {
    let folder = tempfile::tempdir().unwrap();
    let acquirer = acquirer(&folder.path().join("ledger.jsonl"), own_time);
    let driver = Arc::new(Direct::new(&acquirer.url()));
    let direct = load
        .run(counters, move |_| {
            let driver = Arc::clone(&driver);
            async move { driver.charge().await }
        })
        .await;
    let before = acquirer.ledger().totals("CNY").orders;

    let scanners = Scanners::open(counters).await;
    let mut store = Controller::configure(folder.path(), &acquirer.url(), &scanners.ports, None);
    store.start().await;
    store.ready().await;
    let tills = Arc::new(Tills::open(&store.base).await);
    let fsync = Fsync::begin(folder.path().join("fsync"));
    let clients = Arc::clone(&tills);
    let through = load
        .run(counters, move |nth| {
            let (tills, name) = (Arc::clone(&clients), counter(nth));
            async move { tills.pay(&name).await }
        })
        .await;
    let fsync = fsync.end().await;
    let charged = acquirer.ledger().totals("CNY").orders - before;
    assert_eq!(charged, through.all, "each payment is one order");
    assert!(journal(folder.path()).exists());
    let refused = tills.refused.load(std::sync::atomic::Ordering::Relaxed);
    println!(
        "{counters} counters, acquirer {own_time:?}: alone {direct:?}; store {through:?}, \
         {refused} times not ready, fsync {fsync:?}"
    );
    (direct, through, fsync)
}
