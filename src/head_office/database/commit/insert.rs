//! The statements that write rows, several rows to a statement.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AnyConnection, AssertSqlSafe};
use store_actors::domain::{record::Hash, timestamp::Timestamp};

use super::{Taken, big, hash_of, unsigned};

/// Rows per statement; few sizes, so that few statements are prepared.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// Cuts a list into pieces of `SIZES`.
pub(super) fn pieces<T>(mut list: &[T]) -> Vec<&[T]> {
    let mut pieces = Vec::new();
    for size in SIZES {
        while let Some((piece, rest)) = list.split_at_checked(size) {
            pieces.push(piece);
            list = rest;
        }
    }
    pieces
}

/// `($1, $2), ($3, $4)` for two rows of two columns.
pub(super) fn values(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let numbers = (1..=columns).map(|column| format!("${}", row * columns + column));
        format!("({})", numbers.collect::<Vec<_>>().join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// Inserts what is not there yet; gives the sequence numbers that are new.
pub(super) async fn records(
    connection: &mut AnyConnection,
    store_id: i64,
    records: &[Taken<'_>],
    now: Timestamp,
) -> Result<BTreeSet<u64>, sqlx::Error> {
    let mut fresh = BTreeSet::new();
    for piece in pieces(records) {
        let sql = format!(
            "INSERT INTO record (store_id, seq, at, prev, hash, kind, body, received_at) VALUES {} \
             ON CONFLICT (store_id, seq) DO NOTHING RETURNING seq",
            values(piece.len(), 8)
        );
        let mut query = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql));
        for Taken { record, fact, .. } in piece {
            query = query
                .bind(store_id)
                .bind(big(record.seq))
                .bind(record.at.unix_ms())
                .bind(record.prev.0.to_vec())
                .bind(record.hash().0.to_vec())
                .bind(fact.kind().to_owned())
                .bind(record.body.clone().into_bytes())
                .bind(now.unix_ms());
        }
        fresh.extend(
            query
                .fetch_all(&mut *connection)
                .await?
                .into_iter()
                .map(unsigned),
        );
    }
    Ok(fresh)
}

/// Compares records with those held under the same numbers; gives how many are the same. The others
/// become conflicts.
pub(super) async fn compare(
    connection: &mut AnyConnection,
    store_id: i64,
    records: &[&Taken<'_>],
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let mut held: BTreeMap<u64, Hash> = BTreeMap::new();
    for piece in pieces(records) {
        let numbers = (0..piece.len()).map(|n| format!("${}", n + 2));
        let numbers = numbers.collect::<Vec<_>>().join(", ");
        let sql =
            format!("SELECT seq, hash FROM record WHERE store_id = $1 AND seq IN ({numbers})");
        let mut query = sqlx::query_as::<_, (i64, Vec<u8>)>(AssertSqlSafe(sql)).bind(store_id);
        for taken in piece {
            query = query.bind(big(taken.record.seq));
        }
        let rows = query.fetch_all(&mut *connection).await?;
        held.extend(
            rows.into_iter()
                .map(|(seq, hash)| (unsigned(seq), hash_of(&hash))),
        );
    }
    let mut same = 0;
    for taken in records {
        if held.get(&taken.record.seq) == Some(&taken.record.hash()) {
            same += 1;
        } else {
            conflict(connection, store_id, taken, now).await?;
        }
    }
    Ok(same)
}

async fn conflict(
    connection: &mut AnyConnection,
    store_id: i64,
    Taken { record, .. }: &Taken<'_>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO conflict (store_id, seq, hash, at, prev, body, received_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(store_id)
    .bind(big(record.seq))
    .bind(record.hash().0.to_vec())
    .bind(record.at.unix_ms())
    .bind(record.prev.0.to_vec())
    .bind(record.body.clone().into_bytes())
    .bind(now.unix_ms())
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes what could not be taken: one row per place and reason, however often it comes.
pub(super) async fn poison(
    connection: &mut AnyConnection,
    store_id: i64,
    seq: u64,
    reason: &str,
    message: &Hash,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO poison (store_id, seq, reason, message, times, first_at, last_at) \
         VALUES ($1, $2, $3, $4, 1, $5, $5) ON CONFLICT (store_id, seq, reason) \
         DO UPDATE SET times = poison.times + 1, last_at = excluded.last_at, message = excluded.message",
    )
    .bind(store_id)
    .bind(big(seq))
    .bind(reason.replace('\0', " "))
    .bind(message.0.to_vec())
    .bind(now.unix_ms())
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_into_few_sizes() {
        let list: Vec<u32> = (0..150).collect();
        let cut: Vec<usize> = pieces(&list).iter().map(|piece| piece.len()).collect();
        assert_eq!(cut, [64, 64, 16, 4, 1, 1]);
        assert_eq!(pieces(&list).concat(), list);
        assert!(pieces::<u32>(&[]).is_empty());
    }

    #[test]
    fn placeholders_are_numbered_through() {
        assert_eq!(values(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }
}
