//! A record as it is held: its row, and its body, which lies there or in the message it came in.
//!
//! A backlog arrives in messages of hundreds of records, packed to a twentieth of their length.
//! Such a message is kept as it came, and the rows of its records are short. Whoever reads a body
//! out of it recomputes its hash.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AnyConnection;
use store_actors::{
    domain::{
        record::{Hash, Record},
        timestamp::Timestamp,
    },
    wire::uplink::{ENCODING_ZSTD, StoreRef, decode_batch},
};
use tracing::error;

use super::{advance::hash_of, unsigned};
use crate::adapters::mqtt::payload::unpack;

/// Messages of fewer records are taken apart: little is won, and one body costs the reading of all.
pub const KEPT_FROM_RECORDS: usize = 16;

/// Keeps a message that came under zstd; gives the number it is found by.
pub(super) async fn keep(
    connection: &mut AnyConnection,
    store_id: i64,
    content: &[u8],
    now: Timestamp,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "INSERT INTO message (store_id, content, received_at) VALUES ($1, $2, $3) RETURNING id",
    )
    .bind(store_id)
    .bind(content.to_vec())
    .bind(now.unix_ms())
    .fetch_one(connection)
    .await
}

/// What a query for `Row` selects of `record`.
pub(super) const COLUMNS: &str = "seq, at, prev, hash, kind, body, message, received_at";

#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    seq: i64,
    at: i64,
    prev: Vec<u8>,
    hash: Vec<u8>,
    kind: String,
    /// Empty if it is in the message.
    body: Vec<u8>,
    message: Option<i64>,
    received_at: i64,
}

#[derive(Debug)]
pub(super) struct Held {
    /// With an empty body, which no fact has, if that is not in its message.
    pub record: Record,
    pub hash: Hash,
    pub kind: String,
    pub received_at: Timestamp,
}

/// The rows with their bodies, in the same order.
pub(super) async fn whole(
    connection: &mut AnyConnection,
    rows: Vec<Row>,
) -> Result<Vec<Held>, sqlx::Error> {
    let messages: BTreeSet<i64> = rows.iter().filter_map(|row| row.message).collect();
    let elsewhere = rows.iter().filter(|row| row.message.is_some());
    let mut bodies: Bodies = elsewhere
        .map(|row| (unsigned(row.seq), (hash_of(&row.hash), String::new())))
        .collect();
    for id in messages {
        let message: Option<(String, String, Vec<u8>)> = sqlx::query_as(
            "SELECT chain, store, content FROM message JOIN store ON store.id = message.store_id \
             WHERE message.id = $1",
        )
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
        let read = message
            .and_then(|(chain, store, content)| read_out(&chain, &store, &content, &mut bodies));
        if read.is_none() {
            error!(message = id, "a message that was kept can't be read");
        }
    }
    let held = rows.into_iter().map(|row| {
        let seq = unsigned(row.seq);
        let body = match row.message {
            None => String::from_utf8_lossy(&row.body).into_owned(),
            Some(_) => bodies
                .remove(&seq)
                .map(|(_, body)| body)
                .unwrap_or_default(),
        };
        Held {
            record: Record {
                seq,
                at: Timestamp::from_unix_ms(row.at),
                prev: hash_of(&row.prev),
                body,
            },
            hash: hash_of(&row.hash),
            kind: row.kind,
            received_at: Timestamp::from_unix_ms(row.received_at),
        }
    });
    Ok(held.collect())
}

/// What hash the record of a number has, and its body as soon as it is found.
type Bodies = BTreeMap<u64, (Hash, String)>;

/// Fills in those that are in the message.
fn read_out(chain: &str, store: &str, content: &[u8], bodies: &mut Bodies) -> Option<()> {
    let store = StoreRef {
        chain: chain.parse().ok()?,
        store: store.parse().ok()?,
    };
    let bytes = unpack(content, Some(ENCODING_ZSTD)).ok()?;
    let batch = decode_batch(&store, &bytes).ok()?;
    for record in batch.records {
        if let Some((hash, body)) = bodies.get_mut(&record.seq)
            && *hash == record.hash()
        {
            *body = record.into_record().body;
        }
    }
    // nothing else was kept
    batch.poison.is_empty().then_some(())
}
