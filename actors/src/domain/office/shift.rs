//! Shifts of a counter: opened with a float, counted, and closed with a report.
//!
//! A counter has one open shift at most, and its shifts are numbered from 1 without gaps: the
//! number of a shift is that of its Z report, made once, when it is closed. An X report is the same
//! as of now, as often as wanted. A shift is kept as it is after each step (as payments are), and
//! every step is a record. The store takes no cash: the drawer is known by what is told of it
//! (`Cash`), and the difference is between that and what was counted.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::movement::{Movement, Turnover};
use crate::domain::{
    ids::CounterId,
    money::{Money, MoneyRefused},
    timestamp::Timestamp,
};

/// Keys of cash movements that are remembered, so that a repeated request moves nothing twice.
const KEYS_MAX: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CashKind {
    /// Taken for goods.
    Sale,
    /// Paid back for goods.
    Refund,
    /// Change brought to the drawer.
    PayIn,
    /// Taken out to the safe or the bank.
    PayOut,
}

impl CashKind {
    const fn comes_in(self) -> bool {
        matches!(self, CashKind::Sale | CashKind::PayIn)
    }
}

/// Cash of one kind, so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cash {
    pub kind: CashKind,
    pub count: u64,
    pub money: Money,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShiftState {
    Open,
    /// Counted: what was confirmed before this moment is being added up.
    Closing,
    Closed,
}

/// A shift as it is after its last step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    pub counter: CounterId,
    /// Of the counter, from 1 without gaps.
    pub number: u64,
    pub state: ShiftState,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cashier: Option<String>,
    pub opened_at: Timestamp,
    pub float: Money,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub cash: Vec<Cash>,
    /// The latest movement of cash: what this record tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moved: Option<CashMoved>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub keys: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub counted: Option<Money>,
    /// Up to here it counts; not after it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ends_at: Option<Timestamp>,
    /// The Z report.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub report: Option<Report>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashMoved {
    pub kind: CashKind,
    pub money: Money,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

/// What a shift came to: X while it is open, Z at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub from: Timestamp,
    pub until: Timestamp,
    pub lines: Vec<ReportLine>,
    /// What should be in the drawer, in whole units; below zero if more was taken out than was
    /// told to be in.
    pub expected: Decimal,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub counted: Option<Decimal>,
    /// Counted less expected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub difference: Option<Decimal>,
}

/// Movements of one tender and scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportLine {
    pub tender: String,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub scheme: String,
    pub payments: u64,
    pub gross: Decimal,
    pub refunds: u64,
    pub refunded: Decimal,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShiftRefused {
    #[error("the counter's shift {0} is open")]
    StillOpen(u64),
    #[error("the counter has no open shift")]
    NoneOpen,
    #[error("the shift is being closed")]
    Closing,
    #[error("the key belongs to another movement of cash")]
    KeyReused,
    #[error(transparent)]
    Money(#[from] MoneyRefused),
}

impl Shift {
    /// The next shift of a counter; `last` is its latest.
    pub fn open(
        last: Option<&Shift>,
        counter: CounterId,
        cashier: Option<String>,
        float: Money,
        now: Timestamp,
    ) -> Result<Self, ShiftRefused> {
        if let Some(last) = last.filter(|last| last.state != ShiftState::Closed) {
            return Err(ShiftRefused::StillOpen(last.number));
        }
        // the next one begins where the last one ended, whatever the clock has done since
        let ended = last.and_then(|last| last.ends_at);
        Ok(Self {
            counter,
            number: last.map_or(0, |last| last.number) + 1,
            state: ShiftState::Open,
            cashier,
            opened_at: ended.map_or(now, |ended| ended.max(now)),
            float,
            cash: Vec::new(),
            moved: None,
            keys: Vec::new(),
            counted: None,
            ends_at: None,
            report: None,
        })
    }

    /// `None`: this key moved it before.
    pub fn move_cash(&self, moved: CashMoved, key: &str) -> Result<Option<Self>, ShiftRefused> {
        self.check_open()?;
        let fingerprint = format!("{key} {:?} {}", moved.kind, moved.money);
        let is_known = |known: &&String| known.split(' ').next() == Some(key);
        if let Some(known) = self.keys.iter().find(is_known) {
            let is_the_same = *known == fingerprint;
            return is_the_same.then_some(None).ok_or(ShiftRefused::KeyReused);
        }
        let mut next = self.clone();
        let kind = moved.kind;
        match next.cash.iter_mut().find(|cash| cash.kind == kind) {
            Some(cash) => {
                cash.count += 1;
                cash.money = cash.money.checked_add(moved.money)?;
            }
            None => next.cash.push(Cash {
                kind,
                count: 1,
                money: moved.money,
            }),
        }
        let too_many = (next.keys.len() + 1).saturating_sub(KEYS_MAX);
        next.keys.drain(..too_many);
        next.keys.push(fingerprint);
        next.moved = Some(moved);
        Ok(Some(next))
    }

    fn check_open(&self) -> Result<(), ShiftRefused> {
        match self.state {
            ShiftState::Open => Ok(()),
            ShiftState::Closing => Err(ShiftRefused::Closing),
            ShiftState::Closed => Err(ShiftRefused::NoneOpen),
        }
    }

    /// Counted, and ended at `now`. One that is being closed already stays as it was counted.
    pub fn count(&self, counted: Money, now: Timestamp) -> Result<Self, ShiftRefused> {
        if self.state == ShiftState::Closing {
            return Ok(self.clone());
        }
        self.check_open()?;
        Ok(Self {
            state: ShiftState::Closing,
            counted: Some(counted),
            ends_at: Some(now.max(self.opened_at)),
            moved: None,
            ..self.clone()
        })
    }

    /// Closed with its Z report, once it is counted.
    pub fn close(&self, movements: &[Movement]) -> Result<Self, ShiftRefused> {
        let until = self.ends_at.filter(|_| self.state == ShiftState::Closing);
        let until = until.ok_or(ShiftRefused::NoneOpen)?;
        Ok(Self {
            state: ShiftState::Closed,
            report: Some(self.report(movements, until)),
            ..self.clone()
        })
    }

    /// What it comes to until `until`. Movements of other counters and times are passed over.
    pub fn report(&self, movements: &[Movement], until: Timestamp) -> Report {
        let own = movements.iter().filter(|one| {
            one.counter == self.counter
                && self.opened_at <= one.at
                && one.at < until
                && one.money.currency() == self.float.currency()
        });
        let mut lines: BTreeMap<(&str, &str), ReportLine> = BTreeMap::new();
        for movement in own {
            let tender = movement.tender.as_str();
            let scheme = movement.scheme.map_or("", |scheme| scheme.as_str());
            let line = lines.entry((tender, scheme)).or_insert_with(|| ReportLine {
                tender: tender.to_owned(),
                scheme: scheme.to_owned(),
                payments: 0,
                gross: Decimal::ZERO,
                refunds: 0,
                refunded: Decimal::ZERO,
            });
            line.count(movement);
        }
        let expected = self.cash.iter().fold(self.float.amount(), |sum, cash| {
            let amount = cash.money.amount();
            if cash.kind.comes_in() {
                sum.saturating_add(amount)
            } else {
                sum.saturating_sub(amount)
            }
        });
        let counted = self.counted.map(Money::amount);
        Report {
            from: self.opened_at,
            until,
            lines: lines.into_values().collect(),
            expected,
            counted,
            difference: counted.map(|counted| counted - expected),
        }
    }
}

impl ReportLine {
    pub(super) fn count(&mut self, movement: &Movement) {
        movement.count_in(Turnover {
            payments: &mut self.payments,
            gross: &mut self.gross,
            refunds: &mut self.refunds,
            refunded: &mut self.refunded,
        });
    }
}

#[cfg(test)]
mod tests;
