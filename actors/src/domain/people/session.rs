//! How long a sign-in holds.

use serde::{Deserialize, Serialize};

use super::Role;
use crate::domain::timestamp::Timestamp;

/// The bounds, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRules {
    /// Without anything done.
    pub idle_ms: u64,
    /// From the sign-in on, whatever is done.
    pub longest_ms: u64,
}

/// One sign-in. What proves it is kept beside it, as a hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub person: String,
    pub began_at: Timestamp,
    /// When its owner last did something.
    pub seen_at: Timestamp,
    /// The person's secret as it was (`Person::generation`): a new one ends all sessions before it.
    pub generation: u32,
}

impl Session {
    /// When it ends if nothing more is done. A cashier's screen is the counter's and stands there
    /// between customers, so only the day ends it.
    pub fn ends_at(&self, role: Role, rules: &SessionRules) -> Timestamp {
        let longest = self.began_at.plus_ms(rules.longest_ms);
        match role {
            Role::Cashier => longest,
            _ => longest.min(self.seen_at.plus_ms(rules.idle_ms)),
        }
    }

    /// A clock that was set back before the sign-in ends it as well: how long it has held can't be
    /// told any more.
    pub fn holds(&self, role: Role, now: Timestamp, rules: &SessionRules) -> bool {
        const CLOCK_SLACK_MS: u64 = 60_000;
        now < self.ends_at(role, rules) && self.began_at <= now.plus_ms(CLOCK_SLACK_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: SessionRules = SessionRules {
        idle_ms: 1_000,
        longest_ms: 10_000,
    };

    #[test]
    fn a_session_ends_idle_or_old() {
        let at = |ms| Timestamp::from_unix_ms(1_800_000_000_000).plus_ms(ms);
        let session = |seen| Session {
            person: "L".into(),
            began_at: at(0),
            seen_at: at(seen),
            generation: 0,
        };
        for (role, seen, now, holds) in [
            (Role::Manager, 0, 999, true),
            (Role::Manager, 0, 1_000, false),
            (Role::Manager, 900, 1_800, true),
            (Role::Manager, 9_900, 10_000, false),
            (Role::Cashier, 0, 9_999, true),
            (Role::Cashier, 9_999, 10_000, false),
        ] {
            let session = session(seen);
            assert_eq!(
                session.holds(role, at(now), &RULES),
                holds,
                "{role:?} {seen} {now}"
            );
        }
        let long_before = Timestamp::from_unix_ms(1_700_000_000_000);
        assert!(!session(0).holds(Role::Cashier, long_before, &RULES));
    }
}
