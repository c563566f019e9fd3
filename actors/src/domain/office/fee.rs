//! What an acquirer takes: tables of rates, and the price of each movement under them.
//!
//! The first rule that fits a movement prices it. Rates may depend on what the same rule priced
//! earlier in the calendar month (`tiers`). Rounding is part of the rule: of each movement, or of
//! each line of a statement; in the second case a movement's fee is exact. Whether a fee is given
//! back with a refund is part of it, too: in proportion, so that a payment refunded whole, in
//! however many parts, gave back exactly what it had cost. Money here is in whole currency units.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use super::movement::{Movement, Refunded};
use crate::domain::{
    day::Day,
    ids::AcquirerId,
    money::{Currency, Money},
    tender::{Funding, Means, Scheme, Tender},
};

/// How a fee becomes whole minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest; from the middle to the even neighbour.
    HalfEven,
    /// To the nearest; from the middle away from zero.
    HalfUp,
    Up,
    Down,
}

impl Rounding {
    pub fn round(self, amount: Decimal, currency: Currency) -> Decimal {
        let strategy = match self {
            Rounding::HalfEven => RoundingStrategy::MidpointNearestEven,
            Rounding::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Rounding::Up => RoundingStrategy::AwayFromZero,
            Rounding::Down => RoundingStrategy::ToZero,
        };
        amount.round_dp_with_strategy(currency.exponent(), strategy)
    }
}

/// What is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounded {
    Transaction,
    /// The sum of a statement's line, once.
    Period,
}

/// From this volume of the month on, another rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    pub from_volume: Decimal,
    pub rate: Decimal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeRule {
    pub name: String,
    pub acquirer: AcquirerId,
    /// Empty: all.
    pub tenders: Vec<Tender>,
    /// Empty: all, and what has none.
    pub schemes: Vec<Scheme>,
    /// Empty: all. Otherwise cards alone; one of which nothing is known counts as a credit card,
    /// whose rate is the dearer one.
    pub fundings: Vec<Funding>,
    /// First and last day.
    pub from: Option<Day>,
    pub until: Option<Day>,
    /// A fraction: 0.006 for 0.6 %.
    pub rate: Decimal,
    pub fixed: Decimal,
    pub minimum: Decimal,
    pub cap: Option<Decimal>,
    /// By rising volume; the last that is reached holds.
    pub tiers: Vec<Tier>,
    pub rounding: Rounding,
    pub rounded: Rounded,
    /// In proportion; otherwise a refund gives no fee back.
    pub given_back: bool,
}

impl FeeRule {
    fn fits(&self, means: Means, day: Day) -> bool {
        let Means {
            tender,
            scheme,
            funding,
        } = means;
        let any_scheme = self.schemes.is_empty();
        let is_of_kind = || {
            let funding = funding.unwrap_or(Funding::Credit);
            tender == Tender::Card && self.fundings.contains(&funding)
        };
        (self.tenders.is_empty() || self.tenders.contains(&tender))
            && (any_scheme || scheme.is_some_and(|scheme| self.schemes.contains(&scheme)))
            && (self.fundings.is_empty() || is_of_kind())
            && self.from.is_none_or(|from| from <= day)
            && self.until.is_none_or(|until| day <= until)
    }

    /// Of a payment, after `volume` in the month.
    pub fn of_payment(&self, money: Money, volume: Decimal) -> Decimal {
        let reached = self
            .tiers
            .iter()
            .rev()
            .find(|tier| tier.from_volume <= volume);
        let rate = reached.map_or(self.rate, |tier| tier.rate);
        let fee = money
            .amount()
            .saturating_mul(rate)
            .saturating_add(self.fixed);
        let fee = fee.max(self.minimum);
        self.settled(self.cap.map_or(fee, |cap| fee.min(cap)), money.currency())
    }

    /// What a refund gives back: zero or less.
    fn of_refund(&self, money: Money, refund: &Refunded) -> Decimal {
        if !self.given_back || refund.paid.is_zero() {
            return Decimal::ZERO;
        }
        let whole = self.of_payment(refund.paid, Decimal::ZERO);
        let paid = refund.paid.amount();
        let back = |gone: Decimal| {
            let part = whole
                .saturating_mul(gone)
                .checked_div(paid)
                .unwrap_or(whole);
            self.settled(part, money.currency())
        };
        let before = refund.before.amount();
        back(before) - back(before.saturating_add(money.amount()))
    }

    fn settled(&self, fee: Decimal, currency: Currency) -> Decimal {
        match self.rounded {
            Rounded::Transaction => self.rounding.round(fee, currency),
            Rounded::Period => fee,
        }
    }
}

/// The rates of all acquirers; the first rule that fits is the one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeeTable {
    pub rules: Vec<FeeRule>,
}

impl FeeTable {
    pub fn rule(&self, acquirer: &AcquirerId, means: Means, day: Day) -> Option<(usize, &FeeRule)> {
        let mut rules = self.rules.iter().enumerate();
        rules.find(|(_, rule)| rule.acquirer == *acquirer && rule.fits(means, day))
    }

    /// In the order of their first rules.
    pub fn acquirers(&self) -> Vec<AcquirerId> {
        let mut known: Vec<AcquirerId> = Vec::new();
        for rule in &self.rules {
            if !known.contains(&rule.acquirer) {
                known.push(rule.acquirer.clone());
            }
        }
        known
    }

    pub fn has_tiers(&self) -> bool {
        self.rules.iter().any(|rule| !rule.tiers.is_empty())
    }

    /// What a payment would cost at an acquirer, to be sorted by: by the rates of the first tier,
    /// since what the month will bring is not known. No rate is no promise of being cheap.
    pub fn cost_rank(
        &self,
        acquirer: &AcquirerId,
        means: Means,
        money: Money,
        day: Day,
    ) -> (bool, Option<Decimal>) {
        let rule = self.rule(acquirer, means, day);
        let cost = rule.map(|(_, rule)| rule.of_payment(money, Decimal::ZERO));
        (cost.is_none(), cost)
    }
}

/// What each rule has priced in the month so far.
pub type Volumes = BTreeMap<usize, Decimal>;

/// A movement's price: under which rule, and how much. Below zero: given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    pub rule: usize,
    pub fee: Decimal,
}

/// Prices movements in the order in which they happened.
#[derive(Clone, Debug)]
pub struct Pricer<'t> {
    table: &'t FeeTable,
    /// As if all had gone to this acquirer.
    instead: Option<AcquirerId>,
    pub volumes: Volumes,
}

impl<'t> Pricer<'t> {
    pub fn new(table: &'t FeeTable, instead: Option<AcquirerId>, volumes: Volumes) -> Self {
        Self {
            table,
            instead,
            volumes,
        }
    }

    /// `None`: no rule fits.
    pub fn price(&mut self, movement: &Movement) -> Option<Priced> {
        let acquirer = self.instead.as_ref().or(movement.acquirer.as_ref())?;
        let paid_on = movement
            .refund
            .map_or(movement.day, |refund| refund.paid_on);
        let (at, rule) = self.table.rule(acquirer, movement.means(), paid_on)?;
        let fee = match &movement.refund {
            Some(refund) => rule.of_refund(movement.money, refund),
            None if rule.tiers.is_empty() => rule.of_payment(movement.money, Decimal::ZERO),
            None => {
                let volume = self.volumes.entry(at).or_default();
                let fee = rule.of_payment(movement.money, *volume);
                *volume = volume.saturating_add(movement.money.amount());
                fee
            }
        };
        Some(Priced { rule: at, fee })
    }
}

#[cfg(test)]
pub(crate) mod tests;
