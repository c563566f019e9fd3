//! Whether the way to an acquirer can be used, judged from an active probe: on loss and on
//! slowness, with hysteresis.
//!
//! A pure state machine over samples, one per probe, whether there are sales or not. A single lost
//! packet closes nothing, and a single answer out of an outage opens nothing: money is taken
//! offline, or refused, on this judgement.

use std::collections::VecDeque;

use serde::Serialize;

/// When a link counts as down, and when as up again. Figures count samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkRules {
    /// Lost one after the other, and the link is down.
    pub lost_in_a_row: u32,
    /// Lost among the last `window`, and the link is down, though answers come between.
    pub lost_in_window: u32,
    /// Samples remembered.
    pub window: usize,
    /// An answer that takes longer than this is slow, milliseconds.
    pub slow_ms: u64,
    /// Slow one after the other, and the link is down.
    pub slow_in_a_row: u32,
    /// Answered and not slow, one after the other, and the link is up again.
    pub good_in_a_row: u32,
}

impl LinkRules {
    pub const USUAL: LinkRules = LinkRules {
        lost_in_a_row: 2,
        lost_in_window: 4,
        window: 10,
        slow_ms: 4_000,
        slow_in_a_row: 3,
        good_in_a_row: 3,
    };
}

/// What one probe told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    Answered { took_ms: u64 },
    Lost,
}

/// Why a link is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    Lost,
    Slow,
}

/// The judgement so far. A link begins up: the first probes tell.
#[derive(Clone, Debug)]
pub struct Link {
    rules: LinkRules,
    trouble: Option<Trouble>,
    /// Whether each of the last samples was lost.
    recent: VecDeque<bool>,
    lost: u32,
    slow: u32,
    good: u32,
}

impl Link {
    pub fn new(rules: LinkRules) -> Self {
        Self {
            rules,
            trouble: None,
            recent: VecDeque::new(),
            lost: 0,
            slow: 0,
            good: 0,
        }
    }

    /// It was judged down before this judge: the same way back.
    pub const fn was_down(&mut self) {
        self.trouble = Some(Trouble::Lost);
    }

    pub const fn is_up(&self) -> bool {
        self.trouble.is_none()
    }

    pub const fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    /// Takes one sample in.
    pub fn sampled(&mut self, sample: Sample) {
        let is_lost = sample == Sample::Lost;
        self.recent.push_back(is_lost);
        while self.recent.len() > self.rules.window {
            self.recent.pop_front();
        }
        let is_slow =
            matches!(sample, Sample::Answered { took_ms } if took_ms > self.rules.slow_ms);
        self.lost = run(self.lost, is_lost);
        self.slow = run(self.slow, is_slow);
        self.good = run(self.good, !is_lost && !is_slow);
        match self.trouble {
            None => self.trouble = self.worsened(),
            Some(_) if self.good >= self.rules.good_in_a_row => {
                self.trouble = None;
                self.recent.clear();
            }
            Some(_) => {}
        }
    }

    fn worsened(&self) -> Option<Trouble> {
        let lost_lately = self.recent.iter().filter(|is_lost| **is_lost).count();
        let lost_lately = u32::try_from(lost_lately).unwrap_or(u32::MAX);
        if self.lost >= self.rules.lost_in_a_row || lost_lately >= self.rules.lost_in_window {
            return Some(Trouble::Lost);
        }
        (self.slow >= self.rules.slow_in_a_row).then_some(Trouble::Slow)
    }
}

const fn run(so_far: u32, goes_on: bool) -> u32 {
    if goes_on { so_far.saturating_add(1) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.` answered, `s` answered slowly, `x` lost; beside it, whether the link is up after each.
    fn judged(samples: &str) -> String {
        let mut link = Link::new(LinkRules::USUAL);
        let judge = |sample| {
            link.sampled(match sample {
                '.' => Sample::Answered { took_ms: 80 },
                's' => Sample::Answered { took_ms: 4_001 },
                _ => Sample::Lost,
            });
            match link.trouble() {
                None => 'u',
                Some(Trouble::Lost) => 'L',
                Some(Trouble::Slow) => 'S',
            }
        };
        samples.chars().map(judge).collect()
    }

    #[test]
    fn loss_slowness_and_the_way_back() {
        for (samples, up) in [
            (".....", "uuuuu"),
            ("x.x.", "uuuu"),
            ("xx..x..", "uLLLLLL"),
            ("xx...", "uLLLu"),
            // four of the last ten are enough, and what was counted once is forgotten after
            ("x.x.x.x...", "uuuuuuLLLu"),
            ("x.x.x.x....", "uuuuuuLLLuu"),
            ("ss.ss", "uuuuu"),
            ("sss.s...", "uuSSSSSu"),
            // slow answers are no way back
            ("xxsss...", "uLLLLLLu"),
        ] {
            assert_eq!(judged(samples), up, "{samples}");
        }
    }
}
