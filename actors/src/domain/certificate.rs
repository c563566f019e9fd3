//! The day's certificate: what the store says that one business day held, as of one record.
//!
//! Store and head office count the same records in the same way (`Tally`), each for itself; the
//! head office believes the day complete when its own count is the store's, the last record's hash
//! is the one named, and the signature is that of the store's key. A payment counts on the day it
//! was opened, in the state it was in as of the last record; a refund counts on the day on which it
//! was refunded. What happens to the day's payments later belongs to later records.
//!
//! Deliberately not here: signing (the `Signer` port), and when a day is closed (`day_close`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    day::Day,
    ids::{CounterId, PaymentId, RefundId, StoreId},
    money::{Currency, Money},
    payment::Payment,
    record::{Body, Hash, Record},
    refund::RefundState,
    timestamp::Timestamp,
};

/// What one day held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub store: StoreId,
    pub day: Day,
    pub begins_at: Timestamp,
    pub ends_at: Timestamp,
    /// The records that were counted: all that could tell of the day.
    pub first_seq: u64,
    pub last_seq: u64,
    pub last_hash: Hash,
    /// The first of them that is of a later day, or the one after the last: the next day is counted
    /// from there.
    pub next_seq: u64,
    pub counters: Vec<CounterDay>,
}

/// One counter's day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterDay {
    pub counter: CounterId,
    /// Payments opened on the day, and the counter's numbers of the first and the last of them.
    pub payments: u64,
    pub first_number: u64,
    pub last_number: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_at: Option<Timestamp>,
    pub lines: Vec<Line>,
}

/// Payments of one tender in one state, or the refunds of the day (`refunded`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    pub tender: String,
    pub state: String,
    pub currency: Currency,
    pub count: u64,
    /// In the currency's minor units.
    pub minor_units: u64,
}

/// A certificate as it travels: the exact text that was signed, Ed25519 (RFC 8032).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedCertificate {
    pub day: Day,
    /// JSON of a `Certificate`.
    pub text: String,
    /// 64 bytes, hexadecimal.
    pub signature: String,
    /// The store's public key, 32 bytes, hexadecimal.
    pub key: String,
}

impl SignedCertificate {
    /// What the text says; nobody has checked the signature.
    pub fn read(&self) -> Option<Certificate> {
        let read: Certificate = serde_json::from_str(&self.text).ok()?;
        (read.day == self.day).then_some(read)
    }
}

/// Counts the records of one day.
#[derive(Debug)]
pub struct Tally {
    day: Day,
    offset_minutes: i32,
    first_seq: u64,
    last: Option<(u64, Hash)>,
    next_seq: Option<u64>,
    payments: BTreeMap<PaymentId, Payment>,
    refunds: BTreeMap<RefundId, (CounterId, &'static str, Money)>,
}

impl Tally {
    /// To be fed the records from `first_seq` on, in order and without a gap.
    pub fn new(day: Day, offset_minutes: i32, first_seq: u64) -> Self {
        Self {
            day,
            offset_minutes,
            first_seq,
            last: None,
            next_seq: None,
            payments: BTreeMap::new(),
            refunds: BTreeMap::new(),
        }
    }

    /// As the head office counts: what the certificate says it counted.
    pub fn like(certificate: &Certificate) -> Self {
        let midnight = certificate.begins_at;
        let offset_ms = certificate.day.begins_at(0).unix_ms() - midnight.unix_ms();
        let offset_minutes = i32::try_from(offset_ms / 60_000).unwrap_or(0);
        Self::new(certificate.day, offset_minutes, certificate.first_seq)
    }

    pub fn feed(&mut self, record: &Record) {
        self.last = Some((record.seq, record.hash()));
        if self.next_seq.is_none() && self.day_of(record.at) > self.day {
            self.next_seq = Some(record.seq);
        }
        let Ok(Body::Payment { payment }) = record.decode_body() else {
            return;
        };
        for refund in &payment.refunds {
            let is_done = refund.state == RefundState::Refunded;
            if is_done && self.day_of(refund.changed_at) == self.day {
                let tender = payment.actual_tender().as_str();
                let line = (payment.counter.clone(), tender, refund.money);
                self.refunds.insert(refund.id, line);
            }
        }
        if self.day_of(payment.opened_at) == self.day {
            self.payments.insert(payment.id, *payment);
        }
    }

    /// `None` if it was fed nothing.
    pub fn certificate(&self, store: &StoreId) -> Option<Certificate> {
        let (last_seq, last_hash) = self.last?;
        Some(Certificate {
            store: store.clone(),
            day: self.day,
            begins_at: self.day.begins_at(self.offset_minutes),
            ends_at: self.day.next().begins_at(self.offset_minutes),
            first_seq: self.first_seq,
            last_seq,
            last_hash,
            next_seq: self.next_seq.unwrap_or(last_seq + 1),
            counters: self.counters(),
        })
    }

    fn day_of(&self, at: Timestamp) -> Day {
        Day::of(at, self.offset_minutes)
    }

    fn counters(&self) -> Vec<CounterDay> {
        let mut counters: BTreeMap<&CounterId, CounterDay> = BTreeMap::new();
        let mut lines: BTreeMap<(&CounterId, &str, &str, &str), Line> = BTreeMap::new();
        let mut count = |counter, tender: &'static str, state: &'static str, money: Money| {
            let currency = money.currency();
            let line = lines
                .entry((counter, tender, state, currency.alpha()))
                .or_insert_with(|| Line {
                    tender: tender.into(),
                    state: state.into(),
                    currency,
                    count: 0,
                    minor_units: 0,
                });
            line.count += 1;
            line.minor_units = line.minor_units.saturating_add(money.minor_units());
        };
        for payment in self.payments.values() {
            let day = counters
                .entry(&payment.counter)
                .or_insert_with(|| CounterDay::empty(&payment.counter));
            day.take(payment);
            let tender = payment.actual_tender().as_str();
            count(
                &payment.counter,
                tender,
                payment.state.as_str(),
                payment.money,
            );
        }
        for (counter, tender, money) in self.refunds.values() {
            counters
                .entry(counter)
                .or_insert_with(|| CounterDay::empty(counter));
            count(counter, tender, "refunded", *money);
        }
        for ((counter, ..), line) in lines {
            if let Some(day) = counters.get_mut(counter) {
                day.lines.push(line);
            }
        }
        counters.into_values().collect()
    }
}

impl CounterDay {
    fn empty(counter: &CounterId) -> Self {
        Self {
            counter: counter.clone(),
            payments: 0,
            first_number: 0,
            last_number: 0,
            first_at: None,
            lines: Vec::new(),
        }
    }

    fn take(&mut self, payment: &Payment) {
        self.payments += 1;
        self.last_number = self.last_number.max(payment.number);
        if self.first_number == 0 || payment.number < self.first_number {
            self.first_number = payment.number;
        }
        let first_at = self.first_at.get_or_insert(payment.opened_at);
        *first_at = (*first_at).min(payment.opened_at);
    }

    /// The sum of the payments opened, whatever became of them, in minor units.
    pub fn opened_units(&self) -> u64 {
        let opened = self.lines.iter().filter(|line| line.state != "refunded");
        opened.fold(0, |sum, line| sum.saturating_add(line.minor_units))
    }
}

/// Why a day can't be believed complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disbelief {
    /// The last record is another one than the certificate names.
    LastRecord,
    /// The counts or sums of this counter are not the certificate's.
    Counter(CounterId),
    /// The records counted are others.
    Range,
}

/// Compares what was counted here with what the store certifies.
pub fn compare(certified: &Certificate, counted: Option<&Certificate>) -> Result<(), Disbelief> {
    let Some(counted) = counted.filter(|counted| counted.last_seq == certified.last_seq) else {
        return Err(Disbelief::Range);
    };
    if counted.last_hash != certified.last_hash {
        return Err(Disbelief::LastRecord);
    }
    let by_counter = |certificate: &Certificate| -> BTreeMap<CounterId, CounterDay> {
        let days = certificate.counters.iter();
        days.map(|day| (day.counter.clone(), day.clone())).collect()
    };
    let (mut theirs, ours) = (by_counter(certified), by_counter(counted));
    for (counter, day) in ours {
        if theirs.remove(&counter) != Some(day) {
            return Err(Disbelief::Counter(counter));
        }
    }
    match theirs.into_keys().next() {
        Some(counter) => Err(Disbelief::Counter(counter)),
        None => Ok(()),
    }
}
