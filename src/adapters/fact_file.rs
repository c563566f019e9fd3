//! An append-only file of facts, each on stable storage when `add` returns: for the books that
//! drivers keep of their own.
//!
//! One line is one fact: its CRC32C in hexadecimal, and JSON. A last line that a crash tore is cut
//! off, since what it was about has not left; a damaged line inside is an error, since what follows
//! can't be trusted. After a failed write the file takes nothing more until it is opened again.
//! What facts mean, and which are too old to keep, is their owner's.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::private_file;

#[derive(Debug)]
pub(super) struct FactFile {
    path: PathBuf,
    /// `None` after a failed write.
    file: Option<File>,
    /// Held: two programs that write one file would lose each other's lines.
    _lock: File,
}

impl FactFile {
    /// Opens the file; no facts if it is not there. `WouldBlock` while another program has it open.
    /// It takes facts after the first `write_anew`.
    pub(super) fn open<F: DeserializeOwned>(path: &Path) -> io::Result<(Self, Vec<F>)> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.with_extension("lock"))?;
        lock.try_lock()?;
        let facts = match File::open(path) {
            Ok(mut file) => {
                let mut text = Zeroizing::new(String::new());
                file.read_to_string(&mut text)?;
                read(&text)?
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => return Err(cause),
        };
        let opened = Self {
            path: path.to_owned(),
            file: None,
            _lock: lock,
        };
        Ok((opened, facts))
    }

    /// Whether it takes facts.
    pub(super) const fn is_open(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn add(&mut self, fact: &impl Serialize) -> io::Result<()> {
        let line = line(fact)?;
        let stopped = || io::Error::other("the book has failed: look at its disk");
        let mut file = self.file.take().ok_or_else(stopped)?;
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        self.file = Some(file);
        Ok(())
    }

    /// In the place of all that was there.
    pub(super) fn write_anew<F: Serialize>(&mut self, facts: &[F]) -> io::Result<()> {
        self.file = None;
        let mut bytes = Zeroizing::new(Vec::new());
        for fact in facts {
            bytes.extend_from_slice(line(fact)?.as_bytes());
        }
        private_file::write(&self.path, &bytes)?;
        let mut options = OpenOptions::new();
        self.file = Some(options.append(true).mode(0o600).open(&self.path)?);
        Ok(())
    }
}

fn line(fact: &impl Serialize) -> io::Result<String> {
    let json = serde_json::to_string(fact)?;
    Ok(format!("{:08x} {json}\n", crc32c::crc32c(json.as_bytes())))
}

fn read<F: DeserializeOwned>(text: &str) -> io::Result<Vec<F>> {
    let mut facts = Vec::new();
    let mut lines = text.split_inclusive('\n').enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        match fact_of(line) {
            Some(fact) => facts.push(fact),
            None if lines.peek().is_none() => break,
            None => {
                let why = format!("line {} is damaged", number + 1);
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        }
    }
    Ok(facts)
}

fn fact_of<F: DeserializeOwned>(line: &str) -> Option<F> {
    let (sum, json) = line.strip_suffix('\n')?.split_once(' ')?;
    let sum = u32::from_str_radix(sum, 16).ok()?;
    (sum == crc32c::crc32c(json.as_bytes()))
        .then(|| serde_json::from_str(json).ok())
        .flatten()
}
