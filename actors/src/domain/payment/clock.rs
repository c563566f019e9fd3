//! An acquirer's clock, as data: how long to wait for it, when to ask again, when to undo.

use serde::{Deserialize, Serialize};

/// Every figure in milliseconds, measured from the moment the request was submitted unless it says
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcquirerClock {
    /// How long one request may take before it counts as unanswered.
    pub answer_timeout_ms: u64,
    /// Pause before the first query.
    pub first_query_ms: u64,
    /// Pause between queries.
    pub query_interval_ms: u64,
    /// From here on an order without an outcome is undone.
    pub give_up_ms: u64,
    /// A reversal is not sent earlier than this (WeChat Pay: 15 s).
    pub reverse_not_before_ms: u64,
    /// Pause between two reversals; doubled at each, up to sixteen times.
    pub reverse_interval_ms: u64,
    /// How long a QR shown to the customer stays payable before it is closed.
    pub qr_expiry_ms: u64,
    /// Pause before a refund without an outcome is repeated.
    pub refund_interval_ms: u64,
}

impl AcquirerClock {
    /// Figures for a usual wallet acquirer: query every 5 s, give up at 60 s.
    pub const USUAL: AcquirerClock = AcquirerClock {
        answer_timeout_ms: 10_000,
        first_query_ms: 5_000,
        query_interval_ms: 5_000,
        give_up_ms: 60_000,
        reverse_not_before_ms: 0,
        reverse_interval_ms: 2_000,
        qr_expiry_ms: 120_000,
        refund_interval_ms: 10_000,
    };

    /// The same clock, `speed` times as fast: for laboratories.
    pub fn sped_up(self, speed: u64) -> Self {
        let speed = speed.max(1);
        Self {
            answer_timeout_ms: (self.answer_timeout_ms / speed).max(100),
            first_query_ms: self.first_query_ms / speed,
            query_interval_ms: (self.query_interval_ms / speed).max(10),
            give_up_ms: self.give_up_ms / speed,
            reverse_not_before_ms: self.reverse_not_before_ms / speed,
            reverse_interval_ms: (self.reverse_interval_ms / speed).max(10),
            qr_expiry_ms: self.qr_expiry_ms / speed,
            refund_interval_ms: (self.refund_interval_ms / speed).max(10),
        }
    }
}
