//! Signals turned into Prometheus metrics.
//!
//! Names and labels are the contract with dashboards and alerts. Every label is bounded: ids of
//! configured things and words of enums, never a payment's id. Gauges of states that live elsewhere
//! (devices, outbox) are read off the board at each scrape, so that a lost signal can't leave them
//! wrong.

mod maker;
mod money;

use std::fmt;

use prometheus::{
    Encoder, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};
use store_actors::{
    domain::payment::Payment,
    signal::{Health, Signal, Signals},
    supervisor::RestartPolicy,
};
use tokio::sync::broadcast::error::RecvError;

use self::{maker::Maker, money::Money};
use crate::adapters::journal::Recovery;

const ANSWER_BUCKETS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0];
const WRITE_BUCKETS: [f64; 9] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];

/// All metrics of the program.
pub struct Metrics {
    registry: Registry,
    money: Money,
    answers: IntCounterVec,
    answer_seconds: HistogramVec,
    journal_records: IntCounter,
    journal_write_seconds: HistogramVec,
    journal_stopped: IntGauge,
    actor_restarts: IntCounterVec,
    actor_quarantines: IntCounterVec,
    device_up: IntGaugeVec,
    device_quarantined: IntGaugeVec,
    acquirer_up: IntGaugeVec,
    clock_ahead_seconds: IntGaugeVec,
    batches: IntCounterVec,
    batch_waits: IntGaugeVec,
    offline_minor_units: IntGaugeVec,
    offline_payments: IntGaugeVec,
    offline_oldest: IntGauge,
    outbox_depth: IntGauge,
    outbox_oldest_seconds: IntGauge,
    outbox_rebuilds: IntGauge,
    outbox_minor_units: IntGaugeVec,
    outbox_parked: IntGauge,
    disk_free: IntGauge,
    disk_nearly_full: IntGauge,
    journal_unapplied: IntGauge,
    journal_found: IntGaugeVec,
    ignored: IntCounterVec,
    notifications: IntCounterVec,
    stickers_seen: IntCounterVec,
    sticker_alarm: IntGaugeVec,
    violations: IntCounterVec,
    signals_lost: IntCounter,
    signals: Signals,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
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
        let policy = RestartPolicy::default();
        make.gauge(
            "store_actor_restart_budget",
            &format!(
                "Restarts of one actor within {} s that are taken as bad luck; one more means quarantine.",
                policy.window.as_secs()
            ),
        )?
        .set(signed(policy.budget));
        Ok(Self {
            money: Money::new(&make)?,
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
            actor_quarantines: make.counters(
                "store_actor_quarantines_total",
                "Actors that used up their restart budget and are tried again slowly.",
                &["actor"],
            )?,
            device_up: make.gauges("store_device_up", "1: the device is ready.", &["device", "kind", "counter"])?,
            device_quarantined: make.gauges(
                "store_device_quarantined",
                "1: too many restarts, tried again slowly.",
                &["device", "kind", "counter"],
            )?,
            acquirer_up: make.gauges("store_acquirer_up", "1: the acquirer can be reached.", &["acquirer"])?,
            clock_ahead_seconds: make.gauges(
                "store_acquirer_clock_ahead_seconds",
                "By how many seconds the store's clock is ahead of the acquirer's.",
                &["acquirer"],
            )?,
            batches: make.counters(
                "store_batches_settled_total",
                "Batches settled with an acquirer, by whether it counted the same.",
                &["acquirer", "balanced"],
            )?,
            batch_waits: make.gauges(
                "store_batch_waits",
                "1: the last try to settle the acquirer's batch came to nothing.",
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
            outbox_minor_units: make.gauges(
                "store_outbox_minor_units",
                "Amounts of payments and refunds in records that the head office has not receipted, in minor units.",
                &["what", "currency"],
            )?,
            disk_free: make.gauge("store_disk_free_bytes", "Bytes free for the journal.")?,
            disk_nearly_full: make.gauge("store_disk_nearly_full", "1: too little room, no new payments are taken.")?,
            journal_unapplied: make.gauge(
                "store_journal_unapplied_records",
                "Records that are durable in the guard log and not yet in the store behind it.",
            )?,
            journal_found: make.gauges(
                "store_journal_opening",
                "What opening the journal found: unclean, replayed_records, cut_bytes, breaks, rebuilt, store_from_copy.",
                &["what"],
            )?,
            outbox_parked: make.gauge("store_outbox_parked", "Records in whose place a stub went to the head office.")?,
            outbox_rebuilds: make.gauge("store_outbox_rebuilds", "How often the link was thrown away and made anew.")?,
            ignored: make.counters("store_device_ignored_total", "Scans and cards no payment waited for.", &["device"])?,
            notifications: make.counters(
                "store_notifications_total",
                "What providers told by themselves, by what came of it.",
                &["acquirer", "outcome"],
            )?,
            stickers_seen: make.counters(
                "store_stickers_seen_total",
                "Looks at a counter's printed QR, by what was seen: own, misplaced, swapped, nothing.",
                &["counter", "seen"],
            )?,
            sticker_alarm: make.gauges(
                "store_sticker_alarm",
                "1: the printed QR that was seen last at the counter is not the one that the store issued.",
                &["counter"],
            )?,
            violations: make.counters("store_invariant_violations_total", "Broken rules: defects.", &["rule"])?,
            signals_lost: make.counter("store_signals_lost_total", "Signals that came too fast to be counted.")?,
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

    /// Payments that were not settled when the program started.
    pub fn take_up(&self, unsettled: &[Payment]) {
        self.money.take_up(unsettled);
    }

    /// What opening the journal found; it stays until the next start.
    pub fn journal_opened(&self, recovery: &Recovery) {
        for (what, value) in [
            ("unclean", i64::from(!recovery.was_clean)),
            ("replayed_records", signed(recovery.replayed)),
            ("cut_bytes", signed(recovery.cut_bytes)),
            ("breaks", signed(recovery.breaks)),
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
            Signal::PaymentMoved { payment, .. } => self.money.payment_moved(payment),
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
            Signal::ActorQuarantined { name } => {
                self.actor_quarantines.with_label_values(&[name]).inc();
            }
            Signal::Ignored { device, .. } => {
                self.ignored.with_label_values(&[device.as_str()]).inc()
            }
            Signal::StickerSeen { counter, seen } => {
                self.stickers_seen
                    .with_label_values(&[counter.as_str(), seen.as_str()])
                    .inc();
            }
            Signal::Notified(notified) => {
                self.notifications
                    .with_label_values(&[notified.acquirer.as_str(), notified.outcome])
                    .inc();
            }
            Signal::InvariantBroken(violation) => {
                self.violations
                    .with_label_values(&[violation.rule.name()])
                    .inc();
            }
            Signal::BatchSettled(settled) => {
                let acquirer = settled.acquirer.as_str();
                let balanced = if settled.balanced { "yes" } else { "no" };
                self.batches.with_label_values(&[acquirer, balanced]).inc();
            }
            Signal::BatchWaits { acquirer, why } => {
                let waits = i64::from(why.is_some());
                self.batch_waits
                    .with_label_values(&[acquirer.as_str()])
                    .set(waits);
            }
            Signal::SlipReceived { .. }
            | Signal::JournalStopped { .. }
            | Signal::DiskChanged(_)
            | Signal::DeviceChanged(_)
            | Signal::AcquirerChanged(_)
            | Signal::OutboxChanged(_)
            | Signal::OfflineChanged(_) => {}
        }
    }

    fn read_board(&self) {
        let board = self.signals.board();
        for device in board.devices.values() {
            let labels = [
                device.id.as_str(),
                device.kind.as_str(),
                device.counter.as_str(),
            ];
            let quarantined = matches!(device.health, Health::Quarantined(_));
            self.device_up
                .with_label_values(&labels)
                .set(i64::from(device.health.is_ready()));
            self.device_quarantined
                .with_label_values(&labels)
                .set(i64::from(quarantined));
        }
        for acquirer in board.acquirers.values() {
            self.money.expect(&acquirer.id);
            self.acquirer_up
                .with_label_values(&[acquirer.id.as_str()])
                .set(i64::from(acquirer.reachable));
            if let Some(ahead_s) = acquirer.clock_ahead_s {
                self.clock_ahead_seconds
                    .with_label_values(&[acquirer.id.as_str()])
                    .set(ahead_s);
            }
        }
        for (counter, seen) in &board.stickers {
            self.sticker_alarm
                .with_label_values(&[counter.as_str()])
                .set(i64::from(seen.is_alarm()));
        }
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
        self.outbox_parked.set(signed(board.outbox.parked));
        for line in board.outbox.money.iter().flatten() {
            let currency = line.currency.alpha();
            for (what, units) in [("payments", line.payments), ("refunds", line.refunds)] {
                let gauge = self.outbox_minor_units.with_label_values(&[what, currency]);
                gauge.set(signed(units));
            }
        }
        self.disk_free
            .set(signed(board.disk.free_bytes.unwrap_or(0)));
        self.disk_nearly_full.set(i64::from(!board.disk.has_room));
        self.journal_unapplied.set(signed(board.disk.unapplied));
        self.journal_stopped
            .set(i64::from(board.journal_stopped.is_some()));
    }
}

fn signed<N: TryInto<i64>>(value: N) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
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
        ids::{AcquirerId, PaymentId},
        invariant::{Rule, Violation},
        money::{Currency, Money},
        payment::{Opening, Origin, State},
        tender::Tender,
        timestamp::Timestamp,
    };

    use store_actors::signal::AcquirerStatus;

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
            opened_by: None,
        };
        let mut payment = Payment::open(opening, Timestamp::from_unix_ms(0));
        payment.submitted_at = Some(Timestamp::from_unix_ms(0));
        payment.changed_at = Timestamp::from_unix_ms(1_500);
        payment.acquirer = Some("bank".parse().unwrap());
        payment.state = state;
        payment.ended_at = state.is_final().then_some(payment.changed_at);
        payment
    }

    fn has(metrics: &Metrics, lines: &[&str]) {
        let page = metrics.page().unwrap();
        for line in lines {
            assert!(
                page.lines().any(|found| found == *line),
                "{line} in\n{page}"
            );
        }
    }

    #[test]
    fn an_outcome_is_counted_once_and_the_unknown_while_it_lasts() {
        let metrics = Metrics::new(Signals::default()).unwrap();
        metrics.money.payment_moved(&payment(State::Submitted));
        has(&metrics, &["store_payments_unknown 0"]);
        metrics.money.payment_moved(&payment(State::Unknown));
        has(
            &metrics,
            &[
                "store_payments_unknown 1",
                r#"store_unresolved{doubt="outcome"} 1"#,
                r#"store_unresolved_minor_units{currency="CNY"} 100"#,
            ],
        );
        metrics.money.payment_moved(&payment(State::Approved));
        has(
            &metrics,
            &[
                "store_payments_unknown 0",
                "store_unresolved_oldest_timestamp_seconds 0",
                r#"store_unresolved{doubt="outcome"} 0"#,
                r#"store_unresolved_minor_units{currency="CNY"} 0"#,
                r#"store_payments_total{acquirer="bank",state="approved",tender="customer_code"} 1"#,
                r#"store_ended_payments_total{counter="01",state="approved"} 1"#,
                r#"store_payment_outcome_seconds_sum{acquirer="bank",tender="customer_code"} 1.5"#,
            ],
        );
    }

    #[test]
    fn what_was_unknown_before_a_restart_is_told_until_it_is_known() {
        let metrics = Metrics::new(Signals::default()).unwrap();
        let mut unknown = payment(State::Unknown);
        unknown.submitted_at = Some(Timestamp::from_unix_ms(7_000));
        metrics.take_up(&[unknown.clone()]);
        let told = [
            "store_payments_unknown 1",
            "store_unresolved_oldest_timestamp_seconds 7",
        ];
        has(&metrics, &told);
        unknown.state = State::Declined;
        metrics.money.payment_moved(&unknown);
        has(&metrics, &["store_payments_unknown 0"]);
        // read before the last signal, handed over after it
        metrics.money.payment_moved(&payment(State::Reversing));
        unknown.state = State::Submitted;
        metrics.take_up(&[unknown]);
        has(&metrics, &["store_payments_unknown 1"]);
    }

    #[test]
    fn an_acquirers_counters_begin_at_0() {
        let signals = Signals::default();
        let metrics = Metrics::new(signals.clone()).unwrap();
        let id: AcquirerId = "bank".parse().unwrap();
        let status = AcquirerStatus {
            id,
            reachable: true,
            why: None,
            since: Timestamp::from_unix_ms(0),
            clock_ahead_s: None,
        };
        signals.emit(Signal::AcquirerChanged(status));
        let refused =
            r#"store_payments_total{acquirer="bank",state="refused_later",tender="card"} 0"#;
        has(&metrics, &[refused]);
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
