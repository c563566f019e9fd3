//! The time of day: a sane year, and not far from the acquirers' clocks.

use store_actors::{domain::timestamp::Timestamp, ports::WallClock};

use super::finding::Finding;
use crate::adapters::clock::{SystemClock, ahead_s};

/// Beyond this somebody should look.
const WARN_ABOVE_S: u64 = 60;
/// Beyond this providers refuse requests.
const FAIL_ABOVE_S: u64 = 300;

const ACTION: &str = "switch time synchronisation on: `sudo timedatectl set-ntp true`";

pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

pub(super) fn year() -> Finding {
    sane(now())
}

fn sane(now: Timestamp) -> Finding {
    let year: Option<u16> = now
        .to_string()
        .get(..4)
        .and_then(|digits| digits.parse().ok());
    match year {
        Some(2026..=2099) => Finding::ok(format!("clock: {now}")),
        _ => Finding::fail(format!("clock: it says {now}"), ACTION),
    }
}

/// Compares with the `Date` header of an HTTP answer; `asked` and `answered` are our own time
/// around it.
pub(super) fn against(
    whose: &str,
    date: &str,
    asked: Timestamp,
    answered: Timestamp,
) -> Option<Finding> {
    let ahead_s = ahead_s(date, asked, answered)?;
    let apart_s = ahead_s.unsigned_abs();
    let direction = if ahead_s > 0 { "ahead of" } else { "behind" };
    let what = format!("clock: {apart_s} s {direction} {whose}'s");
    Some(match apart_s {
        0 => Finding::ok(format!("clock: the same as {whose}'s")),
        1..=WARN_ABOVE_S => Finding::ok(what),
        _ if apart_s <= FAIL_ABOVE_S => Finding::warn(what, ACTION),
        _ => Finding::fail(
            format!("{what}; requests are refused from {FAIL_ABOVE_S} s on"),
            ACTION,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_a_failure() {
        let at = |text| sane(Timestamp::parse(text).unwrap()).to_string();
        assert!(at("1970-01-01T00:00:12Z").starts_with("fail"));
        assert!(at("2107-01-01T00:00:00Z").starts_with("fail"));
        assert!(at("2026-11-22T08:00:00Z").starts_with("ok"));
    }

    #[test]
    fn the_distance_to_the_acquirers_clock_decides() {
        let date = "Sun, 22 Nov 2026 08:00:00 GMT";
        let said = |ours: &str| {
            let ours = Timestamp::parse(ours).unwrap();
            against("bank", date, ours, ours.plus_ms(20))
                .unwrap()
                .to_string()
        };
        assert_eq!(
            said("2026-11-22T08:00:00.990Z"),
            "ok    clock: the same as bank's"
        );
        assert_eq!(
            said("2026-11-22T07:59:01Z"),
            "ok    clock: 58 s behind bank's"
        );
        assert!(said("2026-11-22T08:01:05Z").starts_with("warn  clock: 64 s ahead of bank's"));
        assert!(said("2026-11-22T07:55:00Z").starts_with("warn"));
        assert!(said("2026-11-22T07:54:58Z").starts_with("fail  clock: 301 s behind"));
        assert!(said("2027-11-22T08:00:00Z").starts_with("fail"));
        let now = Timestamp::from_unix_ms(0);
        assert!(against("bank", "soon", now, now).is_none());
    }
}
