//! Why a journal can't be opened, in words that say what to do.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Nothing is ever begun anew because of one of these: an empty journal where records were would
/// hide money.
#[derive(Debug, Error)]
pub enum OpenFailed {
    #[error(
        "the journal {} is in use by {holder}: the controller is running. Use its HTTP API, or \
         stop it first", .dir.display()
    )]
    InUse { dir: PathBuf, holder: String },
    #[error("there is no journal in {}: check the directory in the configuration", .dir.display())]
    Absent { dir: PathBuf },
    #[error(
        "the journal {} has lost records: its marker says that it reached record {expected}, and \
         it ends at {found}. Keep a copy of the directory as it is. Restore it from a backup; or \
         move it away to begin anew, and look up the payments under way at the acquirers",
        .dir.display()
    )]
    RecordsLost {
        dir: PathBuf,
        expected: u64,
        found: u64,
    },
    #[error(
        "the journal {} is damaged: {why}. Keep a copy of the directory as it is, and restore it \
         from a backup", .dir.display()
    )]
    Damaged { dir: PathBuf, why: String },
    #[error(
        "the journal {} has format {found}, this program reads format {expected}: use the program \
         that wrote it", .dir.display()
    )]
    AnotherFormat {
        dir: PathBuf,
        found: u32,
        expected: u32,
    },
    #[error("can't {doing} {}: check that the disk is there, writable and not full", .path.display())]
    Disk {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

/// Why the store below failed.
#[derive(Debug, Error)]
pub(super) enum StoreFailed {
    #[error("the store failed: {0}")]
    Sled(#[from] sled::Error),
    #[error("the disk failed: {0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Damaged(String),
}
