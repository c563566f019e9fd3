//! Rules: how the sandbox is told to behave as acquirers do on their bad days.
//!
//! A rule says *when* (operation, tender, last digits, amount, store, counter, nth request,
//! chance), and then *what the acquirer decides* ([`Verdict`]), *how the answer travels*
//! ([`Delivery`]), or both. For each of the two the first rule that fits wins; rules added at run
//! time come before those of the configuration. Durations are divided by the sandbox's `speed`.

mod choose;

#[cfg(test)]
mod tests;

pub(super) use choose::{RuleBook, Script, View};

use std::sync::{Arc, Mutex, PoisonError};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::config::Tender;
use super::error::AcquirerError;
use super::money;
use super::request::Operation;

/// The longest simulated duration: an hour.
const LONGEST_MS: u64 = 3_600_000;

/// One rule. An empty `when` fits every request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// For people.
    pub name: String,
    /// Which requests.
    pub when: When,
    /// What the acquirer decides.
    pub verdict: Option<Verdict>,
    /// How the answer travels.
    pub delivery: Option<Delivery>,
    /// Used up after so many requests.
    pub times: Option<u32>,
    /// Used up, for one order, after so many of its requests.
    pub per_order: Option<u32>,
}

/// All that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// This operation.
    pub operation: Option<Operation>,
    /// This way of paying.
    pub tender: Option<Tender>,
    /// Code or card ends so; at most four characters.
    pub suffix: Option<String>,
    /// The order's amount, or more.
    #[serde(with = "money::optional")]
    pub amount_from: Option<Decimal>,
    /// The order's amount, or less.
    #[serde(with = "money::optional")]
    pub amount_to: Option<Decimal>,
    /// This store.
    pub store: Option<String>,
    /// This counter.
    pub counter: Option<String>,
    /// This order number.
    pub order: Option<String>,
    /// Only the nth request that fits the rest, from 1.
    pub nth: Option<u32>,
    /// Chance for each request that fits the rest, 0 to 1; by the sandbox's seed.
    pub probability: Option<f64>,
}

/// What the acquirer decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes. A QR code is paid at once.
    Approve,
    /// A card: yes, and the customer is to sign for it.
    Sign,
    /// No, with this code. A reversal or refund is refused.
    Decline {
        /// Upper-case.
        code: String,
    },
    /// The customer must confirm on the phone and does something after a while; a customer looks
    /// that long at the shop's QR code; a refund is worked on. A reversal is put off: the customer
    /// is paying right now.
    Verifying {
        /// How long.
        for_ms: u64,
        /// And then.
        then: Then,
    },
    /// Reversals only: the customer pays in the instant before, so the reversal pays back.
    CustomerPaysFirst,
    /// Queries only: this part of the acquirer has not heard of the order yet.
    NotFound,
}

/// The end of [`Verdict::Verifying`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The customer confirms.
    Approve,
    /// The customer, or the bank, says no.
    Decline {
        /// Upper-case.
        code: String,
    },
    /// Nothing ever: it stays open until it is reversed.
    Never,
}

/// How the answer travels. `money_moved` says whether the operation was done before things went
/// wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// As it should: of use before a rule that would spoil it.
    Plain,
    /// The request arrives late: nothing is done, not even read, for so long.
    Late {
        /// How long.
        ms: u64,
    },
    /// The answer is late: all is done at once.
    Slow {
        /// How long.
        ms: u64,
    },
    /// No answer at all.
    Silence {
        /// Done, or not.
        money_moved: bool,
        /// Held open (for the sandbox's `hold_ms`) or dropped at once.
        connection: Connection,
    },
    /// A failure of the server, without a word about the order.
    Error {
        /// 500 to 599.
        status: u16,
        /// Done, or not.
        money_moved: bool,
    },
    /// The provider's own word that it can't say: Alipay's 20000, WeChat Pay's SYSTEMERROR.
    Unavailable {
        /// Done, or not.
        money_moved: bool,
    },
    /// The same answer twice on one connection.
    Duplicate,
    /// Rightly signed, for another order number.
    OtherOrder,
    /// Signed with another key.
    WrongSignature,
    /// Rightly signed, with another of the provider's keys than was asked for: as while one key
    /// follows another.
    OtherKey,
    /// Rightly signed, and not JSON.
    Garbage,
}

/// What becomes of a silent connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// Left open.
    Hold,
    /// Closed without a byte.
    Drop,
}

impl Rule {
    /// A rule for one operation that does nothing yet.
    #[must_use]
    pub fn on(operation: Operation) -> Self {
        let when = When {
            operation: Some(operation),
            ..When::default()
        };
        Self {
            name: format!("{operation:?}"),
            when,
            ..Self::default()
        }
    }

    /// With what the acquirer decides.
    #[must_use]
    pub fn verdict(self, verdict: Verdict) -> Self {
        Self {
            verdict: Some(verdict),
            ..self
        }
    }

    /// With how the answer travels.
    #[must_use]
    pub fn delivery(self, delivery: Delivery) -> Self {
        Self {
            delivery: Some(delivery),
            ..self
        }
    }

    /// Used up after so many requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// # Errors
    /// What in it cannot work.
    pub fn validate(&self) -> Result<(), AcquirerError> {
        let problem = self.problem();
        let name = self.name.clone();
        problem.map_or(Ok(()), |problem| Err(AcquirerError::Rule { name, problem }))
    }

    fn problem(&self) -> Option<String> {
        let When {
            suffix,
            probability,
            nth,
            operation,
            ..
        } = &self.when;
        let ms = match (&self.verdict, &self.delivery) {
            (Some(Verdict::Verifying { for_ms, .. }), _) => *for_ms,
            (_, Some(Delivery::Late { ms } | Delivery::Slow { ms })) => *ms,
            _ => 0,
        };
        let status = match self.delivery {
            Some(Delivery::Error { status, .. }) => status,
            _ => 500,
        };
        let only = match self.verdict {
            Some(Verdict::CustomerPaysFirst) => Some(Operation::Reverse),
            Some(Verdict::NotFound) => Some(Operation::Query),
            Some(Verdict::Sign) => Some(Operation::Card),
            _ => None,
        };
        let problem = if self.verdict.is_none() && self.delivery.is_none() {
            "does nothing"
        } else if suffix.as_ref().is_some_and(|text| text.chars().count() > 4) {
            "suffix has more than four characters"
        } else if probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            "probability is not between 0 and 1"
        } else if nth.is_some_and(|nth| nth == 0) {
            "nth counts from 1"
        } else if !(500..=599).contains(&status) {
            "status is not between 500 and 599"
        } else if ms > LONGEST_MS {
            "a duration is above an hour"
        } else if only.is_some() && *operation != only {
            "this verdict needs its own operation in `when`"
        } else {
            return None;
        };
        Some(problem.to_owned())
    }
}

/// Changes the rules of a running sandbox.
#[derive(Debug, Clone)]
pub struct Rules(Arc<Mutex<RuleBook>>);

impl Rules {
    pub(super) fn new(rules: Vec<Rule>, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(RuleBook::new(rules, seed))))
    }

    /// Puts a rule before all others.
    ///
    /// # Errors
    /// It cannot work, or there are too many.
    pub fn add(&self, rule: Rule) -> Result<(), AcquirerError> {
        rule.validate()?;
        self.with(|book| book.add(rule))
    }

    /// Takes all rules away, those of the configuration too.
    pub fn clear(&self) {
        self.with(RuleBook::clear);
    }

    /// The rules, first match first.
    #[must_use]
    pub fn list(&self) -> Vec<Rule> {
        self.with(|book| book.list())
    }

    /// How many requests a rule of this name has changed.
    #[must_use]
    pub fn used(&self, name: &str) -> u32 {
        self.with(|book| book.used(name))
    }

    pub(super) fn choose(&self, view: &View<'_>) -> Script {
        self.with(|book| book.choose(view))
    }

    fn with<T>(&self, change: impl FnOnce(&mut RuleBook) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
