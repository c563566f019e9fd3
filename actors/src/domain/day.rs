//! The business day: a calendar day at the store's place, by a fixed offset from UTC.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::timestamp::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// Days since 1970-01-01 at the store's place. Written `2026-11-22`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// The day of `at`, `offset_minutes` east of UTC.
    pub const fn of(at: Timestamp, offset_minutes: i32) -> Self {
        Self((at.unix_ms() + offset_minutes as i64 * 60_000).div_euclid(DAY_MS))
    }

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0 - 1)
    }

    /// When it begins.
    pub const fn begins_at(self, offset_minutes: i32) -> Timestamp {
        Timestamp::from_unix_ms(self.0 * DAY_MS - offset_minutes as i64 * 60_000)
    }

    /// Reads `2026-11-22`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 10 {
            return None;
        }
        let midnight = Timestamp::parse(&format!("{text}T00:00:00Z"))?;
        Some(Self::of(midnight, 0))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let midnight = Timestamp::from_unix_ms(self.0.saturating_mul(DAY_MS)).to_string();
        f.write_str(midnight.split('T').next().unwrap_or_default())
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a day, e.g. 2026-11-22"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_at_the_stores_place() {
        let at = |text| Timestamp::parse(text).unwrap();
        for (time, offset_minutes, day) in [
            ("2026-11-22T15:59:59.999Z", 480, "2026-11-22"),
            ("2026-11-22T16:00:00Z", 480, "2026-11-23"),
            ("2026-11-22T04:59:59Z", -300, "2026-11-21"),
            ("1969-12-31T23:59:59Z", 0, "1969-12-31"),
        ] {
            let found = Day::of(at(time), offset_minutes);
            assert_eq!(found.to_string(), day, "{time}");
            assert!(found.begins_at(offset_minutes) <= at(time));
            assert!(found.next().begins_at(offset_minutes) > at(time));
            assert_eq!(Day::parse(day), Some(found));
        }
        for text in ["", "2026-11", "2026-11-32", "2026-11-2 ", "22.11.2026"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }
}
