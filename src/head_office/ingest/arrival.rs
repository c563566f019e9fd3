//! From an MQTT message to what it says.

use std::borrow::Cow;

use rumqttc::v5::mqttbytes::v5::Publish;
use store_actors::{
    domain::ids::ChainId,
    wire::uplink::{CONTENT_ENCODING, Channel, StatusMessage, StoreRef, decode_batch, parse_topic},
};

use crate::{
    adapters::mqtt::payload::unpack,
    head_office::database::{Arrival, KEPT_FROM_RECORDS},
};

/// What a message is.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Records, or the note that they could not be read.
    Records(Arrival),
    Status(StoreRef, StatusMessage),
    /// Of no use, and why.
    Nothing(&'static str),
}

/// Reads a message. One that is no batch still gives an arrival: it is parked under its store.
pub(super) fn read(chain: &ChainId, message: &Publish) -> Incoming {
    let topic = std::str::from_utf8(&message.topic)
        .ok()
        .and_then(parse_topic);
    let Some((store, channel)) = topic.filter(|(store, _)| store.chain == *chain) else {
        return Incoming::Nothing("the topic is no store's of this chain");
    };
    let properties = message
        .properties
        .iter()
        .flat_map(|properties| &properties.user_properties);
    let encoding = properties
        .into_iter()
        .find(|(name, _)| name == CONTENT_ENCODING);
    let unpacked = unpack(&message.payload, encoding.map(|(_, value)| value.as_str()));
    match (channel, unpacked) {
        (Channel::Records, Err(why)) => {
            Incoming::Records(Arrival::refused(store, why.to_string(), &message.payload))
        }
        (Channel::Records, Ok(bytes)) => {
            let mut arrival = read_batch(store, &bytes, &message.payload);
            let is_packed = matches!(bytes, Cow::Owned(_));
            if is_packed && may_be_kept(&arrival) {
                arrival.kept = Some(message.payload.clone());
            }
            Incoming::Records(arrival)
        }
        // an empty retained message is how a status is deleted
        (Channel::Status, Ok(bytes)) if bytes.is_empty() => {
            Incoming::Nothing("the status was deleted")
        }
        (Channel::Status, Ok(bytes)) => match StatusMessage::decode(&bytes) {
            Ok(status) if status.store == store.store => Incoming::Status(store, status),
            Ok(_) => Incoming::Nothing("the status is another store's"),
            Err(_) => Incoming::Nothing("the status is not the message it should be"),
        },
        (Channel::Status, Err(_)) => Incoming::Nothing("the status can't be unpacked"),
        _ => Incoming::Nothing("the topic is not for the head office"),
    }
}

/// `bytes`: unpacked from `payload`.
fn read_batch(store: StoreRef, bytes: &[u8], payload: &[u8]) -> Arrival {
    match decode_batch(&store, bytes) {
        Ok(mut batch) => {
            // a BIGINT ends there, and so does any honest numbering
            let fits = |seq: u64| i64::try_from(seq).is_ok();
            let (records, beyond): (Vec<_>, Vec<_>) =
                batch.records.drain(..).partition(|record| fits(record.seq));
            batch
                .poison
                .iter_mut()
                .for_each(|poison| poison.seq = poison.seq.filter(|seq| fits(*seq)));
            let mut arrival = Arrival::new(store, records, &batch.poison, payload);
            arrival.stubs = batch.stubs;
            arrival.stubs.retain(|stub| fits(stub.seq));
            let too_large = |_| (0, "its number is too large".to_owned());
            arrival.poison.extend(beyond.iter().map(too_large));
            arrival
        }
        Err(why) => Arrival::refused(store, why.to_string(), payload),
    }
}

/// Nothing else is in the message, least of all what nobody vouches for.
fn may_be_kept(arrival: &Arrival) -> bool {
    let records_alone = arrival.poison.is_empty() && arrival.stubs.is_empty();
    records_alone && arrival.records.len() >= KEPT_FROM_RECORDS
}

#[cfg(test)]
mod tests {
    use rumqttc::v5::mqttbytes::{QoS, v5::PublishProperties};
    use store_actors::{
        domain::{
            record::{Body, Hash, Hashed, Record, Tip},
            timestamp::Timestamp,
        },
        ports::Parked,
        wire::uplink::encode_batch,
    };

    use super::*;
    use crate::adapters::mqtt::payload::pack;

    fn demo() -> ChainId {
        "demo".parse().unwrap()
    }

    fn store() -> StoreRef {
        StoreRef {
            chain: demo(),
            store: "0001".parse().unwrap(),
        }
    }

    fn message(topic: &str, payload: Vec<u8>) -> Publish {
        let packed = pack(payload);
        let encoding = packed
            .encoding
            .map(|value| (CONTENT_ENCODING.to_owned(), value.to_owned()));
        let properties = PublishProperties {
            user_properties: encoding.into_iter().collect(),
            ..PublishProperties::default()
        };
        Publish::new(topic, QoS::AtLeastOnce, packed.bytes, Some(properties))
    }

    fn records_of(payload: Vec<u8>) -> Arrival {
        match read(
            &demo(),
            &message("chain/demo/store/0001/up/records", payload),
        ) {
            Incoming::Records(arrival) => arrival,
            other => panic!("{other:?}"),
        }
    }

    fn records(count: i64) -> Vec<Record> {
        let mut tip = Tip::default();
        let at = Timestamp::from_unix_ms;
        (0..count)
            .map(|n| tip.append(at(n), &Body::Stopped).unwrap())
            .collect()
    }

    #[test]
    fn packed_records_are_read() {
        let records = records(50);
        let arrival = records_of(encode_batch(&store(), &records, &Parked::new()));
        let sent: Vec<Hashed> = records.into_iter().map(Hashed::from).collect();
        assert_eq!(
            (arrival.store, arrival.records, arrival.poison),
            (store(), sent, vec![])
        );
    }

    #[test]
    fn a_message_of_many_records_and_nothing_else_may_be_kept() {
        let records = records(20);
        let batch = |records: &[Record], parked| encode_batch(&store(), records, &parked);
        let whole = batch(&records, Parked::new());
        let packed = pack(whole.clone()).bytes;
        assert_eq!(records_of(whole).kept, Some(packed.into()));
        let few = batch(&records[..KEPT_FROM_RECORDS - 1], Parked::new());
        assert_eq!(records_of(few).kept, None);
        let stub = batch(&records, [(3, "parked".into())].into());
        assert_eq!(records_of(stub).kept, None);
        let mut forged = records.clone();
        forged[4].seq = u64::MAX;
        assert_eq!(records_of(batch(&forged, Parked::new())).kept, None);
    }

    #[test]
    fn a_message_that_is_no_batch_is_parked_under_its_store() {
        for payload in [b"no JSON".to_vec(), vec![0xff; 10]] {
            let arrival = records_of(payload);
            assert_eq!(arrival.records, []);
            assert_eq!(
                arrival.poison,
                [(0, "the batch is not a JSON array".to_owned())]
            );
        }
    }

    #[test]
    fn a_number_beyond_the_database_is_parked() {
        let record = Record {
            seq: u64::MAX,
            at: Timestamp::default(),
            prev: Hash::default(),
            body: "{}".into(),
        };
        let arrival = records_of(encode_batch(&store(), &[record], &Parked::new()));
        assert_eq!(arrival.records, []);
        assert_eq!(arrival.poison, [(0, "its number is too large".to_owned())]);
    }

    #[test]
    fn other_topics_and_other_chains_are_passed_over() {
        for topic in [
            "x",
            "chain/other/store/0001/up/records",
            "chain/demo/store/0001/down/receipt",
        ] {
            let read = read(&demo(), &message(topic, b"[]".to_vec()));
            assert!(matches!(read, Incoming::Nothing(_)), "{topic}");
        }
    }

    #[test]
    fn a_status_counts_under_its_own_store_only() {
        let will = StatusMessage::last_will(store().store).encode();
        let mine = read(
            &demo(),
            &message("chain/demo/store/0001/up/status", will.clone()),
        );
        assert!(matches!(mine, Incoming::Status(..)));
        for (topic, payload) in [
            ("chain/demo/store/0002/up/status", will),
            ("chain/demo/store/0001/up/status", b"{}".to_vec()),
            ("chain/demo/store/0001/up/status", Vec::new()),
        ] {
            let read = read(&demo(), &message(topic, payload));
            assert!(matches!(read, Incoming::Nothing(_)), "{topic}");
        }
    }
}
