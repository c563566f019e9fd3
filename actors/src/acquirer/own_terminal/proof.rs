//! Whether what a terminal booked last is what it was asked for. Pure.
//!
//! The protocol has no order numbers. A booking is told by its receipt and trace number, its
//! amount, its terminal and the time on the terminal's clock; the numbers before the question was
//! sent are known. What does not fit in every point proves nothing, and is never taken for an
//! approval (PAY-5).

use jiff::civil;
use serde::{Deserialize, Serialize};

use crate::wire::zvt::{Booking, StatusInformation};

/// By so much the terminal's clock may be wrong.
const CLOCK_TOLERANCE_MS: i64 = 5 * 60_000;
/// So long after it was asked a terminal may still book.
const BOOKED_WITHIN_MS: i64 = 5 * 60_000;

/// What was booked last before a question left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// The terminal had no receipt.
    Nothing,
    Booked {
        receipt: u16,
        trace: u32,
    },
}

impl Before {
    fn is(self, booking: Booking) -> bool {
        let Booking { receipt, trace } = booking;
        self == Self::Booked { receipt, trace }
    }
}

/// A question that may have moved money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub minor: u64,
    pub currency: u16,
    pub at_ms: i64,
    pub before: Before,
}

/// Whose the last booking is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This question's.
    Ours(Booking),
    /// Nothing was booked since before the question, and the terminal is idle: it came to nothing.
    NothingNew,
    /// It can't be told, and why.
    Unproven(&'static str),
}

/// Judges the terminal's last booking (`None`: it has none) against a question.
pub fn judge(asked: &Asked, last: Option<&StatusInformation>, utc_offset_minutes: i32) -> Whose {
    let Some(last) = last else {
        return match asked.before {
            Before::Nothing => Whose::NothingNew,
            Before::Booked { .. } => Whose::Unproven("the terminal has forgotten its receipts"),
        };
    };
    let Some(booking) = last.booking() else {
        return Whose::Unproven("the terminal's last receipt has no numbers");
    };
    if asked.before.is(booking) {
        return Whose::NothingNew;
    }
    if let Before::Booked { receipt, trace } = asked.before
        && (booking.trace <= trace || booking.receipt == receipt)
    {
        return Whose::Unproven("the terminal's numbers do not continue");
    }
    if !last.is_success() {
        return Whose::Unproven("the terminal's last receipt is of a failure");
    }
    if last.minor != Some(asked.minor) || last.currency.is_some_and(|c| c != asked.currency) {
        return Whose::Unproven("the terminal's last receipt is of another amount");
    }
    let Some(after_ms) = booked_after_ms(last, asked.at_ms, utc_offset_minutes) else {
        return Whose::Unproven("the terminal's last receipt has no time");
    };
    if !(-CLOCK_TOLERANCE_MS..=BOOKED_WITHIN_MS + CLOCK_TOLERANCE_MS).contains(&after_ms) {
        return Whose::Unproven("the terminal's last receipt is of another time");
    }
    Whose::Ours(booking)
}

/// How long after `at_ms` the terminal's clock puts the booking. It says no year: the nearest one
/// is meant.
pub(super) fn booked_after_ms(
    booked: &StatusInformation,
    at_ms: i64,
    utc_offset_minutes: i32,
) -> Option<i64> {
    let (time, date) = (booked.time?, booked.date?);
    let part = |number: u32| i8::try_from(number % 100).ok();
    let (hour, minute, second) = (part(time / 10_000)?, part(time / 100)?, part(time)?);
    let (month, day) = (part((date / 100).into())?, part(date.into())?);
    let local_ms = at_ms.checked_add(i64::from(utc_offset_minutes) * 60_000)?;
    let local = jiff::Timestamp::from_millisecond(local_ms).ok()?;
    let year = local.to_zoned(jiff::tz::TimeZone::UTC).year();
    let years = [year.checked_sub(1)?, year, year.checked_add(1)?];
    let candidates = years.into_iter().filter_map(|year| {
        let at = civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        at.timestamp().as_millisecond().checked_sub(local_ms)
    });
    candidates.min_by_key(|after_ms| after_ms.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-02-25 06:13:20 UTC.
    const AT_MS: i64 = 1_772_000_000_000;

    fn asked() -> Asked {
        Asked {
            minor: 1_250,
            currency: 978,
            at_ms: AT_MS,
            before: Before::Booked {
                receipt: 17,
                trace: 100,
            },
        }
    }

    fn booked() -> StatusInformation {
        StatusInformation {
            result: Some(0),
            minor: Some(1_250),
            currency: Some(978),
            receipt: Some(18),
            trace: Some(101),
            time: Some(71_340),
            date: Some(225),
            ..StatusInformation::default()
        }
    }

    fn judged(change: impl FnOnce(&mut StatusInformation)) -> Whose {
        let mut last = booked();
        change(&mut last);
        judge(&asked(), Some(&last), 60)
    }

    #[test]
    fn what_fits_in_every_point_is_ours() {
        let (receipt, trace) = (18, 101);
        assert_eq!(judged(|_| {}), Whose::Ours(Booking { receipt, trace }));
    }

    #[test]
    fn the_booking_before_means_that_nothing_came_of_it() {
        let before = judged(|last| (last.receipt, last.trace) = (Some(17), Some(100)));
        assert_eq!(before, Whose::NothingNew);
        let fresh = Asked {
            before: Before::Nothing,
            ..asked()
        };
        assert_eq!(judge(&fresh, None, 60), Whose::NothingNew);
    }

    #[test]
    fn what_does_not_fit_in_one_point_proves_nothing() {
        let others: [fn(&mut StatusInformation); 12] = [
            |last| last.minor = Some(1_251),
            |last| last.minor = None,
            |last| last.currency = Some(156),
            |last| last.trace = Some(100),
            |last| last.trace = Some(99),
            |last| last.trace = None,
            |last| last.receipt = Some(17),
            |last| last.result = Some(0x6C),
            |last| last.time = Some(70_000),
            |last| last.time = Some(72_500),
            |last| last.date = Some(224),
            |last| last.date = None,
        ];
        for (at, change) in others.into_iter().enumerate() {
            assert!(matches!(judged(change), Whose::Unproven(_)), "case {at}");
        }
        assert!(matches!(judge(&asked(), None, 60), Whose::Unproven(_)));
    }

    #[test]
    fn a_payment_at_midnight_of_the_year_is_judged_by_the_nearest_year() {
        // 2026-12-31 23:59:30 UTC, booked 00:00:10
        let at_ms = 1_798_761_570_000;
        let asked = Asked { at_ms, ..asked() };
        let last = StatusInformation {
            time: Some(10),
            date: Some(101),
            ..booked()
        };
        assert!(matches!(judge(&asked, Some(&last), 0), Whose::Ours(_)));
    }
}
