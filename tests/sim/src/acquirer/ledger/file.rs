//! The ledger's file: append, sync, and read back with a torn end.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::fact::Line;
use crate::acquirer::error::AcquirerError;

/// The file, locked against a second writer, positioned at its end.
#[derive(Debug)]
pub(super) struct LedgerFile {
    file: File,
    path: PathBuf,
}

impl LedgerFile {
    pub fn open(path: &Path) -> Result<(Self, Vec<Line>), AcquirerError> {
        let name = path.display();
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| AcquirerError::io(format!("open the ledger {name}"), e))?;
        file.try_lock().map_err(|e| {
            AcquirerError::io(format!("{name} is another acquirer's ledger"), e.into())
        })?;
        let fail = |e| AcquirerError::io(format!("read the ledger {name}"), e);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        let (lines, whole) = parse(path, &bytes)?;
        if whole < bytes.len() as u64 {
            tracing::warn!(ledger = %name, at = whole, "cut off a torn last line");
            file.set_len(whole)
                .and_then(|()| file.sync_data())
                .map_err(fail)?;
        }
        file.seek(SeekFrom::Start(whole)).map_err(fail)?;
        if lines.is_empty() {
            sync_folder(path).map_err(fail)?;
        }
        Ok((
            Self {
                file,
                path: path.to_owned(),
            },
            lines,
        ))
    }

    /// Writes one line and waits until it is on disk.
    pub fn append(&mut self, line: &Line) -> Result<(), AcquirerError> {
        let fail = |e| AcquirerError::io(format!("write {}", self.path.display()), e);
        let mut bytes = serde_json::to_vec(line).map_err(|e| fail(e.into()))?;
        bytes.push(b'\n');
        self.file
            .write_all(&bytes)
            .and_then(|()| self.file.sync_data())
            .map_err(fail)
    }

    pub fn corrupt(&self, line: u64, problem: String) -> AcquirerError {
        AcquirerError::Corrupt {
            path: self.path.clone(),
            line,
            problem,
        }
    }
}

/// The lines of a ledger that somebody else may have open, without its torn end.
pub(super) fn read(path: &Path) -> Result<Vec<Line>, AcquirerError> {
    let bytes = std::fs::read(path)
        .map_err(|e| AcquirerError::io(format!("read the ledger {}", path.display()), e))?;
    parse(path, &bytes).map(|(lines, _)| lines)
}

/// The whole lines, and how many bytes they take. Only the last line may be torn: it lacks its line
/// feed.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Line>, u64), AcquirerError> {
    let mut lines = Vec::new();
    let mut whole = 0u64;
    for raw in bytes.split_inclusive(|byte| *byte == b'\n') {
        if !raw.ends_with(b"\n") {
            break;
        }
        let line = serde_json::from_slice(raw).map_err(|e| AcquirerError::Corrupt {
            path: path.to_owned(),
            line: lines.len() as u64 + 1,
            problem: e.to_string(),
        })?;
        lines.push(line);
        whole += raw.len() as u64;
    }
    Ok((lines, whole))
}

/// A new file's name is on disk only when its folder is.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}
