//! Bytes on disk per payment, while the guard log keeps everything and after it let go.

use std::{fs, path::Path, time::Duration};

use store_actors::{
    domain::record::{Body, Fact},
    ports::{JournalDisk, WallClock},
};
use store_controller::adapters::journal::{Journal, JournalConfig};

use super::{payments::Noon, report::Row, sqlite};

const SQLITE: &str = "SQLite, the same content";
/// Old segments are looked for after so many records.
const RECORDS_ON_TOP: usize = 5_000;

pub fn rows(dir: &Path, payments: usize, database: &Path) -> Vec<Row> {
    let per_payment = |bytes: u64| bytes as f64 / payments as f64;
    let peer = per_payment(sqlite::bytes(database));
    let row = |what: &str, bytes: u64| {
        let name = format!("disk per payment, {what}, {payments} payments");
        Row::new(name, per_payment(bytes), "bytes", SQLITE, peer)
    };
    let (guard, store) = (len(&dir.join("guard")), len(&dir.join("sled")));
    let mut rows = vec![
        row("guard log not yet receipted", guard),
        row("sled", store),
        row("all", guard + store),
    ];
    retire(dir);
    let (guard, store) = (len(&dir.join("guard")), len(&dir.join("sled")));
    rows.push(row("all, receipted and retired", guard + store));
    rows
}

/// The head office has everything, and the week is over.
fn retire(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let config = JournalConfig {
            guard_retention: Duration::ZERO,
            ..JournalConfig::new(dir)
        };
        let disk = Journal::open(config).unwrap();
        disk.set_receipted(disk.tip().seq).await.unwrap();
        for _ in 0..RECORDS_ON_TOP / 100 {
            let group = (0..100).map(|_| Fact::new(Noon.now(), &Body::Stopped).unwrap());
            disk.append(group.collect()).await.unwrap();
        }
        disk.close().await.unwrap();
    });
}

fn len(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => len(&entry.path()),
            false => entry.metadata().unwrap().len(),
        })
        .sum()
}
