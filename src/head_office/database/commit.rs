//! One transaction: records in, watermarks moved, payments projected. What it returns is committed.
//!
//! A record comes as often as the store likes: the first one stays, a repetition is counted, another record under the
//! same number is kept apart as a conflict. Stores are locked in the order of their names, so two workers can't block
//! each other for ever.

mod insert;
mod project;

use std::collections::{BTreeMap, btree_map::Entry};

use sha2::{Digest, Sha256};
use sqlx::{Any, AnyConnection, Transaction};
use store_actors::{
    domain::{
        record::{Body, Hash, Record},
        timestamp::Timestamp,
    },
    wire::uplink::{Poison, StoreRef},
};

use super::{
    Database, DatabaseFailed, Dialect,
    advance::{Watermark, advance, hash_of},
    big, unsigned,
};

/// The records of one message.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub store: StoreRef,
    pub records: Vec<Record>,
    /// Sequence number claimed (0: none) and reason of what was no record.
    pub poison: Vec<(u64, String)>,
    /// SHA-256 of the message, unpacked.
    pub message: Hash,
}

impl Arrival {
    pub fn new(store: StoreRef, records: Vec<Record>, poison: &[Poison], message: &[u8]) -> Self {
        let poison = poison
            .iter()
            .map(|p| (p.seq.unwrap_or(0), p.why.to_string()))
            .collect();
        Self {
            store,
            records,
            poison,
            message: Hash(Sha256::digest(message).into()),
        }
    }

    /// A message that is no batch at all.
    pub fn refused(store: StoreRef, reason: String, message: &[u8]) -> Self {
        let message = Hash(Sha256::digest(message).into());
        Self {
            store,
            records: Vec::new(),
            poison: vec![(0, reason)],
            message,
        }
    }
}

/// How far a store's records are committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub watermark: u64,
    /// What is missing between the watermark and the highest record held: inclusive ranges, the first ones.
    pub want: Vec<(u64, u64)>,
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

/// A store's row, held until the transaction ends.
#[derive(Debug)]
pub(super) struct StoreLocked {
    pub id: i64,
    mark: Watermark,
    last_seq: u64,
}

impl Database {
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
        let mut outcome = Outcome::default();
        let mut transaction = self.begin().await?;
        for (store, arrivals) in by_store {
            let standing = self
                .take(&mut transaction, store, &arrivals, now, &mut outcome)
                .await?;
            outcome.standings.insert(store.clone(), standing);
        }
        transaction.commit().await?;
        Ok(outcome)
    }

    pub(super) async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        match self.dialect {
            // the write lock first: a transaction that reads and then wants it would be refused at once
            Dialect::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await,
            Dialect::Postgres => self.pool.begin().await,
        }
    }

    async fn take(
        &self,
        connection: &mut AnyConnection,
        store: &StoreRef,
        arrivals: &[&Arrival],
        now: Timestamp,
        outcome: &mut Outcome,
    ) -> Result<Standing, sqlx::Error> {
        let row = lock_store(connection, self.dialect, store, now).await?;
        for arrival in arrivals {
            for (seq, reason) in &arrival.poison {
                insert::poison(connection, row.id, *seq, reason, &arrival.message, now).await?;
                outcome.poison += 1;
            }
        }
        let mut sorted = Sorted::of(arrivals);
        let fresh =
            insert::records(connection, row.id, sorted.first.values().copied(), now).await?;
        let others = sorted
            .first
            .values()
            .filter(|record| !fresh.contains(&record.seq));
        sorted.again.extend(others.copied());
        let duplicates = insert::compare(connection, row.id, &sorted.again, now).await?;
        let conflicts = sorted.again.len() as u64 - duplicates;

        let fresh: Vec<&Record> = sorted
            .first
            .values()
            .copied()
            .filter(|r| fresh.contains(&r.seq))
            .collect();
        outcome.poison += project::payments(connection, row.id, &fresh, now).await?;
        outcome.stored += fresh.len() as u64;
        outcome.duplicates += duplicates;
        outcome.conflicts += conflicts;

        let mark = advance(connection, row.id, row.mark).await?;
        let last_seq = fresh
            .last()
            .map_or(row.last_seq, |record| record.seq.max(row.last_seq));
        update_store(
            connection,
            row.id,
            &mark,
            last_seq,
            fresh.len(),
            duplicates,
            now,
        )
        .await?;
        let want = if mark.seq < last_seq {
            gaps(connection, row.id, mark.seq, WANT_MAX).await?
        } else {
            Vec::new()
        };
        Ok(Standing {
            watermark: mark.seq,
            want,
        })
    }
}

/// Ranges named in one receipt.
const WANT_MAX: i64 = 64;

/// Records looked at for gaps, from the watermark on: a receipt must not cost a walk through a large backlog.
const GAP_SEARCH_ROWS: i64 = 20_000;

/// The records of a batch: each number once, and what came under a number that was there already.
struct Sorted<'a> {
    first: BTreeMap<u64, &'a Record>,
    again: Vec<&'a Record>,
}

impl<'a> Sorted<'a> {
    fn of(arrivals: &[&'a Arrival]) -> Self {
        let mut sorted = Self {
            first: BTreeMap::new(),
            again: Vec::new(),
        };
        for record in arrivals.iter().flat_map(|arrival| &arrival.records) {
            match sorted.first.entry(record.seq) {
                Entry::Vacant(vacant) => drop(vacant.insert(record)),
                Entry::Occupied(_) => sorted.again.push(record),
            }
        }
        sorted
    }
}

/// Finds or makes the store's row, and holds it.
pub(super) async fn lock_store(
    connection: &mut AnyConnection,
    dialect: Dialect,
    store: &StoreRef,
    now: Timestamp,
) -> Result<StoreLocked, sqlx::Error> {
    let select = match dialect {
        Dialect::Sqlite => {
            "SELECT id, watermark, tip, last_seq FROM store WHERE chain = $1 AND store = $2"
        }
        Dialect::Postgres => {
            "SELECT id, watermark, tip, last_seq FROM store WHERE chain = $1 AND store = $2 FOR UPDATE"
        }
    };
    let (chain, name) = (store.chain.as_str(), store.store.as_str());
    loop {
        let row: Option<(i64, i64, Vec<u8>, i64)> = sqlx::query_as(select)
            .bind(chain)
            .bind(name)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some((id, watermark, tip, last_seq)) = row {
            let mark = Watermark {
                seq: unsigned(watermark),
                tip: hash_of(&tip),
                broken_seq: None,
            };
            return Ok(StoreLocked {
                id,
                mark,
                last_seq: unsigned(last_seq),
            });
        }
        sqlx::query(
            "INSERT INTO store (chain, store, tip, heard_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(chain)
        .bind(name)
        .bind(Hash::default().0.to_vec())
        .bind(now.unix_ms())
        .execute(&mut *connection)
        .await?;
    }
}

async fn update_store(
    connection: &mut AnyConnection,
    store_id: i64,
    mark: &Watermark,
    last_seq: u64,
    fresh: usize,
    duplicates: u64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE store SET watermark = $1, tip = $2, broken_seq = $3, last_seq = $4, held = held + $5, \
         duplicates = duplicates + $6, heard_at = $7 WHERE id = $8",
    )
    .bind(big(mark.seq))
    .bind(mark.tip.0.to_vec())
    .bind(mark.broken_seq.map(big))
    .bind(big(last_seq))
    .bind(big(fresh as u64))
    .bind(big(duplicates))
    .bind(now.unix_ms())
    .bind(store_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// The first ranges that are missing above `watermark`, inclusive, below the highest record held.
pub(super) async fn gaps(
    connection: &mut AnyConnection,
    store_id: i64,
    watermark: u64,
    limit: i64,
) -> Result<Vec<(u64, u64)>, sqlx::Error> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT before + 1, seq - 1 FROM (SELECT seq, LAG(seq, 1, $2) OVER (ORDER BY seq) AS before FROM \
         (SELECT seq FROM record WHERE store_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) held) pairs \
         WHERE seq > before + 1 ORDER BY seq LIMIT $4",
    )
    .bind(store_id)
    .bind(big(watermark))
    .bind(GAP_SEARCH_ROWS)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(from, to)| (unsigned(from), unsigned(to)))
        .collect())
}

/// What a record's body is about, for searches; bodies this program does not know are `unknown`.
fn kind_of(record: &Record) -> &'static str {
    record.decode_body().as_ref().map_or("unknown", Body::kind)
}
