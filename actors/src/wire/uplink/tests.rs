//! Golden files, the AsyncAPI document, round trips and garbage. If a golden test fails, do not
//! change the file: stores and head offices of different versions speak to each other in it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json, value::RawValue};

use super::*;
use crate::{
    domain::{
        ids::{PaymentId, StoreId},
        money::{Currency, Money},
        offline::OfflineTotal,
        payment::{Opening, Origin, Payment},
        record::{Body, Hash, Hashed, Record, Tip},
        tender::Tender,
        timestamp::Timestamp,
    },
    ports::{Parked, StoreStatus},
};

const ASYNCAPI: &str = include_str!("../../../../config/uplink.asyncapi.json");

fn store() -> StoreRef {
    StoreRef {
        chain: "acme".parse().unwrap(),
        store: "0042".parse().unwrap(),
    }
}

fn payment() -> Payment {
    let now = Timestamp::from_unix_ms(1_700_000_000_000);
    let opening = Opening {
        id: PaymentId::new(now, [1; 10]),
        counter: "01".parse().unwrap(),
        money: Money::parse("12.50", Currency::Cny).unwrap(),
        tender: Tender::CustomerCode,
        origin: Origin::Till,
        reference: Some("basket \"7\" 茶".into()),
        fingerprint: None,
        number: 0,
        opened_by: None,
    };
    Payment::open(opening, now)
}

fn records() -> Vec<Record> {
    let facts = [
        Body::Started {
            version: "0.1.0".into(),
            clean: true,
        },
        Body::Payment {
            payment: Box::new(payment()),
        },
        Body::Device {
            device: "01-terminal".into(),
            event: "quarantined".into(),
        },
        Body::Stopped,
    ];
    let mut tip = Tip::default();
    let at = |n| Timestamp::from_unix_ms(1_700_000_000_123).plus_ms(n);
    facts
        .iter()
        .zip(0..)
        .map(|(fact, n)| tip.append(at(n), fact).unwrap())
        .collect()
}

fn encoded(store: &StoreRef, records: &[Record]) -> Vec<u8> {
    encode_batch(store, records, &Parked::new())
}

fn status() -> StatusMessage {
    let report = StoreStatus {
        at: Timestamp::from_unix_ms(1_700_000_000_123),
        version: "0.1.0".into(),
        last_seq: 7,
        receipted: 5,
        counters_ready: 3,
        counters: 4,
        unknown: 1,
    };
    StatusMessage {
        store: store().store,
        online: true,
        report: Some(report),
    }
}

fn receipt() -> Receipt {
    Receipt {
        store: store().store,
        through: 5,
        at: Timestamp::from_unix_ms(1_700_000_000_456),
        want: vec![(6, 6), (8, 9)],
        refused: vec![],
        stubs: None,
    }
}

/// The message of this name must be what the AsyncAPI document says it is.
fn assert_described(message: &str, payload: &[u8]) {
    let document: Value = serde_json::from_str(ASYNCAPI).unwrap();
    let schema = document["components"]["messages"][message]["payload"].clone();
    assert!(schema.is_object(), "{message} is not in the document");
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "allOf": [schema],
        "components": document["components"],
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let payload: Value = serde_json::from_slice(payload).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&payload)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{message}: {errors:#?}");
}

/// The batch with one attribute of one event replaced (or taken out), all other text as it was.
fn edited(event: usize, attribute: &str, json: Option<&str>) -> Vec<u8> {
    type Event = BTreeMap<String, Box<RawValue>>;
    let batch = encoded(&store(), &records());
    let mut events: Vec<Event> = serde_json::from_slice(&batch).unwrap();
    match json {
        Some(json) => {
            let json = RawValue::from_string(json.into()).unwrap();
            events[event].insert(attribute.into(), json);
        }
        None => drop(events[event].remove(attribute).unwrap()),
    }
    serde_json::to_vec(&events).unwrap()
}

#[test]
fn the_messages_are_the_golden_files() {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let batch = text(encoded(&store(), &records()));
    assert_eq!(batch, include_str!("golden/records.json").trim_end());
    assert_eq!(
        text(status().encode()),
        include_str!("golden/status.json").trim_end()
    );
    assert_eq!(
        text(receipt().encode()),
        include_str!("golden/receipt.json").trim_end()
    );
    let will = StatusMessage::last_will(store().store).encode();
    assert_eq!(text(will), include_str!("golden/last-will.json").trim_end());
}

#[test]
fn the_golden_files_are_read() {
    let batch = include_bytes!("golden/records.json");
    let batch = decode_batch(&store(), batch).unwrap();
    assert_eq!(read(batch), (records(), vec![]));
    assert_eq!(
        StatusMessage::decode(include_bytes!("golden/status.json")).unwrap(),
        status()
    );
    assert_eq!(
        Receipt::decode(include_bytes!("golden/receipt.json")).unwrap(),
        receipt()
    );
    let will = StatusMessage::decode(include_bytes!("golden/last-will.json")).unwrap();
    assert_eq!(will, StatusMessage::last_will(store().store));
}

#[test]
fn the_asyncapi_document_describes_the_messages() {
    assert_described("recordBatch", &encoded(&store(), &records()));
    assert_described("recordBatch", &encoded(&store(), &[not_json()]));
    assert_described("storeStatus", &status().encode());
    assert_described(
        "storeStatus",
        &StatusMessage::last_will(store().store).encode(),
    );
    assert_described("receipt", &receipt().encode());
    assert_described(
        "receipt",
        &Receipt {
            want: vec![],
            ..receipt()
        }
        .encode(),
    );
}

#[test]
fn a_parked_record_travels_as_a_stub_that_keeps_the_chain() {
    let sent = records();
    let parked = Parked::from([(2, "too large".to_owned())]);
    let bytes = encode_batch(&store(), &sent, &parked);
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert_eq!(text, include_str!("golden/stub.json").trim_end());
    assert!(!text.contains("12.50"), "its content went along");
    assert_described("recordBatch", &bytes);
    let batch = decode_batch(&store(), &bytes).unwrap();
    let kept: Vec<u64> = batch.records.iter().map(|record| record.seq).collect();
    assert_eq!((kept, batch.poison), (vec![1, 3, 4], vec![]));
    let stub = &batch.stubs[0];
    assert_eq!((stub.seq, stub.why.as_str()), (2, "too large"));
    assert_eq!(stub.prev, sent[0].hash());
    assert_eq!(stub.hash, sent[2].prev);
}

#[test]
fn a_receipt_names_what_is_refused_and_what_is_a_stub() {
    let refused = RefusedRecord {
        seq: 6,
        why: "the database refuses it".into(),
    };
    let receipt = Receipt {
        refused: vec![refused],
        stubs: Some(vec![3]),
        ..receipt()
    };
    let bytes = receipt.encode();
    assert_described("receipt", &bytes);
    assert_eq!(Receipt::decode(&bytes).unwrap(), receipt);
}

#[test]
fn what_the_head_office_sets_is_described() {
    let config = ConfigMessage {
        store: store().store,
        at: Timestamp::from_unix_ms(1_700_000_000_456),
        offline: Some(OfflineTotal {
            sum: Money::parse("8000.00", Currency::Cny).unwrap(),
            count: 150,
        }),
    };
    let bytes = config.encode();
    assert_described("storeConfig", &bytes);
    assert_eq!(ConfigMessage::decode(&bytes).unwrap(), config);
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        include_str!("golden/config.json").trim_end()
    );
    // a newer head office may set more
    let more = r#"{"store":"0042","at":"2023-11-14T22:13:20.456Z","opening_hours":[8,22]}"#;
    assert_eq!(
        ConfigMessage::decode(more.as_bytes()).unwrap().offline,
        None
    );
}

#[test]
fn the_asyncapi_document_names_the_topics_and_limits() {
    let document: Value = serde_json::from_str(ASYNCAPI).unwrap();
    let addresses: Vec<&str> = document["channels"]
        .as_object()
        .unwrap()
        .values()
        .map(|channel| channel["address"].as_str().unwrap())
        .collect();
    for channel in [
        Channel::Records,
        Channel::Status,
        Channel::Receipt,
        Channel::Config,
    ] {
        let address = format!("chain/{{chain}}/store/{{store}}/{}", channel.as_str());
        assert!(addresses.contains(&address.as_str()), "{address}");
    }
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["recordBatch"]["maxItems"], BATCH_RECORDS_MAX);
    let content_type = &document["components"]["messages"]["recordBatch"]["contentType"];
    assert_eq!(content_type, CONTENT_TYPE_BATCH);
}

#[test]
fn a_body_survives_to_the_last_byte() {
    let odd = r#"{ "kind":"payment",  "n":1.50, "n2":1e400, "t":"\u0041\ud800", "payment":{}}"#;
    let record = Record {
        seq: 9,
        at: Timestamp::from_unix_ms(5),
        prev: Hash([3; 32]),
        body: odd.into(),
    };
    let bytes = encoded(&store(), std::slice::from_ref(&record));
    let batch = decode_batch(&store(), &bytes).unwrap();
    assert_eq!(read(batch), (vec![record], vec![]));
}

fn read(batch: Batch) -> (Vec<Record>, Vec<Poison>) {
    let records = batch.records.into_iter().map(Hashed::into_record);
    (records.collect(), batch.poison)
}

fn not_json() -> Record {
    Record {
        seq: 2,
        at: Timestamp::from_unix_ms(5),
        prev: Hash([3; 32]),
        body: "{half".into(),
    }
}

#[test]
fn a_body_that_is_not_json_travels_and_does_not_stop_its_neighbours() {
    for body in ["{half", "", "null", " {\"kind\":\"stopped\"}", "{}\n"] {
        let mut sent = records();
        sent[1].body = body.into();
        let batch = decode_batch(&store(), &encoded(&store(), &sent)).unwrap();
        assert_eq!(read(batch), (sent, vec![]), "{body:?}");
    }
}

#[test]
fn one_bad_event_is_reported_alone() {
    let zeros = format!("\"{}\"", "00".repeat(32));
    let long = format!("\"{}\"", "a".repeat(70_000));
    let table: [(&str, Option<&str>, Option<u64>, PoisonEvent); 11] = [
        (
            "data",
            Some(r#"{"kind":"stopped"}"#),
            Some(2),
            PoisonEvent::Hash,
        ),
        (
            "time",
            Some(r#""2023-11-14T22:13:20.125Z""#),
            Some(2),
            PoisonEvent::Hash,
        ),
        ("prevhash", Some(&zeros), Some(2), PoisonEvent::Hash),
        (
            "source",
            Some(r#""/chain/acme/store/1""#),
            Some(2),
            PoisonEvent::Source,
        ),
        ("id", Some(r#""0042/3""#), Some(2), PoisonEvent::Sequence),
        ("sequence", Some(r#""-1""#), None, PoisonEvent::Sequence),
        (
            "specversion",
            Some(r#""0.3""#),
            Some(2),
            PoisonEvent::SpecVersion,
        ),
        ("data", None, Some(2), PoisonEvent::Data),
        ("data_base64", Some(r#""AA==""#), Some(2), PoisonEvent::Data),
        (
            "time",
            Some("[1]"),
            Some(2),
            PoisonEvent::NotAnEvent { column: 0 },
        ),
        ("data", Some(&long), Some(2), PoisonEvent::TooLong),
    ];
    for (attribute, json, seq, why) in table {
        let batch = decode_batch(&store(), &edited(1, attribute, json)).unwrap();
        let seqs: Vec<u64> = batch.records.iter().map(|r| r.seq).collect();
        assert_eq!(seqs, [1, 3, 4], "{attribute} {json:?}");
        let [poison] = batch.poison.as_slice() else {
            panic!("{:?}", batch.poison)
        };
        assert_eq!((poison.at, poison.seq), (1, seq), "{attribute} {json:?}");
        let alike = std::mem::discriminant(&poison.why) == std::mem::discriminant(&why);
        assert!(alike, "{attribute} {json:?}: {poison}");
    }
}

#[test]
fn attributes_that_are_not_known_are_passed_over() {
    let batch = edited(0, "traceparent", Some(r#""00-1-2-00""#));
    assert_eq!(read(decode_batch(&store(), &batch).unwrap()).0, records());
}

#[test]
fn another_stores_events_are_poison_on_this_topic() {
    let other = StoreRef {
        store: "0043".parse::<StoreId>().unwrap(),
        ..store()
    };
    let batch = decode_batch(&store(), &encoded(&other, &records())).unwrap();
    assert_eq!(batch.records, []);
    assert!(batch.poison.iter().all(|p| p.why == PoisonEvent::Source));
}

#[test]
fn what_is_no_batch_is_refused_as_a_whole() {
    let refused = |bytes: &[u8]| decode_batch(&store(), bytes).unwrap_err();
    assert!(matches!(refused(b"{}"), BatchRefused::NotABatch(_)));
    assert!(matches!(refused(b"[{}"), BatchRefused::NotABatch(_)));
    let many = format!("[{}0]", "0,".repeat(BATCH_RECORDS_MAX));
    assert!(matches!(
        refused(many.as_bytes()),
        BatchRefused::TooMany(1_001)
    ));
    let long = vec![b' '; MESSAGE_BYTES_MAX + 1];
    assert!(matches!(refused(&long), BatchRefused::TooLong(_)));
    assert!(matches!(
        Receipt::decode(&long),
        Err(MessageRefused::TooLong(_))
    ));
    assert!(matches!(
        Receipt::decode(b"{}"),
        Err(MessageRefused::NotTheMessage(_))
    ));
}

#[test]
fn topics_are_built_and_read() {
    for channel in Channel::ALL {
        let topic = store().topic(channel);
        assert_eq!(parse_topic(&topic), Some((store(), channel)), "{topic}");
    }
    assert_eq!(
        store().topic(Channel::Receipt),
        "chain/acme/store/0042/down/receipt"
    );
    let filter = shared_filter("ingest", &store().chain, Channel::Records);
    assert_eq!(filter, "$share/ingest/chain/acme/store/+/up/records");
    assert_eq!(store().client_id(), "store-acme-0042");
}

#[test]
fn other_topics_are_nobodys() {
    for topic in [
        "",
        "chain/acme/store/0042",
        "chain/acme/store/0042/up",
        "chain/acme/store/0042/up/records/1",
        "chain//store/0042/up/records",
        "chain/acme/store/+/up/records",
        "chain/a/b/store/0042/up/records",
        "/chain/acme/store/0042/up/records",
        "chain/acme/store/0042/down/records",
    ] {
        assert_eq!(parse_topic(topic), None, "{topic}");
    }
}

proptest! {
    #[test]
    fn records_go_there_and_back(
        bodies in proptest::collection::vec(".{0,80}", 0..8),
        ms in 0i64..4_000_000_000_000,
    ) {
        let mut prev = Hash::default();
        let chain: Vec<Record> = bodies.into_iter().zip(1..).map(|(text, seq)| {
            let body = json!({ "kind": text }).to_string();
            let record = Record { seq, at: Timestamp::from_unix_ms(ms), prev, body };
            prev = record.hash();
            record
        }).collect();
        let bytes = encoded(&store(), &chain);
        let batch = decode_batch(&store(), &bytes).unwrap();
        prop_assert_eq!(read(batch), (chain, vec![]));
    }

    #[test]
    fn garbage_never_panics_and_never_passes(at in 0usize..2_000, byte: u8, garbage in ".{0,200}") {
        let _ = decode_batch(&store(), garbage.as_bytes());
        let _ = Receipt::decode(garbage.as_bytes());
        let _ = StatusMessage::decode(garbage.as_bytes());
        let _ = parse_topic(&garbage);
        let mut bytes = encoded(&store(), &records());
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(batch) = decode_batch(&store(), &bytes) {
            // whatever came of it: a record that passes is a record that was sent
            prop_assert!(batch.records.iter().all(|r| records().contains(&**r)));
        }
    }
}

#[test]
fn what_the_office_writes_down_is_described() {
    let mut tip = Tip::default();
    let entries = crate::domain::office::entry::tests::entries().into_iter();
    let records: Vec<Record> = entries
        .map(|entry| {
            let office = Box::new(entry);
            tip.append(Timestamp::from_unix_ms(1), &Body::Office { office })
                .unwrap()
        })
        .collect();
    let batch = encoded(&store(), &records);
    assert_described("recordBatch", &batch);
    let text = String::from_utf8(batch).unwrap();
    assert_eq!(
        text.matches("store.record.office.v1").count(),
        records.len()
    );
}
