//! The trees in sled, and the only two ways of changing them: one transaction, and then a sync.
//!
//! sled's `flush` writes and never syncs, and a tail of unsynced segments makes it erase everything
//! at the next open. So each transaction is far below one segment, and `flush` is always followed
//! by an fdatasync of sled's own file. sled's background flusher is off: it would write outside
//! this discipline. What is not synced yet is in the guard log.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `records` | first sequence number, 8 bytes big-endian | records, see `packed` |
//! | `payments` | payment id, 16 bytes: by time of opening | 8 bytes sequence number, then the payment's JSON, see `packed` |
//! | `keys` | `k` + SHA-256 of an idempotency key; `r` + refund id; `t` + 16 bytes of SHA-256 of a reference + payment id | payment id |
//! | `unsettled` | payment id | nothing |
//! | `totals` | `day/currency/tender/state` | 8 bytes count, 8 bytes sum in minor units |
//! | `ledger` | business day, `/`, `p` + payment id or `r` + refund id | a movement's line |
//! | `ledger` | business day, `#` | 8 bytes: how often the day changed |
//! | `office` | an entry's key | its JSON |
//! | `meta` | `head`, `format`, `day_offset`, `begins_after` | see `Head`; 4 bytes each; 8 bytes |

use std::{
    collections::BTreeMap,
    fs::{self, File},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use serde::de::DeserializeOwned;
use sled::{
    Batch, Db, IVec, Transactional, Tree,
    transaction::{ConflictableTransactionError, TransactionError},
};
use store_actors::{
    domain::{
        certificate::SignedCertificate,
        ids::PaymentId,
        offline::OfflineTotal,
        payment::Payment,
        record::{Hash, Record, Tip},
    },
    ports::Parked,
};

use super::{
    directory::{Directory, disk, sync_dir},
    failed::{OpenFailed, StoreFailed},
    packed::{pack, unpack},
};
use crate::crash;

/// 2: values may be packed. A store of format 1 becomes one of 2 when it is opened.
pub(super) const FORMAT: u32 = 2;
pub(super) const FORMAT_UNPACKED: u32 = 1;

const SEGMENT_BYTES: usize = 8 * 1024 * 1024;
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// Where everything stands, in one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub tip: Tip,
    pub receipted: u64,
    /// How many payments there are.
    pub payments: u64,
}

impl Head {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(56);
        bytes.extend_from_slice(&self.tip.seq.to_be_bytes());
        bytes.extend_from_slice(&self.tip.hash.0);
        bytes.extend_from_slice(&self.receipted.to_be_bytes());
        bytes.extend_from_slice(&self.payments.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (seq, rest) = bytes.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk()?;
        let (receipted, rest) = rest.split_first_chunk()?;
        let payments = rest.try_into().ok()?;
        Some(Self {
            tip: Tip {
                seq: u64::from_be_bytes(*seq),
                hash: Hash(*hash),
            },
            receipted: u64::from_be_bytes(*receipted),
            payments: u64::from_be_bytes(payments),
        })
    }
}

/// What one group changes: a batch for each tree.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub records: Batch,
    pub payments: Batch,
    pub keys: Batch,
    pub unsettled: Batch,
    pub totals: Batch,
    pub ledger: Batch,
    pub office: Batch,
    pub meta: Batch,
}

pub(super) struct Store {
    pub records: Tree,
    pub payments: Tree,
    pub keys: Tree,
    pub unsettled: Tree,
    pub totals: Tree,
    pub ledger: Tree,
    pub office: Tree,
    meta: Tree,
    db: Db,
    file: File,
}

impl Store {
    /// Opens sled in the journal's directory, or creates it there. A torn snapshot, of which sled
    /// has no need, is put aside.
    pub(super) fn open(dir: &Directory) -> Result<Self, OpenFailed> {
        let path = dir.store();
        let damaged = |cause: StoreFailed| {
            let why = format!("its store can't be opened: {cause}");
            OpenFailed::Damaged {
                dir: dir.root().to_owned(),
                why,
            }
        };
        let db = match open_sled(&path) {
            Ok(db) => db,
            Err(cause) if put_snapshots_aside(dir)? => {
                tracing::warn!(%cause, "put the store's snapshot aside and open it once more");
                open_sled(&path).map_err(damaged)?
            }
            Err(cause) => return Err(damaged(cause)),
        };
        let tree = |name: &str| db.open_tree(name).map_err(|cause| damaged(cause.into()));
        let file_path = path.join("db");
        let store = Self {
            records: tree("records")?,
            payments: tree("payments")?,
            keys: tree("keys")?,
            unsettled: tree("unsettled")?,
            totals: tree("totals")?,
            ledger: tree("ledger")?,
            office: tree("office")?,
            meta: tree("meta")?,
            file: File::open(&file_path).map_err(disk("open", &file_path))?,
            db,
        };
        store.sync_files(&path).map_err(disk("sync", &path))?;
        Ok(store)
    }

    /// sled creates files without syncing them or their names.
    fn sync_files(&self, path: &Path) -> std::io::Result<()> {
        File::open(path.join("conf"))?.sync_all()?;
        self.file.sync_all()?;
        sync_dir(path)?;
        path.parent().map_or(Ok(()), sync_dir)
    }

    /// All of it or nothing, not yet durable.
    pub(super) fn apply(&self, changes: &Changes) -> Result<(), StoreFailed> {
        let trees = [
            &self.records,
            &self.payments,
            &self.keys,
            &self.unsettled,
            &self.totals,
            &self.ledger,
            &self.office,
            &self.meta,
        ];
        let batches = [
            &changes.records,
            &changes.payments,
            &changes.keys,
            &changes.unsettled,
            &changes.totals,
            &changes.ledger,
            &changes.office,
            &changes.meta,
        ];
        let done = trees.as_slice().transaction(|views| {
            let mut both = views.iter().zip(batches);
            both.try_for_each(|(view, batch)| view.apply_batch(batch))?;
            Ok::<(), ConflictableTransactionError<()>>(())
        });
        done.map_err(|failed| match failed {
            TransactionError::Storage(cause) => StoreFailed::Sled(cause),
            TransactionError::Abort(()) => StoreFailed::Damaged("the transaction ended".into()),
        })
    }

    /// Everything applied is on stable storage when this ends.
    pub(super) fn sync(&self) -> Result<(), StoreFailed> {
        self.db.flush()?;
        crash::point("store-flushed");
        Ok(self.file.sync_data()?)
    }

    pub(super) fn parked(&self) -> Result<Parked, StoreFailed> {
        Ok(self.meta_json("parked")?.unwrap_or_default())
    }

    /// The last number that each counter gave.
    pub(super) fn numbers(&self) -> Result<BTreeMap<String, u64>, StoreFailed> {
        Ok(self.meta_json("numbers")?.unwrap_or_default())
    }

    pub(super) fn last_closed(&self) -> Result<Option<SignedCertificate>, StoreFailed> {
        self.meta_json("day_closed")
    }

    /// What the head office lets the store accept offline.
    pub(super) fn offline_total(&self) -> Result<Option<OfflineTotal>, StoreFailed> {
        self.meta_json("offline_total")
    }

    fn meta_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreFailed> {
        let value = self.meta.get(key)?;
        let read = value.map(|value| serde_json::from_slice(&value));
        read.transpose()
            .map_err(|cause| StoreFailed::Damaged(format!("{key} can't be read: {cause}")))
    }

    pub(super) fn format(&self) -> Result<Option<u32>, StoreFailed> {
        self.meta_u32("format")
    }

    /// Minutes from UTC to the business day, as they were when the journal began: the totals hang
    /// on it.
    pub(super) fn day_offset_minutes(&self) -> Result<Option<i32>, StoreFailed> {
        Ok(self.meta_u32("day_offset")?.map(u32::cast_signed))
    }

    /// The chain of a store made anew from the guard log may begin in its middle.
    pub(super) fn begin_after(&self, head: &Head) -> Result<(), StoreFailed> {
        let mut changes = Changes::default();
        changes.meta.insert("head", head.encode());
        changes
            .meta
            .insert("begins_after", &head.tip.seq.to_be_bytes());
        self.apply(&changes)?;
        self.sync()
    }

    /// Whether the ledger of movements has been made.
    pub(super) fn has_ledger(&self) -> Result<bool, StoreFailed> {
        Ok(self.meta.contains_key("ledger")?)
    }

    /// The record before the first one here; 0 in a whole store.
    pub(super) fn begins_after(&self) -> Result<u64, StoreFailed> {
        let Some(value) = self.meta.get("begins_after")? else {
            return Ok(0);
        };
        let bytes = value.as_ref().try_into();
        let bytes = bytes.map_err(|_| StoreFailed::Damaged("meta/begins_after is torn".into()))?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn meta_u32(&self, key: &str) -> Result<Option<u32>, StoreFailed> {
        let Some(value) = self.meta.get(key)? else {
            return Ok(None);
        };
        let bytes = value.as_ref().try_into();
        let bytes = bytes.map_err(|_| StoreFailed::Damaged(format!("meta/{key} is torn")))?;
        Ok(Some(u32::from_be_bytes(bytes)))
    }

    pub(super) fn head(&self) -> Result<Head, StoreFailed> {
        let Some(value) = self.meta.get("head")? else {
            return Ok(Head::default());
        };
        Head::decode(&value).ok_or_else(|| StoreFailed::Damaged("meta/head is torn".into()))
    }

    /// The payment and the record that brought it to where it is.
    pub(super) fn payment(&self, id: PaymentId) -> Result<Option<(u64, Payment)>, StoreFailed> {
        let value = self.payments.get(id.to_bytes())?;
        value.map(|value| decode_payment(&value)).transpose()
    }

    /// The unsettled ones of the payments whose keys begin with `prefix`. By leaps from one tree to
    /// the other: most of a reference's payments may be settled, and most of the unsettled ones
    /// another's.
    pub(super) fn unsettled_under(&self, prefix: &[u8]) -> Result<Vec<IVec>, StoreFailed> {
        let (mut found, mut from) = (Vec::new(), Vec::new());
        while let Some(named) = self.keys.range([prefix, &from].concat()..).next() {
            let (key, id) = named?;
            if !key.starts_with(prefix) {
                break;
            }
            let Some(open) = self.unsettled.range(id.clone()..).keys().next() else {
                break;
            };
            from = open?.to_vec();
            if *from == *id {
                found.push(id);
                from.push(0);
            }
        }
        Ok(found)
    }

    /// The oldest of the records that unsettled payments were last written in.
    pub(super) fn oldest_unsettled_seq(&self) -> Result<Option<u64>, StoreFailed> {
        let mut oldest = None;
        for id in self.unsettled.iter().keys() {
            if let Some(value) = self.payments.get(id?)? {
                let (seq, _) = decode_payment(&value)?;
                oldest = Some(oldest.map_or(seq, |known: u64| known.min(seq)));
            }
        }
        Ok(oldest)
    }

    /// The chain's place after the record with this number, if it is here.
    pub(super) fn tip_at(&self, seq: u64) -> Result<Option<Tip>, StoreFailed> {
        let Some(entry) = self.records.range(..=seq.to_be_bytes()).next_back() else {
            return Ok(None);
        };
        let records = decode_records(&entry?.1)?;
        let record = records.iter().find(|record| record.seq == seq);
        Ok(record.map(|record| Tip {
            seq,
            hash: record.hash(),
        }))
    }

    /// The last records, at least `wanted` of them if there are so many, in order.
    pub(super) fn last_records(&self, wanted: usize) -> Result<Vec<Record>, StoreFailed> {
        let mut values = Vec::new();
        let mut len = 0;
        for entry in self.records.iter().values().rev() {
            let records = decode_records(&entry?)?;
            len += records.len();
            values.push(records);
            if len >= wanted {
                break;
            }
        }
        Ok(values.into_iter().rev().flatten().collect())
    }
}

pub(super) fn encode_payment(seq: u64, payment: &Payment) -> Result<Vec<u8>, serde_json::Error> {
    let mut value = seq.to_be_bytes().to_vec();
    value.extend(pack(serde_json::to_vec(payment)?));
    Ok(value)
}

pub(super) fn decode_payment(value: &IVec) -> Result<(u64, Payment), StoreFailed> {
    let (seq, json) = value
        .split_first_chunk()
        .ok_or_else(|| StoreFailed::Damaged("a payment is torn".into()))?;
    let payment = serde_json::from_slice(&unpack(json)?)
        .map_err(|cause| StoreFailed::Damaged(format!("a payment is not one: {cause}")))?;
    Ok((u64::from_be_bytes(*seq), payment))
}

pub(super) fn decode_records(value: &[u8]) -> Result<Vec<Record>, StoreFailed> {
    let unpacked = unpack(value)?;
    let mut value = unpacked.as_ref();
    let mut records = Vec::new();
    while !value.is_empty() {
        let (record, rest) = Record::decode(value)
            .map_err(|cause| StoreFailed::Damaged(format!("a record is damaged: {cause}")))?;
        records.push(record);
        value = rest;
    }
    Ok(records)
}

fn open_sled(path: &Path) -> Result<Db, StoreFailed> {
    let config = sled::Config::new()
        .path(path)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None);
    // on some damaged files sled asserts instead of failing
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(opened) => Ok(opened?),
        Err(_) => Err(StoreFailed::Damaged("sled panicked".into())),
    }
}

/// Moves `snap.*` away; tells whether there was any.
fn put_snapshots_aside(dir: &Directory) -> Result<bool, OpenFailed> {
    let (from, to) = (dir.store(), dir.aside());
    let Ok(entries) = fs::read_dir(&from) else {
        return Ok(false);
    };
    let mut moved = false;
    for entry in entries {
        let entry = entry.map_err(disk("read", &from))?;
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            fs::create_dir_all(&to).map_err(disk("create", &to))?;
            let aside = to.join(entry.file_name());
            fs::rename(entry.path(), &aside).map_err(disk("write", &aside))?;
            moved = true;
        }
    }
    Ok(moved)
}
