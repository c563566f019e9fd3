//! Opening a journal: whose it is, whether all of it is there, whether it is whole.

use std::path::Path;

use store_actors::domain::{invariant, record::Tip};

use super::{
    directory::{Directory, Marker},
    failed::{OpenFailed, StoreFailed},
    shared::Shared,
    store::{Changes, FORMAT, Head, Store},
};

/// So many of the last records are read and their chain is checked.
const CHECKED_RECORDS: usize = 1_000;

pub(super) struct Opened {
    pub shared: Shared,
    pub was_clean: bool,
}

/// Opens the journal in `dir`. With a `day_offset` one is begun if none is there; without, that is
/// an error.
pub(super) fn open(dir: &Path, day_offset: Option<i32>) -> Result<Opened, OpenFailed> {
    let dir = Directory::take(dir, day_offset.is_some())?;
    let marker = dir.marker()?;
    if !dir.store().is_dir() {
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
    let store = Store::open(&dir)?;
    let damaged = |cause: StoreFailed| OpenFailed::Damaged {
        dir: dir.root().to_owned(),
        why: cause.to_string(),
    };
    let head = store.head().map_err(damaged)?;
    check_marker(&dir, marker.as_ref(), &head)?;
    let kept_offset = settle_format(&store, &dir, day_offset)?;
    check_records(&store, &head, marker.as_ref()).map_err(damaged)?;

    let was_clean = match &marker {
        Some(marker) => marker.clean,
        None => head.tip.seq == 0,
    };
    if !was_clean {
        tracing::warn!(dir = %dir.root().display(), tip = head.tip.seq, "the journal was not closed");
    }
    Ok(Opened {
        shared: Shared::new(store, dir, head, kept_offset),
        was_clean,
    })
}

/// The store must have all that the marker tells of; after a clean end, exactly that.
fn check_marker(dir: &Directory, marker: Option<&Marker>, head: &Head) -> Result<(), OpenFailed> {
    let Some(marker) = marker else {
        return Ok(());
    };
    let (dir, found) = (dir.root().to_owned(), head.tip.seq);
    if found < marker.seq || head.payments < marker.payments {
        return Err(OpenFailed::RecordsLost {
            dir,
            expected: marker.seq,
            found,
        });
    }
    let is_the_same = marker.tip() == head.tip && marker.payments == head.payments;
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
    let last = last.unwrap_or_default();
    if last != head.tip {
        let why = format!(
            "its head is at record {}, its records end at {}",
            head.tip.seq, last.seq
        );
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
