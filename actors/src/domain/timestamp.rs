//! Points of wall-clock time, in whole milliseconds since the Unix epoch, UTC.
//!
//! A value only: reading the clock is the `WallClock` port's business.

use std::fmt;

use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds since 1970-01-01T00:00:00Z. On the wire and in the journal: RFC 3339 with three
/// decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_unix_ms(ms: i64) -> Self {
        Self(ms)
    }

    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to `self`; zero if the clock has gone back since.
    pub fn since_ms(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Date and time of day at a place `offset_minutes` east of UTC: `2026-11-22 09:30:05`.
    pub fn local_time(self, offset_minutes: i32) -> String {
        let local = Self(self.0.saturating_add(i64::from(offset_minutes) * 60_000)).to_string();
        local.replacen('T', " ", 1).chars().take(19).collect()
    }

    /// Reads RFC 3339, any offset.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>()
            .ok()
            .map(|t| Self(t.as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => write!(f, "out-of-range({})", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Timestamp {
    /// As `Display` has it, for the years that four digits name: every record has several, and
    /// formatting them took a fifth of the time in which its text is made.
    fn text(self) -> Option<[u8; 24]> {
        let instant = jiff::Timestamp::from_millisecond(self.0).ok()?;
        let at = Offset::UTC.to_datetime(instant);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (from, len, number) in [
            (0, 4, i32::from(at.year())),
            (5, 2, i32::from(at.month())),
            (8, 2, i32::from(at.day())),
            (11, 2, i32::from(at.hour())),
            (14, 2, i32::from(at.minute())),
            (17, 2, i32::from(at.second())),
            (20, 3, i32::from(at.millisecond())),
        ] {
            let mut rest = u32::try_from(number).ok()?;
            for digit in text.get_mut(from..from + len)?.iter_mut().rev() {
                *digit += u8::try_from(rest % 10).ok()?;
                rest /= 10;
            }
        }
        Some(text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.text().as_ref().map(|text| std::str::from_utf8(text)) {
            Some(Ok(text)) => s.serialize_str(text),
            Some(Err(_)) | None => s.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_prints_and_reads_rfc_3339_with_milliseconds() {
        let t = Timestamp::from_unix_ms(1_700_000_000_123);
        assert_eq!(t.to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!(Timestamp::parse("2023-11-15T06:13:20.123+08:00"), Some(t));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    proptest! {
        #[test]
        fn in_json_it_is_as_it_prints(ms in prop_oneof![
            any::<i64>(),
            -70_000_000_000_000i64..260_000_000_000_000,
            1_600_000_000_000i64..2_000_000_000_000,
        ]) {
            let t = Timestamp::from_unix_ms(ms);
            prop_assert_eq!(serde_json::to_string(&t).unwrap(), format!("\"{t}\""));
        }
    }

    #[test]
    fn a_clock_that_went_back_gives_no_negative_age() {
        let t = Timestamp::from_unix_ms(1_000);
        assert_eq!(t.since_ms(t.plus_ms(5)), 0);
        assert_eq!(t.plus_ms(5).since_ms(t), 5);
    }
}
