//! PostgreSQL's own way to take many rows: columns as arrays, one statement for all of them.
//!
//! `sqlx`'s `Any` driver knows no arrays, so a column travels as the text of one and is cast. What
//! is long travels as one value in which each row has its place: it is copied once, and escaped
//! never. A row costs a third of what it costs with a parameter for each of its cells.

use std::{collections::BTreeSet, fmt::Write as _};

use sqlx::{AnyConnection, AssertSqlSafe};
use store_actors::domain::timestamp::Timestamp;

use super::{
    Rows, Taken, big,
    project::{COLUMNS, LATER_STAYS, Row},
    unsigned,
};

/// Bytes of one statement's long values, about: far below what one value may have.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Rows of one statement without long values.
const ROWS_MAX: usize = 10_000;

/// The text of an array, written element by element.
#[derive(Debug, Default)]
struct Column(String);

impl Column {
    fn number(&mut self, number: i64) {
        self.separate();
        let _ = write!(self.0, "{number}");
    }

    fn number_or_null(&mut self, number: Option<i64>) {
        match number {
            Some(number) => self.number(number),
            None => {
                self.separate();
                self.0.push_str("NULL");
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.separate();
        self.0.push('"');
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                self.0.push('\\');
            }
            // a text of PostgreSQL has none
            self.0.push(if character == '\0' { ' ' } else { character });
        }
        self.0.push('"');
    }

    fn separate(&mut self) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
    }

    fn array(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

/// Long values one behind the other, and where each begins, from 1, and how long it is.
#[derive(Debug, Default)]
struct Long {
    bytes: Vec<u8>,
    places: Column,
    lengths: Column,
}

impl Long {
    fn push(&mut self, parts: &[&[u8]]) {
        let place = self.bytes.len() + 1;
        parts
            .iter()
            .for_each(|part| self.bytes.extend_from_slice(part));
        self.places.number(big(place as u64));
        self.lengths
            .number(big((self.bytes.len() + 1 - place) as u64));
    }
}

/// The columns are taken apart side by side, row for row: in a FROM clause they would first be put
/// away as a table.
const NEW_RECORDS: &str = "INSERT INTO record (store_id, seq, at, prev, hash, kind, body, received_at, message) \
     SELECT $1, seq, at, substring($2 FROM place FOR 32), substring($2 FROM place + 32 FOR 32), kind, \
     substring($2 FROM place + 64 FOR length - 64), $3, message \
     FROM (SELECT unnest(CAST($4 AS BIGINT[])) AS seq, unnest(CAST($5 AS BIGINT[])) AS at, \
     unnest(CAST($6 AS TEXT[])) AS kind, unnest(CAST($7 AS INTEGER[])) AS place, \
     unnest(CAST($8 AS INTEGER[])) AS length, unnest(CAST($9 AS BIGINT[])) AS message) AS arrived";

/// Both hashes of a record.
const HEAD_BYTES: usize = 64;

const FIRST_STAYS: &str = "ON CONFLICT (store_id, seq) DO NOTHING RETURNING seq";

/// Inserts what is not there yet; of rows that may be held, gives the sequence numbers that are
/// new. `messages`: those of the arrivals that are kept, by their places.
pub(super) async fn records<'a>(
    connection: &mut AnyConnection,
    store_id: i64,
    (mut records, messages): (&'a [Taken<'_>], &[Option<i64>]),
    (now, rows): (Timestamp, Rows),
) -> Result<BTreeSet<u64>, sqlx::Error> {
    let sql = match rows {
        Rows::New => NEW_RECORDS.to_owned(),
        Rows::Any => format!("{NEW_RECORDS} {FIRST_STAYS}"),
    };
    let message_of = |one: &Taken<'_>| messages.get(one.arrival).copied().flatten();
    let own_body = |one: &'a Taken<'_>| message_of(one).map_or(one.record.body.as_str(), |_| "");
    let mut fresh = BTreeSet::new();
    while !records.is_empty() {
        let [mut seqs, mut ats, mut kinds, mut kept] = <[Column; 4]>::default();
        let mut long = Long::default();
        let room: usize = records
            .iter()
            .map(|one| HEAD_BYTES + own_body(one).len())
            .sum();
        long.bytes.reserve(room.min(2 * BYTES_MAX));
        let mut taken = 0;
        for one in records {
            let Taken { record, fact, .. } = one;
            if long.bytes.len() > BYTES_MAX {
                break;
            }
            taken += 1;
            seqs.number(big(record.seq));
            ats.number(record.at.unix_ms());
            kinds.text(fact.kind());
            let body = own_body(one).as_bytes();
            long.push(&[&record.prev.0, &record.hash().0, body]);
            kept.number_or_null(message_of(one));
        }
        records = records.get(taken..).unwrap_or_default();
        let stored = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql.clone()))
            .bind(store_id)
            .bind(long.bytes)
            .bind(now.unix_ms())
            .bind(seqs.array())
            .bind(ats.array())
            .bind(kinds.array())
            .bind(long.places.array())
            .bind(long.lengths.array())
            .bind(kept.array())
            .fetch_all(&mut *connection)
            .await?;
        fresh.extend(stored.into_iter().map(unsigned));
    }
    Ok(fresh)
}

/// Puts the latest snapshots in the place of earlier ones. Each payment comes once.
pub(super) async fn payments(
    connection: &mut AnyConnection,
    store_id: i64,
    rows: &[Row],
) -> Result<(), sqlx::Error> {
    let sql = format!(
        "INSERT INTO payment ({COLUMNS}) \
         SELECT $1, unnest(CAST($2 AS TEXT[])), unnest(CAST($3 AS BIGINT[])), unnest(CAST($4 AS TEXT[])), \
         unnest(CAST($5 AS TEXT[])), unnest(CAST($6 AS TEXT[])), unnest(CAST($7 AS BIGINT[])), \
         unnest(CAST($8 AS TEXT[])), unnest(CAST($9 AS BIGINT[])), unnest(CAST($10 AS BIGINT[])), \
         unnest(CAST($11 AS BIGINT[])) {LATER_STAYS}"
    );
    for piece in rows.chunks(ROWS_MAX) {
        let mut columns: [Column; 10] = Default::default();
        for Row { seq, payment } in piece {
            let [
                ids,
                seqs,
                counters,
                states,
                tenders,
                amounts,
                currencies,
                opened,
                changed,
                numbers,
            ] = &mut columns;
            ids.text(&payment.id.to_string());
            seqs.number(big(*seq));
            counters.text(payment.counter.as_str());
            states.text(payment.state.as_str());
            tenders.text(payment.actual_tender().as_str());
            amounts.number(big(payment.money.minor_units()));
            currencies.text(payment.money.currency().alpha());
            opened.number(payment.opened_at.unix_ms());
            changed.number(payment.changed_at.unix_ms());
            numbers.number(big(payment.number));
        }
        let mut query = sqlx::query(AssertSqlSafe(sql.clone())).bind(store_id);
        for column in columns {
            query = query.bind(column.array());
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_written_as_postgresql_reads_it() {
        let mut texts = Column::default();
        ["approved", "NULL", r#"a"b\c"#, "x,{y}", "茶\0"]
            .iter()
            .for_each(|text| texts.text(text));
        assert_eq!(
            texts.array(),
            r#"{"approved","NULL","a\"b\\c","x,{y}","茶 "}"#
        );
        let mut numbers = Column::default();
        [1, -2]
            .into_iter()
            .for_each(|number| numbers.number(number));
        assert_eq!(numbers.array(), "{1,-2}");
        assert_eq!(Column::default().array(), "{}");
    }

    #[test]
    fn long_values_know_their_places() {
        let mut long = Long::default();
        long.push(&[b"ab", b"c"]);
        long.push(&[b""]);
        long.push(&[b"d"]);
        assert_eq!(long.bytes, b"abcd");
        assert_eq!(
            (long.places.array(), long.lengths.array()),
            ("{1,4,4}".to_owned(), "{3,0,1}".to_owned())
        );
    }
}
