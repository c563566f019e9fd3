//! Signals turned into Prometheus metrics.
//!
//! Names and labels are the contract with dashboards and alerts. Every label is bounded: ids of
//! configured things and words of enums, never a payment's id. Gauges of states that live elsewhere
//! (devices, outbox) are read off the board at each scrape, so that a lost signal can't leave them
//! wrong.

use std::{collections::HashMap, fmt, sync::Mutex, sync::PoisonError};

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use store_actors::{
    domain::{
        ids::PaymentId,
        payment::{Payment, State},
    },
    signal::{Signal, Signals},
};
use tokio::sync::broadcast::error::RecvError;

use crate::adapters::journal::Recovery;

/// Seconds to a known outcome: from a tap to a customer who takes two minutes.
const OUTCOME_BUCKETS: [f64; 10] = [0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 45.0, 90.0, 180.0];
const ANSWER_BUCKETS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0];
const WRITE_BUCKETS: [f64; 9] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];

/// All metrics of the program.
pub struct Metrics {
    registry: Registry,
    payments: IntCounterVec,
    refunds: IntCounterVec,
    outcome_seconds: HistogramVec,
    unresolved: IntGauge,
    answers: IntCounterVec,
    answer_seconds: HistogramVec,
    journal_records: IntCounter,
    journal_write_seconds: HistogramVec,
    journal_stopped: IntGauge,
    actor_restarts: IntCounterVec,
    device_up: IntGaugeVec,
    acquirer_up: IntGaugeVec,
    clock_ahead_seconds: IntGaugeVec,
    offline_minor_units: IntGaugeVec,
    offline_payments: IntGaugeVec,
    offline_oldest: IntGauge,
    outbox_depth: IntGauge,
    outbox_oldest_seconds: IntGauge,
    outbox_rebuilds: IntGauge,
    outbox_parked: IntGauge,
    disk_free: IntGauge,
    disk_nearly_full: IntGauge,
    journal_unapplied: IntGauge,
    journal_found: IntGaugeVec,
    ignored: IntCounterVec,
    violations: IntCounterVec,
    signals_lost: IntCounter,
    /// Payments and refunds that are not settled, to count each outcome once.
    open: Mutex<HashMap<PaymentId, State>>,
    signals: Signals,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Makes metrics in a registry.
struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        let made = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let made = IntCounter::new(name, help)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let made = IntGauge::new(name, help)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        let made = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
        labels: &[&str],
    ) -> prometheus::Result<HistogramVec> {
        let made = HistogramVec::new(
            HistogramOpts::new(name, help).buckets(buckets.to_vec()),
            labels,
        )?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }
}

impl Metrics {
    pub fn new(signals: Signals) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let make = Maker(&registry);
        let build = make.gauges(
            "store_build_info",
            "The running program; the value is always 1.",
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Self {
            payments: make.counters(
                "store_payments_total",
                "Payments by final state and the tender they were asked for with.",
                &["state", "tender"],
            )?,
            refunds: make.counters("store_refunds_total", "Refunds begun.", &["counter"])?,
            outcome_seconds: make.histogram(
                "store_payment_outcome_seconds",
                "From the submission to the acquirer to a known outcome.",
                &OUTCOME_BUCKETS,
                &["tender"],
            )?,
            unresolved: make.gauge(
                "store_payments_unknown",
                "Payments whose outcome nobody knows at this moment.",
            )?,
            answers: make.counters(
                "store_acquirer_answers_total",
                "Answers of acquirers, and missing ones.",
                &["acquirer", "operation", "outcome"],
            )?,
            answer_seconds: make.histogram(
                "store_acquirer_answer_seconds",
                "How long an acquirer took to answer, or not to.",
                &ANSWER_BUCKETS,
                &["acquirer", "operation"],
            )?,
            journal_records: make.counter("store_journal_records_total", "Records on stable storage.")?,
            journal_write_seconds: make.histogram(
                "store_journal_write_seconds",
                "From handing a group to the disk to its being on stable storage.",
                &WRITE_BUCKETS,
                &[],
            )?,
            journal_stopped: make.gauge("store_journal_stopped", "1: the journal has failed and no money is taken.")?,
            actor_restarts: make.counters("store_actor_restarts_total", "Restarts by the supervisor.", &["actor"])?,
            device_up: make.gauges("store_device_up", "1: the device is ready.", &["device", "kind"])?,
            acquirer_up: make.gauges("store_acquirer_up", "1: the acquirer can be reached.", &["acquirer"])?,
            clock_ahead_seconds: make.gauges(
                "store_acquirer_clock_ahead_seconds",
                "By how much the store's clock is ahead of the acquirer's.",
                &["acquirer"],
            )?,
            offline_minor_units: make.gauges(
                "store_offline_minor_units",
                "Cards accepted without the acquirer and not yet charged (used), and what may be (total), in minor units.",
                &["what"],
            )?,
            offline_payments: make.gauges(
                "store_offline_payments",
                "How many cards are accepted without the acquirer and not yet charged (used), and may be (total).",
                &["what"],
            )?,
            offline_oldest: make.gauge(
                "store_offline_oldest_timestamp_seconds",
                "When the oldest card was accepted that is not yet charged, Unix time; 0 when there is none.",
            )?,
            outbox_depth: make.gauge("store_outbox_depth", "Records that the head office has not receipted.")?,
            outbox_oldest_seconds: make.gauge(
                "store_outbox_oldest_seconds",
                "Age of the oldest record that the head office has not receipted; 0 when there is none.",
            )?,
            disk_free: make.gauge("store_disk_free_bytes", "Bytes free for the journal.")?,
            disk_nearly_full: make.gauge("store_disk_nearly_full", "1: too little room, no new payments are taken.")?,
            journal_unapplied: make.gauge(
                "store_journal_unapplied_records",
                "Records that are durable in the guard log and not yet in the store behind it.",
            )?,
            journal_found: make.gauges(
                "store_journal_opening",
                "What opening the journal found: unclean, replayed_records, cut_bytes, breaks, rebuilt, from_copy.",
                &["what"],
            )?,
            outbox_parked: make.gauge("store_outbox_parked", "Records in whose place a stub went to the head office.")?,
            outbox_rebuilds: make.gauge("store_outbox_rebuilds", "How often the link was thrown away and made anew.")?,
            ignored: make.counters("store_device_ignored_total", "Scans and cards no payment waited for.", &["device"])?,
            violations: make.counters("store_invariant_violations_total", "Broken rules: defects.", &["rule"])?,
            signals_lost: make.counter("store_signals_lost_total", "Signals that came too fast to be counted.")?,
            open: Mutex::default(),
            registry,
            signals,
        })
    }

    /// Counts until the signals end, which is when the program does.
    pub async fn run(&self) {
        let mut signals = self.signals.listen();
        loop {
            match signals.recv().await {
                Ok(signal) => self.count(&signal),
                Err(RecvError::Lagged(lost)) => self.signals_lost.inc_by(lost),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// The page for Prometheus, text format 0.0.4.
    pub fn page(&self) -> prometheus::Result<String> {
        self.read_board();
        let mut page = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut page)?;
        Ok(String::from_utf8_lossy(&page).into_owned())
    }

    /// What opening the journal found; it stays until the next start.
    pub fn journal_opened(&self, recovery: &Recovery) {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let count = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        for (what, value) in [
            ("unclean", i64::from(!recovery.was_clean)),
            ("replayed_records", signed(recovery.replayed)),
            ("cut_bytes", count(recovery.cut_bytes)),
            ("breaks", count(recovery.breaks)),
            ("rebuilt", i64::from(recovery.store_rebuilt.is_some())),
            (
                "store_from_copy",
                i64::from(recovery.store_from_copy.is_some()),
            ),
        ] {
            self.journal_found.with_label_values(&[what]).set(value);
        }
    }

    fn count(&self, signal: &Signal) {
        match signal {
            Signal::PaymentMoved { payment, .. } => self.payment_moved(payment),
            Signal::AcquirerAnswered {
                acquirer,
                operation,
                outcome,
                took_ms,
            } => {
                let (acquirer, operation) = (acquirer.as_str(), operation.as_str());
                self.answers
                    .with_label_values(&[acquirer, operation, outcome])
                    .inc();
                let took = seconds(*took_ms);
                self.answer_seconds
                    .with_label_values(&[acquirer, operation])
                    .observe(took);
            }
            Signal::JournalWrote { records, took_us } => {
                self.journal_records
                    .inc_by(u64::try_from(*records).unwrap_or(u64::MAX));
                let none: [&str; 0] = [];
                self.journal_write_seconds
                    .with_label_values(&none)
                    .observe(seconds(*took_us) / 1_000.0);
            }
            Signal::ActorRestarted { name, .. } => {
                self.actor_restarts.with_label_values(&[name]).inc()
            }
            Signal::Ignored { device, .. } => {
                self.ignored.with_label_values(&[device.as_str()]).inc()
            }
            Signal::InvariantBroken(violation) => {
                self.violations
                    .with_label_values(&[violation.rule.name()])
                    .inc();
            }
            Signal::SlipReceived { .. }
            | Signal::JournalStopped { .. }
            | Signal::DiskChanged(_)
            | Signal::DeviceChanged(_)
            | Signal::AcquirerChanged(_)
            | Signal::OutboxChanged(_)
            | Signal::OfflineChanged(_)
            | Signal::ActorQuarantined { .. } => {}
        }
    }

    fn payment_moved(&self, payment: &Payment) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let before = open.get(&payment.id).copied();
        if payment.state.is_final() {
            let refund_begun = before.is_none() && !payment.refunds.is_empty();
            if refund_begun {
                // approved long ago: only its refunds move now
                let last = payment
                    .refunds
                    .last()
                    .is_some_and(|refund| refund.changed_at == refund.requested_at);
                if last {
                    self.refunds
                        .with_label_values(&[payment.counter.as_str()])
                        .inc();
                }
                return;
            }
            open.remove(&payment.id);
            if payment
                .ended_at
                .is_some_and(|ended_at| ended_at != payment.changed_at)
            {
                // it ended before: a late approval or another payment for it is being looked into
                return;
            }
            let tender = payment.actual_tender().as_str();
            self.payments
                .with_label_values(&[payment.state.as_str(), tender])
                .inc();
            if let Some(submitted_at) = payment.submitted_at {
                let took = seconds(payment.changed_at.since_ms(submitted_at));
                self.outcome_seconds
                    .with_label_values(&[tender])
                    .observe(took);
            }
        } else {
            open.insert(payment.id, payment.state);
        }
        let unknown = open.values().filter(|state| state.is_unknown()).count();
        self.unresolved
            .set(i64::try_from(unknown).unwrap_or(i64::MAX));
    }

    fn read_board(&self) {
        let board = self.signals.board();
        for device in board.devices.values() {
            let up = self
                .device_up
                .with_label_values(&[device.id.as_str(), device.kind.as_str()]);
            up.set(i64::from(device.health.is_ready()));
        }
        for acquirer in board.acquirers.values() {
            self.acquirer_up
                .with_label_values(&[acquirer.id.as_str()])
                .set(i64::from(acquirer.reachable));
            if let Some(ahead_s) = acquirer.clock_ahead_s {
                self.clock_ahead_seconds
                    .with_label_values(&[acquirer.id.as_str()])
                    .set(ahead_s);
            }
        }
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        if let Some(offline) = &board.offline {
            for (what, share) in [("used", offline.used), ("total", offline.total)] {
                let units = self.offline_minor_units.with_label_values(&[what]);
                units.set(signed(share.minor_units));
                let payments = self.offline_payments.with_label_values(&[what]);
                payments.set(i64::from(share.count));
            }
            let oldest = offline.oldest_at.map_or(0, |at| at.unix_ms() / 1_000);
            self.offline_oldest.set(oldest);
        }
        self.outbox_depth.set(signed(board.outbox.depth));
        self.outbox_oldest_seconds
            .set(signed(board.outbox.oldest_age_ms.unwrap_or(0) / 1_000));
        self.outbox_rebuilds.set(signed(board.outbox.rebuilds));
        self.outbox_parked
            .set(i64::try_from(board.outbox.parked).unwrap_or(i64::MAX));
        self.disk_free
            .set(signed(board.disk.free_bytes.unwrap_or(0)));
        self.disk_nearly_full.set(i64::from(!board.disk.has_room));
        self.journal_unapplied.set(signed(board.disk.unapplied));
        self.journal_stopped
            .set(i64::from(board.journal_stopped.is_some()));
    }
}

/// Milliseconds as Prometheus wants them.
#[expect(
    clippy::cast_precision_loss,
    reason = "beyond 2^53 ms nobody looks at the digits"
)]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use store_actors::domain::{
        invariant::{Rule, Violation},
        money::{Currency, Money},
        payment::{Opening, Origin},
        tender::Tender,
        timestamp::Timestamp,
    };

    use super::*;

    fn payment(state: State) -> Payment {
        let opening = Opening {
            id: PaymentId::from_bytes([1; 16]),
            counter: "01".parse().unwrap(),
            money: Money::parse("1.00", Currency::Cny).unwrap(),
            tender: Tender::CustomerCode,
            origin: Origin::Till,
            reference: None,
            fingerprint: None,
            number: 0,
        };
        let mut payment = Payment::open(opening, Timestamp::from_unix_ms(0));
        payment.submitted_at = Some(Timestamp::from_unix_ms(0));
        payment.changed_at = Timestamp::from_unix_ms(1_500);
        payment.state = state;
        payment
    }

    #[test]
    fn an_outcome_is_counted_once_and_the_unknown_while_it_lasts() {
        let metrics = Metrics::new(Signals::default()).unwrap();
        metrics.payment_moved(&payment(State::Submitted));
        metrics.payment_moved(&payment(State::Unknown));
        assert!(metrics.page().unwrap().contains("store_payments_unknown 1"));
        metrics.payment_moved(&payment(State::Approved));
        let page = metrics.page().unwrap();
        assert!(page.contains("store_payments_unknown 0"), "{page}");
        assert!(
            page.contains(r#"store_payments_total{state="approved",tender="customer_code"} 1"#),
            "{page}"
        );
        assert!(
            page.contains(r#"store_payment_outcome_seconds_sum{tender="customer_code"} 1.5"#),
            "{page}"
        );
    }

    #[test]
    fn a_broken_rule_is_counted_by_its_name() {
        let metrics = Metrics::new(Signals::default()).unwrap();
        let violation = Violation {
            rule: Rule::Pay1,
            what: "charged twice".into(),
        };
        metrics.count(&Signal::InvariantBroken(violation));
        assert!(
            metrics
                .page()
                .unwrap()
                .contains(r#"store_invariant_violations_total{rule="PAY-1"} 1"#)
        );
    }
}
