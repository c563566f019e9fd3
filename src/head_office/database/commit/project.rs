//! The payments projection: the latest snapshot of each payment, in whatever order its records
//! come.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, AssertSqlSafe};
use store_actors::domain::{
    certificate::SignedCertificate, ids::PaymentId, payment::Payment, record::Body,
    timestamp::Timestamp,
};

use super::{
    Dialect, Taken, big, bulk,
    fact::{Fact, snapshot},
    insert::{self, pieces, values},
};

const UNREAD: &str = "its body is no fact that this head office knows; it is held, not projected";

/// Projects new records; gives how many of them this program can't read. Those are held and passed
/// on like any other (their hash is right), and noted as poison: a newer store may know more kinds
/// of facts than this head office. A snapshot that a later one replaces at once is not read.
pub(super) async fn payments(
    connection: &mut AnyConnection,
    dialect: Dialect,
    store_id: i64,
    fresh: &[&Taken<'_>],
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let mut unread = Vec::new();
    let mut moved: BTreeMap<PaymentId, Vec<(&Taken<'_>, &str)>> = BTreeMap::new();
    for taken in fresh {
        match &taken.fact {
            Fact::Moved(id, body) => moved.entry(*id).or_default().push((taken, body)),
            Fact::Other(body) => {
                if let Body::DayClosed { certificate } = body.as_ref() {
                    day_closed(connection, store_id, taken.record.seq, certificate).await?;
                }
            }
            Fact::Unknown => unread.push(*taken),
        }
    }
    let mut rows = Vec::with_capacity(moved.len());
    for (id, snapshots) in moved {
        // the latest that can be read
        for (taken, body) in snapshots.into_iter().rev() {
            if let Some(payment) = snapshot(body).filter(|payment| payment.id == id) {
                let seq = taken.record.seq;
                rows.push(Row { seq, payment });
                break;
            }
            unread.push(taken);
        }
    }
    for Taken { record, .. } in &unread {
        insert::poison(
            connection,
            store_id,
            record.seq,
            UNREAD,
            &record.hash(),
            now,
        )
        .await?;
    }
    match dialect {
        Dialect::Postgres => bulk::payments(connection, store_id, &rows).await?,
        Dialect::Sqlite => {
            for piece in pieces(&rows) {
                upsert(connection, store_id, piece).await?;
            }
        }
    }
    Ok(unread.len() as u64)
}

/// A payment's latest snapshot, and the number of its record.
pub(super) struct Row {
    pub seq: u64,
    pub payment: Payment,
}

pub(super) const COLUMNS: &str = "store_id, id, seq, counter, state, tender, amount, currency, opened_at, \
     changed_at, number";

/// The later snapshot stays, whichever came first.
pub(super) const LATER_STAYS: &str = "ON CONFLICT (store_id, id) DO UPDATE SET seq = excluded.seq, \
     counter = excluded.counter, state = excluded.state, tender = excluded.tender, amount = excluded.amount, \
     currency = excluded.currency, opened_at = excluded.opened_at, changed_at = excluded.changed_at, \
     number = excluded.number WHERE excluded.seq > payment.seq";

async fn upsert(
    connection: &mut AnyConnection,
    store_id: i64,
    rows: &[Row],
) -> Result<(), sqlx::Error> {
    let values = values(rows.len(), 11);
    let sql = format!("INSERT INTO payment ({COLUMNS}) VALUES {values} {LATER_STAYS}");
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for Row { seq, payment } in rows {
        query = query
            .bind(store_id)
            .bind(payment.id.to_string())
            .bind(big(*seq))
            .bind(payment.counter.to_string())
            .bind(payment.state.as_str().to_owned())
            .bind(payment.actual_tender().as_str().to_owned())
            .bind(big(payment.money.minor_units()))
            .bind(payment.money.currency().to_string())
            .bind(payment.opened_at.unix_ms())
            .bind(payment.changed_at.unix_ms())
            .bind(big(payment.number));
    }
    query.execute(connection).await?;
    Ok(())
}

/// A certificate that can't be read counts nothing, and is refused when the day is judged.
async fn day_closed(
    connection: &mut AnyConnection,
    store_id: i64,
    seq: u64,
    signed: &SignedCertificate,
) -> Result<(), sqlx::Error> {
    let read = signed.read();
    let range = read.map(|certificate| (certificate.first_seq, certificate.last_seq));
    let (first_seq, last_seq) = range.unwrap_or((seq, seq));
    sqlx::query(
        "INSERT INTO day_close (store_id, day, seq, first_seq, last_seq, text, signature, signing_key) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(store_id)
    .bind(signed.day.to_string())
    .bind(big(seq))
    .bind(big(first_seq))
    .bind(big(last_seq))
    .bind(signed.text.replace('\0', " "))
    .bind(signed.signature.replace('\0', " "))
    .bind(signed.key.replace('\0', " "))
    .execute(connection)
    .await?;
    Ok(())
}
