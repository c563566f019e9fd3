//! An acquirer's bill as the store understands it: what the acquirer says that it moved.
//!
//! `wire/bill` reads the providers' files into this; nothing here knows a format.

use rust_decimal::Decimal;

use crate::domain::{day::Day, timestamp::Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BillKind {
    Payment,
    Refund,
    /// The order was undone after it had been paid.
    Reversal,
}

/// One line of a bill. Amounts are positive, in whole units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillLine {
    /// Of the file, from 1.
    pub line: usize,
    pub kind: BillKind,
    /// The store's order number; empty where the acquirer does not keep it.
    pub order: String,
    /// The store's number of the refund.
    pub refund: Option<String>,
    pub acquirer_ref: Option<String>,
    pub at: Timestamp,
    pub amount: Decimal,
    /// Below zero: given back.
    pub fee: Option<Decimal>,
}

/// A line that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// From 1.
    pub line: usize,
    pub why: String,
}

/// What a file says, and what of it could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// First and last day, where the file says so.
    pub days: Option<(Day, Day)>,
    pub lines: Vec<BillLine>,
    pub bad: Vec<BadLine>,
}

impl Bill {
    /// The days it is of: as it says, or the span of its lines.
    pub fn period(&self, offset_minutes: i32) -> Option<(Day, Day)> {
        self.days.or_else(|| {
            let days = || {
                self.lines
                    .iter()
                    .map(|line| Day::of(line.at, offset_minutes))
            };
            Some((days().min()?, days().max()?))
        })
    }
}
