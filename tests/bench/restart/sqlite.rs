//! The peer: the same payments and records in SQLite, with the same ways to find them.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};
use store_actors::{
    domain::record::{Body, Tip},
    ports::WallClock,
};

use super::payments::{Lives, Noon};

const SETUP: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE records (seq INTEGER PRIMARY KEY, record BLOB NOT NULL);
    CREATE TABLE payments (id BLOB PRIMARY KEY, seq INTEGER NOT NULL, state TEXT NOT NULL,
        reference TEXT, payment TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX unsettled ON payments (id) WHERE state NOT IN ('approved', 'declined');
    CREATE INDEX by_reference ON payments (reference);
";
/// Payments in one transaction: nobody waits for this one.
const CHUNK: usize = 5_000;

pub fn fill(payments: usize, path: &Path) {
    let mut db = Connection::open(path).unwrap();
    db.execute_batch(SETUP).unwrap();
    let lives = Lives::new();
    let mut tip = Tip::default();
    for first in (0..payments).step_by(CHUNK) {
        let transaction = db.transaction().unwrap();
        {
            let insert = "INSERT INTO records VALUES (?, ?)";
            let mut insert = transaction.prepare_cached(insert).unwrap();
            let upsert = "INSERT OR REPLACE INTO payments VALUES (?, ?, ?, ?, ?)";
            let mut upsert = transaction.prepare_cached(upsert).unwrap();
            for nth in first..payments.min(first + CHUNK) {
                for step in 0..Lives::LEN {
                    let payment = lives.payment(nth % 64, nth, step, Noon.now());
                    let row = serde_json::to_string(&payment).unwrap();
                    let id = payment.id.to_bytes();
                    let reference = payment.reference.clone();
                    let state = payment.state.as_str();
                    let body = Body::Payment { payment };
                    let record = tip.append(Noon.now(), &body).unwrap();
                    let mut bytes = Vec::new();
                    record.encode(&mut bytes);
                    let seq = i64::try_from(record.seq).unwrap();
                    insert.execute(params![seq, bytes]).unwrap();
                    upsert
                        .execute(params![id, seq, state, reference, row])
                        .unwrap();
                }
            }
        }
        transaction.commit().unwrap();
    }
    db.close().unwrap();
}

/// What our journal does at its start: it knows how many payments there are, reads the last
/// records, and looks for what is unsettled.
pub fn open_and_count(path: &Path, payments: usize) -> Duration {
    let began = Instant::now();
    let db = Connection::open(path).unwrap();
    let one = |query: &str| -> i64 { db.query_row(query, [], |row| row.get(0)).unwrap() };
    let counted = one("SELECT count(*) FROM payments");
    one("SELECT count(*) FROM payments WHERE state NOT IN ('approved', 'declined')");
    let last = "SELECT record FROM records ORDER BY seq DESC LIMIT 1000";
    let mut last = db.prepare(last).unwrap();
    let bytes: Vec<Vec<u8>> = last
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let took = began.elapsed();
    assert_eq!(counted, i64::try_from(payments).unwrap());
    assert_eq!(bytes.len(), 1_000.min(payments * Lives::LEN));
    took
}

pub fn bytes(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}
