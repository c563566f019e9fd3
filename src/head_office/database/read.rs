//! What the HTTP API asks. Reads take no lock and see what is committed.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::AssertSqlSafe;
use store_actors::{
    domain::{
        ids::{ChainId, PaymentId, StoreId},
        payment::State,
        record::Hash,
        timestamp::Timestamp,
    },
    wire::uplink::StoreRef,
};

use super::{
    Database, DatabaseFailed, advance, big,
    held::{self, Held},
    unsigned,
};

/// One store, as `/v1/stores` shows it.
#[derive(Debug, Serialize)]
pub struct StoreRow {
    pub store: String,
    /// Highest sequence number held.
    pub last_seq: u64,
    /// Every record up to here is held, and their chain is proven: what receipts say.
    pub watermark: u64,
    /// Records missing below `last_seq`.
    pub missing: u64,
    /// Records held.
    pub records: u64,
    /// Records that came again and were refused as duplicates.
    pub duplicates: u64,
    /// Records that came under a number already held, with another hash.
    pub conflicts: u64,
    /// Events that could not be taken as records, or not be read.
    pub poison: u64,
    /// Records of which only a stub is held: parked at the store.
    pub stubs: u64,
    /// The record at which the chain of hashes breaks; the watermark stays below it.
    pub broken_seq: Option<u64>,
    /// The last sequence number the store reported, sent or not.
    pub reported_seq: u64,
    /// Whether the broker has the store connected; `None` until it said something.
    pub online: Option<bool>,
    /// The store's last report.
    pub status: Option<Box<RawValue>>,
    /// Since that report, milliseconds.
    pub status_age_ms: Option<u64>,
    /// Since the last batch, milliseconds.
    pub heard_age_ms: u64,
}

#[derive(Debug, sqlx::FromRow)]
struct StoreColumns {
    store: String,
    last_seq: i64,
    watermark: i64,
    held: i64,
    duplicates: i64,
    conflicts: i64,
    poison: i64,
    stubs: i64,
    broken_seq: Option<i64>,
    reported_seq: i64,
    online: Option<i64>,
    status: Option<String>,
    status_at: Option<i64>,
    heard_at: i64,
}

#[derive(Debug, sqlx::FromRow)]
struct PaymentColumns {
    id: String,
    #[sqlx(flatten)]
    record: held::Row,
}

/// A store of which something is missing and nothing has come for a while.
#[derive(Clone, Debug)]
pub struct Lag {
    pub store: StoreRef,
    pub watermark: u64,
    /// The last record that the store is known to have written.
    pub last_known: u64,
}

/// How long a store may be silent before it is asked.
const SILENT_MS: i64 = 5_000;

/// Stores asked in one go.
const LAGGING_MAX: i64 = 200;

/// The payment in a record's body.
fn payment_of(body: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    #[derive(Deserialize)]
    struct Moved {
        payment: serde_json::Map<String, serde_json::Value>,
    }
    let moved: Moved = serde_json::from_str(body).ok()?;
    Some(moved.payment)
}

/// One payment's latest snapshot.
#[derive(Debug, Serialize)]
pub struct PaymentRow {
    pub store: StoreId,
    /// Sequence number of the record the snapshot is from.
    pub seq: u64,
    #[serde(flatten)]
    pub payment: serde_json::Map<String, serde_json::Value>,
}

/// Which payments; newest first.
#[derive(Clone, Debug, Default)]
pub struct PaymentQuery {
    pub state: Option<State>,
    /// Opened at this time or later.
    pub since: Option<Timestamp>,
    /// Continue before this payment.
    pub before: Option<PaymentId>,
    pub limit: i64,
}

/// A page of a list, and where the next one begins.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// One record held.
#[derive(Debug, Serialize)]
pub struct RecordRow {
    pub seq: u64,
    pub at: Timestamp,
    pub prev: Hash,
    pub hash: Hash,
    pub kind: String,
    /// The exact text that was hashed.
    pub body: String,
    pub received_at: Timestamp,
}

impl Database {
    pub async fn stores(
        &self,
        chain: &ChainId,
        now: Timestamp,
    ) -> Result<Vec<StoreRow>, DatabaseFailed> {
        let rows: Vec<StoreColumns> = sqlx::query_as(
            "SELECT store, last_seq, watermark, held, duplicates, broken_seq, reported_seq, online, status, \
             status_at, heard_at, \
             (SELECT COUNT(*) FROM conflict WHERE conflict.store_id = store.id) AS conflicts, \
             (SELECT COUNT(*) FROM poison WHERE poison.store_id = store.id) AS poison, \
             (SELECT COUNT(*) FROM record WHERE record.store_id = store.id AND kind = 'stub') AS stubs \
             FROM store WHERE chain = $1 ORDER BY store",
        )
        .bind(chain.as_str())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| row.shown(now)).collect())
    }

    /// Stores that are connected, silent, and have written more than is held here without a gap.
    pub async fn lagging(
        &self,
        chain: &ChainId,
        now: Timestamp,
    ) -> Result<Vec<Lag>, DatabaseFailed> {
        let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "SELECT store, watermark, last_seq, reported_seq FROM store WHERE chain = $1 AND online = 1 \
             AND heard_at < $2 AND (watermark < last_seq OR watermark < reported_seq) \
             AND broken_seq IS NULL ORDER BY store LIMIT $3",
        )
        .bind(chain.as_str())
        .bind(now.unix_ms() - SILENT_MS)
        .bind(LAGGING_MAX)
        .fetch_all(&self.pool)
        .await?;
        let lags = rows
            .into_iter()
            .filter_map(|(store, watermark, last, reported)| {
                Some(Lag {
                    store: StoreRef {
                        chain: chain.clone(),
                        store: store.parse().ok()?,
                    },
                    watermark: unsigned(watermark),
                    last_known: unsigned(last.max(reported)),
                })
            });
        Ok(lags.collect())
    }

    /// The store's row number and watermark; `None` for a store nobody heard of.
    pub(super) async fn store_id(
        &self,
        store: &StoreRef,
    ) -> Result<Option<(i64, u64)>, DatabaseFailed> {
        let row: Option<(i64, i64)> =
            sqlx::query_as("SELECT id, watermark FROM store WHERE chain = $1 AND store = $2")
                .bind(store.chain.as_str())
                .bind(store.store.as_str())
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|(id, watermark)| (id, unsigned(watermark))))
    }

    /// The first missing ranges, inclusive; `None` for a store nobody heard of.
    pub async fn gaps(
        &self,
        store: &StoreRef,
        limit: i64,
    ) -> Result<Option<Vec<(u64, u64)>>, DatabaseFailed> {
        let Some((id, watermark)) = self.store_id(store).await? else {
            return Ok(None);
        };
        let mut connection = self.pool.acquire().await?;
        Ok(Some(
            advance::gaps(&mut connection, id, watermark, limit).await?,
        ))
    }

    /// A page of payments; `None` for a store nobody heard of.
    pub async fn payments(
        &self,
        store: &StoreRef,
        query: &PaymentQuery,
    ) -> Result<Option<Page<PaymentRow>>, DatabaseFailed> {
        let Some((id, _)) = self.store_id(store).await? else {
            return Ok(None);
        };
        let mut connection = self.pool.acquire().await?;
        let sql = format!(
            "SELECT id, {} FROM payment JOIN record USING (store_id, seq) WHERE store_id = $1 \
             AND ($2 = '' OR state = $2) AND opened_at >= $3 AND ($4 = '' OR id < $4) ORDER BY id DESC LIMIT $5",
            held::COLUMNS,
        );
        let rows: Vec<PaymentColumns> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(id)
            .bind(query.state.map_or("", State::as_str).to_owned())
            .bind(query.since.map_or(i64::MIN, Timestamp::unix_ms))
            .bind(query.before.map(|id| id.to_string()).unwrap_or_default())
            .bind(query.limit)
            .fetch_all(&mut *connection)
            .await?;
        let is_full = big(rows.len() as u64) == query.limit;
        let (ids, rows): (Vec<_>, _) = rows.into_iter().map(|row| (row.id, row.record)).unzip();
        let next = ids.last().filter(|_| is_full).cloned();
        let held = held::whole(&mut connection, rows).await?;
        let shown = |(id, Held { record, .. }): (String, _)| {
            let mut payment = payment_of(&record.body).unwrap_or_default();
            // of one that can't be read that much is known
            payment.entry("id").or_insert(id.into());
            PaymentRow {
                store: store.store.clone(),
                seq: record.seq,
                payment,
            }
        };
        let items = ids.into_iter().zip(held).map(shown).collect();
        Ok(Some(Page { items, next }))
    }

    /// A page of records from sequence number `from` on; `None` for a store nobody heard of.
    pub async fn records(
        &self,
        store: &StoreRef,
        from: u64,
        limit: i64,
    ) -> Result<Option<Page<RecordRow>>, DatabaseFailed> {
        let Some((id, _)) = self.store_id(store).await? else {
            return Ok(None);
        };
        let mut connection = self.pool.acquire().await?;
        let sql = format!(
            "SELECT {} FROM record WHERE store_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3",
            held::COLUMNS,
        );
        let rows: Vec<held::Row> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(id)
            .bind(big(from))
            .bind(limit)
            .fetch_all(&mut *connection)
            .await?;
        let is_full = big(rows.len() as u64) == limit;
        let items: Vec<RecordRow> = held::whole(&mut connection, rows)
            .await?
            .into_iter()
            .map(|held| RecordRow {
                seq: held.record.seq,
                at: held.record.at,
                prev: held.record.prev,
                hash: held.hash,
                kind: held.kind,
                body: held.record.body,
                received_at: held.received_at,
            })
            .collect();
        let next = items
            .last()
            .filter(|_| is_full)
            .map(|row| (row.seq + 1).to_string());
        Ok(Some(Page { items, next }))
    }
}

impl StoreColumns {
    fn shown(self, now: Timestamp) -> StoreRow {
        StoreRow {
            store: self.store,
            last_seq: unsigned(self.last_seq),
            watermark: unsigned(self.watermark),
            missing: unsigned(self.last_seq - self.held),
            records: unsigned(self.held),
            duplicates: unsigned(self.duplicates),
            conflicts: unsigned(self.conflicts),
            poison: unsigned(self.poison),
            stubs: unsigned(self.stubs),
            broken_seq: self.broken_seq.map(unsigned),
            reported_seq: unsigned(self.reported_seq),
            online: self.online.map(|online| online != 0),
            status: self
                .status
                .and_then(|status| RawValue::from_string(status).ok()),
            status_age_ms: self
                .status_at
                .map(|at| now.since_ms(Timestamp::from_unix_ms(at))),
            heard_age_ms: now.since_ms(Timestamp::from_unix_ms(self.heard_at)),
        }
    }
}
