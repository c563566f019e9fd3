//! Statements: payments, refunds, fees and net by day, week, month, counter, cashier, tender,
//! scheme, kind of card and acquirer.
//!
//! A day is added up once (`DaySums::of`), in the finest cells that a statement can ask for; any
//! statement over any days is a sum of those. Fees that are rounded by period stay exact in the
//! cells and are rounded once in each line, so a total may differ from the sum of its lines by less
//! than a minor unit for each. What no rule prices is counted, not taken for free.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{
    fee::{FeeTable, Priced, Pricer, Rounded, Volumes},
    movement::{Movement, Turnover},
};
use crate::domain::{
    day::Day,
    ids::{AcquirerId, CounterId},
    money::Currency,
    tender::{Funding, Scheme, Tender},
};

/// By what a statement is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    Day,
    Week,
    Month,
    Counter,
    /// Whoever took the money, or gave it back: a person or a till's token. Empty where nobody
    /// signs in.
    Cashier,
    Tender,
    Scheme,
    /// Debit or credit; empty where it is not known.
    Funding,
    Acquirer,
}

impl By {
    pub const ALL: [By; 9] = [
        By::Day,
        By::Week,
        By::Month,
        By::Counter,
        By::Cashier,
        By::Tender,
        By::Scheme,
        By::Funding,
        By::Acquirer,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            By::Day => "day",
            By::Week => "week",
            By::Month => "month",
            By::Counter => "counter",
            By::Cashier => "cashier",
            By::Tender => "tender",
            By::Scheme => "scheme",
            By::Funding => "card_kind",
            By::Acquirer => "acquirer",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == text)
    }
}

/// What movements come to, in whole units of the currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub payments: u64,
    pub gross: Decimal,
    pub refunds: u64,
    pub refunded: Decimal,
    /// Of rules that round each movement.
    fees: Decimal,
    /// Of each rule that rounds a period, not rounded.
    exact: BTreeMap<usize, Decimal>,
    /// Movements that no rule prices.
    pub unpriced: u64,
}

impl Sums {
    pub fn count(&mut self, movement: &Movement, priced: Option<Priced>, table: &FeeTable) {
        movement.count_in(Turnover {
            payments: &mut self.payments,
            gross: &mut self.gross,
            refunds: &mut self.refunds,
            refunded: &mut self.refunded,
        });
        let Some(Priced { rule, fee }) = priced else {
            self.unpriced += 1;
            return;
        };
        let rounded = table.rules.get(rule).map(|rule| rule.rounded);
        let sum = match rounded {
            Some(Rounded::Period) => self.exact.entry(rule).or_default(),
            _ => &mut self.fees,
        };
        *sum = sum.saturating_add(fee);
    }

    pub fn add(&mut self, other: &Sums) {
        self.payments += other.payments;
        self.gross = self.gross.saturating_add(other.gross);
        self.refunds += other.refunds;
        self.refunded = self.refunded.saturating_add(other.refunded);
        self.fees = self.fees.saturating_add(other.fees);
        for (rule, fee) in &other.exact {
            let sum = self.exact.entry(*rule).or_default();
            *sum = sum.saturating_add(*fee);
        }
        self.unpriced += other.unpriced;
    }

    /// Rounded as the rules say.
    pub fn fees(&self, table: &FeeTable, currency: Currency) -> Decimal {
        let settled = self.exact.iter().map(|(rule, fee)| {
            let rule = table.rules.get(*rule);
            rule.map_or(*fee, |rule| rule.rounding.round(*fee, currency))
        });
        let sum = settled.fold(self.fees, |sum, fee| sum.saturating_add(fee));
        let mut sum = sum;
        sum.rescale(currency.exponent());
        sum
    }

    /// What is left: gross less refunds less fees.
    pub fn net(&self, table: &FeeTable, currency: Currency) -> Decimal {
        self.gross - self.refunded - self.fees(table, currency)
    }
}

/// The finest that a statement divides within a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub currency: Currency,
    pub counter: CounterId,
    pub tender: Tender,
    pub scheme: Option<&'static str>,
    pub funding: Option<&'static str>,
    pub acquirer: Option<AcquirerId>,
    pub cashier: Option<String>,
}

impl Cell {
    fn of(movement: &Movement) -> Self {
        Self {
            currency: movement.money.currency(),
            counter: movement.counter.clone(),
            tender: movement.tender,
            scheme: movement.scheme.map(Scheme::as_str),
            funding: movement.funding.map(Funding::as_str),
            acquirer: movement.acquirer.clone(),
            cashier: movement.cashier.clone(),
        }
    }

    fn text(&self, by: By, day: Day) -> String {
        match by {
            By::Day => day.to_string(),
            By::Week => day.week_begin().to_string(),
            By::Month => day.month(),
            By::Counter => self.counter.to_string(),
            By::Cashier => self.cashier.clone().unwrap_or_default(),
            By::Tender => self.tender.as_str().to_owned(),
            By::Scheme => self.scheme.unwrap_or_default().to_owned(),
            By::Funding => self.funding.unwrap_or_default().to_owned(),
            By::Acquirer => {
                let acquirer = self.acquirer.as_ref();
                acquirer.map(ToString::to_string).unwrap_or_default()
            }
        }
    }
}

/// Volumes of the month, as things were and as if all had gone to one acquirer.
pub type AllVolumes = BTreeMap<Option<AcquirerId>, Volumes>;

/// A day, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaySums {
    pub cells: BTreeMap<Cell, Sums>,
    /// The day at the rates of each acquirer of the table, whoever had it.
    pub instead: BTreeMap<(AcquirerId, Currency), Sums>,
}

impl DaySums {
    /// Of one day's movements, in any order; `volumes` are those of the month before it, and become
    /// those after it.
    pub fn of(movements: &mut [Movement], table: &FeeTable, volumes: &mut AllVolumes) -> Self {
        movements.sort_by_key(|movement| (movement.at, movement.id()));
        let mut sums = Self::default();
        let taken = |volumes: &mut AllVolumes, key: &Option<AcquirerId>| {
            let known = volumes.get_mut(key);
            known.map(std::mem::take).unwrap_or_default()
        };
        let mut real = Pricer::new(table, None, taken(volumes, &None));
        for movement in movements.iter() {
            let priced = real.price(movement);
            let cell = sums.cells.entry(Cell::of(movement)).or_default();
            cell.count(movement, priced, table);
        }
        let real_volumes = real.volumes;
        put(volumes, None, real_volumes);
        for acquirer in table.acquirers() {
            let key = Some(acquirer.clone());
            let mut pricer = Pricer::new(table, key.clone(), taken(volumes, &key));
            for movement in movements.iter() {
                let priced = pricer.price(movement);
                let key = (acquirer.clone(), movement.money.currency());
                let cell = sums.instead.entry(key).or_default();
                cell.count(movement, priced, table);
            }
            put(volumes, key, pricer.volumes);
        }
        sums
    }
}

fn put(volumes: &mut AllVolumes, key: Option<AcquirerId>, these: Volumes) {
    if these.is_empty() {
        volumes.remove(&key);
    } else {
        volumes.insert(key, these);
    }
}

/// A line: what it is of, one text for each `By`, and the sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub of: Vec<String>,
    pub currency: Currency,
    pub sums: Sums,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub by: Vec<By>,
    pub lines: Vec<Line>,
    /// One for each currency that moved.
    pub totals: Vec<Line>,
}

impl Statement {
    pub fn of<'d>(by: &[By], days: impl IntoIterator<Item = (Day, &'d DaySums)>) -> Self {
        let mut lines: BTreeMap<(Currency, Vec<String>), Sums> = BTreeMap::new();
        let mut totals: BTreeMap<Currency, Sums> = BTreeMap::new();
        for (day, sums) in days {
            for (cell, sums) in &sums.cells {
                let of = by.iter().map(|by| cell.text(*by, day)).collect();
                lines.entry((cell.currency, of)).or_default().add(sums);
                totals.entry(cell.currency).or_default().add(sums);
            }
        }
        let line = |of, currency, sums| Line { of, currency, sums };
        let of_lines = lines.into_iter();
        let of_totals = totals.into_iter();
        Self {
            by: by.to_vec(),
            lines: of_lines
                .map(|((currency, of), sums)| line(of, currency, sums))
                .collect(),
            totals: of_totals
                .map(|(currency, sums)| line(Vec::new(), currency, sums))
                .collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
