//! A store's row: whoever holds it is the only one who moves the store's watermark.

use sqlx::AnyConnection;
use store_actors::{
    domain::{record::Hash, timestamp::Timestamp},
    wire::uplink::StoreRef,
};

use super::{
    Dialect,
    advance::{Watermark, hash_of},
    big, unsigned,
};

/// The row, held until the transaction ends.
#[derive(Debug)]
pub(super) struct LockedStore {
    pub id: i64,
    pub mark: Watermark,
    pub last_seq: u64,
}

/// What the row says to those who do not hold it.
#[derive(Debug)]
pub(super) struct KnownStore {
    pub id: i64,
    /// No record above it is held, unless somebody is writing one.
    pub last_seq: u64,
}

/// The store's row, made if there is none.
pub(super) async fn known(
    connection: &mut AnyConnection,
    store: &StoreRef,
    now: Timestamp,
) -> Result<KnownStore, sqlx::Error> {
    let (chain, name) = (store.chain.as_str(), store.store.as_str());
    loop {
        let row: Option<(i64, i64)> =
            sqlx::query_as("SELECT id, last_seq FROM store WHERE chain = $1 AND store = $2")
                .bind(chain)
                .bind(name)
                .fetch_optional(&mut *connection)
                .await?;
        if let Some((id, last_seq)) = row {
            let last_seq = unsigned(last_seq);
            return Ok(KnownStore { id, last_seq });
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

/// What a batch brought.
pub(super) struct News {
    pub last_seq: u64,
    pub fresh: u64,
    pub duplicates: u64,
}

impl LockedStore {
    /// Holds the store's row, which `known` has found or made.
    pub(super) async fn lock(
        connection: &mut AnyConnection,
        dialect: Dialect,
        store: &StoreRef,
    ) -> Result<Self, sqlx::Error> {
        let select = match dialect {
            Dialect::Sqlite => {
                "SELECT id, watermark, tip, last_seq FROM store WHERE chain = $1 AND store = $2"
            }
            // not the key: whoever inserts records of the store meanwhile need not wait
            Dialect::Postgres => {
                "SELECT id, watermark, tip, last_seq FROM store WHERE chain = $1 AND store = $2 \
                 FOR NO KEY UPDATE"
            }
        };
        let (id, watermark, tip, last_seq): (i64, i64, Vec<u8>, i64) = sqlx::query_as(select)
            .bind(store.chain.as_str())
            .bind(store.store.as_str())
            .fetch_one(&mut *connection)
            .await?;
        Ok(Self {
            id,
            mark: Watermark {
                seq: unsigned(watermark),
                tip: hash_of(&tip),
                broken_seq: None,
            },
            last_seq: unsigned(last_seq),
        })
    }

    /// Writes what became of it.
    pub(super) async fn update(
        &self,
        connection: &mut AnyConnection,
        mark: &Watermark,
        news: &News,
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE store SET watermark = $1, tip = $2, broken_seq = $3, last_seq = $4, \
             held = held + $5, duplicates = duplicates + $6, heard_at = $7 WHERE id = $8",
        )
        .bind(big(mark.seq))
        .bind(mark.tip.0.to_vec())
        .bind(mark.broken_seq.map(big))
        .bind(big(news.last_seq))
        .bind(big(news.fresh))
        .bind(big(news.duplicates))
        .bind(now.unix_ms())
        .bind(self.id)
        .execute(connection)
        .await?;
        Ok(())
    }
}
