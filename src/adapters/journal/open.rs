//! Opening a journal: whose it is, whether all of it is there, whether it is whole.
//!
//! The store as it lies there is tried first; if it is erased, torn or another's, the copy of it
//! without sled's snapshots; then an empty one. Whichever it is, the guard log brings it to the
//! last record that was acknowledged. Nothing is begun anew where records were: an empty journal
//! would hide money.

use std::{path::Path, thread};

use store_actors::domain::{invariant, record::Tip};

use super::{
    copy,
    directory::{Directory, Marker, disk},
    failed::{OpenFailed, StoreFailed},
    ledger,
    recovery::{GuardEnd, GuardLog, Recovery},
    shared::Shared,
    store::{Changes, FORMAT, FORMAT_UNPACKED, Head, Store},
};
use crate::crash;

/// So many of the last records are read and their chain is checked.
const CHECKED_RECORDS: usize = 1_000;

pub(super) struct Opened {
    pub shared: Shared,
    pub recovery: Recovery,
    /// Where the guard log goes on.
    pub guard_end: GuardEnd,
}

/// Opens the journal in `dir`. With a `day_offset` one is begun if none is there; without, that is
/// an error. The copy of a store that was not closed is there still, and of no more use
/// (`copy::drop`).
pub(super) fn open(dir: &Path, day_offset: Option<i32>) -> Result<Opened, OpenFailed> {
    let dir = Directory::take(dir, day_offset.is_some())?;
    let marker = dir.marker()?;
    let log = GuardLog::of(&dir.guard()).map_err(disk("read", &dir.guard()))?;
    let has_store = dir.store().is_dir();
    if !has_store && log.is_empty() {
        if let Some(Marker {
            seq: expected @ 1..,
            ..
        }) = marker
        {
            return Err(OpenFailed::RecordsLost {
                dir: dir.root().into(),
                expected,
                found: 0,
            });
        }
        if day_offset.is_none() {
            return Err(OpenFailed::Absent {
                dir: dir.root().into(),
            });
        }
    }
    let mut recovery = Recovery::default();
    let is_unclean = marker.as_ref().is_some_and(|marker| !marker.clean);
    if is_unclean && has_store {
        copy_store(&dir, &log)?;
    }
    let (store, offset) = first_whole(&dir, &log, marker.as_ref(), day_offset, &mut recovery)?;
    let empty = store.head().is_ok_and(|head| head.tip.seq == 0);
    // the marker tells of nothing that the store had not synced
    if empty && recovery.store_rebuilt.is_none() && marker.as_ref().is_some_and(|m| m.seq > 0) {
        recovery.store_rebuilt = Some("it came back empty".into());
    }
    crash::point("store-opened");
    let (head, guard_end) = log.replay(&dir, &store, offset, &mut recovery)?;
    crash::point("replayed");
    check_marker(&dir, marker.as_ref(), &head, &recovery)?;

    recovery.was_clean = match &marker {
        Some(marker) => marker.clean,
        None => head.tip.seq == 0,
    };
    recovery.report(dir.root(), head.tip.seq);
    Ok(Opened {
        shared: Shared::new(store, dir, head, offset),
        recovery,
        guard_end,
    })
}

/// Copies the store, and looks meanwhile into the guard log, as it will be needed next.
fn copy_store(dir: &Directory, log: &GuardLog) -> Result<(), OpenFailed> {
    thread::scope(|scope| {
        let copying = scope.spawn(|| copy::make(dir));
        // what can't be read is told when it is asked for
        let _ = log.tip();
        copying.join().unwrap_or_else(|_| {
            let (dir, why) = (dir.root().to_owned(), "copying its store panicked".into());
            Err(OpenFailed::Damaged { dir, why })
        })
    })
}

/// The first store that opens, is whole, and that the guard log can bring up to date.
fn first_whole(
    dir: &Directory,
    log: &GuardLog,
    marker: Option<&Marker>,
    day_offset: Option<i32>,
    recovery: &mut Recovery,
) -> Result<(Store, i32), OpenFailed> {
    let as_it_is = checked(dir, log, marker, day_offset);
    let why = match as_it_is {
        Ok(store) => return Ok(store),
        Err(cause @ (OpenFailed::Damaged { .. } | OpenFailed::RecordsLost { .. })) => cause,
        Err(other) => return Err(other),
    };
    if copy::put_back(dir)?
        && let Ok(store) = checked(dir, log, marker, day_offset)
    {
        recovery.store_from_copy = Some(why.to_string());
        return Ok(store);
    }
    // a store is given up only for a guard log that reaches as far as is known
    let reaches = log.tip().map_err(disk("read", &dir.guard()))?;
    let known = marker.map_or(0, |marker| marker.seq);
    if reaches.is_none_or(|tip| tip.seq < known.max(1)) {
        return Err(why);
    }
    copy::put_store_aside(dir)?;
    recovery.store_rebuilt = Some(why.to_string());
    let store = Store::open(dir)?;
    let offset = settle_format(&store, dir, day_offset)?;
    ledger::settle(&store, offset).map_err(|cause| OpenFailed::Damaged {
        dir: dir.root().to_owned(),
        why: cause.to_string(),
    })?;
    Ok((store, offset))
}

fn checked(
    dir: &Directory,
    log: &GuardLog,
    marker: Option<&Marker>,
    day_offset: Option<i32>,
) -> Result<(Store, i32), OpenFailed> {
    let store = Store::open(dir)?;
    let damaged = |cause: StoreFailed| OpenFailed::Damaged {
        dir: dir.root().to_owned(),
        why: cause.to_string(),
    };
    let head = store.head().map_err(damaged)?;
    let guard = |cause| disk("read", &dir.guard())(cause);
    if !log.continues(head.tip).map_err(guard)? {
        let expected = marker.map_or(0, |marker| marker.seq);
        if head.tip.seq < expected {
            return Err(OpenFailed::RecordsLost {
                dir: dir.root().to_owned(),
                expected,
                found: head.tip.seq,
            });
        }
        // ahead of a damaged guard log, or behind it, or of another journal
        if let Some(tip) = log.tip().map_err(guard)?
            && tip.seq > store.begins_after().map_err(damaged)?
            && store.tip_at(tip.seq).map_err(damaged)? != Some(tip)
        {
            let why = format!("store and guard log do not meet at record {}", tip.seq);
            return Err(damaged(StoreFailed::Damaged(why)));
        }
    }
    let offset = settle_format(&store, dir, day_offset)?;
    check_records(&store, &head, marker).map_err(damaged)?;
    ledger::settle(&store, offset).map_err(damaged)?;
    Ok((store, offset))
}

/// Store and guard log together must have all that the marker tells of; after a clean end, exactly
/// that.
fn check_marker(
    dir: &Directory,
    marker: Option<&Marker>,
    head: &Head,
    recovery: &Recovery,
) -> Result<(), OpenFailed> {
    let Some(marker) = marker else {
        return Ok(());
    };
    let (dir, found) = (dir.root().to_owned(), head.tip.seq);
    let counts_all = recovery.begins_after == 0;
    let lacks_payments = counts_all && head.payments < marker.payments;
    if found < marker.seq || lacks_payments {
        return Err(OpenFailed::RecordsLost {
            dir,
            expected: marker.seq,
            found,
        });
    }
    let is_the_same = marker.tip() == head.tip && (!counts_all || marker.payments == head.payments);
    if marker.clean && !is_the_same {
        let why = format!("it was closed at record {} and ends at {found}", marker.seq);
        return Err(OpenFailed::Damaged { dir, why });
    }
    Ok(())
}

/// Format and business day are written once, before the first record.
fn settle_format(
    store: &Store,
    dir: &Directory,
    configured: Option<i32>,
) -> Result<i32, OpenFailed> {
    let damaged = |cause: StoreFailed| OpenFailed::Damaged {
        dir: dir.root().to_owned(),
        why: cause.to_string(),
    };
    match store.format().map_err(damaged)? {
        Some(FORMAT) => {}
        Some(FORMAT_UNPACKED) => {
            let mut changes = Changes::default();
            changes.meta.insert("format", &FORMAT.to_be_bytes());
            store
                .apply(&changes)
                .and_then(|()| store.sync())
                .map_err(damaged)?;
        }
        Some(found) => {
            let dir = dir.root().to_owned();
            return Err(OpenFailed::AnotherFormat {
                dir,
                found,
                expected: FORMAT,
            });
        }
        None => {
            let mut changes = Changes::default();
            changes.meta.insert("format", &FORMAT.to_be_bytes());
            changes
                .meta
                .insert("day_offset", &configured.unwrap_or(0).to_be_bytes());
            store
                .apply(&changes)
                .and_then(|()| store.sync())
                .map_err(damaged)?;
        }
    }
    let kept = store.day_offset_minutes().map_err(damaged)?.unwrap_or(0);
    if configured.is_some_and(|configured| configured != kept) {
        tracing::warn!(
            kept,
            configured,
            "the journal keeps the business day it began with"
        );
    }
    Ok(kept)
}

/// The last records continue one another up to the tip, through the marker, and what is unsettled
/// exists.
fn check_records(store: &Store, head: &Head, marker: Option<&Marker>) -> Result<(), StoreFailed> {
    let records = store.last_records(CHECKED_RECORDS)?;
    invariant::is_chained(&records).map_err(|broken| StoreFailed::Damaged(broken.what))?;
    let last = records.last().map(|last| Tip {
        seq: last.seq,
        hash: last.hash(),
    });
    if let Some(last) = last
        && last != head.tip
    {
        let why = format!(
            "its head is at record {}, its records end at {}",
            head.tip.seq, last.seq
        );
        return Err(StoreFailed::Damaged(why));
    }
    let begins_after = store.begins_after()?;
    if last.is_none() && head.tip.seq != begins_after {
        let why = format!("its head is at record {}, and it has none", head.tip.seq);
        return Err(StoreFailed::Damaged(why));
    }
    let marked = marker.and_then(|marker| {
        let record = records.iter().find(|record| record.seq == marker.seq)?;
        (record.hash() != marker.hash).then_some(marker.seq)
    });
    if let Some(seq) = marked {
        let why = format!("record {seq} is not the one that the marker remembers");
        return Err(StoreFailed::Damaged(why));
    }
    for id in store.unsettled.iter().keys() {
        if store.payments.get(id?)?.is_none() {
            return Err(StoreFailed::Damaged(
                "an unsettled payment is missing".into(),
            ));
        }
    }
    Ok(())
}
