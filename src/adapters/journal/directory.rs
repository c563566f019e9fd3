//! The journal's directory: one process at a time, and a marker that remembers how far the records
//! went.
//!
//! | in it | what |
//! |---|---|
//! | `lock` | locked by the process that has the journal open; its process id |
//! | `marker.json` | how far the journal is known to have come, and whether it was closed in order |
//! | `guard/` | the guard log |
//! | `sled/` | the store |
//! | `copy/` | the store as a crash left it, until it was opened and found whole |
//! | `aside/` | torn files and stores, kept for whoever wants to look |
//!
//! The marker is what tells an erased journal from a new one.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use store_actors::domain::record::{Hash, Tip};

use super::{failed::OpenFailed, store::Head};
use crate::crash;

/// How far the journal had come when this was written; at the end of the run if `clean`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    pub clean: bool,
    pub seq: u64,
    pub hash: Hash,
    pub payments: u64,
}

impl Marker {
    pub(super) fn of(head: &Head, clean: bool) -> Self {
        Self {
            clean,
            seq: head.tip.seq,
            hash: head.tip.hash,
            payments: head.payments,
        }
    }

    pub(super) fn tip(&self) -> Tip {
        Tip {
            seq: self.seq,
            hash: self.hash,
        }
    }
}

#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    /// Locked until it is dropped.
    _lock: File,
}

impl Directory {
    /// Takes the directory for this process; makes it if it isn't there and `create` is set.
    pub(super) fn take(root: &Path, create: bool) -> Result<Self, OpenFailed> {
        if create {
            fs::create_dir_all(root).map_err(disk("create", root))?;
        } else if !root.is_dir() {
            return Err(OpenFailed::Absent {
                dir: root.to_owned(),
            });
        }
        let path = root.join("lock");
        let mut options = File::options();
        let opened = options
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path);
        let mut lock = opened.map_err(disk("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(OpenFailed::InUse {
                    dir: root.to_owned(),
                    holder: holder(&mut lock),
                });
            }
            Err(fs::TryLockError::Error(source)) => return Err(disk("lock", &path)(source)),
        }
        lock.set_len(0).map_err(disk("write", &path))?;
        write!(lock, "{}", std::process::id()).map_err(disk("write", &path))?;
        Ok(Self {
            root: root.to_owned(),
            _lock: lock,
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn store(&self) -> PathBuf {
        self.root.join("sled")
    }

    pub(super) fn guard(&self) -> PathBuf {
        self.root.join("guard")
    }

    pub(super) fn copy(&self) -> PathBuf {
        self.root.join("copy")
    }

    pub(super) fn aside(&self) -> PathBuf {
        self.root.join("aside")
    }

    /// The marker, `None` before the first run. One that can't be read is an error: it might have
    /// said that records exist.
    pub(super) fn marker(&self) -> Result<Option<Marker>, OpenFailed> {
        let path = self.root.join("marker.json");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(disk("read", &path)(source)),
        };
        let marker = serde_json::from_slice(&text).map_err(|cause| OpenFailed::Damaged {
            dir: self.root.clone(),
            why: format!("marker.json is not a marker ({cause})"),
        })?;
        Ok(Some(marker))
    }

    /// Replaces the marker: after this, power may fail and either the old or the new one is there,
    /// whole.
    pub(super) fn write_marker(&self, marker: &Marker) -> io::Result<()> {
        let (path, new) = (self.root.join("marker.json"), self.root.join("marker.new"));
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(marker)?)?;
        file.sync_all()?;
        crash::point("marker-written");
        fs::rename(&new, &path)?;
        crash::point("marker-renamed");
        sync_dir(&self.root)
    }
}

pub(super) fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenFailed {
    let path = path.to_owned();
    move |source| OpenFailed::Disk {
        doing,
        path,
        source,
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn holder(lock: &mut File) -> String {
    let mut pid = String::new();
    match lock.read_to_string(&mut pid) {
        Ok(_) if !pid.is_empty() => format!("process {pid}"),
        _ => "another process".into(),
    }
}
