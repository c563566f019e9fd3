//! The terminal's own end of day: it settles with its host what it booked since the last one.
//!
//! The book says that it was begun before it is asked for, and what it came to afterwards. Asking
//! again after a lost answer does no harm: a terminal that has settled has nothing left to settle.
//! What the terminal says of its total is held against the book's.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{Outcome, OwnTerminal, TerminalFact, no_answer, refused};
use crate::{
    device::zvt::{Done, EndOfDay, Job},
    domain::{
        money::{Currency, Money},
        office::settlement::{Settlement, Side},
        payment::NoAnswer,
        timestamp::Timestamp,
    },
    ports::{Acquirer, Batches, Due, OpenBatch, Reply},
};

/// A day that the terminal has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedDay {
    pub number: u64,
    /// What was booked before is in it.
    pub begun_ms: i64,
    pub at_ms: i64,
    pub currency: u16,
    /// Count and sum in minor units.
    pub debits: (u64, u64),
    pub credits: (u64, u64),
    pub balanced: bool,
}

/// Days that the book remembers: until the journal has them.
pub(super) const ENDED_KEPT: usize = 20;

const DAY_MINUTES: i64 = 24 * 60;

impl OwnTerminal {
    async fn end_day(&self) -> Result<(), NoAnswer> {
        let _mine = self.turn().await?;
        self.clear().await?;
        if self.read(|pages| pages.in_batch().next().is_none()) {
            return Ok(());
        }
        let at_ms = self.deps.clock.now().unix_ms();
        self.write(TerminalFact::Ending { at_ms }).await?;
        let done = self.perform(Job::EndOfDay).await.map_err(no_answer)?;
        if let Some(code) = done.aborted {
            self.write(TerminalFact::NotEnded).await?;
            return Err(refused(code));
        }
        let ended = self.summed(at_ms, &done);
        self.write(TerminalFact::Ended(ended)).await
    }

    fn summed(&self, begun_ms: i64, done: &Done) -> EndedDay {
        let mut sides = [(0, 0); 2];
        let mut currency = 0;
        let first_ms = self.read(|pages| {
            for (is_credit, asked) in pages.in_batch() {
                currency = asked.currency;
                if let Some((count, sum)) = sides.get_mut(usize::from(is_credit)) {
                    *count += 1;
                    *sum += asked.minor;
                }
            }
            pages.ending.map_or(begun_ms, |(first_ms, _)| first_ms)
        });
        let [debits, credits] = sides;
        let total = done.status.as_ref().and_then(|status| status.minor);
        // not every terminal says it; and after a lost answer it has settled all, or but the rest
        let mut possible = [i64::MIN, first_ms]
            .into_iter()
            .filter(|after_ms| *after_ms < begun_ms)
            .map(|after_ms| self.net_after(after_ms));
        EndedDay {
            number: self.read(|pages| pages.ended.last().map_or(0, |last| last.number)) + 1,
            begun_ms,
            at_ms: self.deps.clock.now().unix_ms(),
            currency,
            debits,
            credits,
            balanced: total.is_none_or(|total| possible.any(|net| net == i128::from(total))),
        }
    }

    /// What was booked after this time and in no day that has ended, in minor units.
    fn net_after(&self, after_ms: i64) -> i128 {
        self.read(|pages| {
            let later = pages.in_batch().filter(|(_, asked)| asked.at_ms > after_ms);
            later
                .map(|(is_credit, asked)| match is_credit {
                    true => -i128::from(asked.minor),
                    false => i128::from(asked.minor),
                })
                .sum()
        })
    }

    /// On which day of the terminal's something was booked.
    fn day_of(&self, at_ms: i64, ends_at: u32) -> i64 {
        let offset = i64::from(self.deps.utc_offset_minutes);
        (at_ms.div_euclid(60_000) + offset - i64::from(ends_at)).div_euclid(DAY_MINUTES)
    }

    fn written(&self, ended: &EndedDay) -> Option<Settlement> {
        let mut known = Currency::ALL.iter();
        let currency = known.find(|known| known.numeric() == ended.currency)?;
        let side = |(count, units)| {
            let money = Money::from_minor_units(units, *currency).ok()?;
            Some(Side { count, money })
        };
        Some(Settlement {
            acquirer: self.deps.profile.id.clone(),
            batch: ended.number,
            settled_at: Timestamp::from_unix_ms(ended.at_ms),
            debits: side(ended.debits)?,
            credits: side(ended.credits)?,
            balanced: ended.balanced,
            uploaded: 0,
        })
    }
}

impl Batches for OwnTerminal {
    fn open(&self) -> Option<OpenBatch> {
        let first_ms = self.read(|pages| pages.in_batch().map(|(_, asked)| asked.at_ms).min())?;
        let now_ms = self.deps.clock.now().unix_ms();
        let due = match self.deps.end_of_day {
            _ if self.read(|pages| pages.ending.is_some()) => Due::Now,
            EndOfDay::At(at) if self.day_of(now_ms, at) > self.day_of(first_ms, at) => Due::Now,
            EndOfDay::At(_) | EndOfDay::Never => Due::Later,
            EndOfDay::WithDay => Due::WithDay,
        };
        Some(OpenBatch {
            since: Timestamp::from_unix_ms(first_ms),
            due,
        })
    }

    fn settle(&self) -> Reply<'_, Result<(), NoAnswer>> {
        Box::pin(async move {
            let limit = Duration::from_millis(self.profile().clock.answer_timeout_ms) * 2;
            let ended = timeout(limit, self.end_day()).await;
            ended.unwrap_or(Err(NoAnswer::TimedOut))
        })
    }

    fn settled(&self) -> Vec<Settlement> {
        let ended = self.read(|pages| pages.ended.clone());
        ended.iter().filter_map(|one| self.written(one)).collect()
    }
}

/// Whether it is booked money.
pub(super) const fn is_booked(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Booked { .. }))
}
