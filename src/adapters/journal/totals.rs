//! Counts and sums per business day, tender and state, kept up to date with every group.
//!
//! A payment counts on the day it was opened, in the state it is in now; a refund counts, as
//! `refunded`, on the day on which it was refunded. Sums are in minor units of the currency.
//! Comparing them with an acquirer's statement is not done here.

use std::collections::BTreeMap;

use serde::Serialize;
use store_actors::domain::{day::Day, payment::Payment, refund::RefundState};

use super::{failed::StoreFailed, store::Store};

/// One line of the totals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// The business day, `2026-11-22`.
    pub day: String,
    pub currency: String,
    pub tender: String,
    /// A payment's state, or `refunded` for the refunds of that day.
    pub state: String,
    pub count: u64,
    pub minor_units: u64,
}

/// A total's key and what it is now; `None` once nothing counts there any more.
pub(super) type Changed = (String, Option<[u8; 16]>);

/// What a group adds to the totals, or takes away.
#[derive(Debug, Default)]
pub(super) struct Difference(BTreeMap<String, (i64, i128)>);

impl Difference {
    pub(super) fn add(&mut self, payment: &Payment, day_offset_minutes: i32) {
        self.count(payment, day_offset_minutes, 1);
    }

    pub(super) fn take_away(&mut self, payment: &Payment, day_offset_minutes: i32) {
        self.count(payment, day_offset_minutes, -1);
    }

    fn count(&mut self, payment: &Payment, day_offset_minutes: i32, by: i64) {
        let tender = payment.actual_tender().as_str();
        let currency = payment.money.currency();
        let mut add = |at, state: &str, minor_units| {
            let day = Day::of(at, day_offset_minutes);
            let (count, sum) = self
                .0
                .entry(format!("{day}/{currency}/{tender}/{state}"))
                .or_default();
            *count += by;
            *sum += i128::from(by) * i128::from(minor_units);
        };
        add(
            payment.opened_at,
            payment.state.as_str(),
            payment.money.minor_units(),
        );
        let done = payment
            .refunds
            .iter()
            .filter(|refund| refund.state == RefundState::Refunded);
        done.for_each(|refund| add(refund.changed_at, "refunded", refund.money.minor_units()));
    }

    /// Where the store's totals are not these sums.
    pub(super) fn differing(mut self, store: &Store) -> Result<Vec<String>, StoreFailed> {
        self.0.retain(|_, sum| *sum != (0, 0));
        let mut differing = Vec::new();
        for entry in &store.totals {
            let (key, value) = entry?;
            let key = String::from_utf8_lossy(&key).into_owned();
            let (count, sum) = decode(&value)?;
            let ours = self.0.remove(&key);
            if ours != Some((count.cast_signed(), i128::from(sum))) {
                differing.push(key);
            }
        }
        differing.extend(self.0.into_keys());
        Ok(differing)
    }

    /// The changed totals, by key.
    pub(super) fn onto(self, store: &Store) -> Result<Vec<Changed>, StoreFailed> {
        let changed = self.0.into_iter().filter(|(_, change)| *change != (0, 0));
        changed
            .map(|(key, (count, sum))| {
                let (old_count, old_sum) = match store.totals.get(&key)? {
                    Some(value) => decode(&value)?,
                    None => (0, 0),
                };
                let count = old_count.checked_add_signed(count);
                let sum = u64::try_from(i128::from(old_sum) + sum).ok();
                match count.zip(sum) {
                    Some((0, 0)) => Ok((key, None)),
                    Some((count, sum)) => Ok((key, Some(encode(count, sum)))),
                    None => Err(StoreFailed::Damaged(format!(
                        "the totals of {key} don't add up"
                    ))),
                }
            })
            .collect()
    }
}

/// The lines of one day, `2026-11-22`, or of all days that begin with `day`.
pub(super) fn of_day(store: &Store, day: &str) -> Result<Vec<Total>, StoreFailed> {
    let lines = store.totals.scan_prefix(day).map(|entry| {
        let (key, value) = entry?;
        let (count, minor_units) = decode(&value)?;
        let key = String::from_utf8_lossy(&key);
        let mut parts = key.split('/').map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        let (day, currency, tender, state) = (part(), part(), part(), part());
        Ok(Total {
            day,
            currency,
            tender,
            state,
            count,
            minor_units,
        })
    });
    lines.collect()
}

fn encode(count: u64, sum: u64) -> [u8; 16] {
    ((u128::from(count) << 64) | u128::from(sum)).to_be_bytes()
}

fn decode(value: &[u8]) -> Result<(u64, u64), StoreFailed> {
    let torn = || StoreFailed::Damaged("a total is torn".into());
    let (count, sum) = value.split_first_chunk().ok_or_else(torn)?;
    let sum = sum.try_into().map_err(|_| torn())?;
    Ok((u64::from_be_bytes(*count), u64::from_be_bytes(sum)))
}
