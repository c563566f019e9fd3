//! What one fsync takes on the journal's disk, since the bound on the store's latency allows one.

use std::{fs::File, io::Write, path::Path};

use tokio::time::Instant;

use crate::world::Spread;

const TIMES: usize = 300;
const BYTES: usize = 1_024;

/// Small writes at the end of a file, each with its fdatasync.
pub fn fsync(folder: &Path) -> Spread {
    let mut file = File::create(folder.join("fsync")).unwrap();
    let mut took = Vec::new();
    for _ in 0..TIMES {
        file.write_all(&[7; BYTES]).unwrap();
        let begun = Instant::now();
        file.sync_data().unwrap();
        took.push(begun.elapsed());
    }
    Spread::of(took)
}
