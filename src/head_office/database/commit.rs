//! One transaction: records in, watermarks moved, payments projected. What it returns is committed.
//!
//! A record comes as often as the store likes: the first one stays, a repetition is counted,
//! another record under the same number is kept apart as a conflict. Records go in first and the
//! store's row is held last, so that the next transaction works while this one is synced. Stores
//! are taken in the order of their names and records in that of their numbers, so two workers can't
//! block each other for ever.

mod bulk;
mod fact;
mod insert;
mod project;
mod stubs;

use std::collections::{BTreeMap, btree_map::Entry};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use sqlx::{Any, AnyConnection, Transaction};
use store_actors::{
    domain::{
        record::{Hash, Hashed},
        timestamp::Timestamp,
    },
    wire::uplink::{Poison, StoreRef, Stub},
};

use super::{
    Database, DatabaseFailed, Dialect,
    advance::{Watermark, advance, gaps, hash_of},
    big, held,
    store_row::{self, KnownStore, LockedStore, News},
    unsigned,
};
use crate::crash;
use fact::Fact;

/// The records of one message.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub store: StoreRef,
    pub records: Vec<Hashed>,
    /// What came in the place of parked records.
    pub stubs: Vec<Stub>,
    /// Sequence number claimed (0: none) and reason of what was no record.
    pub poison: Vec<(u64, String)>,
    /// SHA-256 of the message as it came.
    pub message: Hash,
    /// The message itself, under zstd, if the records may stay in there.
    pub kept: Option<Bytes>,
}

impl Arrival {
    pub fn new(store: StoreRef, records: Vec<Hashed>, poison: &[Poison], message: &[u8]) -> Self {
        let poison = poison
            .iter()
            .map(|p| (p.seq.unwrap_or(0), p.why.to_string()))
            .collect();
        Self {
            store,
            records,
            stubs: Vec::new(),
            poison,
            message: Hash(Sha256::digest(message).into()),
            kept: None,
        }
    }

    /// A message that is no batch at all.
    pub fn refused(store: StoreRef, reason: String, message: &[u8]) -> Self {
        let message = Hash(Sha256::digest(message).into());
        Self {
            store,
            records: Vec::new(),
            stubs: Vec::new(),
            poison: vec![(0, reason)],
            message,
            kept: None,
        }
    }
}

/// How far a store's records are committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub watermark: u64,
    /// What is missing between the watermark and the highest record held: inclusive ranges, the
    /// first ones.
    pub want: Vec<(u64, u64)>,
    /// Records above the watermark that came and could not be taken.
    pub refused: Vec<(u64, String)>,
    /// Records up to the watermark of which only a stub is held, the first ones; `None`: more than
    /// can be named.
    pub stubs: Option<Vec<u64>>,
}

impl Standing {
    /// All that can be said without looking further.
    pub fn at(watermark: u64) -> Self {
        Self {
            watermark,
            want: Vec::new(),
            refused: Vec::new(),
            stubs: None,
        }
    }
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub stored: u64,
    pub duplicates: u64,
    pub conflicts: u64,
    pub poison: u64,
    /// Per store that sent something.
    pub standings: BTreeMap<StoreRef, Standing>,
}

impl Outcome {
    /// Takes in what a later commit did.
    pub fn add(&mut self, later: Outcome) {
        self.stored += later.stored;
        self.duplicates += later.duplicates;
        self.conflicts += later.conflicts;
        self.poison += later.poison;
        self.standings.extend(later.standings);
    }
}

impl Database {
    /// Transactions of one worker that are worth having at a time: SQLite takes them one by one.
    pub const fn commits_at_once(&self) -> usize {
        match self.dialect {
            Dialect::Sqlite => 1,
            // two write while one is synced
            Dialect::Postgres => 3,
        }
    }

    /// Stores everything or nothing. When this returns `Ok`, it is on disk and receipts may say so.
    pub async fn commit(
        &self,
        arrivals: &[Arrival],
        now: Timestamp,
    ) -> Result<Outcome, DatabaseFailed> {
        let mut by_store: BTreeMap<&StoreRef, Vec<&Arrival>> = BTreeMap::new();
        for arrival in arrivals {
            by_store.entry(&arrival.store).or_default().push(arrival);
        }
        // read before the transaction begins, so that nobody waits for it
        let sorted: Vec<_> = by_store
            .into_iter()
            .map(|(store, arrivals)| (store, Sorted::of(&arrivals), arrivals))
            .collect();
        match self.transaction(&sorted, now, Rows::New).await {
            // somebody else has sent some of it meanwhile
            Err(failed) if is_held(&failed) => {
                Ok(self.transaction(&sorted, now, Rows::Any).await?)
            }
            done => Ok(done?),
        }
    }

    async fn transaction(
        &self,
        sorted: &[(&StoreRef, Sorted<'_>, Vec<&Arrival>)],
        now: Timestamp,
        rows: Rows,
    ) -> Result<Outcome, sqlx::Error> {
        let mut outcome = Outcome::default();
        let mut transaction = self.begin_commit().await?;
        for (store, sorted, arrivals) in sorted {
            let came = (sorted, arrivals.as_slice());
            let standing = self
                .take(&mut transaction, store, came, (now, rows), &mut outcome)
                .await?;
            outcome.standings.insert((*store).clone(), standing);
        }
        crash::point("office-inserted");
        transaction.commit().await?;
        crash::point("office-committed");
        Ok(outcome)
    }

    pub(super) async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        match self.dialect {
            // the write lock first: a transaction that reads and then wants it would be refused at
            // once
            Dialect::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await,
            Dialect::Postgres => self.pool.begin().await,
        }
    }

    /// For many rows in few statements, each prepared once: PostgreSQL would else plan them anew
    /// every time, and read their long arrays for it.
    async fn begin_commit(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        match self.dialect {
            Dialect::Sqlite => self.begin().await,
            Dialect::Postgres => {
                let begin = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan";
                self.pool.begin_with(begin).await
            }
        }
    }

    /// To read in: what is committed meanwhile is not seen.
    pub(super) async fn snapshot(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        match self.dialect {
            // from its first read on
            Dialect::Sqlite => self.pool.begin().await,
            Dialect::Postgres => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                self.pool.begin_with(begin).await
            }
        }
    }

    async fn take(
        &self,
        connection: &mut AnyConnection,
        store: &StoreRef,
        (sorted, arrivals): (&Sorted<'_>, &[&Arrival]),
        (now, rows): (Timestamp, Rows),
        outcome: &mut Outcome,
    ) -> Result<Standing, sqlx::Error> {
        let known = store_row::known(connection, store, now).await?;
        let id = known.id;
        for arrival in arrivals {
            for (seq, reason) in &arrival.poison {
                insert::poison(connection, id, *seq, reason, &arrival.message, now).await?;
                outcome.poison += 1;
            }
        }
        let came = (sorted, arrivals);
        let put = self.put(connection, &known, came, (now, rows)).await?;
        let fresh = put.fresh;
        let again: Vec<_> = sorted.again.iter().chain(put.held).collect();
        let duplicates = insert::compare(connection, id, &again, now).await?;
        outcome.poison += project::payments(connection, self.dialect, id, &fresh, now).await?;
        let arrived = arrivals.iter().flat_map(|arrival| &arrival.stubs);
        let stubbed = stubs::insert(connection, id, arrived, now).await?;
        outcome.stored += fresh.len() as u64;
        outcome.duplicates += duplicates;
        outcome.conflicts += again.len() as u64 - duplicates;

        // from here on nobody else moves the watermark; what others insert now is theirs to see
        let row = LockedStore::lock(connection, self.dialect, store).await?;
        let mark = advance(connection, row.id, over(row.mark, &fresh)).await?;
        let highest = fresh.last().map_or(0, |taken| taken.record.seq);
        let highest_stub = stubbed.last().copied().unwrap_or(0);
        let last_seq = row.last_seq.max(highest).max(highest_stub);
        let news = News {
            last_seq,
            // a stub that was filled was held before
            fresh: put.inserted + stubbed.len() as u64,
            duplicates,
        };
        row.update(connection, &mark, &news, now).await?;
        let want = if mark.seq < last_seq {
            gaps(connection, row.id, mark.seq, WANT_MAX).await?
        } else {
            Vec::new()
        };
        Ok(Standing {
            watermark: mark.seq,
            want,
            refused: stubs::refused(connection, row.id, mark.seq).await?,
            stubs: stubs::held(connection, row.id, mark.seq).await?,
        })
    }

    /// Inserts what is not held.
    async fn put<'a>(
        &self,
        connection: &mut AnyConnection,
        known: &KnownStore,
        came: (&'a Sorted<'a>, &[&Arrival]),
        (now, rows): (Timestamp, Rows),
    ) -> Result<Put<'a>, sqlx::Error> {
        let (id, first) = (known.id, &came.0.first);
        let above = first
            .first()
            .is_some_and(|one| one.record.seq > known.last_seq);
        if above && rows == Rows::New && self.dialect == Dialect::Postgres {
            let messages = keep_messages(connection, id, came, now).await?;
            bulk::records(connection, id, (first, &messages), (now, rows)).await?;
            return Ok(Put {
                fresh: first.iter().collect(),
                held: Vec::new(),
                inserted: first.len() as u64,
            });
        }
        let filled = stubs::fill(connection, id, first, now).await?;
        let stored = match self.dialect {
            Dialect::Sqlite => insert::records(connection, id, first, now).await?,
            Dialect::Postgres => {
                bulk::records(connection, id, (first, &[]), (now, Rows::Any)).await?
            }
        };
        let is_fresh = |taken: &&Taken<'_>| {
            [&stored, &filled]
                .iter()
                .any(|of| of.contains(&taken.record.seq))
        };
        let (fresh, held) = first.iter().partition(is_fresh);
        Ok(Put {
            fresh,
            held,
            inserted: stored.len() as u64,
        })
    }
}

/// Keeps the messages that may be kept and that a row needs; gives their numbers by arrival.
async fn keep_messages(
    connection: &mut AnyConnection,
    store_id: i64,
    (sorted, arrivals): (&Sorted<'_>, &[&Arrival]),
    now: Timestamp,
) -> Result<Vec<Option<i64>>, sqlx::Error> {
    let mut messages = Vec::with_capacity(arrivals.len());
    for (n, arrival) in arrivals.iter().enumerate() {
        let is_needed = sorted.first.iter().any(|taken| taken.arrival == n);
        messages.push(match &arrival.kept {
            Some(content) if is_needed => {
                Some(held::keep(connection, store_id, content, now).await?)
            }
            _ => None,
        });
    }
    Ok(messages)
}

/// What is known of a commit's rows before they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// Of a store whose row says that nothing so high is held, none is: PostgreSQL need not look
    /// for each of them before it writes it. If somebody else was faster, it refuses all of it.
    New,
    /// Some may be held.
    Any,
}

/// What became of a commit's records.
struct Put<'a> {
    /// In the order of their numbers.
    fresh: Vec<&'a Taken<'a>>,
    /// There is one under the number.
    held: Vec<&'a Taken<'a>>,
    /// Rows more than before; a stub that was filled was one.
    inserted: u64,
}

fn is_held(failed: &sqlx::Error) -> bool {
    let cause = failed.as_database_error();
    cause.is_some_and(|cause| cause.is_unique_violation())
}

/// Ranges named in one receipt.
const WANT_MAX: i64 = 64;

/// A record with what is asked of it more than once.
struct Taken<'a> {
    record: &'a Hashed,
    fact: Fact<'a>,
    /// Which arrival of the batch it came in.
    arrival: usize,
}

/// The watermark over what was stored just now and follows it: usually everything, and the database
/// need not be asked for what it was told a moment ago.
fn over(mut mark: Watermark, stored: &[&Taken<'_>]) -> Watermark {
    for Taken { record, .. } in stored {
        if record.seq == mark.seq + 1 && record.prev == mark.tip {
            mark.seq = record.seq;
            mark.tip = record.hash();
        }
    }
    mark
}

/// The records of a batch: each number once, ascending, and what came under a number already taken.
struct Sorted<'a> {
    first: Vec<Taken<'a>>,
    again: Vec<Taken<'a>>,
}

impl<'a> Sorted<'a> {
    fn of(arrivals: &[&'a Arrival]) -> Self {
        let mut first = BTreeMap::new();
        let mut again = Vec::new();
        let all = arrivals.iter().enumerate();
        for (arrival, record) in all.flat_map(|(n, one)| one.records.iter().map(move |r| (n, r))) {
            let taken = Taken {
                record,
                fact: Fact::of(&record.body),
                arrival,
            };
            match first.entry(record.seq) {
                Entry::Vacant(vacant) => drop(vacant.insert(taken)),
                Entry::Occupied(_) => again.push(taken),
            }
        }
        Self {
            first: first.into_values().collect(),
            again,
        }
    }
}
