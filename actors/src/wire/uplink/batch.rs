//! `up/records`: records as a CloudEvents batch, and back with every hash recomputed.
//!
//! A body that is not JSON can't happen, and if it does it must not stop the queue (OUT-2): it
//! travels as `data_base64`, with its hash, and the head office parks it. A record that can't
//! travel at all is replaced by a stub: the same event without its body, with `parkedreason`, so
//! that the chain goes on and everybody knows what is missing. On the way back each event is judged
//! alone: a bad one is reported with what is known of it, never with its content (SEC-1).

use std::{borrow::Cow, fmt};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::domain::{
    record::{BODY_BYTES_MAX, Hash, Hashed, Record},
    timestamp::Timestamp,
};

use super::{BATCH_RECORDS_MAX, MESSAGE_BYTES_MAX, StoreRef};
use crate::ports::Parked;

const SPEC_VERSION: &str = "1.0";
const KIND_UNKNOWN: &str = "unknown";

/// Of the reason for a stub no more is kept.
const REASON_CHARACTERS_MAX: usize = 256;

/// One record as a CloudEvent. Attribute names are lower case by the specification (section 3.1).
#[derive(Serialize, Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    time: Timestamp,
    #[serde(borrow)]
    datacontenttype: Cow<'a, str>,
    /// The sequence extension: 20 digits, so that text order is number order.
    #[serde(borrow)]
    sequence: Cow<'a, str>,
    prevhash: Hash,
    hash: Hash,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    data_base64: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    parkedreason: Option<Cow<'a, str>>,
}

/// What came in a parked record's place: its link in the chain, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stub {
    pub seq: u64,
    pub at: Timestamp,
    pub prev: Hash,
    /// As the store says; the next record proves it.
    pub hash: Hash,
    pub why: String,
}

/// What came of a batch: the records that prove themselves, in their order, and the events that
/// don't. Whether the records continue what the head office holds is for it to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub store: StoreRef,
    pub records: Vec<Hashed>,
    pub stubs: Vec<Stub>,
    pub poison: Vec<Poison>,
}

/// One event that is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    /// Its place in the batch, from 0.
    pub at: usize,
    /// Its sequence number, if it could be read; nobody vouches for it.
    pub seq: Option<u64>,
    pub why: PoisonEvent,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PoisonEvent {
    #[error("it is no CloudEvent of a record (column {column})")]
    NotAnEvent { column: usize },
    #[error("it is of another version of CloudEvents than {SPEC_VERSION}")]
    SpecVersion,
    #[error("it comes from another store than its topic")]
    Source,
    #[error("its id, sequence and source contradict each other")]
    Sequence,
    #[error("it has no body, or two, or one that is not UTF-8")]
    Data,
    #[error("its body is longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
    #[error("its hash is not the hash of its content")]
    Hash,
}

#[derive(Debug, Error)]
pub enum BatchRefused {
    #[error("the batch has {0} bytes, more than {MESSAGE_BYTES_MAX}")]
    TooLong(usize),
    #[error("the batch has {0} events, more than {BATCH_RECORDS_MAX}")]
    TooMany(usize),
    #[error("the batch is not a JSON array")]
    NotABatch(#[source] serde_json::Error),
}

/// The payload of `up/records`, not packed, with a stub in the place of each record that is
/// `parked`.
pub fn encode_batch(store: &StoreRef, records: &[Record], parked: &Parked) -> Vec<u8> {
    let source = store.source();
    let mut events: Vec<Event<'_>> = Vec::with_capacity(records.len());
    for record in records {
        events.push(match parked.get(&record.seq) {
            Some(why) => to_stub(store, &source, record, why),
            None => to_event(store, &source, record),
        });
    }
    // can't fail: an event is text, numbers and JSON that was parsed
    serde_json::to_vec(&events).unwrap_or_default()
}

fn to_stub<'a>(store: &StoreRef, source: &'a str, record: &'a Record, why: &'a str) -> Event<'a> {
    Event {
        data: None,
        data_base64: None,
        parkedreason: Some(why.into()),
        ..to_event(store, source, record)
    }
}

fn to_event<'a>(store: &StoreRef, source: &'a str, record: &'a Record) -> Event<'a> {
    // `null` would be read back as no data at all
    let whole = |raw: &&RawValue| raw.get().len() == record.body.len() && raw.get() != "null";
    let data = serde_json::from_str::<&RawValue>(&record.body)
        .ok()
        .filter(whole);
    let kind = data
        .and_then(kind_of)
        .unwrap_or(Cow::Borrowed(KIND_UNKNOWN));
    let content_type = if data.is_some() {
        "application/json"
    } else {
        "application/octet-stream"
    };
    Event {
        specversion: SPEC_VERSION.into(),
        id: id_of(store, record.seq).into(),
        source: source.into(),
        kind: format!("store.record.{kind}.v1").into(),
        time: record.at,
        datacontenttype: content_type.into(),
        sequence: format!("{:020}", record.seq).into(),
        prevhash: record.prev,
        hash: record.hash(),
        data,
        data_base64: data.is_none().then(|| BASE64.encode(&record.body).into()),
        parkedreason: None,
    }
}

fn id_of(store: &StoreRef, seq: u64) -> String {
    format!("{}/{seq}", store.store)
}

/// The body's `kind`, if it can be part of a CloudEvents type.
fn kind_of(data: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Tagged<'a> {
        #[serde(borrow)]
        kind: Cow<'a, str>,
    }
    let kind = match leading_kind(data.get()) {
        Some(kind) => Cow::Borrowed(kind),
        None => serde_json::from_str::<Tagged<'_>>(data.get()).ok()?.kind,
    };
    let plain = kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    (plain && (1..=32).contains(&kind.len())).then_some(kind)
}

/// A body of ours begins with its kind: no need to read the rest.
fn leading_kind(data: &str) -> Option<&str> {
    let (kind, _) = data.strip_prefix(r#"{"kind":""#)?.split_once('"')?;
    (!kind.contains('\\')).then_some(kind)
}

/// Reads the payload of `up/records`, unpacked, that came on the topic of `store`.
///
/// # Errors
/// Only when the payload as a whole is no batch; a bad event is reported in `Batch::poison`.
pub fn decode_batch(store: &StoreRef, bytes: &[u8]) -> Result<Batch, BatchRefused> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(BatchRefused::TooLong(bytes.len()));
    }
    let mut batch = Batch {
        store: store.clone(),
        records: Vec::new(),
        stubs: Vec::new(),
        poison: Vec::new(),
    };
    let source = store.source();
    // nearly always every event is one, and they are read in one go
    let all: Option<Vec<Event<'_>>> = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| serde_json::from_str(text).ok());
    if let Some(events) = all {
        within_bounds(events.len())?;
        for (at, event) in events.into_iter().enumerate() {
            let came = to_record(store, &source, &event);
            batch.take(at, came, || event.sequence.parse().ok());
        }
        return Ok(batch);
    }
    let events: Vec<&RawValue> = serde_json::from_slice(bytes).map_err(BatchRefused::NotABatch)?;
    within_bounds(events.len())?;
    for (at, raw) in events.into_iter().enumerate() {
        let event = serde_json::from_str(raw.get()).map_err(|cause| PoisonEvent::NotAnEvent {
            column: cause.column(),
        });
        let came = event.and_then(|event| to_record(store, &source, &event));
        batch.take(at, came, || claimed_seq(raw));
    }
    Ok(batch)
}

fn within_bounds(events: usize) -> Result<(), BatchRefused> {
    if events > BATCH_RECORDS_MAX {
        return Err(BatchRefused::TooMany(events));
    }
    Ok(())
}

impl Batch {
    /// `claimed`: the number that the event says it has.
    fn take(
        &mut self,
        at: usize,
        came: Result<Came, PoisonEvent>,
        claimed: impl FnOnce() -> Option<u64>,
    ) {
        match came {
            Ok(Came::Record(record)) => self.records.push(record),
            Ok(Came::Stub(stub)) => self.stubs.push(stub),
            Err(why) => self.poison.push(Poison {
                at,
                seq: claimed(),
                why,
            }),
        }
    }
}

enum Came {
    Record(Hashed),
    Stub(Stub),
}

fn to_record(store: &StoreRef, source: &str, event: &Event<'_>) -> Result<Came, PoisonEvent> {
    if event.specversion != SPEC_VERSION {
        return Err(PoisonEvent::SpecVersion);
    }
    if event.source != source {
        return Err(PoisonEvent::Source);
    }
    let seq: u64 = event.sequence.parse().map_err(|_| PoisonEvent::Sequence)?;
    if seq == 0 || event.id != id_of(store, seq) {
        return Err(PoisonEvent::Sequence);
    }
    if let (None, None, Some(why)) = (event.data, &event.data_base64, &event.parkedreason) {
        return Ok(Came::Stub(Stub {
            seq,
            at: event.time,
            prev: event.prevhash,
            hash: event.hash,
            why: why.chars().take(REASON_CHARACTERS_MAX).collect(),
        }));
    }
    let body = match (event.data, &event.data_base64) {
        (Some(raw), None) => raw.get().to_owned(),
        (None, Some(text)) => {
            let bytes = BASE64
                .decode(text.as_bytes())
                .map_err(|_| PoisonEvent::Data)?;
            String::from_utf8(bytes).map_err(|_| PoisonEvent::Data)?
        }
        _ => return Err(PoisonEvent::Data),
    };
    if body.len() > BODY_BYTES_MAX {
        return Err(PoisonEvent::TooLong);
    }
    let record = Hashed::from(Record {
        seq,
        at: event.time,
        prev: event.prevhash,
        body,
    });
    if record.hash() == event.hash {
        Ok(Came::Record(record))
    } else {
        Err(PoisonEvent::Hash)
    }
}

/// What an event that is no record says its number is.
fn claimed_seq(event: &RawValue) -> Option<u64> {
    #[derive(Deserialize)]
    struct Claim<'a> {
        #[serde(borrow)]
        sequence: Cow<'a, str>,
    }
    serde_json::from_str::<Claim<'_>>(event.get())
        .ok()?
        .sequence
        .parse()
        .ok()
}

impl fmt::Display for Poison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "event {} (record {seq}?): {}", self.at, self.why),
            None => write!(f, "event {}: {}", self.at, self.why),
        }
    }
}
