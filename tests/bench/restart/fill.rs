//! A process that fills a journal and is killed while it goes on.
//!
//! At the moment when all payments are in and everything is synced, it copies its journal with the
//! marker that a clean end writes: `close` does just that, and the controller leaves a snapshot
//! behind it. Then it writes on until it is killed, so that the store lags behind the guard log as
//! after a power cut under load.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    ops::Range,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use store_actors::{
    domain::{
        certificate::{SignedCertificate, Tally},
        day::Day,
        record::{Body, Fact, Tip},
        timestamp::Timestamp,
    },
    ports::{JournalDisk, WallClock},
};
use store_controller::adapters::{
    clock::SystemClock,
    journal::{Journal, JournalConfig, leave_snapshot},
};

use super::payments::Lives;

const CUT: &str = "RESTART_BENCH_CUT";
const CLEAN: &str = "RESTART_BENCH_CLEAN";
const PAYMENTS: &str = "RESTART_BENCH_PAYMENTS";

/// Payments that move together: so many records share a group.
const AT_ONCE: usize = 64;
/// Between two states of a payment so many other groups begin: customers take their time, and the
/// store gets each state by itself.
const GROUPS_BETWEEN: usize = 24;
/// Between two payments of the store: a million of them are two months.
const PAUSE_MS: i64 = 5_000;
/// Of the business day, as the controller has it by default.
const OFFSET_MINUTES: i32 = 480;
/// Payments written between the copy and the kill.
const PAYMENTS_ON_TOP: usize = 6_400;

pub fn is_child() -> bool {
    env::var_os(CUT).is_some()
}

/// Leaves a journal that was cut in `cut` and one that was closed in `clean`.
pub fn fill(payments: usize, cut: &Path, clean: &Path) {
    let mut child = Command::new(env::current_exe().unwrap())
        .env(CUT, cut)
        .env(CLEAN, clean)
        .env(PAYMENTS, payments.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut said).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(said.trim(), "filled");
    let began = Instant::now();
    leave_snapshot(clean).unwrap();
    println!("a snapshot was left in {:.3?}", began.elapsed());
}

pub fn child() {
    let at = |name| env::var(name).unwrap();
    let payments: usize = at(PAYMENTS).parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut journal = Filling::open(Path::new(&at(CUT)), payments);
        journal.payments(0..payments).await;
        journal.close_yesterday().await;
        journal.rest(Path::new(&at(CUT))).await;
        journal.copy_closed(&at(CUT), &at(CLEAN), payments);
        let on_top = payments + PAYMENTS_ON_TOP;
        journal.payments(payments..on_top).await;
        println!("filled");
        std::io::stdout().flush().unwrap();
        journal.payments(on_top..on_top * 1_000).await;
    });
}

struct Filling {
    lives: Lives,
    disk: Journal,
    tip: Tip,
    /// When the last payment is opened, and which one that is.
    now: (Timestamp, usize),
}

impl Filling {
    fn open(dir: &Path, payments: usize) -> Self {
        let config = JournalConfig {
            day_offset_minutes: OFFSET_MINUTES,
            ..JournalConfig::new(dir)
        };
        let disk = Journal::open(config).unwrap();
        let tip = disk.tip();
        let lives = Lives::new();
        let now = (SystemClock.now(), payments);
        Self {
            lives,
            disk,
            tip,
            now,
        }
    }

    /// These payments from their first state to their last, many of them at the same time.
    async fn payments(&mut self, which: Range<usize>) {
        let group = |nth: usize| {
            let first = which.start + nth * AT_ONCE;
            first.min(which.end)..which.end.min(first + AT_ONCE)
        };
        let groups = which.len().div_ceil(AT_ONCE);
        for nth in 0..groups + (Lives::LEN - 1) * GROUPS_BETWEEN {
            for step in 0..Lives::LEN {
                if let Some(nth) = nth.checked_sub(step * GROUPS_BETWEEN) {
                    self.append(group(nth), step).await;
                }
            }
        }
    }

    async fn append(&mut self, which: Range<usize>, step: usize) {
        let (now, last) = self.now;
        let facts = which.map(|nth| {
            let before_ms = (last as i64 - nth as i64) * PAUSE_MS;
            let at = Timestamp::from_unix_ms(now.unix_ms() - before_ms);
            let payment = self.lives.payment(nth % AT_ONCE, nth, step, at);
            Fact::new(at, &Body::Payment { payment }).unwrap()
        });
        let group: Vec<Fact> = facts.collect();
        if !group.is_empty() {
            self.tip = self.disk.append(group).await.unwrap();
        }
    }

    /// As if every day had been closed in its time: at its start the controller counts those that
    /// were not.
    async fn close_yesterday(&mut self) {
        let now = self.now.0;
        let yesterday = Timestamp::from_unix_ms(now.unix_ms() - 86_400_000);
        let day = Day::of(yesterday, OFFSET_MINUTES);
        let records = self
            .disk
            .records(self.tip.seq, 1, usize::MAX)
            .await
            .unwrap();
        let last = &records[0];
        let mut tally = Tally::new(day, OFFSET_MINUTES, last.seq);
        tally.feed(last);
        let certificate = tally.certificate(&"0001".parse().unwrap()).unwrap();
        let signed = SignedCertificate {
            day,
            text: serde_json::to_string(&certificate).unwrap(),
            signature: "00".repeat(64),
            key: "00".repeat(32),
        };
        let body = Body::DayClosed {
            certificate: Box::new(signed),
        };
        let fact = Fact::new(now, &body).unwrap();
        self.tip = self.disk.append(vec![fact]).await.unwrap();
    }

    /// Until the store has everything on stable storage: the marker, written last, tells so.
    async fn rest(&self, dir: &Path) {
        let tells_all = || {
            let marker = fs::read(dir.join("marker.json")).ok()?;
            let marker: serde_json::Value = serde_json::from_slice(&marker).ok()?;
            (marker.get("seq")?.as_u64()? == self.tip.seq).then_some(())
        };
        while tells_all().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn copy_closed(&self, from: &str, to: &str, payments: usize) {
        super::copy(Path::new(from), Path::new(to));
        let marker = serde_json::json!({
            "clean": true,
            "seq": self.tip.seq,
            "hash": self.tip.hash,
            "payments": payments,
        });
        fs::write(Path::new(to).join("marker.json"), marker.to_string()).unwrap();
    }
}
