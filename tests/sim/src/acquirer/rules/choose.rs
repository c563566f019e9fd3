//! Which rules fit a request, with their counters and dice.

use std::collections::{BTreeMap, VecDeque};

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::{Delivery, Rule, Verdict, When};
use crate::acquirer::config::Tender;
use crate::acquirer::error::AcquirerError;
use crate::acquirer::request::Operation;

/// More rules than this are a mistake.
const MOST_RULES: usize = 256;

/// What a rule may look at.
#[derive(Debug, Clone, Copy)]
pub(in crate::acquirer) struct View<'a> {
    pub operation: Operation,
    pub order: &'a str,
    pub tender: Option<Tender>,
    pub tail: &'a str,
    pub amount: Option<Decimal>,
    pub store: &'a str,
    pub counter: &'a str,
}

/// What is to happen to one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::acquirer) struct Script {
    pub verdict: Option<Verdict>,
    pub delivery: Option<Delivery>,
}

#[derive(Debug)]
struct Slot {
    rule: Rule,
    /// Its own dice: rules do not disturb each other's chances.
    number: u64,
    matched: u32,
    used: u32,
    by_order: BTreeMap<String, u32>,
}

#[derive(Debug)]
pub(in crate::acquirer) struct RuleBook {
    slots: VecDeque<Slot>,
    seed: u64,
    added: u64,
}

impl RuleBook {
    pub fn new(rules: Vec<Rule>, seed: u64) -> Self {
        let mut book = Self {
            slots: VecDeque::new(),
            seed,
            added: 0,
        };
        for rule in rules {
            let slot = book.slot(rule);
            book.slots.push_back(slot);
        }
        book
    }

    fn slot(&mut self, rule: Rule) -> Slot {
        self.added += 1;
        Slot {
            rule,
            number: self.added,
            matched: 0,
            used: 0,
            by_order: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, rule: Rule) -> Result<(), AcquirerError> {
        if self.slots.len() >= MOST_RULES {
            let problem = format!("there are {MOST_RULES} rules already");
            return Err(AcquirerError::Rule {
                name: rule.name,
                problem,
            });
        }
        let slot = self.slot(rule);
        self.slots.push_front(slot);
        Ok(())
    }

    pub fn clear(&mut self) {
        self.slots.clear();
    }

    pub fn list(&self) -> Vec<Rule> {
        self.slots.iter().map(|slot| slot.rule.clone()).collect()
    }

    pub fn used(&self, name: &str) -> u32 {
        self.slots
            .iter()
            .filter(|slot| slot.rule.name == name)
            .map(|slot| slot.used)
            .sum()
    }

    pub fn choose(&mut self, view: &View<'_>) -> Script {
        let mut script = Script::default();
        for slot in &mut self.slots {
            let open = (script.verdict.is_none() && slot.rule.verdict.is_some())
                || (script.delivery.is_none() && slot.rule.delivery.is_some());
            if open && slot.fits(view, self.seed) {
                let Rule {
                    verdict, delivery, ..
                } = &slot.rule;
                script.verdict = script.verdict.or_else(|| verdict.clone());
                script.delivery = script.delivery.or_else(|| delivery.clone());
            }
        }
        script
    }
}

impl Slot {
    /// Counts, and so changes, even when chance or count say no.
    fn fits(&mut self, view: &View<'_>, seed: u64) -> bool {
        if !matches(&self.rule.when, view) {
            return false;
        }
        self.matched += 1;
        let When {
            nth, probability, ..
        } = &self.rule.when;
        let of_order = self.by_order.get(view.order).copied().unwrap_or(0);
        if nth.is_some_and(|nth| nth != self.matched)
            || self.rule.times.is_some_and(|times| self.used >= times)
            || self.rule.per_order.is_some_and(|times| of_order >= times)
            || probability.is_some_and(|chance| dice(seed, self.number, self.matched) >= chance)
        {
            return false;
        }
        self.used += 1;
        if self.rule.per_order.is_some() {
            self.by_order.insert(view.order.to_owned(), of_order + 1);
        }
        true
    }
}

fn matches(when: &When, view: &View<'_>) -> bool {
    fn is<T: PartialEq>(wanted: &Option<T>, is: impl FnOnce(&T) -> bool) -> bool {
        wanted.as_ref().is_none_or(is)
    }
    is(&when.operation, |operation| *operation == view.operation)
        && is(&when.tender, |tender| Some(*tender) == view.tender)
        && is(&when.suffix, |suffix| view.tail.ends_with(suffix.as_str()))
        && is(&when.amount_from, |from| {
            view.amount.is_some_and(|amount| amount >= *from)
        })
        && is(&when.amount_to, |to| {
            view.amount.is_some_and(|amount| amount <= *to)
        })
        && is(&when.store, |store| store == view.store)
        && is(&when.counter, |counter| counter == view.counter)
        && is(&when.order, |order| order == view.order)
}

/// From 0 up to 1, the same for the same seed, rule and count.
fn dice(seed: u64, rule: u64, count: u32) -> f64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(rule.to_le_bytes());
    hash.update(count.to_le_bytes());
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
    f64::from(u32::from_le_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}
