//! What the back office reads of the journal.

use super::{JournalFailed, Reply};
use crate::domain::{
    day::Day,
    office::{entry::Entry, movement::Movement},
};

/// The movements of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayMovements {
    pub mark: u64,
    pub movements: Vec<Movement>,
}

/// Movements by day and the office's entries. A disk that keeps none refuses.
pub trait BooksDisk {
    /// The movements that were confirmed on this business day, with a mark that changes whenever
    /// they do; `None` if the mark is still `known`.
    fn movements(
        &self,
        _day: Day,
        _known: Option<u64>,
    ) -> Reply<'_, Result<Option<DayMovements>, JournalFailed>> {
        Box::pin(async { Err(keeps_no_books()) })
    }

    /// The back office's entries whose keys begin with `prefix`, as they are now, the last keys
    /// first, at most so many.
    fn entries(
        &self,
        _prefix: &str,
        _limit: usize,
    ) -> Reply<'_, Result<Vec<Entry>, JournalFailed>> {
        Box::pin(async { Err(keeps_no_books()) })
    }
}

fn keeps_no_books() -> JournalFailed {
    JournalFailed::Refused("this disk keeps no books".to_owned())
}
