//! The smallest head office: subscribes, verifies, keeps each record once, and receipts what it has
//! without a gap. It can be told to keep its receipts to itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use rumqttc::v5::{
    AsyncClient, Event,
    mqttbytes::{
        QoS,
        v5::{Packet, Publish},
    },
};
use store_actors::{
    domain::{
        record::{Hashed, Record},
        timestamp::Timestamp,
    },
    wire::uplink::{
        CONTENT_ENCODING, Channel, Receipt, StoreRef, decode_batch, parse_topic, shared_filter,
    },
};
use store_controller::adapters::mqtt::{broker::Broker, payload::unpack};
use tokio::{task::JoinHandle, time::sleep};

use crate::support::eventually;

pub struct HeadOffice {
    held: Arc<Mutex<Held>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Held {
    records: BTreeMap<u64, Record>,
    /// The last record of the prefix without a gap.
    through: u64,
    duplicates: usize,
    poison: usize,
    connected: bool,
    /// Receipts say no more than this.
    receipts_until: Option<u64>,
}

impl HeadOffice {
    /// Opens and waits until it is subscribed. Its session outlives its connections as far as the
    /// broker remembers it.
    pub async fn open(broker: Broker) -> Self {
        Self::open_receipting_until(broker, None).await
    }

    /// One that receipts only so far, until it is told `receipt_all`.
    pub async fn open_receipting_until(broker: Broker, until: Option<u64>) -> Self {
        let held = Held {
            receipts_until: until,
            ..Held::default()
        };
        let held = Arc::new(Mutex::new(held));
        let task = tokio::spawn(run(broker, held.clone()));
        let office = Self { held, task };
        office.subscribed().await;
        office
    }

    pub async fn subscribed(&self) {
        eventually("the head office to be subscribed", || async {
            self.held().connected.then_some(())
        })
        .await;
    }

    /// It has seen that its connection is gone.
    pub async fn disconnected(&self) {
        eventually("the head office to lose its connection", || async {
            (!self.held().connected).then_some(())
        })
        .await;
    }

    pub fn receipt_all(&self) {
        self.held().receipts_until = None;
    }

    pub fn count(&self) -> usize {
        self.held().records.len()
    }

    pub fn duplicates(&self) -> usize {
        self.held().duplicates
    }

    pub async fn holds_more_than(&self, records: usize) {
        let what = format!("more than {records} records at the head office");
        eventually(&what, || async { (self.count() > records).then_some(()) }).await;
    }

    /// What was not receipted came once more.
    pub async fn has_more_duplicates_than(&self, before: usize) {
        eventually("records that come twice", || async {
            (self.duplicates() > before).then_some(())
        })
        .await;
    }

    /// OUT-1: it holds exactly these records.
    pub fn assert_holds(&self, sent: &[Record]) {
        let held = self.held();
        assert_eq!(held.poison, 0);
        assert_eq!(held.records.len(), sent.len());
        assert!(held.records.values().eq(sent), "the records differ");
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }
}

impl Drop for HeadOffice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(broker: Broker, held: Arc<Mutex<Held>>) {
    loop {
        let mut options = broker.options("head-office").unwrap();
        options
            .set_clean_start(false)
            .set_session_expiry_interval(Some(3_600));
        let (client, mut events) = AsyncClient::new(options, 10_000);
        while let Ok(event) = events.poll().await {
            match event {
                Event::Incoming(Packet::ConnAck(_)) => {
                    let filter =
                        shared_filter("ingest", &"demo".parse().unwrap(), Channel::Records);
                    client.try_subscribe(filter, QoS::AtLeastOnce).unwrap();
                }
                Event::Incoming(Packet::SubAck(_)) => held.lock().unwrap().connected = true,
                Event::Incoming(Packet::Publish(message)) => {
                    if let Some((topic, receipt)) = take(&message, &mut held.lock().unwrap()) {
                        let message = receipt.encode();
                        client
                            .try_publish(topic, QoS::AtLeastOnce, false, message)
                            .unwrap();
                    }
                }
                _ => {}
            }
        }
        held.lock().unwrap().connected = false;
        sleep(Duration::from_millis(20)).await;
    }
}

fn take(message: &Publish, held: &mut Held) -> Option<(String, Receipt)> {
    let topic = std::str::from_utf8(&message.topic).unwrap();
    let (store, channel) = parse_topic(topic).unwrap();
    assert_eq!(channel, Channel::Records);
    let properties = message.properties.as_ref();
    let encoding = properties
        .and_then(|p| {
            p.user_properties
                .iter()
                .find(|(name, _)| name == CONTENT_ENCODING)
        })
        .map(|(_, value)| value.as_str());
    let batch = decode_batch(&store, &unpack(&message.payload, encoding).unwrap()).unwrap();
    held.poison += batch.poison.len();
    for record in batch.records.into_iter().map(Hashed::into_record) {
        if held.records.insert(record.seq, record).is_some() {
            held.duplicates += 1;
        }
    }
    while held.records.contains_key(&(held.through + 1)) {
        held.through += 1;
    }
    receipt(&store, held)
}

fn receipt(store: &StoreRef, held: &Held) -> Option<(String, Receipt)> {
    if let Some(until) = held.receipts_until.filter(|until| held.through > *until) {
        // whatever the batches were: it is this record at which they stop
        return Some((store.topic(Channel::Receipt), only_through(store, until)));
    }
    let above = held.records.range(held.through + 1..).next();
    let want = above.map(|(seq, _)| (held.through + 1, seq - 1));
    let receipt = Receipt {
        want: want.into_iter().collect(),
        ..only_through(store, held.through)
    };
    Some((store.topic(Channel::Receipt), receipt))
}

fn only_through(store: &StoreRef, through: u64) -> Receipt {
    Receipt {
        store: store.store.clone(),
        through,
        at: Timestamp::from_unix_ms(0),
        want: vec![],
        refused: vec![],
        stubs: None,
    }
}
