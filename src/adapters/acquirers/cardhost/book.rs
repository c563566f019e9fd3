//! The terminal's book: an append-only file of facts, on stable storage before what they are about
//! leaves the house, so that trace numbers and the data of each charge survive a crash.
//!
//! One line is one fact: its CRC32C in hexadecimal, and JSON. A last line that a crash tore is cut
//! off; a damaged line inside is an error, since what follows can't be trusted. Each day, and at
//! each start, the book is written anew without what is too old to be voided or refunded. After a
//! failed write it takes nothing more until the next start. Card numbers are in it only as
//! [`Seal`](super::seal::Seal) leaves them.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use store_actors::wire::iso8583::Trace;
use zeroize::Zeroizing;

use super::pages::{Fact, Pages, STAN_MAX};
use crate::adapters::private_file;

/// Trace numbers reserved at once: an echo needs one, and shall not need a line.
const RESERVED_AT_ONCE: u32 = 100;
const DAY_MS: i64 = 86_400_000;

pub(super) struct Book {
    pub(super) pages: Pages,
    path: PathBuf,
    /// `None` after a failed write.
    file: Option<File>,
    /// The last trace number given out; those up to `pages.stan` are reserved on disk.
    stan: u32,
    keep_ms: i64,
    written_anew_ms: i64,
    /// Held: two programs that write one book would lose each other's lines.
    _lock: File,
}

impl Book {
    /// Opens the book, or begins one. `WouldBlock` while another program has it open.
    pub(super) fn open(path: &Path, now_ms: i64, keep_days: u32) -> io::Result<Self> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.with_extension("lock"))?;
        lock.try_lock()?;
        let keep_ms = i64::from(keep_days).saturating_mul(DAY_MS);
        let pages = match File::open(path) {
            Ok(mut file) => {
                let mut text = String::new();
                file.read_to_string(&mut text)?;
                read(&text)?
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Pages {
                begun_ms: now_ms,
                ..Pages::default()
            },
            Err(cause) => return Err(cause),
        };
        let mut book = Self {
            stan: pages.stan,
            pages,
            path: path.to_owned(),
            file: None,
            keep_ms,
            written_anew_ms: now_ms,
            _lock: lock,
        };
        book.write_anew(now_ms)?;
        Ok(book)
    }

    /// Writes a fact; it is on stable storage when this returns.
    pub(super) fn add(&mut self, fact: Fact, now_ms: i64) -> io::Result<()> {
        if now_ms.saturating_sub(self.written_anew_ms) >= DAY_MS && self.file.is_some() {
            self.write_anew(now_ms)?;
        }
        let line = line(&fact)?;
        let stopped = || io::Error::other("the book has failed: look at its disk");
        let mut file = self.file.take().ok_or_else(stopped)?;
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        self.file = Some(file);
        self.pages.add(fact);
        Ok(())
    }

    /// The next numbers to send under; used, whatever becomes of the message.
    pub(super) fn next_trace(&mut self, batch: u32, now_ms: i64) -> io::Result<Trace> {
        let next = self.stan % STAN_MAX + 1;
        let is_reserved = next > 1 && next <= self.pages.stan;
        if !is_reserved {
            let through = next.saturating_add(RESERVED_AT_ONCE).min(STAN_MAX);
            self.add(Fact::Reserved { through }, now_ms)?;
        }
        self.stan = next;
        let batch = self.pages.batch.unwrap_or(batch);
        Ok(Trace { stan: next, batch })
    }

    fn write_anew(&mut self, now_ms: i64) -> io::Result<()> {
        self.file = None;
        let mut bytes = Zeroizing::new(Vec::new());
        let mut pages = Pages::default();
        for fact in self.pages.facts(now_ms.saturating_sub(self.keep_ms)) {
            bytes.extend_from_slice(line(&fact)?.as_bytes());
            pages.add(fact);
        }
        private_file::write(&self.path, &bytes)?;
        self.pages = pages;
        self.written_anew_ms = now_ms;
        let mut options = OpenOptions::new();
        self.file = Some(options.append(true).mode(0o600).open(&self.path)?);
        Ok(())
    }
}

fn line(fact: &Fact) -> io::Result<String> {
    let json = serde_json::to_string(fact)?;
    Ok(format!("{:08x} {json}\n", crc32c::crc32c(json.as_bytes())))
}

fn read(text: &str) -> io::Result<Pages> {
    let mut pages = Pages::default();
    let mut lines = text.split_inclusive('\n').enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        match fact_of(line) {
            Some(fact) => pages.add(fact),
            // torn by a crash: what it was about has not left
            None if lines.peek().is_none() => break,
            None => {
                let why = format!("line {} is damaged", number + 1);
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
        }
    }
    Ok(pages)
}

fn fact_of(line: &str) -> Option<Fact> {
    let (sum, json) = line.strip_suffix('\n')?.split_once(' ')?;
    let sum = u32::from_str_radix(sum, 16).ok()?;
    (sum == crc32c::crc32c(json.as_bytes()))
        .then(|| serde_json::from_str(json).ok())
        .flatten()
}
