//! The terminal's heartbeat: when to ask, what counts as an answer, when silence means mute.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::wire::nexo::ServiceId;

/// Heartbeats that may be unanswered and still be remembered: those of the bound and a few more.
const REMEMBERED: usize = 16;

#[derive(Debug)]
pub(super) struct Heart {
    bound: Duration,
    next_at: Instant,
    sent: VecDeque<ServiceId>,
    /// Since when the terminal owes an answer.
    owing: Option<Instant>,
    looked_at: Instant,
}

impl Heart {
    pub(super) fn new(bound: Duration, now: Instant) -> Self {
        Self {
            bound,
            next_at: now,
            sent: VecDeque::new(),
            owing: None,
            looked_at: now,
        }
    }

    /// A new connection: ask at once, forget what was asked on the old one.
    pub(super) fn begin(&mut self, now: Instant) {
        *self = Self::new(self.bound, now);
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next_at
    }

    pub(super) fn asked(&mut self, id: ServiceId, now: Instant, next_in: Duration) {
        if self.sent.len() >= REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back(id);
        self.owing.get_or_insert(now);
        self.next_at = now + next_in;
    }

    /// Whether this answers a heartbeat of this connection.
    pub(super) fn answered(&mut self, id: &ServiceId) -> bool {
        let ours = self.sent.contains(id);
        if ours {
            self.sent.clear();
            self.owing = None;
        }
        ours
    }

    /// Whether the terminal has been silent for too long. Must be called often: a gap between two
    /// calls means that this program was held up, and is not held against the terminal.
    pub(super) fn is_mute(&mut self, now: Instant) -> bool {
        let gap = now.duration_since(self.looked_at);
        self.looked_at = now;
        if gap > self.bound / 4 {
            self.owing = self.owing.map(|since| (since + gap).min(now));
        }
        self.owing
            .is_some_and(|since| now.duration_since(since) >= self.bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ServiceId {
        ServiceId::new(text).expect("an id")
    }

    #[test]
    fn silence_is_mute_after_the_bound_unless_the_program_itself_was_held_up() {
        let bound = Duration::from_secs(4);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut heart = Heart::new(bound, start);
        assert!(heart.is_due(start) && !heart.is_mute(start));
        heart.asked(id("A"), start, bound / 2);
        for ms in (500..4_000).step_by(500) {
            assert!(!heart.is_mute(at(ms)), "{ms}");
        }
        assert!(heart.is_mute(at(4_000)));
        assert!(!heart.answered(&id("B")));
        assert!(heart.answered(&id("A")));
        assert!(!heart.is_mute(at(4_500)));
        heart.asked(id("C"), at(4_500), bound / 2);
        // nobody looked for twenty seconds: the answer may lie there unread
        assert!(!heart.is_mute(at(24_500)));
        assert!(heart.answered(&id("C")) && !heart.answered(&id("C")));
    }
}
