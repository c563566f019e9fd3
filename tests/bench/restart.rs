//! How soon a store with a history takes payments again, what that history costs on disk, and what
//! idle terminals cost in memory.
//!
//! A process of its own fills a journal, payment by payment in four records, and ends in order, or
//! is killed while it writes: sled has then a log that it never looked through, since its snapshots
//! are made at opening. Every measurement gets that state once more, from a copy. Measured are the
//! journal's adapter, and the real controller until it says that it is ready. The peer holds the
//! same payments and records in SQLite, opens them, counts, and reads the latest.
//!
//! With that history each page of the console is asked for (`restart/pages.rs`).
//!
//! `cargo bench --bench restart -- 1000000` measures this size only, `-- memory` only the memory,
//! `-- pages` only the pages, with a million payments.
//! Filling a million takes minutes: `RESTART_BENCH_KEEP=dir` keeps what was filled for the next
//! run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench that can't go on ends, prints what it measured, and measures real time"
)]

#[path = "restart/controller.rs"]
mod controller;
#[path = "restart/fill.rs"]
mod fill;
#[path = "restart/footprint.rs"]
mod footprint;
#[path = "restart/memory.rs"]
mod memory;
#[path = "restart/pages.rs"]
mod pages;
#[path = "payments.rs"]
#[allow(dead_code, reason = "shared with the other benches")]
mod payments;
#[path = "report.rs"]
mod report;
#[path = "restart/shop.rs"]
mod shop;
#[path = "restart/sqlite.rs"]
mod sqlite;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use controller::{Controller, bare_process};
use report::{Row, publish};
use shop::Shop;
use store_controller::adapters::journal::{Journal, JournalConfig};

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// Payments of the store whose pages are asked for.
const PAGES_SIZE: usize = 1_000_000;
const SMOKE_SIZE: usize = 300;
/// In the environment: where the filled journals are kept for the next run.
const KEEP: &str = "RESTART_BENCH_KEEP";
const SQLITE: &str = "SQLite opened and counted";

fn main() {
    if fill::is_child() {
        return fill::child();
    }
    if std::env::var_os(controller::BARE).is_some() {
        return bare_process();
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    if !args.iter().any(|arg| arg == "--bench") {
        // as `cargo test --benches` starts it: only to see that it works
        restarts(SMOKE_SIZE);
        pages_of(SMOKE_SIZE, Some(2));
        memory::rows(&[2], 1);
        return;
    }
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let is_wanted = |word: &str| {
        let mut words = words.iter().filter(|arg| !arg.starts_with('-')).peekable();
        words.peek().is_none() || words.any(|wanted| *wanted == word)
    };
    for size in SIZES {
        if is_wanted(&size.to_string()) {
            publish(&restarts(size));
        }
    }
    if is_wanted("pages") {
        publish(&pages_of(PAGES_SIZE, None));
    }
    if is_wanted("memory") {
        publish(&memory::rows(&[8, 100, 1_000], memory::SETTLE_PAUSES));
    }
}

/// A journal as one run left it.
struct Left {
    dir: PathBuf,
    how: &'static str,
}

/// Where the journals of so many payments lie, filled.
struct Filled {
    dir: PathBuf,
    _temporary: tempfile::TempDir,
}

impl Filled {
    fn of(payments: usize) -> Self {
        let temporary = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let kept = std::env::var_os(KEEP).map(|dir| Path::new(&dir).join(payments.to_string()));
        let dir = kept.unwrap_or_else(|| temporary.path().to_owned());
        let filled = Self {
            dir,
            _temporary: temporary,
        };
        let place = |name: &str| filled.place(name);
        if !place("filled").exists() {
            fs::create_dir_all(&filled.dir).unwrap();
            let began = Instant::now();
            std::thread::scope(|scope| {
                scope.spawn(|| sqlite::fill(payments, &place("sqlite")));
                fill::fill(payments, &place("cut"), &place("clean"));
            });
            fs::write(place("filled"), "").unwrap();
            println!("{payments} payments: filled in {:.0?}", began.elapsed());
        }
        filled
    }

    fn place(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn pages_of(payments: usize, times: Option<usize>) -> Vec<Row> {
    let filled = Filled::of(payments);
    let work = filled.place("work");
    copy(&filled.place("clean"), &work);
    let rows = pages::rows(&work, payments, &Shop::open(1), times);
    fs::remove_dir_all(work).unwrap();
    rows
}

fn restarts(payments: usize) -> Vec<Row> {
    let filled = Filled::of(payments);
    let place = |name: &str| filled.place(name);
    let database = place("sqlite");
    let mut rows = Vec::new();
    let peer = sqlite::open_and_count(&database, payments).as_secs_f64();
    let shop = Shop::open(1);
    let lefts = [("clean", "a clean stop"), ("cut", "a cut")];
    for (name, how) in lefts {
        let left = Left {
            dir: place(name),
            how,
        };
        let work = place("work");
        copy(&left.dir, &work);
        let took = open_adapter(&work, payments);
        println!("opened after {how} in {took:.3?}");
        rows.push(row("journal opened", &left, payments, took, peer));
        copy(&left.dir, &work);
        let took = Controller::start(&work, &shop).ready();
        println!("ready after {how} in {took:.3?}");
        rows.push(row("controller ready", &left, payments, took, peer));
    }
    copy(&place("clean"), &place("work"));
    rows.extend(footprint::rows(&place("work"), payments, &database));
    fs::remove_dir_all(place("work")).unwrap();
    rows
}

fn row(what: &str, left: &Left, payments: usize, took: Duration, peer: f64) -> Row {
    let name = format!("{what} after {}, {payments} payments", left.how);
    Row::new(name, took.as_secs_f64(), "s", SQLITE, peer)
}

fn open_adapter(dir: &Path, payments: usize) -> Duration {
    let began = Instant::now();
    let journal = Journal::open(JournalConfig::new(dir)).unwrap();
    let took = began.elapsed();
    println!("{:?}", journal.recovery());
    let least = (payments * payments::Lives::LEN) as u64;
    let tip = store_actors::ports::JournalDisk::tip(&journal);
    assert!(tip.seq >= least, "{} records of {least}", tip.seq);
    took
}

/// `to` becomes what `from` is.
fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    let done = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(done.unwrap().success());
    // what was copied shall not be on its way to the disk while something is measured
    assert!(Command::new("sync").status().unwrap().success());
}
