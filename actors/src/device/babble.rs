//! Whether a device talks nonsense: a few bad messages happen on any line, many in a short time
//! mean a wrong baud rate, a wrong device or a broken cable, and are shown (DEV-1).

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// When nonsense becomes a fault.
#[derive(Clone, Copy, Debug)]
pub struct BabbleSettings {
    /// So many bad messages or runs of garbage, at least 1, …
    pub limit: usize,
    /// … within this time. It ends when no more than `limit` of them are within it.
    pub window: Duration,
}

impl Default for BabbleSettings {
    fn default() -> Self {
        Self {
            limit: 4,
            window: Duration::from_secs(10),
        }
    }
}

/// The nonsense of late.
#[derive(Debug)]
pub(super) struct Babble {
    settings: BabbleSettings,
    /// At most `limit` points of time.
    heard: VecDeque<Instant>,
}

impl Babble {
    pub(super) fn new(settings: BabbleSettings) -> Self {
        Self {
            settings,
            heard: VecDeque::new(),
        }
    }

    pub(super) fn hear(&mut self, now: Instant) {
        if self.heard.len() >= self.settings.limit.max(1) {
            self.heard.pop_front();
        }
        self.heard.push_back(now);
    }

    /// What to tell people, while it is too much.
    pub(super) fn complaint(&self, now: Instant) -> Option<String> {
        let limit = self.settings.limit.max(1);
        let oldest = self.heard.front()?;
        let recent = now.duration_since(*oldest) <= self.settings.window;
        (self.heard.len() >= limit && recent).then(|| {
            let window_s = self.settings.window.as_secs();
            format!("{limit} or more messages within {window_s} s made no sense")
        })
    }

    pub(super) fn forget(&mut self) {
        self.heard.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_babble_when_it_is_often_and_ends_with_time() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut babble = Babble::new(BabbleSettings::default());
        for s in [0, 5, 9] {
            babble.hear(at(s));
            assert_eq!(babble.complaint(at(s)), None);
        }
        babble.hear(at(11)); // four, but in 11 s
        assert_eq!(babble.complaint(at(11)), None);
        babble.hear(at(12)); // 5, 9, 11, 12
        assert!(babble.complaint(at(12)).is_some());
        assert!(babble.complaint(at(15)).is_some());
        assert_eq!(babble.complaint(at(16)), None);
        babble.hear(at(16));
        assert!(babble.complaint(at(16)).is_some());
        babble.forget();
        assert_eq!(babble.complaint(at(16)), None);
    }
}
