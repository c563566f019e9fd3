//! What a disk does to files in a power cut that an orderly file system would not: the journal must
//! come back from each of these too.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// A way in which the journal's files come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    StoreErased,
    StoreTorn,
    StoreFlipped,
    SnapshotTorn,
    GuardTailTorn,
}

impl Spoil {
    pub const ALL: [Spoil; 5] = [
        Spoil::StoreErased,
        Spoil::StoreTorn,
        Spoil::StoreFlipped,
        Spoil::SnapshotTorn,
        Spoil::GuardTailTorn,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::StoreErased => "store-erased",
            Self::StoreTorn => "store-torn",
            Self::StoreFlipped => "store-flipped",
            Self::SnapshotTorn => "snapshot-torn",
            Self::GuardTailTorn => "guard-tail-torn",
        }
    }

    /// Does it to a journal that nobody has open.
    pub fn on(self, journal: &Path) -> io::Result<()> {
        let store = journal.join("sled/db");
        match self {
            Self::StoreErased => File::create(store).map(drop),
            Self::StoreTorn => {
                let len = fs::metadata(&store)?.len();
                File::options().write(true).open(store)?.set_len(len / 2)
            }
            Self::StoreFlipped => flip(&store),
            Self::SnapshotTorn => {
                let snapshot = newest(&journal.join("sled"), "snap.")?;
                let len = fs::metadata(&snapshot)?.len();
                File::options().write(true).open(snapshot)?.set_len(len / 2)
            }
            Self::GuardTailTorn => tear(&newest(&journal.join("guard"), "0")?),
        }
    }
}

/// A bit in every 32 KiB, where there is something.
fn flip(file: &Path) -> io::Result<()> {
    let mut bytes = fs::read(file)?;
    bytes
        .iter_mut()
        .skip(1_000)
        .step_by(32 * 1024)
        .filter(|byte| **byte != 0)
        .for_each(|byte| *byte ^= 0x10);
    fs::write(file, bytes)
}

/// Half a group behind the last whole one, as a write that was under way leaves it: never
/// acknowledged.
fn tear(segment: &Path) -> io::Result<()> {
    let bytes = fs::read(segment)?;
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
    // a record may end in a zero or two; a group's length begins with two
    let end = u64::try_from(used).unwrap_or(0) + 1;
    let file = File::options().write(true).open(segment)?;
    let half = [&700u32.to_be_bytes()[..], &[0x5a; 300]].concat();
    file.write_all_at(&half, end)
}

/// The last of the folder's files that begin so.
fn newest(folder: &Path, begins: &str) -> io::Result<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(begins) {
            found.push(entry.path());
        }
    }
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("no {begins}* there"));
    found.into_iter().max().ok_or_else(missing)
}
