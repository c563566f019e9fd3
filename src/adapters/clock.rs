//! The time of day and chance, from the operating system: the only place of the program that reads
//! either.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::fmt::rfc2822::DateTimeParser;
use store_actors::{
    domain::timestamp::Timestamp,
    ports::{Entropy, WallClock},
};

/// The machine's clock. May jump either way when somebody sets it: never measure a span with it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the WallClock port's one real implementation"
    )]
    fn now(&self) -> Timestamp {
        let now = SystemTime::now();
        let ms = |span: std::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match now.duration_since(UNIX_EPOCH) {
            Ok(since) => Timestamp::from_unix_ms(ms(since)),
            Err(before) => Timestamp::from_unix_ms(-ms(before.duration())),
        }
    }
}

/// How many whole seconds our clock is ahead of the one that wrote this `Date` header (RFC 9110,
/// 6.6.1), or behind it if below zero; `asked` and `answered` are our own time around it. `None` if
/// it is no date.
pub fn ahead_s(date: &str, asked: Timestamp, answered: Timestamp) -> Option<i64> {
    let theirs = DateTimeParser::new().parse_timestamp(date).ok()?;
    let theirs_ms = theirs.as_millisecond();
    // their second began at most a second ago when they wrote it, between our two readings
    let ahead_ms = asked
        .unix_ms()
        .saturating_sub(theirs_ms.saturating_add(1_000));
    let behind_ms = theirs_ms.saturating_sub(answered.unix_ms());
    Some(match ahead_ms > behind_ms {
        true => ahead_ms.max(0) / 1_000,
        false => -(behind_ms.max(0) / 1_000),
    })
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, out: &mut [u8]) {
        if let Err(cause) = getrandom::fill(out) {
            // two payments with one id would be worse than a store that stops: what is on disk
            // survives the stop
            tracing::error!(%cause, "the operating system gives no random numbers");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_past_the_making_of_this_program() {
        assert!(SystemClock.now() > Timestamp::parse("2025-01-01T00:00:00Z").unwrap());
    }

    #[test]
    fn chance_does_not_repeat_itself() {
        let mut drawn = std::collections::BTreeSet::new();
        for _ in 0..64 {
            let mut bytes = [0; 10];
            OsEntropy.fill(&mut bytes);
            assert!(drawn.insert(bytes));
        }
    }
}
