//! How the journal was found after each crash: from the controller's own metrics, and from what
//! lies in its directory.

use std::{fs, path::Path};

use serde::Serialize;

use super::shop::{Shop, sum_of};

/// Added up over all openings after a crash.
#[derive(Debug, Default, Serialize)]
pub struct Openings {
    pub count: usize,
    /// After a power cut of a disk on which sled had left a snapshot.
    pub with_snapshot: usize,
    /// The store lacked records and the guard log had them; so many in all.
    pub with_replay: usize,
    pub replayed_records: u64,
    /// The guard log ended in a group that never became whole; so many bytes in all.
    pub with_torn_tail: usize,
    pub cut_bytes: u64,
    /// sled came back erased or torn: made anew from the guard log, or put back from its copy.
    pub store_rebuilt: usize,
    pub store_from_copy: usize,
    /// sled's snapshot came back torn and was moved aside.
    pub snapshots_aside: usize,
    /// Damage in the middle of the guard log.
    pub breaks: u64,
}

impl Openings {
    /// Takes in how the running controller found its journal.
    pub async fn note(&mut self, shop: &Shop, snapshot: bool) {
        let metrics = shop.till.text("/metrics").await.unwrap_or_default();
        let found = |what: &str| {
            let line = metrics.lines().filter(|line| line.contains(what));
            line.map(|line| sum_of(line, "store_journal_opening")).sum()
        };
        let replayed: u64 = found("\"replayed_records\"");
        let cut: u64 = found("\"cut_bytes\"");
        let flag = |what: &str| usize::from(found(what) > 0);
        self.count += 1;
        self.with_snapshot += usize::from(snapshot);
        self.with_replay += usize::from(replayed > 0);
        self.replayed_records += replayed;
        self.with_torn_tail += usize::from(cut > 0);
        self.cut_bytes += cut;
        self.store_rebuilt += flag("\"rebuilt\"");
        self.store_from_copy += flag("\"store_from_copy\"");
        self.snapshots_aside += snapshots(&shop.journal.join("aside")).len();
        // so that the next opening's are its own
        for moved in snapshots(&shop.journal.join("aside")) {
            let _ = fs::remove_file(moved);
        }
        self.breaks += found("\"breaks\"");
    }
}

/// Whether sled has left a snapshot in its folder.
pub fn has_snapshot(journal: &Path) -> bool {
    !snapshots(&journal.join("sled")).is_empty()
}

fn snapshots(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let is_snapshot = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("snap.")
    };
    paths.filter(is_snapshot).collect()
}
