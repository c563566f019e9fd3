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

    /// So many days later, or earlier.
    #[must_use]
    pub const fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// From `earlier` to this day; negative if that is the later one.
    pub const fn days_since(self, earlier: Day) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The Monday of its week (ISO 8601).
    #[must_use]
    pub const fn week_begin(self) -> Self {
        Self(self.0 - (self.0 + 3).rem_euclid(7))
    }

    /// Its month, `2026-11`.
    pub fn month(self) -> String {
        let mut text = self.to_string();
        text.truncate(text.len().saturating_sub(3));
        text
    }

    /// The first day of its month.
    #[must_use]
    pub fn month_begin(self) -> Self {
        Self::parse(&format!("{}-01", self.month())).unwrap_or(self)
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
        let day = |text| Day::parse(text).unwrap();
        assert_eq!(day("2026-11-22").week_begin(), day("2026-11-16"));
        assert_eq!(day("2026-11-23").week_begin(), day("2026-11-23"));
        assert_eq!(day("2026-11-22").month_begin(), day("2026-11-01"));
        assert_eq!(day("2026-11-22").plus(9), day("2026-12-01"));
        assert_eq!(day("2026-12-01").days_since(day("2026-11-22")), 9);
        for text in ["", "2026-11", "2026-11-32", "2026-11-2 ", "22.11.2026"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }
}
