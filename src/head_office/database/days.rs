//! Business days: their certificates, whether they are believed, and what is missing of them.
//!
//! A day is judged once every record that its certificate counts is held: the records are counted
//! here in the same way, and signature, sums and last record must be the same. Until then it is
//! open, and what it lacks is named by counter and number. The first key that signs for a store is
//! trusted from then on; another one is not, until somebody says so.

use std::collections::BTreeMap;

use ring::signature::{ED25519, UnparsedPublicKey};
use sqlx::{AnyConnection, AssertSqlSafe};
use store_actors::{
    domain::{
        certificate::{Certificate, CounterDay, Disbelief, SignedCertificate, Tally, compare},
        day::Day,
        ids::{ChainId, StoreId},
        money::{Currency, Money},
        timestamp::Timestamp,
    },
    wire::uplink::StoreRef,
};

use super::{Database, DatabaseFailed, big, held, unsigned};

/// Days judged in one go.
const JUDGED_MAX: i64 = 50;

/// Records read at once while a day is counted.
const CHUNK: i64 = 512;

/// What became of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not all that it counts is held yet.
    Open,
    Complete,
    /// It can't be believed; `why` says what contradicts it.
    Refused,
}

impl Verdict {
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Open => "open",
            Verdict::Complete => "complete",
            Verdict::Refused => "refused",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "complete" => Self::Complete,
            "refused" => Self::Refused,
            _ => Self::Open,
        }
    }
}

/// A store's day, as far as it is known here.
#[derive(Clone, Debug)]
pub struct StoreDay {
    pub store: StoreId,
    pub verdict: Verdict,
    pub why: Option<String>,
    /// None yet: the day has not ended there, or its end has not come through.
    pub certificate: Option<Certificate>,
    /// Records that the store has written, as far as it said, and that are not held here.
    pub missing_records: u64,
    /// Records among those counted of which only a stub is held.
    pub stubs: u64,
    pub counters: Vec<CounterMissing>,
}

/// What is missing of a counter's day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterMissing {
    pub counter: String,
    pub payments: u64,
    /// What they were opened for, together.
    pub money: Money,
    /// When the first of them was opened, or the last one known before it.
    pub oldest: Option<Timestamp>,
}

#[derive(Debug, sqlx::FromRow)]
struct OpenDay {
    store_id: i64,
    seq: i64,
    day: String,
    text: String,
    signature: String,
    signing_key: String,
}

#[derive(Debug, sqlx::FromRow)]
struct StoreColumns {
    id: i64,
    store: String,
    last_seq: i64,
    held: i64,
    reported_seq: i64,
}

impl Database {
    /// Judges the days of which everything is held; gives how many are complete and refused now.
    pub async fn judge_days(
        &self,
        chain: &ChainId,
        now: Timestamp,
    ) -> Result<(u64, u64), DatabaseFailed> {
        let open: Vec<OpenDay> = sqlx::query_as(
            "SELECT store_id, seq, day, text, signature, signing_key FROM day_close \
             JOIN store ON store.id = day_close.store_id \
             WHERE chain = $1 AND verdict = 'open' AND day_close.last_seq <= store.watermark \
             AND NOT EXISTS (SELECT 1 FROM record WHERE record.store_id = day_close.store_id \
             AND kind = 'stub' AND record.seq BETWEEN day_close.first_seq AND day_close.last_seq) \
             ORDER BY store_id, day LIMIT $2",
        )
        .bind(chain.as_str())
        .bind(JUDGED_MAX)
        .fetch_all(&self.pool)
        .await?;
        let (mut complete, mut refused) = (0, 0);
        for day in open {
            let why = self.judge(&day, now).await?;
            let verdict = match &why {
                None => Verdict::Complete,
                Some(_) => Verdict::Refused,
            };
            *(if why.is_none() {
                &mut complete
            } else {
                &mut refused
            }) += 1;
            sqlx::query(
                "UPDATE day_close SET verdict = $1, why = $2, judged_at = $3 \
                 WHERE store_id = $4 AND day = $5 AND seq = $6 AND verdict = 'open'",
            )
            .bind(verdict.as_str())
            .bind(why)
            .bind(now.unix_ms())
            .bind(day.store_id)
            .bind(day.day)
            .bind(day.seq)
            .execute(&self.pool)
            .await?;
        }
        Ok((complete, refused))
    }

    /// Why the day is not believed; `None` if it is.
    async fn judge(&self, day: &OpenDay, now: Timestamp) -> Result<Option<String>, DatabaseFailed> {
        let signed = SignedCertificate {
            day: Day::parse(&day.day).unwrap_or(Day::of(now, 0)),
            text: day.text.clone(),
            signature: day.signature.clone(),
            key: day.signing_key.clone(),
        };
        let Some(certificate) = signed.read() else {
            return Ok(Some("it is no certificate of its day".into()));
        };
        if !is_signed(&signed) {
            return Ok(Some("its signature is wrong".into()));
        }
        let trusted = self.trusted_key(day.store_id, &signed.key, now).await?;
        if trusted != signed.key {
            return Ok(Some(format!(
                "it is signed by another key than {trusted}: head-office trust changes that"
            )));
        }
        let counted = self.count(day.store_id, &certificate).await?;
        Ok(compare(&certificate, counted.as_ref())
            .err()
            .map(|disbelief| match disbelief {
                Disbelief::LastRecord => "its last record is another one here".to_owned(),
                Disbelief::Range => "it counts records that are not these".to_owned(),
                Disbelief::Counter(counter) => {
                    format!("counter {counter}: what is held here adds up to something else")
                }
            }))
    }

    async fn count(
        &self,
        store_id: i64,
        certificate: &Certificate,
    ) -> Result<Option<Certificate>, DatabaseFailed> {
        let mut tally = Tally::like(certificate);
        let mut next = certificate.first_seq;
        let mut connection = self.pool.acquire().await?;
        let sql = format!(
            "SELECT {} FROM record WHERE store_id = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq LIMIT $4",
            held::COLUMNS,
        );
        loop {
            let rows: Vec<held::Row> = sqlx::query_as(AssertSqlSafe(sql.clone()))
                .bind(store_id)
                .bind(big(next))
                .bind(big(certificate.last_seq))
                .bind(CHUNK)
                .fetch_all(&mut *connection)
                .await?;
            let held = held::whole(&mut connection, rows).await?;
            let Some(last) = held.last() else {
                return Ok(tally.certificate(&certificate.store));
            };
            next = last.record.seq + 1;
            held.iter().for_each(|one| tally.feed(&one.record));
        }
    }

    /// The key that is trusted for the store: the first one that signed.
    async fn trusted_key(
        &self,
        store_id: i64,
        first: &str,
        now: Timestamp,
    ) -> Result<String, DatabaseFailed> {
        sqlx::query(
            "INSERT INTO store_key (store_id, signing_key, trusted_at) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING",
        )
        .bind(store_id)
        .bind(first)
        .bind(now.unix_ms())
        .execute(&self.pool)
        .await?;
        let key: String =
            sqlx::query_scalar("SELECT signing_key FROM store_key WHERE store_id = $1")
                .bind(store_id)
                .fetch_one(&self.pool)
                .await?;
        Ok(key)
    }

    /// Trusts another key from now on and judges the days that were refused once more; `false` for
    /// a store nobody heard of.
    pub async fn trust(
        &self,
        store: &StoreRef,
        key: &str,
        now: Timestamp,
    ) -> Result<bool, DatabaseFailed> {
        let Some((id, _)) = self.store_id(store).await? else {
            return Ok(false);
        };
        sqlx::query(
            "INSERT INTO store_key (store_id, signing_key, trusted_at) VALUES ($1, $2, $3) \
             ON CONFLICT (store_id) DO UPDATE SET signing_key = excluded.signing_key, \
             trusted_at = excluded.trusted_at",
        )
        .bind(id)
        .bind(key)
        .bind(now.unix_ms())
        .execute(&self.pool)
        .await?;
        sqlx::query(
            "UPDATE day_close SET verdict = 'open', why = NULL \
             WHERE store_id = $1 AND verdict = 'refused'",
        )
        .bind(id)
        .execute(&self.pool)
        .await?;
        Ok(true)
    }

    /// How complete a day is, per store; all stores, or one.
    pub async fn completeness(
        &self,
        chain: &ChainId,
        day: Day,
        store: Option<&StoreId>,
    ) -> Result<Vec<StoreDay>, DatabaseFailed> {
        // all of it as of one moment: a certificate without the records that came with it would say
        // that nothing is missing
        let mut snapshot = self.snapshot().await?;
        let stores: Vec<StoreColumns> = sqlx::query_as(
            "SELECT id, store, last_seq, held, reported_seq FROM store \
             WHERE chain = $1 AND ($2 = '' OR store = $2) ORDER BY store",
        )
        .bind(chain.as_str())
        .bind(store.map(StoreId::to_string).unwrap_or_default())
        .fetch_all(&mut *snapshot)
        .await?;
        let mut days = Vec::new();
        for store in stores {
            days.extend(store_day(&mut snapshot, store, day).await?);
        }
        Ok(days)
    }
}

async fn store_day(
    connection: &mut AnyConnection,
    store: StoreColumns,
    day: Day,
) -> Result<Option<StoreDay>, DatabaseFailed> {
    let Ok(name) = store.store.parse::<StoreId>() else {
        return Ok(None);
    };
    // the newest certificate counts: an older one of the same day was replaced
    let row: Option<(String, Option<String>, String)> = sqlx::query_as(
        "SELECT verdict, why, text FROM day_close WHERE store_id = $1 AND day = $2 \
             ORDER BY seq DESC LIMIT 1",
    )
    .bind(store.id)
    .bind(day.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let known = store.last_seq.max(store.reported_seq);
    let mut found = StoreDay {
        store: name,
        verdict: Verdict::Open,
        why: None,
        certificate: None,
        missing_records: unsigned(known - store.held),
        stubs: 0,
        counters: Vec::new(),
    };
    let Some((verdict, why, text)) = row else {
        return Ok(Some(found));
    };
    found.verdict = Verdict::parse(&verdict);
    found.why = why;
    found.certificate = serde_json::from_str(&text).ok();
    if let Some(certificate) = found.certificate.clone()
        && found.verdict != Verdict::Complete
    {
        found.stubs = stubs_within(connection, store.id, &certificate).await?;
        found.counters = missing(connection, store.id, &certificate).await?;
    }
    Ok(Some(found))
}

async fn stubs_within(
    connection: &mut AnyConnection,
    store_id: i64,
    certificate: &Certificate,
) -> Result<u64, DatabaseFailed> {
    let stubs: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM record WHERE store_id = $1 AND kind = 'stub' \
             AND seq BETWEEN $2 AND $3",
    )
    .bind(store_id)
    .bind(big(certificate.first_seq))
    .bind(big(certificate.last_seq))
    .fetch_one(connection)
    .await?;
    Ok(unsigned(stubs))
}

async fn missing(
    connection: &mut AnyConnection,
    store_id: i64,
    certificate: &Certificate,
) -> Result<Vec<CounterMissing>, DatabaseFailed> {
    let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
        "SELECT counter, number, amount, opened_at FROM payment \
             WHERE store_id = $1 AND opened_at >= $2 AND opened_at < $3",
    )
    .bind(store_id)
    .bind(certificate.begins_at.unix_ms())
    .bind(certificate.ends_at.unix_ms())
    .fetch_all(connection)
    .await?;
    let mut held: BTreeMap<&str, Held> = BTreeMap::new();
    for (counter, number, amount, opened_at) in &rows {
        let held = held.entry(counter).or_default();
        held.units = held.units.saturating_add(unsigned(*amount));
        let opened_at = Timestamp::from_unix_ms(*opened_at);
        held.opened_at.insert(unsigned(*number), opened_at);
    }
    let none = Held::default();
    let lacks = certificate.counters.iter().filter_map(|day| {
        let held = held.get(day.counter.as_str()).unwrap_or(&none);
        held.lacks(day)
    });
    Ok(lacks.collect())
}

/// What is held of a counter's day.
#[derive(Debug, Default)]
struct Held {
    units: u64,
    /// By the counter's number.
    opened_at: BTreeMap<u64, Timestamp>,
}

impl Held {
    fn lacks(&self, day: &CounterDay) -> Option<CounterMissing> {
        let payments = day.payments.saturating_sub(self.opened_at.len() as u64);
        let currency = day
            .lines
            .first()
            .map_or(Currency::Cny, |line| line.currency);
        let units = day.opened_units().saturating_sub(self.units);
        let mut numbers = day.first_number..=day.last_number;
        let first = numbers.find(|number| !self.opened_at.contains_key(number));
        let oldest = first.and_then(|first| {
            let before = self.opened_at.range(..first).next_back();
            before.map(|(_, at)| *at).or(day.first_at)
        });
        (payments > 0).then(|| CounterMissing {
            counter: day.counter.to_string(),
            payments,
            money: Money::from_minor_units(units, currency).unwrap_or(Money::zero(currency)),
            oldest,
        })
    }
}

fn is_signed(signed: &SignedCertificate) -> bool {
    let (Some(key), Some(signature)) = (unhex(&signed.key), unhex(&signed.signature)) else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, key)
        .verify(signed.text.as_bytes(), &signature)
        .is_ok()
}

/// Bytes of hexadecimal text.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}
