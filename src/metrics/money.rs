//! What the payments' signals say about money: how payments ended, how long that took, and what
//! nobody knows yet.
//!
//! Each outcome is counted once. What is in doubt is kept by payment only to be added up; no
//! payment's id leaves this module.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use prometheus::{HistogramVec, IntCounterVec, IntGauge, IntGaugeVec};
use store_actors::domain::{
    ids::{AcquirerId, PaymentId},
    money::Money as DomainMoney,
    payment::{AcquirerClock, Payment, State, machine::Times},
    tender::Tender,
    timestamp::Timestamp,
    unresolved::{Doubt, Unresolved},
};

use super::{maker::Maker, seconds, signed};

/// Seconds to a known outcome: from a tap to a customer who takes two minutes.
const OUTCOME_BUCKETS: [f64; 10] = [0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 45.0, 90.0, 180.0];
/// In place of an acquirer where none was asked.
const NONE: &str = "none";

pub(super) struct Money {
    payments: IntCounterVec,
    at_counters: IntCounterVec,
    refunds: IntCounterVec,
    outcome_seconds: HistogramVec,
    unknown: IntGauge,
    unresolved: IntGaugeVec,
    unresolved_minor_units: IntGaugeVec,
    unresolved_oldest: IntGauge,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// Payments that have not ended, to count each outcome once.
    open: HashMap<PaymentId, State>,
    in_doubt: HashMap<PaymentId, Vec<Line>>,
    /// In doubt, by currency: every one in which anything was paid.
    minor_units: BTreeMap<&'static str, u64>,
}

/// One thing that nobody knows about a payment.
struct Line {
    doubt: &'static str,
    since: Timestamp,
    money: DomainMoney,
}

impl Books {
    fn doubt(&mut self, payment: &Payment) {
        // since when and what does not hang on the clock; what is asked next does, and is not told
        let times = Times {
            now: payment.changed_at,
            acquirer: AcquirerClock::USUAL,
            collect_timeout_ms: 0,
        };
        let refund = |id| payment.refund(id).map(|refund| refund.money);
        let lines = Unresolved::of(payment, &times).into_iter();
        // what was accepted offline has metrics of its own
        let lines = lines.filter(|line| line.doubt != Doubt::Offline);
        let lines: Vec<Line> = lines
            .map(|line| Line {
                doubt: line.doubt.as_str(),
                since: line.since,
                money: match line.doubt {
                    Doubt::Refund(id) => refund(id).unwrap_or(payment.money),
                    _ => payment.money,
                },
            })
            .collect();
        self.in_doubt.remove(&payment.id);
        if !lines.is_empty() {
            self.in_doubt.insert(payment.id, lines);
        }
        self.minor_units
            .entry(payment.money.currency().alpha())
            .or_default();
    }

    fn add_up(&mut self) {
        self.minor_units.values_mut().for_each(|sum| *sum = 0);
        for line in self.in_doubt.values().flatten() {
            let sum = self
                .minor_units
                .entry(line.money.currency().alpha())
                .or_default();
            *sum = sum.saturating_add(line.money.minor_units());
        }
    }
}

impl Money {
    pub fn new(make: &Maker<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            payments: make.counters(
                "store_payments_total",
                "Payments by final state, actual tender and the acquirer that was asked.",
                &["state", "tender", "acquirer"],
            )?,
            at_counters: make.counters(
                "store_ended_payments_total",
                "Payments that ended, by counter and final state.",
                &["counter", "state"],
            )?,
            refunds: make.counters("store_refunds_total", "Refunds begun.", &["counter"])?,
            outcome_seconds: make.histogram(
                "store_payment_outcome_seconds",
                "From the submission to the acquirer to a known outcome.",
                &OUTCOME_BUCKETS,
                &["tender", "acquirer"],
            )?,
            unknown: make.gauge(
                "store_payments_unknown",
                "Payments whose outcome nobody knows at this moment.",
            )?,
            unresolved: make.gauges(
                "store_unresolved",
                "What nobody knows yet, by kind of doubt; GET /v1/unknown lists it.",
                &["doubt"],
            )?,
            unresolved_minor_units: make.gauges(
                "store_unresolved_minor_units",
                "Amounts of the payments in doubt, in minor units of their currency.",
                &["currency"],
            )?,
            unresolved_oldest: make.gauge(
                "store_unresolved_oldest_timestamp_seconds",
                "Since when the oldest doubt lasts, Unix time; 0 when there is none.",
            )?,
            books: Mutex::default(),
        })
    }

    /// Makes the series of an acquirer before anything happens: a counter that begins at 1 has no
    /// increase for Prometheus.
    pub fn expect(&self, acquirer: &AcquirerId) {
        let acquirer = acquirer.as_str();
        for tender in Tender::CONCRETE.map(Tender::as_str) {
            self.outcome_seconds.with_label_values(&[tender, acquirer]);
            for state in State::ALL.into_iter().filter(|state| state.is_final()) {
                let state = state.as_str();
                self.payments.with_label_values(&[state, tender, acquirer]);
            }
        }
    }

    /// What was under way when the program started; what has moved since is known better already.
    pub fn take_up(&self, unsettled: &[Payment]) {
        let mut books = self.books();
        for payment in unsettled {
            if books.open.contains_key(&payment.id) || books.in_doubt.contains_key(&payment.id) {
                continue;
            }
            if !payment.state.is_final() {
                books.open.insert(payment.id, payment.state);
            }
            books.doubt(payment);
        }
        self.show(&mut books);
    }

    pub fn payment_moved(&self, payment: &Payment) {
        let mut books = self.books();
        books.doubt(payment);
        let before = books.open.get(&payment.id).copied();
        if payment.state.is_final() {
            books.open.remove(&payment.id);
            if before.is_none() && !payment.refunds.is_empty() {
                self.refund_moved(payment);
            } else if payment.ended_at.is_none_or(|at| at == payment.changed_at) {
                // otherwise it ended before: a late approval or another payment for it is being
                // looked into
                self.ended(payment);
            }
        } else {
            books.open.insert(payment.id, payment.state);
        }
        self.show(&mut books);
    }

    /// Approved long ago: only its refunds move now.
    fn refund_moved(&self, payment: &Payment) {
        let last = payment.refunds.last();
        if last.is_some_and(|refund| refund.changed_at == refund.requested_at) {
            let counter = payment.counter.as_str();
            self.refunds.with_label_values(&[counter]).inc();
        }
    }

    fn ended(&self, payment: &Payment) {
        let (state, tender) = (payment.state.as_str(), payment.actual_tender().as_str());
        let acquirer = payment.acquirer.as_ref().map_or(NONE, AcquirerId::as_str);
        self.payments
            .with_label_values(&[state, tender, acquirer])
            .inc();
        self.at_counters
            .with_label_values(&[payment.counter.as_str(), state])
            .inc();
        if let Some(took_ms) = payment.outcome_after_ms() {
            self.outcome_seconds
                .with_label_values(&[tender, acquirer])
                .observe(seconds(took_ms));
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, books: &mut Books) {
        books.add_up();
        let unknown = books.open.values().filter(|state| state.is_unknown());
        self.unknown.set(signed(unknown.count()));
        let lines = || books.in_doubt.values().flatten();
        for word in Doubt::WORDS {
            let count = lines().filter(|line| line.doubt == word).count();
            self.unresolved
                .with_label_values(&[word])
                .set(signed(count));
        }
        let oldest = lines().map(|line| line.since.unix_ms()).min();
        self.unresolved_oldest
            .set(oldest.map_or(0, |ms| ms / 1_000));
        for (currency, sum) in &books.minor_units {
            self.unresolved_minor_units
                .with_label_values(&[currency])
                .set(i64::try_from(*sum).unwrap_or(i64::MAX));
        }
    }
}
