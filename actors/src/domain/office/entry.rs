//! What the back office writes down: one thing as it is after its last step.
//!
//! As with payments, a record carries the whole of it, so that the latest is found under its key
//! without reading what came before.

use serde::{Deserialize, Serialize};

use super::{books::Books, difference::Difference, shift::Shift};
use crate::domain::{day::Day, ids::{AcquirerId, CounterId}, timestamp::Timestamp};

/// The body of an `office` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    Shift(Shift),
    Books(Books),
    Bill(BillRead),
    Difference(Difference),
}

/// A bill that was read and compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillRead {
    /// SHA-256 of the file: the same file is read once.
    pub sha256: String,
    pub name: String,
    pub acquirer: AcquirerId,
    pub from: Day,
    pub until: Day,
    pub read_at: Timestamp,
    pub lines: u64,
    pub bad_lines: u64,
    /// Lines that are as the store's records are.
    pub matched: u64,
    pub differences: u64,
}

impl Entry {
    /// Under which its latest is kept. Shifts and books sort by number and day.
    pub fn key(&self) -> String {
        match self {
            Entry::Shift(shift) => format!("{}{:010}", shifts_of(&shift.counter), shift.number),
            Entry::Books(books) => format!("{BOOKS}{}", books.day),
            Entry::Bill(bill) => format!("{BILLS}{}", bill.sha256),
            Entry::Difference(one) => format!("{DIFFERENCES}{}", one.id),
        }
    }
}

pub const SHIFTS: &str = "shift/";
pub const BOOKS: &str = "books/";
pub const BILLS: &str = "bill/";
pub const DIFFERENCES: &str = "difference/";

/// The prefix of a counter's shifts.
pub fn shifts_of(counter: &CounterId) -> String {
    format!("{SHIFTS}{counter}/")
}
