//! Bills that a provider hands out: asked for by day, as the provider writes them down.
//!
//! They are ready on the next day, around ten o'clock. What stands in them is `wire/bill`'s to
//! read.

use store_actors::{
    domain::{day::Day, payment::NoAnswer},
    ports::Reply,
};

/// A bill as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillFile {
    /// What the file's name ends in: `zip` or `csv`.
    pub extension: &'static str,
    pub bytes: Vec<u8>,
}

/// A driver whose provider hands out bills.
pub trait BillSource: Send + Sync {
    /// All trades of a day.
    ///
    /// # Errors
    /// There is none yet, or it is not the provider's.
    fn bill(&self, day: Day) -> Reply<'_, Result<BillFile, NoAnswer>>;
}
