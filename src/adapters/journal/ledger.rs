//! The ledger: movements of money by business day, kept up to date with every chunk, and the back
//! office's entries.
//!
//! A statement reads lines of text instead of payments, and a day that did not change since is not
//! read at all: each day counts its changes. A store of before it is given a ledger when it is
//! opened, from its payments, once.

use std::collections::{BTreeMap, BTreeSet};

use store_actors::{
    domain::{
        day::Day,
        office::{entry::Entry, movement::Movement},
        payment::Payment,
    },
    ports::{DayMovements, JournalFailed},
};

use super::{
    failed::StoreFailed,
    shared::Shared,
    store::{Changes, Store, decode_payment},
};

/// Payments whose movements are written at once where a store gets its ledger.
const SETTLED_AT_ONCE: usize = 5_000;

/// What a chunk changes.
#[derive(Debug, Default)]
pub(super) struct Moved {
    lines: BTreeMap<Vec<u8>, Option<String>>,
    days: BTreeSet<String>,
}

impl Moved {
    /// From `old` to `new`.
    pub(super) fn change(&mut self, old: Option<&Payment>, new: &Payment, offset_minutes: i32) {
        let lines = |payment: &Payment| -> BTreeMap<Vec<u8>, (Day, String)> {
            let all = Movement::all_of(payment, offset_minutes).into_iter();
            all.map(|one| (key(&one), (one.day, one.encode())))
                .collect()
        };
        let mut before = old.map(lines).unwrap_or_default();
        for (key, line) in lines(new) {
            if before.remove(&key).as_ref() != Some(&line) {
                let (day, line) = line;
                self.days.insert(day.to_string());
                self.lines.insert(key, Some(line));
            }
        }
        for (key, (day, _)) in before {
            self.days.insert(day.to_string());
            self.lines.insert(key, None);
        }
    }

    /// Tells how many bytes it takes.
    pub(super) fn onto(self, store: &Store, changes: &mut Changes) -> Result<usize, StoreFailed> {
        let mut bytes = 0;
        for (key, line) in self.lines {
            bytes += key.len() + line.as_ref().map_or(0, String::len);
            match line {
                Some(line) => changes.ledger.insert(key, line.into_bytes()),
                None => changes.ledger.remove(key),
            }
        }
        for day in self.days {
            let mark = mark_of(store, &day)? + 1;
            changes.ledger.insert(mark_key(&day), &mark.to_be_bytes());
        }
        Ok(bytes)
    }

    /// A day whose ledger in the store is another one.
    pub(super) fn differing(mut self, store: &Store) -> Result<Option<String>, StoreFailed> {
        let day_of =
            |key: &[u8]| String::from_utf8_lossy(key.get(..10).unwrap_or(key)).into_owned();
        for entry in &store.ledger {
            let (key, value) = entry?;
            if key.ends_with(b"#") && key.len() == 11 {
                continue;
            }
            let ours = self.lines.remove(key.as_ref()).flatten();
            if ours.is_none_or(|line| line.as_bytes() != value.as_ref()) {
                return Ok(Some(day_of(&key)));
            }
        }
        Ok(self.lines.into_keys().next().map(|key| day_of(&key)))
    }
}

fn key(movement: &Movement) -> Vec<u8> {
    let kind = if movement.refund.is_some() {
        b'r'
    } else {
        b'p'
    };
    let mut key = format!("{}/", movement.day).into_bytes();
    key.push(kind);
    key.extend_from_slice(&movement.id());
    key
}

fn mark_key(day: &str) -> Vec<u8> {
    format!("{day}#").into_bytes()
}

fn mark_of(store: &Store, day: &str) -> Result<u64, StoreFailed> {
    let Some(value) = store.ledger.get(mark_key(day))? else {
        return Ok(0);
    };
    let bytes = value.as_ref().try_into();
    bytes
        .map(u64::from_be_bytes)
        .map_err(|_| StoreFailed::Damaged(format!("the ledger's mark of {day} is torn")))
}

/// Gives a store its ledger, if it has none yet. Ended half-way it begins anew: the same lines are
/// written again.
pub(super) fn settle(store: &Store, offset_minutes: i32) -> Result<(), StoreFailed> {
    if store.has_ledger()? {
        return Ok(());
    }
    let mut moved = Moved::default();
    let mut written = 0;
    for (nth, value) in store.payments.iter().values().enumerate() {
        let (_, payment) = decode_payment(&value?)?;
        moved.change(None, &payment, offset_minutes);
        if (nth + 1) % SETTLED_AT_ONCE == 0 {
            written += write(store, std::mem::take(&mut moved))?;
        }
    }
    written += write(store, moved)?;
    let mut changes = Changes::default();
    changes.meta.insert("ledger", &1_u32.to_be_bytes());
    store.apply(&changes)?;
    store.sync()?;
    if written > 0 {
        tracing::info!(bytes = written, "the store has a ledger of movements now");
    }
    Ok(())
}

fn write(store: &Store, moved: Moved) -> Result<usize, StoreFailed> {
    let mut changes = Changes::default();
    let bytes = moved.onto(store, &mut changes)?;
    store.apply(&changes)?;
    store.sync()?;
    Ok(bytes)
}

fn unreadable(cause: impl Into<StoreFailed>) -> JournalFailed {
    JournalFailed::Unreadable(cause.into().to_string())
}

impl Shared {
    pub(super) fn movements(
        &self,
        day: Day,
        known: Option<u64>,
    ) -> Result<Option<DayMovements>, JournalFailed> {
        self.wait_applied()?;
        let text = day.to_string();
        // read before the lines: a day that changes meanwhile is read once more next time
        let mark = mark_of(&self.store, &text).map_err(unreadable)?;
        if known == Some(mark) {
            return Ok(None);
        }
        let mut movements = Vec::new();
        for value in self.store.ledger.scan_prefix(format!("{text}/")).values() {
            let value = value.map_err(unreadable)?;
            let line = std::str::from_utf8(&value).ok();
            let movement = line.and_then(|line| Movement::decode(day, line));
            let damaged = || StoreFailed::Damaged(format!("a movement of {text} can't be read"));
            movements.push(movement.ok_or_else(damaged).map_err(unreadable)?);
        }
        Ok(Some(DayMovements { mark, movements }))
    }

    pub(super) fn entries(&self, prefix: &str, limit: usize) -> Result<Vec<Entry>, JournalFailed> {
        self.wait_applied()?;
        let found = self
            .store
            .office
            .scan_prefix(prefix)
            .values()
            .rev()
            .take(limit);
        let entries = found.map(|value| {
            let value = value.map_err(unreadable)?;
            serde_json::from_slice(&value).map_err(|cause| {
                unreadable(StoreFailed::Damaged(format!(
                    "an entry can't be read: {cause}"
                )))
            })
        });
        entries.collect()
    }
}
