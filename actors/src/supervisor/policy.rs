//! When a dead child comes back: back-off, budget, quarantine. Pure but for tokio's clock in the
//! arguments.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::ports::Entropy;

/// How a child is watched and brought back.
#[derive(Clone, Copy, Debug)]
pub struct RestartPolicy {
    /// Wait before the first restart; doubled at each further death.
    pub first_delay: Duration,
    /// The longest wait while the budget lasts.
    pub max_delay: Duration,
    /// Each wait is longer or shorter by up to this part of it, 0 to 100 per cent, so that siblings
    /// do not come in step.
    pub jitter_percent: u8,
    /// Deaths within `window` that are taken as bad luck. One more means quarantine.
    pub budget: usize,
    pub window: Duration,
    /// Wait before each attempt in quarantine.
    pub quarantine_delay: Duration,
    /// A life this long clears the record: full budget, shortest delay.
    pub healthy_after: Duration,
    /// From an answered heartbeat to the next one.
    pub heartbeat_every: Duration,
    /// A heartbeat unanswered for so long means frozen.
    pub heartbeat_bound: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(5),
            jitter_percent: 20,
            budget: 5,
            window: Duration::from_secs(60),
            quarantine_delay: Duration::from_secs(30),
            healthy_after: Duration::from_secs(60),
            heartbeat_every: Duration::from_secs(1),
            heartbeat_bound: Duration::from_secs(2),
        }
    }
}

/// What follows a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Restart { after: Duration },
    Quarantine { after: Duration },
}

/// A child's deaths, as far as they still count.
#[derive(Debug)]
pub(super) struct Budget {
    policy: RestartPolicy,
    deaths: VecDeque<Instant>,
    doublings: u32,
    quarantined: bool,
}

impl Budget {
    pub(super) fn new(policy: RestartPolicy) -> Self {
        Self {
            policy,
            deaths: VecDeque::new(),
            doublings: 0,
            quarantined: false,
        }
    }

    /// A life that began at `born` ended at `now`.
    pub(super) fn death(&mut self, born: Instant, now: Instant, entropy: &dyn Entropy) -> Verdict {
        let policy = self.policy;
        if now.duration_since(born) >= policy.healthy_after {
            *self = Self::new(policy);
        }
        self.deaths.push_back(now);
        while self
            .deaths
            .front()
            .is_some_and(|first| now.duration_since(*first) > policy.window)
        {
            self.deaths.pop_front();
        }
        if self.quarantined || self.deaths.len() > policy.budget {
            self.quarantined = true;
            self.deaths.clear();
            return Verdict::Quarantine {
                after: self.jittered(policy.quarantine_delay, entropy),
            };
        }
        let factor = 1u32.checked_shl(self.doublings).unwrap_or(u32::MAX);
        self.doublings = self.doublings.saturating_add(1).min(31);
        let delay = policy
            .first_delay
            .saturating_mul(factor)
            .min(policy.max_delay);
        Verdict::Restart {
            after: self.jittered(delay, entropy),
        }
    }

    fn jittered(&self, delay: Duration, entropy: &dyn Entropy) -> Duration {
        jittered(delay, self.policy.jitter_percent, entropy)
    }
}

/// `delay`, longer or shorter by up to `percent` of it.
pub(crate) fn jittered(delay: Duration, percent: u8, entropy: &dyn Entropy) -> Duration {
    let mut random = [0u8; 2];
    entropy.fill(&mut random);
    let percent = u32::from(percent.min(100));
    // per mille of the delay: from 1000 - spread to 1000 + spread
    let spread = percent * 10;
    let at = u32::from(u16::from_be_bytes(random)) * (2 * spread) / u32::from(u16::MAX);
    delay.saturating_mul(1_000 - spread + at) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    fn policy() -> RestartPolicy {
        RestartPolicy {
            jitter_percent: 0,
            ..RestartPolicy::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn delays_double_up_to_the_longest_and_then_it_is_quarantine() {
        let mut budget = Budget::new(RestartPolicy {
            max_delay: Duration::from_millis(700),
            ..policy()
        });
        let now = Instant::now();
        for ms in [100, 200, 400, 700, 700] {
            let after = Duration::from_millis(ms);
            assert_eq!(
                budget.death(now, now, &Fixed(0)),
                Verdict::Restart { after }
            );
        }
        let after = Duration::from_secs(30);
        assert_eq!(
            budget.death(now, now, &Fixed(0)),
            Verdict::Quarantine { after }
        );
        // out of quarantine only after a healthy life
        let later = now + Duration::from_secs(59);
        assert_eq!(
            budget.death(now, later, &Fixed(0)),
            Verdict::Quarantine { after }
        );
        let healthy = later + Duration::from_secs(60);
        let after = Duration::from_millis(100);
        assert_eq!(
            budget.death(later, healthy, &Fixed(0)),
            Verdict::Restart { after }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn deaths_older_than_the_window_do_not_count() {
        let mut budget = Budget::new(policy());
        let mut now = Instant::now();
        for _ in 0..50 {
            let born = now;
            now += Duration::from_secs(13);
            assert!(matches!(
                budget.death(born, now, &Fixed(0)),
                Verdict::Restart { .. }
            ));
        }
    }

    #[test]
    fn jitter_stays_within_its_part() {
        let second = Duration::from_secs(1);
        assert_eq!(jittered(second, 20, &Fixed(0)), Duration::from_millis(800));
        assert_eq!(
            jittered(second, 20, &Fixed(0xff)),
            Duration::from_millis(1_200)
        );
        assert_eq!(jittered(second, 0, &Fixed(0x5a)), second);
        assert_eq!(jittered(Duration::MAX, 100, &Fixed(0)), Duration::ZERO);
    }
}
