//! The real `head-office` program with its own defaults, and what it has written.

use std::{
    collections::BTreeMap,
    fs::File,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use sqlx::{AnyConnection, Connection};
use store_actors::domain::record::Record;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{DEADLINE, eventually, free_port, send_signal};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_head-office");

#[derive(Debug)]
pub struct Office {
    child: Child,
    folder: TempDir,
}

impl Office {
    /// Starts it and waits until broker and database are there.
    pub async fn start(broker: &str, database: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = format!("127.0.0.1:{}", free_port());
        let child = Command::new(PROGRAM)
            .args(["run", "--listen", &listen])
            .args(["--broker", broker, "--database", database])
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let office = Self { child, folder };
        eventually("the head office to be connected", || async {
            let url = format!("http://{listen}/healthz");
            let answer = reqwest::get(url).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        office
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        send_signal(&self.child, Signal::SIGKILL);
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log"));
            eprintln!("{}", log.unwrap_or_default());
        }
    }
}

/// A look now and then: more of them would be felt.
const LOOK_INTERVAL: Duration = Duration::from_millis(40);

/// Waits until so many records are committed without a gap; tells how many are.
pub async fn committed(database: &str, records: u64) -> u64 {
    let mut connection = AnyConnection::connect(database).await.unwrap();
    let begun = Instant::now();
    loop {
        let watermark: Option<i64> = sqlx::query_scalar("SELECT MAX(watermark) FROM store")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let through = u64::try_from(watermark.unwrap_or(0)).unwrap();
        if through >= records {
            return through;
        }
        assert!(begun.elapsed() < DEADLINE, "{through} records committed");
        sleep(LOOK_INTERVAL).await;
    }
}

/// What of a chain is in the database.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Records that should be there and are not, or not as they were written.
    pub lost: u64,
    /// Records beyond one for each number, and numbers that came with two contents.
    pub doubled: u64,
    /// Records that came again and were not stored again.
    pub came_again: u64,
}

/// Compares the records held with those that were written, and all of them with each other:
/// `last` is the last one that the journal has.
pub async fn held(database: &str, written: &[Record], last: u64) -> Held {
    let mut connection = AnyConnection::connect(database).await.unwrap();
    let rows: Vec<(i64, Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT seq, prev, hash FROM record ORDER BY seq")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let conflicts: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM conflict")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let came_again: i64 = sqlx::query_scalar("SELECT CAST(SUM(duplicates) AS BIGINT) FROM store")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let mut by_seq = BTreeMap::new();
    let mut more = 0;
    for (seq, prev, hash) in rows {
        more += u64::from(
            by_seq
                .insert(u64::try_from(seq).unwrap(), (prev, hash))
                .is_some(),
        );
    }
    let mut expected: BTreeMap<u64, _> = written
        .iter()
        .map(|record| (record.seq, record.hash().0.to_vec()))
        .collect();
    // what the controller wrote by itself: the chain tells whether it is the right one
    for seq in u64::try_from(written.len()).unwrap() + 1..=last {
        let next = by_seq.get(&(seq + 1)).map(|(prev, _)| prev.clone());
        let own = by_seq.get(&seq).map(|(_, hash)| hash.clone());
        expected.insert(seq, next.or(own).unwrap_or_default());
    }
    let is_held =
        |(seq, hash): &(&u64, &Vec<u8>)| by_seq.get(seq).is_some_and(|(_, held)| held == *hash);
    let whole = expected.iter().filter(is_held).count();
    Held {
        lost: u64::try_from(expected.len() - whole).unwrap(),
        doubled: more + u64::try_from(conflicts).unwrap(),
        came_again: u64::try_from(came_again).unwrap(),
    }
}
