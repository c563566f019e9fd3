//! How often a secret may be guessed: by name and by where the guesses come from.
//!
//! A try counts as failed from its beginning, so that many at the same time are no more than many
//! in turn; what succeeds takes it back. Two failures cost nothing, then each costs a wait, and the
//! fifth locks the name out for a quarter of an hour, which doubles. An unknown name is counted as
//! a known one is, so that nobody learns who works here. What is kept is bounded: the oldest goes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::timestamp::Timestamp;

/// The failure that locks a name out.
pub const NAME_FAILURES_MAX: u32 = 5;
/// The failure that locks out where it comes from: many people may sit behind one address.
pub const SOURCE_FAILURES_MAX: u32 = 30;
/// How long the first lock-out holds, milliseconds.
pub const LOCK_MS: u64 = 15 * 60_000;
/// The longest, milliseconds.
const LOCK_MAX_MS: u64 = 4 * 3_600_000;
/// Failures that cost no wait.
const FREE_FAILURES: u32 = 2;
/// The first wait, milliseconds; it doubles.
const WAIT_MS: u64 = 2_000;
/// What failed so long ago is forgotten, milliseconds.
const FORGET_MS: u64 = 24 * 3_600_000;
/// Names or sources that are kept.
const KEPT_MAX: usize = 1_024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tries {
    failures: u32,
    last: Timestamp,
    /// No try before.
    until: Timestamp,
}

/// What happens with a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// Go on; `locks_out`: if it fails, the name is locked out.
    Go { locks_out: bool },
    /// Not before so many milliseconds.
    Wait { ms: u64, is_locked_out: bool },
}

/// All that failed lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    names: BTreeMap<String, Tries>,
    sources: BTreeMap<String, Tries>,
}

impl Attempts {
    /// A try for `name` from `source` begins.
    pub fn begin(&mut self, name: &str, source: &str, now: Timestamp) -> Try {
        let of = |all: &BTreeMap<String, Tries>, key: &str| {
            let kept = all.get(key).copied().unwrap_or_default();
            if now.since_ms(kept.last) > FORGET_MS {
                Tries::default()
            } else {
                kept
            }
        };
        let (by_name, by_source) = (of(&self.names, name), of(&self.sources, source));
        let wait_ms = by_name
            .until
            .since_ms(now)
            .max(by_source.until.since_ms(now));
        if wait_ms > 0 {
            let is_locked_out =
                by_name.failures >= NAME_FAILURES_MAX || by_source.failures >= SOURCE_FAILURES_MAX;
            return Try::Wait {
                ms: wait_ms,
                is_locked_out,
            };
        }
        let by_name = by_name.failed(now, NAME_FAILURES_MAX, true);
        keep(&mut self.names, name, by_name);
        keep(
            &mut self.sources,
            source,
            by_source.failed(now, SOURCE_FAILURES_MAX, false),
        );
        Try::Go {
            locks_out: by_name.failures >= NAME_FAILURES_MAX,
        }
    }

    /// The try was right.
    pub fn succeeded(&mut self, name: &str, source: &str) {
        self.names.remove(name);
        if let Some(tries) = self.sources.get_mut(source) {
            tries.failures = tries.failures.saturating_sub(1);
            tries.until = Timestamp::default();
        }
    }

    /// What may be kept over a restart: a name that nobody has may be a secret in the wrong field.
    pub fn to_keep(&self, is_known: impl Fn(&str) -> bool, now: Timestamp) -> Self {
        let recent = |all: &BTreeMap<String, Tries>| -> BTreeMap<String, Tries> {
            let mut all = all.clone();
            all.retain(|_, tries| now.since_ms(tries.last) <= FORGET_MS);
            all
        };
        let mut names = recent(&self.names);
        names.retain(|name, _| is_known(name));
        Self {
            names,
            sources: recent(&self.sources),
        }
    }

    /// Somebody who may says that the name shall have new tries.
    pub fn forgive(&mut self, name: &str) {
        self.names.remove(name);
    }
}

impl Tries {
    fn failed(self, now: Timestamp, max: u32, waits: bool) -> Self {
        let failures = self.failures.saturating_add(1);
        let wait_ms = if failures >= max {
            (LOCK_MS << (failures - max).min(8)).min(LOCK_MAX_MS)
        } else if waits && failures > FREE_FAILURES {
            WAIT_MS << (failures - FREE_FAILURES - 1).min(8)
        } else {
            0
        };
        Self {
            failures,
            last: now,
            until: match wait_ms {
                0 => Timestamp::default(),
                _ => now.plus_ms(wait_ms),
            },
        }
    }
}

fn keep(all: &mut BTreeMap<String, Tries>, key: &str, tries: Tries) {
    if all.len() >= KEPT_MAX && !all.contains_key(key) {
        let oldest = all.iter().min_by_key(|(_, tries)| tries.last);
        if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
            all.remove(&oldest);
        }
    }
    all.insert(key.to_owned(), tries);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000).plus_ms(ms)
    }

    const GO: Try = Try::Go { locks_out: false };

    /// One line per try: when, and what is answered.
    #[test]
    fn failures_cost_more_and_more() {
        let wait = |ms, is_locked_out| Try::Wait { ms, is_locked_out };
        let mut attempts = Attempts::default();
        for (ms, answer) in [
            (0, GO),
            (0, GO),
            (0, GO),
            (1_000, wait(1_000, false)),
            (2_000, GO),
            (5_000, wait(1_000, false)),
            (6_000, Try::Go { locks_out: true }),
            (7_000, wait(LOCK_MS - 1_000, true)),
            (6_000 + LOCK_MS, Try::Go { locks_out: true }),
            (7_000 + LOCK_MS, wait(2 * LOCK_MS - 1_000, true)),
        ] {
            assert_eq!(attempts.begin("L", "10.0.0.1", at(ms)), answer, "at {ms}");
        }
        assert_eq!(
            attempts.begin("W", "10.0.0.1", at(7_000)),
            GO,
            "another name"
        );
        attempts.forgive("L");
        assert_eq!(attempts.begin("L", "10.0.0.1", at(7_000)), GO);
    }

    #[test]
    fn what_is_right_begins_anew() {
        let mut attempts = Attempts::default();
        for _ in 0..20 {
            assert_eq!(attempts.begin("L", "s", at(0)), GO);
            assert_eq!(attempts.begin("L", "s", at(0)), GO);
            attempts.succeeded("L", "s");
        }
    }

    #[test]
    fn many_names_from_one_place_are_locked_out_together() {
        let mut attempts = Attempts::default();
        for n in 0..SOURCE_FAILURES_MAX {
            assert_eq!(attempts.begin(&format!("n{n}"), "s", at(0)), GO, "{n}");
        }
        let locked = Try::Wait {
            ms: LOCK_MS,
            is_locked_out: true,
        };
        assert_eq!(attempts.begin("new", "s", at(0)), locked);
        assert_eq!(attempts.begin("new", "elsewhere", at(0)), GO);
    }

    /// One who restarts the store gets no new tries, and a name of nobody's is not written down.
    #[test]
    fn what_is_kept_goes_on_where_it_was() {
        let mut attempts = Attempts::default();
        for ms in [0, 0, 0, 2_000, 6_000] {
            attempts.begin("L", "s", at(ms));
        }
        attempts.begin("493817", "s", at(6_000));
        let kept = attempts.to_keep(|name| name == "L", at(7_000));
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains("493817"), "{text}");
        let mut again: Attempts = serde_json::from_str(&text).unwrap();
        let locked = Try::Wait {
            ms: LOCK_MS - 1_000,
            is_locked_out: true,
        };
        assert_eq!(again.begin("L", "t", at(7_000)), locked);
        assert_eq!(again.sources, attempts.sources);
        let later = attempts.to_keep(|_| true, at(6_001 + FORGET_MS));
        assert_eq!(later, Attempts::default());
    }

    #[test]
    fn a_day_later_it_is_forgotten_and_memory_is_bounded() {
        let mut attempts = Attempts::default();
        for _ in 0..3 {
            attempts.begin("L", "s", at(0));
        }
        assert_eq!(attempts.begin("L", "t", at(FORGET_MS + 1)), GO);
        for n in 0..3_000 {
            attempts.begin(&format!("n{n}"), &format!("s{n}"), at(FORGET_MS + 2 + n));
        }
        assert!(attempts.names.len() <= KEPT_MAX && attempts.sources.len() <= KEPT_MAX);
    }
}
