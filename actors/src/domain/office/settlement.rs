//! A batch that was settled with an acquirer: what both sides counted, and whether it was the same.

use serde::{Deserialize, Serialize};

use crate::domain::{day::Day, ids::AcquirerId, money::Money, timestamp::Timestamp};

/// So many transactions, and their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    pub count: u64,
    pub money: Money,
}

/// A settled batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    pub acquirer: AcquirerId,
    /// The terminal's number for it; numbers come again.
    pub batch: u64,
    pub settled_at: Timestamp,
    /// Taken from customers.
    pub debits: Side,
    /// Given back to them.
    pub credits: Side,
    /// Whether the acquirer counted the same.
    pub balanced: bool,
    /// Transactions told one by one.
    pub uploaded: u64,
}

impl Settlement {
    /// Whether a batch whose first transaction was made at `since` is to be settled at `now`: its
    /// business day has ended.
    pub const fn is_due(since: Timestamp, now: Timestamp, offset_minutes: i32) -> bool {
        let begun = Day::of(since, offset_minutes);
        Day::of(now, offset_minutes).days_since(begun) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_due_once_its_day_has_ended_where_the_store_is() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let evening = at("2026-11-26T15:00:00.000Z");
        // Shanghai is eight hours ahead: its midnight is at four in the afternoon
        for (now, offset_minutes, is_due) in [
            ("2026-11-26T15:59:59.000Z", 480, false),
            ("2026-11-26T16:00:00.000Z", 480, true),
            ("2026-11-26T16:00:00.000Z", 0, false),
            ("2026-11-29T00:00:00.000Z", 0, true),
            // the clock was set back
            ("2026-11-20T00:00:00.000Z", 0, false),
        ] {
            let due = Settlement::is_due(evening, at(now), offset_minutes);
            assert_eq!(due, is_due, "{now}");
        }
    }
}
