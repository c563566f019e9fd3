//! How long a statement takes in a store with a history: a month that was never added up, the same
//! month again, and a day.
//!
//! The journal gets payments five seconds apart, as records of their last state, and is read
//! through the ledger that the API uses, with a rate for all of them. Beside it SQLite sums the
//! same month out of a table with an index by time. `cargo bench --bench office -- 1000000`
//! measures that size only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench that can't go on ends, prints what it measured, and measures real time"
)]

#[path = "payments.rs"]
#[allow(dead_code, reason = "shared with the other benches")]
mod payments;
#[path = "report.rs"]
mod report;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use payments::{Lives, Noon};
use report::{Row, publish};
use rusqlite::Connection;
use store_actors::{
    domain::{
        day::Day,
        office::{
            fee::FeeTable,
            statement::{By, Statement},
        },
        record::{Body, Fact},
        timestamp::Timestamp,
    },
    ports::{JournalDisk, WallClock},
};
use store_controller::{
    adapters::journal::{Journal, JournalConfig},
    config::fees,
    office::Ledger,
};

const SIZES: [usize; 2] = [100_000, 1_000_000];
const SMOKE_SIZE: usize = 600;
const GROUP: usize = 128;
const PAUSE_MS: u64 = 5_000;
const MONTH_DAYS: i64 = 31;
const AGAIN: usize = 100;

const RATES: &str = "[[fee]]\nname = \"S\"\nacquirer = \"sandbox\"\nrate_percent = \"0.6\"\nrounding = \"half_up\"\n\
    rounded_per = \"transaction\"\nrefund = \"given_back\"\n";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if !args.iter().any(|arg| arg == "--bench")
        && args.iter().all(|arg| arg.parse::<usize>().is_err())
    {
        // as `cargo test --benches` starts it: only to see that it works
        measure(SMOKE_SIZE);
        return;
    }
    let wanted: Vec<usize> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    for size in SIZES
        .into_iter()
        .filter(|size| wanted.is_empty() || wanted.contains(size))
    {
        publish(&measure(size));
    }
}

fn measure(payments: usize) -> Vec<Row> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let database = Connection::open(dir.path().join("peer.sqlite")).unwrap();
        let journal = fill(payments, dir.path(), &database).await;
        let last = Day::of(at(payments - 1), 0);
        let first = last.plus(1 - MONTH_DAYS);
        let table: FeeTable = fees::parse("", RATES, Path::new("")).unwrap().table;
        let table = Arc::new(table);
        // a shop makes no million payments in a minute: the store has come up with them
        while journal.condition().await.unwrap().unapplied > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ledger = Ledger::new(Arc::clone(&journal), Arc::clone(&table), 0);
        let (cold, moved) = timed(&ledger, first, last).await;
        assert_eq!(moved, summed(&database, first, last));
        let mut again = Vec::new();
        for _ in 0..AGAIN {
            again.push(timed(&ledger, first, last).await.0);
        }
        again.sort();
        let warm = again[AGAIN * 99 / 100 - 1];
        let fresh = Ledger::new(journal, table, 0);
        let (day, _) = timed(&fresh, last.plus(-1), last.plus(-1)).await;
        let began = Instant::now();
        summed(&database, first, last);
        let peer = began.elapsed();
        let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
        let name = |what: &str| format!("statement, {payments} payments: {what}");
        let row = |what: &str, took| {
            Row::new(
                name(what),
                ms(took),
                "ms",
                "SQLite, a month summed",
                ms(peer),
            )
        };
        vec![
            row("a month, first time", cold),
            row("a month again, p99", warm),
            row("a day, first time", day),
        ]
    })
}

fn at(nth: usize) -> Timestamp {
    Noon.now().plus_ms(nth as u64 * PAUSE_MS)
}

async fn fill(payments: usize, dir: &Path, database: &Connection) -> Arc<dyn JournalDisk> {
    let journal = Journal::open(JournalConfig::new(dir.join("journal"))).unwrap();
    let table = "CREATE TABLE paid (at INTEGER, acquirer TEXT, units INTEGER); CREATE INDEX by_at ON paid (at); BEGIN";
    database.execute_batch(table).unwrap();
    let mut insert = database
        .prepare("INSERT INTO paid VALUES (?, ?, ?)")
        .unwrap();
    let lives = Lives::new();
    for begin in (0..payments).step_by(GROUP) {
        let group = begin..payments.min(begin + GROUP);
        let facts: Vec<Fact> = group
            .map(|nth| {
                let payment = lives.payment(nth % GROUP, nth, Lives::LEN - 1, at(nth));
                let acquirer = payment.acquirer.as_ref().unwrap().as_str();
                let units = payment.money.minor_units().cast_signed();
                insert
                    .execute((at(nth).unix_ms(), acquirer, units))
                    .unwrap();
                Fact::new(at(nth), &Body::Payment { payment }).unwrap()
            })
            .collect();
        journal.append(facts).await.unwrap();
    }
    database.execute_batch("COMMIT").unwrap();
    Arc::new(journal)
}

/// How long a statement by acquirer took, and how many payments it counted.
async fn timed(ledger: &Ledger, from: Day, until: Day) -> (Duration, u64) {
    let began = Instant::now();
    let days = ledger.days(from, until).await.unwrap();
    let by = [By::Acquirer];
    let statement = Statement::of(&by, days.iter().map(|(day, sums)| (*day, &**sums)));
    (
        began.elapsed(),
        statement.lines.iter().map(|line| line.sums.payments).sum(),
    )
}

fn summed(database: &Connection, from: Day, until: Day) -> u64 {
    let sql = "SELECT COUNT(*), SUM(units) FROM paid WHERE at >= ? AND at < ? GROUP BY acquirer";
    let times = (
        from.begins_at(0).unix_ms(),
        until.next().begins_at(0).unix_ms(),
    );
    let count: i64 = database.query_row(sql, times, |row| row.get(0)).unwrap();
    count.cast_unsigned()
}
