//! The terminal's book: facts in a file, on stable storage before what they are about leaves the
//! house, so that trace numbers and the data of each charge survive a crash.
//!
//! Each day, and at each start, the book is written anew without what is too old to be voided or
//! refunded. Card numbers are in it only as [`Seal`](super::seal::Seal) leaves them.

use std::{io, path::Path};

use store_actors::wire::iso8583::Trace;

use super::pages::{Fact, Pages, STAN_MAX};
use crate::adapters::fact_file::FactFile;

/// Trace numbers reserved at once: an echo needs one, and shall not need a line.
const RESERVED_AT_ONCE: u32 = 100;
const DAY_MS: i64 = 86_400_000;

pub(super) struct Book {
    pub(super) pages: Pages,
    file: FactFile,
    /// The last trace number given out; those up to `pages.stan` are reserved on disk.
    stan: u32,
    keep_ms: i64,
    written_anew_ms: i64,
}

impl Book {
    /// Opens the book, or begins one. `WouldBlock` while another program has it open.
    pub(super) fn open(path: &Path, now_ms: i64, keep_days: u32) -> io::Result<Self> {
        let (file, facts) = FactFile::open(path)?;
        let keep_ms = i64::from(keep_days).saturating_mul(DAY_MS);
        let mut pages = Pages::default();
        if facts.is_empty() {
            pages.begun_ms = now_ms;
        }
        facts.into_iter().for_each(|fact| pages.add(fact));
        let mut book = Self {
            stan: pages.stan,
            pages,
            file,
            keep_ms,
            written_anew_ms: now_ms,
        };
        book.write_anew(now_ms)?;
        Ok(book)
    }

    /// Writes a fact; it is on stable storage when this returns.
    pub(super) fn add(&mut self, fact: Fact, now_ms: i64) -> io::Result<()> {
        if now_ms.saturating_sub(self.written_anew_ms) >= DAY_MS && self.file.is_open() {
            self.write_anew(now_ms)?;
        }
        self.file.add(&fact)?;
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
        let facts = self.pages.facts(now_ms.saturating_sub(self.keep_ms));
        self.file.write_anew(&facts)?;
        let mut pages = Pages::default();
        facts.into_iter().for_each(|fact| pages.add(fact));
        self.pages = pages;
        self.written_anew_ms = now_ms;
        Ok(())
    }
}
