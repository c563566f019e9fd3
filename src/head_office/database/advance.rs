//! The watermark: the end of the prefix of records without a gap, each proving the one before.

use sqlx::AnyConnection;
use store_actors::domain::record::Hash;

use super::{big, unsigned};

const ROWS: i64 = 512;

/// Where a store's chain stands in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    pub seq: u64,
    pub tip: Hash,
    /// The next record is held, and does not continue the one at the watermark.
    pub broken_seq: Option<u64>,
}

/// Moves on over the records that now follow. The caller holds the store's row.
pub async fn advance(
    connection: &mut AnyConnection,
    store_id: i64,
    from: Watermark,
) -> Result<Watermark, sqlx::Error> {
    let mut mark = Watermark {
        broken_seq: None,
        ..from
    };
    loop {
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT seq, prev, hash FROM record WHERE store_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .bind(store_id)
        .bind(big(mark.seq))
        .bind(ROWS)
        .fetch_all(&mut *connection)
        .await?;
        let is_last = rows.len() < usize::try_from(ROWS).unwrap_or(usize::MAX);
        for (seq, prev, hash) in rows {
            if unsigned(seq) != mark.seq + 1 {
                return Ok(mark);
            }
            if prev != mark.tip.0 {
                mark.broken_seq = Some(unsigned(seq));
                return Ok(mark);
            }
            mark.seq += 1;
            mark.tip = hash_of(&hash);
        }
        if is_last {
            return Ok(mark);
        }
    }
}

/// Records looked at for gaps, from the watermark on: a receipt must not cost a walk through a
/// large backlog.
const GAP_SEARCH_ROWS: i64 = 20_000;

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

/// A stored hash; one of another length equals no hash.
pub fn hash_of(bytes: &[u8]) -> Hash {
    Hash(bytes.try_into().unwrap_or_default())
}
