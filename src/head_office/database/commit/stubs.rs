//! Stubs: what is held in the place of a parked record, so that the chain goes on.
//!
//! A stub is a row of `record` of kind `stub` whose body is the reason. The record itself replaces
//! it whenever it comes, if it is the one that the stub's hash names.

use std::collections::BTreeSet;

use sqlx::AnyConnection;
use store_actors::{domain::timestamp::Timestamp, wire::uplink::Stub};

use super::{Taken, big, hash_of, unsigned};

/// As a kind no body has. Queries name it themselves: the index of the stubs serves a plan that is
/// made once only if the plan knows the kind, and without it each receipt looks at every record.
const KIND: &str = "stub";

/// Stubs and refusals named in one receipt.
const NAMED_MAX: i64 = 64;

/// Inserts what is not held yet; gives the sequence numbers that are new, ascending.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    store_id: i64,
    stubs: impl Iterator<Item = &Stub>,
    now: Timestamp,
) -> Result<Vec<u64>, sqlx::Error> {
    let mut fresh = Vec::new();
    for stub in stubs {
        let done = sqlx::query(
            "INSERT INTO record (store_id, seq, at, prev, hash, kind, body, received_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (store_id, seq) DO NOTHING",
        )
        .bind(store_id)
        .bind(big(stub.seq))
        .bind(stub.at.unix_ms())
        .bind(stub.prev.0.to_vec())
        .bind(stub.hash.0.to_vec())
        .bind(KIND)
        .bind(stub.why.clone().into_bytes())
        .bind(now.unix_ms())
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() > 0 {
            fresh.push(stub.seq);
        }
    }
    fresh.sort_unstable();
    Ok(fresh)
}

/// Puts records in the place of their stubs; gives the numbers of those that were.
pub(super) async fn fill(
    connection: &mut AnyConnection,
    store_id: i64,
    records: &[Taken<'_>],
    now: Timestamp,
) -> Result<BTreeSet<u64>, sqlx::Error> {
    let mut filled = BTreeSet::new();
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Ok(filled);
    };
    let held: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT seq, hash FROM record WHERE store_id = $1 AND kind = 'stub' AND seq >= $2 AND seq <= $3",
    )
    .bind(store_id)
    .bind(big(first.record.seq))
    .bind(big(last.record.seq))
    .fetch_all(&mut *connection)
    .await?;
    for (seq, hash) in held {
        let same = |taken: &&Taken<'_>| {
            big(taken.record.seq) == seq && taken.record.hash() == hash_of(&hash)
        };
        let Some(taken) = records.iter().find(same) else {
            continue;
        };
        sqlx::query(
            "UPDATE record SET kind = $1, body = $2, received_at = $3 WHERE store_id = $4 AND seq = $5",
        )
        .bind(taken.fact.kind().to_owned())
        .bind(taken.record.body.clone().into_bytes())
        .bind(now.unix_ms())
        .bind(store_id)
        .bind(seq)
        .execute(&mut *connection)
        .await?;
        filled.insert(unsigned(seq));
    }
    Ok(filled)
}

/// What came above the watermark and could not be taken: its number and why.
pub(super) async fn refused(
    connection: &mut AnyConnection,
    store_id: i64,
    watermark: u64,
) -> Result<Vec<(u64, String)>, sqlx::Error> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT seq, MIN(reason) FROM poison WHERE store_id = $1 AND seq > $2 AND NOT EXISTS \
         (SELECT 1 FROM record WHERE record.store_id = poison.store_id AND record.seq = poison.seq) \
         GROUP BY seq ORDER BY seq LIMIT $3",
    )
    .bind(store_id)
    .bind(big(watermark))
    .bind(NAMED_MAX)
    .fetch_all(connection)
    .await?;
    let named = |(seq, why)| (unsigned(seq), why);
    Ok(rows.into_iter().map(named).collect())
}

/// Up to the watermark; `None` if there are more than can be named.
pub(super) async fn held(
    connection: &mut AnyConnection,
    store_id: i64,
    watermark: u64,
) -> Result<Option<Vec<u64>>, sqlx::Error> {
    let rows: Vec<i64> = sqlx::query_scalar(
        "SELECT seq FROM record WHERE store_id = $1 AND kind = 'stub' AND seq <= $2 ORDER BY seq LIMIT $3",
    )
    .bind(store_id)
    .bind(big(watermark))
    .bind(NAMED_MAX + 1)
    .fetch_all(connection)
    .await?;
    let is_all = big(rows.len() as u64) <= NAMED_MAX;
    Ok(is_all.then(|| rows.into_iter().map(unsigned).collect()))
}
