//! Prometheus metrics: what this worker did, and where each store stands.

use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use super::database::StoreRow;

/// What this process counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// By kind: records, status, unusable.
    pub messages: IntCounterVec,
    /// By outcome: stored, duplicate, conflict.
    pub records: IntCounterVec,
    pub poison: IntCounter,
    pub receipts: IntCounter,
    pub commit_seconds: Histogram,
    pub commit_failures: IntCounter,
    pub connections_lost: IntCounter,
    pub broker_up: IntGauge,
    pub database_up: IntGauge,
}

impl Metrics {
    /// # Errors
    /// Two metrics of one name: a fault of the program, seen by the first test.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let add = |metric: Box<dyn prometheus::core::Collector>| registry.register(metric);
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(name, help)?;
            add(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let counters =
            |name: &str, help: &str, label: &str| -> Result<IntCounterVec, prometheus::Error> {
                let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
                add(Box::new(counters.clone()))?;
                Ok(counters)
            };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            add(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let buckets = vec![
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ];
        let commit_help = "Time of a transaction that committed, from BEGIN to COMMIT.";
        let commit = HistogramOpts::new("head_office_commit_seconds", commit_help).buckets(buckets);
        let commit_seconds = Histogram::with_opts(commit)?;
        add(Box::new(commit_seconds.clone()))?;
        Ok(Self {
            messages: counters(
                "head_office_messages_total",
                "Messages received, by kind.",
                "kind",
            )?,
            records: counters(
                "head_office_records_total",
                "Records received, by outcome.",
                "outcome",
            )?,
            poison: counter(
                "head_office_poison_total",
                "Events that were no records, or could not be read.",
            )?,
            receipts: counter("head_office_receipts_total", "Receipts sent to stores.")?,
            commit_failures: counter(
                "head_office_commit_failures_total",
                "Transactions that failed.",
            )?,
            connections_lost: counter(
                "head_office_broker_connections_lost_total",
                "Connections to the broker that were lost or given up.",
            )?,
            broker_up: gauge(
                "head_office_broker_up",
                "Whether the broker is connected and subscribed to.",
            )?,
            database_up: gauge(
                "head_office_database_up",
                "Whether the database answered last.",
            )?,
            commit_seconds,
            registry,
        })
    }

    /// The page, with a line per store where the database told them.
    pub fn page(&self, stores: &[StoreRow]) -> Result<Vec<u8>, prometheus::Error> {
        let mut families = self.registry.gather();
        families.extend(of_stores(stores)?.gather());
        let mut page = Vec::new();
        TextEncoder::new().encode(&families, &mut page)?;
        Ok(page)
    }
}

/// Made anew for each page: all workers on one database tell the same.
fn of_stores(stores: &[StoreRow]) -> Result<Registry, prometheus::Error> {
    type Value = fn(&StoreRow) -> Option<u64>;
    let gauges: [(&str, &str, Value); 8] = [
        (
            "watermark",
            "Sequence number up to which every record is held.",
            |s| Some(s.watermark),
        ),
        ("last_record", "Highest sequence number held.", |s| {
            Some(s.last_seq)
        }),
        (
            "reported_record",
            "Highest sequence number the store reported.",
            |s| Some(s.reported_seq),
        ),
        (
            "missing_records",
            "Records missing below the highest held.",
            |s| Some(s.missing),
        ),
        (
            "conflicting_records",
            "Records that contradict one held under their number.",
            |s| Some(s.conflicts),
        ),
        (
            "chain_broken",
            "Whether the chain of hashes is broken.",
            |s| Some(u64::from(s.broken_seq.is_some())),
        ),
        (
            "online",
            "Whether the broker has the store connected.",
            |s| s.online.map(u64::from),
        ),
        (
            "status_age_seconds",
            "Age of the store's last report.",
            |s| s.status_age_ms.map(|ms| ms / 1_000),
        ),
    ];
    let registry = Registry::new();
    for (name, help, value) in gauges {
        let opts = Opts::new(format!("head_office_store_{name}"), help);
        let gauge = IntGaugeVec::new(opts, &["store"])?;
        registry.register(Box::new(gauge.clone()))?;
        for store in stores {
            if let Some(value) = value(store) {
                gauge
                    .with_label_values(&[&store.store])
                    .set(i64::try_from(value).unwrap_or(i64::MAX));
            }
        }
    }
    Ok(registry)
}
