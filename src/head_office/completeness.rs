//! How complete a day is, in words and as JSON.

use serde::Serialize;
use store_actors::domain::{day::Day, timestamp::Timestamp};

use super::database::{CounterMissing, StoreDay, Verdict};

/// One day of the chain.
#[derive(Debug, Serialize)]
pub struct Completeness {
    pub day: Day,
    /// Every store's day is complete.
    pub complete: bool,
    pub stores: Vec<StoreCompleteness>,
}

#[derive(Debug, Serialize)]
pub struct StoreCompleteness {
    pub store: String,
    /// `complete`; `open`: something is missing, or the day's certificate is; `refused`: the
    /// certificate contradicts what is held.
    pub verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    pub has_certificate: bool,
    /// Payments opened on the day, as certified.
    pub payments: u64,
    /// Records that the store is known to have written and that are not held.
    pub missing_records: u64,
    /// Records of the day of which only a stub is held.
    pub stubs: u64,
    pub missing: Vec<Missing>,
}

#[derive(Debug, Serialize)]
pub struct Missing {
    pub counter: String,
    pub payments: u64,
    pub amount: String,
    pub currency: String,
    /// When the first of them was opened, or the last one known before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// The same at the store's place, `02:10`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_local: Option<String>,
}

impl Completeness {
    pub fn of(day: Day, stores: &[StoreDay]) -> Self {
        Self {
            day,
            complete: stores
                .iter()
                .all(|store| store.verdict == Verdict::Complete),
            stores: stores.iter().map(StoreCompleteness::of).collect(),
        }
    }

    /// One line for each thing to know.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .stores
            .iter()
            .flat_map(StoreCompleteness::lines)
            .collect();
        let complete = self.stores.iter().filter(|one| one.verdict == "complete");
        lines.push(format!(
            "{}: {} of {} stores complete",
            self.day,
            complete.count(),
            self.stores.len()
        ));
        lines
    }
}

impl StoreCompleteness {
    fn of(store: &StoreDay) -> Self {
        let certificate = store.certificate.as_ref();
        let begins_at = certificate.map(|certificate| (certificate.begins_at, certificate.day));
        let payments = certificate.iter().flat_map(|one| &one.counters);
        Self {
            store: store.store.to_string(),
            verdict: store.verdict.as_str(),
            why: store.why.clone(),
            has_certificate: certificate.is_some(),
            payments: payments.map(|counter| counter.payments).sum(),
            missing_records: store.missing_records,
            stubs: store.stubs,
            missing: store
                .counters
                .iter()
                .map(|missing| Missing::of(missing, begins_at))
                .collect(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let store = &self.store;
        if self.verdict == "complete" {
            return vec![format!(
                "store {store}: complete, {} payments",
                self.payments
            )];
        }
        let mut lines = Vec::new();
        if let Some(why) = &self.why {
            lines.push(format!("store {store}: refused: {why}"));
        }
        if !self.has_certificate {
            let records = self.missing_records;
            lines.push(format!(
                "store {store}: open, no certificate of the day yet; {records} records are missing"
            ));
        } else if self.missing_records > 0 || self.missing.is_empty() && self.why.is_none() {
            let records = self.missing_records;
            lines.push(format!(
                "store {store}: open, {records} records are missing"
            ));
        }
        if self.stubs > 0 {
            let stubs = self.stubs;
            lines.push(format!(
                "store {store}: {stubs} records are parked at the store (GET /v1/outbox/parked there)"
            ));
        }
        lines.extend(self.missing.iter().map(|missing| {
            let oldest = missing.oldest_local.as_ref();
            let oldest = oldest
                .map(|at| format!(", oldest {at}"))
                .unwrap_or_default();
            format!(
                "store {store}, counter {}: {} payments, {} {}{oldest}",
                missing.counter, missing.payments, missing.amount, missing.currency
            )
        }));
        lines
    }
}

impl Missing {
    fn of(missing: &CounterMissing, begins_at: Option<(Timestamp, Day)>) -> Self {
        let local = |at: Timestamp| {
            let (begins_at, day) = begins_at?;
            let local = day.begins_at(0).plus_ms(at.since_ms(begins_at));
            let text = local.to_string();
            Some(text.split('T').nth(1)?.get(..5)?.to_owned())
        };
        Self {
            counter: missing.counter.clone(),
            payments: missing.payments,
            amount: missing.money.amount().to_string(),
            currency: missing.money.currency().to_string(),
            oldest: missing.oldest.map(|at| at.to_string()),
            oldest_local: missing.oldest.and_then(local),
        }
    }
}
