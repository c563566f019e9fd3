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
    /// From here on an order without an outcome is undone. No request is still on its way then.
    pub give_up_ms: u64,
    /// A reversal is not sent earlier than this (WeChat Pay: 15 s).
    pub reverse_not_before_ms: u64,
    /// A reversal is not sent later than this: what turns out paid is refunded instead.
    pub reverse_not_after_ms: u64,
    /// Pause between two reversals; doubled at each.
    pub reverse_interval_ms: u64,
    /// The acquirer has by itself closed an order that nobody paid until now: one that it does not
    /// know holds no money and never will.
    pub auto_close_ms: u64,
    /// How long a QR shown to the customer stays payable before it is closed.
    pub qr_expiry_ms: u64,
    /// Pause before a refund without an outcome is repeated; doubled at each.
    pub refund_interval_ms: u64,
    /// No pause is doubled beyond this.
    pub interval_max_ms: u64,
}

/// Beyond twice an answer's time-out, for waiting for a place and for scheduling.
const QUESTION_MARGIN_MS: u64 = 5_000;

/// Doublings of a pause at most; `interval_max_ms` usually ends them earlier.
const DOUBLINGS_MAX: u32 = 16;

impl AcquirerClock {
    /// Figures for a usual wallet acquirer: query every 5 s, give up at 60 s, reversals within a
    /// day.
    pub const USUAL: AcquirerClock = AcquirerClock {
        answer_timeout_ms: 10_000,
        first_query_ms: 5_000,
        query_interval_ms: 5_000,
        give_up_ms: 60_000,
        reverse_not_before_ms: 0,
        reverse_not_after_ms: 86_400_000,
        reverse_interval_ms: 2_000,
        auto_close_ms: 7_200_000,
        qr_expiry_ms: 120_000,
        refund_interval_ms: 10_000,
        interval_max_ms: 300_000,
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
            reverse_not_after_ms: self.reverse_not_after_ms / speed,
            reverse_interval_ms: (self.reverse_interval_ms / speed).max(10),
            auto_close_ms: self.auto_close_ms / speed,
            qr_expiry_ms: self.qr_expiry_ms / speed,
            refund_interval_ms: (self.refund_interval_ms / speed).max(10),
            interval_max_ms: (self.interval_max_ms / speed).max(10),
        }
    }

    /// After so long no question that was sent can still be answered.
    pub const fn question_bound_ms(&self) -> u64 {
        self.answer_timeout_ms
            .saturating_mul(2)
            .saturating_add(QUESTION_MARGIN_MS)
    }

    /// `interval_ms` doubled for each attempt after the first, up to the longest pause.
    pub(in crate::domain) fn doubled_ms(&self, interval_ms: u64, attempts: u32) -> u64 {
        let doublings = attempts.saturating_sub(1).min(DOUBLINGS_MAX);
        let longest_ms = self.interval_max_ms.max(interval_ms);
        interval_ms.saturating_mul(1 << doublings).min(longest_ms)
    }

    /// No question is put off for longer than this.
    pub(in crate::domain) fn longest_pause_ms(&self) -> u64 {
        self.interval_max_ms
            .max(self.first_query_ms)
            .max(self.query_interval_ms)
            .max(self.reverse_not_before_ms)
            .max(self.reverse_interval_ms)
            .max(self.refund_interval_ms)
            .max(self.question_bound_ms())
    }
}
