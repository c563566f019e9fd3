//! The `Uplink` port over MQTT 5.
//!
//! rumqttc is the wire and nothing more: it forgets what it accepted when the broker forgot the
//! session, and has been seen to spin without sending after that. So nothing is trusted to it:
//! every connection is a new client with a clean session, whose few messages in flight die with it,
//! and the outbox publishes again whatever was not receipted. `publish_*` only hands over and never
//! waits; `link` polls. A large batch is encoded and packed beforehand, away from the thread that
//! live payments need (OUT-3).

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rumqttc::v5::{
    AsyncClient, EventLoop, MqttOptions,
    mqttbytes::{QoS, v5::PublishProperties},
};
use store_actors::{
    domain::record::Record,
    ports::{Entropy, Parked, PublishRefused, Reply, StoreStatus, Uplink, UplinkEvent},
    wire::uplink::{
        CONTENT_ENCODING, CONTENT_TYPE_BATCH, CONTENT_TYPE_JSON, Channel, MESSAGE_BYTES_MAX,
        StatusMessage, StoreRef, encode_batch,
    },
};
use tokio::{
    sync::{Notify, mpsc},
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use super::{
    broker::Broker,
    link,
    payload::{Packed, pack},
};
use crate::crash;

/// Events that may wait for the outbox.
const EVENTS_MAX: usize = 256;

/// How long an event waits when the outbox takes none.
const TELL_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a packet that are not payload, at most: header, topic, properties.
const PACKET_OVERHEAD_BYTES: usize = 512;

/// Bodies of so many bytes are packed where they are: handing them over would cost more.
const PACK_HERE_BYTES: usize = 8 * 1024;

/// How the link behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttConfig {
    pub broker: Broker,
    /// Messages that are sent and not acknowledged by the broker, 1 to 100.
    pub in_flight_max: u16,
    /// Pause before the first new connection; each failure doubles it. Half of it is chance.
    pub reconnect_min: Duration,
    pub reconnect_max: Duration,
    /// Up to so much chance on top of every pause, so that a chain's stores do not come back in one
    /// second when their broker does.
    pub reconnect_spread: Duration,
}

impl MqttConfig {
    /// The usual behaviour: 20 in flight, 500 ms to 30 s between connections and up to 10 s on top.
    pub fn new(broker: Broker) -> Self {
        Self {
            broker,
            in_flight_max: 20,
            reconnect_min: Duration::from_millis(500),
            reconnect_max: Duration::from_secs(30),
            reconnect_spread: Duration::from_secs(10),
        }
    }
}

/// The link of one store. Dropping it closes the connection without a farewell, so that the broker
/// publishes the last will.
pub struct MqttUplink {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What the port and the task that polls have in common.
pub(super) struct Shared {
    pub(super) store: StoreRef,
    pub(super) config: MqttConfig,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) rebuild: Notify,
    /// The connection, while it is up and subscribed.
    line: Mutex<Option<Line>>,
    listener: Mutex<Option<mpsc::Sender<UplinkEvent>>>,
    report: Mutex<Option<StoreStatus>>,
    ready: Mutex<Option<Ready>>,
}

/// The batch that is published next, made ready.
struct Ready {
    first: u64,
    records: usize,
    packed: Result<Packed, PublishRefused>,
}

#[derive(Clone)]
pub(super) struct Line {
    pub(super) client: AsyncClient,
    /// The largest packet that the broker takes, in bytes.
    pub(super) packet_bytes_max: usize,
    /// How many packets may wait to leave before no more batches are taken.
    batches_max: usize,
    sent: Arc<Mutex<Sent>>,
}

/// Which packets are records: the broker's word on others is of no use to the outbox.
#[derive(Default)]
struct Sent {
    /// Handed over and without a packet id yet, in order.
    leaving: VecDeque<Channel>,
    records: HashSet<u16>,
}

impl MqttUplink {
    /// Starts the link; it connects, and connects again, until it is dropped. Must be called within
    /// a tokio runtime.
    pub fn start(config: MqttConfig, store: StoreRef, entropy: Arc<dyn Entropy>) -> Self {
        let shared = Arc::new(Shared {
            store,
            config,
            entropy,
            rebuild: Notify::new(),
            line: Mutex::default(),
            listener: Mutex::default(),
            report: Mutex::default(),
            ready: Mutex::default(),
        });
        let task = tokio::spawn(link::run(shared.clone()));
        Self { shared, task }
    }
}

impl Drop for MqttUplink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for MqttUplink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.shared.config;
        f.debug_struct("MqttUplink")
            .field("config", config)
            .finish_non_exhaustive()
    }
}

impl Uplink for MqttUplink {
    fn events(&self) -> mpsc::Receiver<UplinkEvent> {
        let (tx, rx) = mpsc::channel(EVENTS_MAX);
        let mut listener = lock(&self.shared.listener);
        if lock(&self.shared.line).is_some() {
            // an empty channel takes it
            let _ = tx.try_send(UplinkEvent::Up);
        }
        *listener = Some(tx);
        rx
    }

    fn prepare(&self, records: Vec<Record>) -> Reply<'_, Vec<Record>> {
        let bytes: usize = records.iter().map(|record| record.body.len()).sum();
        if bytes <= PACK_HERE_BYTES {
            return Box::pin(async move { records });
        }
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let packing = spawn_blocking(move || {
                let packed = encode(&shared.store, &records, &Parked::new());
                *lock(&shared.ready) = records.first().map(|first| Ready {
                    first: first.seq,
                    records: records.len(),
                    packed,
                });
                records
            });
            // a panic: as if nothing had been read
            packing.await.unwrap_or_default()
        })
    }

    fn publish_records(
        &self,
        records: &[Record],
        parked: &Parked,
    ) -> Result<usize, PublishRefused> {
        let line = self.shared.line().ok_or(PublishRefused::Down)?;
        let packed = match self.shared.take_ready(records, parked) {
            Some(packed) => packed,
            None => encode(&self.shared.store, records, parked),
        };
        crash::point("unpublished");
        line.send(&self.shared.store, Channel::Records, packed?)
    }

    fn publish_status(&self, status: &StoreStatus) -> Result<(), PublishRefused> {
        *lock(&self.shared.report) = Some(status.clone());
        let line = self.shared.line().ok_or(PublishRefused::Down)?;
        self.shared.publish_status(&line)
    }

    fn rebuild(&self, why: &str) {
        tracing::warn!(why, "MQTT: client and event loop are thrown away");
        self.shared.rebuild.notify_one();
    }
}

impl Shared {
    fn line(&self) -> Option<Line> {
        lock(&self.line).clone()
    }

    /// What was made ready, if it is this: a record keeps its number and its content for ever, but
    /// may have been parked meanwhile.
    fn take_ready(
        &self,
        records: &[Record],
        parked: &Parked,
    ) -> Option<Result<Packed, PublishRefused>> {
        let ready = lock(&self.ready).take()?;
        let (first, last) = (records.first()?.seq, records.last()?.seq);
        let is_this = ready.first == first && ready.records == records.len();
        (is_this && parked.range(first..=last).next().is_none()).then_some(ready.packed)
    }

    /// Says that we are here, with the latest report if there is one.
    pub(super) fn publish_status(&self, line: &Line) -> Result<(), PublishRefused> {
        let report = lock(&self.report).clone();
        let store = self.store.store.clone();
        let message = StatusMessage {
            store,
            online: true,
            report,
        };
        let packed = packed(message.encode())?;
        line.send(&self.store, Channel::Status, packed).map(drop)
    }

    /// `false` if the outbox did not learn of it: it would wait for ever.
    pub(super) async fn up(&self, line: Line) -> bool {
        *lock(&self.line) = Some(line);
        self.tell(UplinkEvent::Up).await
    }

    pub(super) async fn down(&self, why: String) {
        let was_up = lock(&self.line).take().is_some();
        if was_up {
            self.tell(UplinkEvent::Down { why }).await;
        }
    }

    pub(super) async fn tell(&self, event: UplinkEvent) -> bool {
        let Some(listener) = lock(&self.listener).clone() else {
            return true; // whoever comes is told how it stands
        };
        !matches!(
            timeout(TELL_TIMEOUT, listener.send(event)).await,
            Err(_elapsed)
        )
    }
}

impl Line {
    /// For so many batches that have not left yet, and a status beside them: how a store with a
    /// backlog does is not known least of all.
    pub(super) fn new(options: MqttOptions, batches_max: usize) -> (Self, EventLoop) {
        let (client, events) = AsyncClient::new(options, batches_max + 1);
        let line = Self {
            client,
            packet_bytes_max: usize::MAX,
            batches_max,
            sent: Arc::default(),
        };
        (line, events)
    }

    /// The next packet that was handed over got this id.
    pub(super) fn left(&self, packet: u16) {
        let mut sent = lock(&self.sent);
        if sent.leaving.pop_front() == Some(Channel::Records) {
            sent.records.insert(packet);
        }
    }

    /// Whether the packet that is acknowledged carried records.
    pub(super) fn acknowledged(&self, packet: u16) -> bool {
        lock(&self.sent).records.remove(&packet)
    }

    fn send(
        &self,
        store: &StoreRef,
        channel: Channel,
        packed: Packed,
    ) -> Result<usize, PublishRefused> {
        // a larger packet would make the event loop close the connection, again and again
        if packed.bytes.len() + PACKET_OVERHEAD_BYTES > self.packet_bytes_max {
            return Err(PublishRefused::TooLarge);
        }
        let is_status = channel == Channel::Status;
        let content_type = if is_status {
            CONTENT_TYPE_JSON
        } else {
            CONTENT_TYPE_BATCH
        };
        let encoding = packed
            .encoding
            .map(|value| (CONTENT_ENCODING.into(), value.into()));
        let properties = PublishProperties {
            content_type: Some(content_type.into()),
            user_properties: encoding.into_iter().collect(),
            ..PublishProperties::default()
        };
        let (topic, qos) = (store.topic(channel), QoS::AtLeastOnce);
        let bytes = packed.bytes.len() + topic.len();
        // held meanwhile: the packet may leave at once
        let mut sent = lock(&self.sent);
        if !is_status && sent.leaving.len() >= self.batches_max {
            return Err(PublishRefused::Busy);
        }
        self.client
            .try_publish_with_properties(topic, qos, is_status, packed.bytes, properties)
            .map_err(|_full| PublishRefused::Busy)?;
        sent.leaving.push_back(channel);
        Ok(bytes)
    }
}

fn encode(store: &StoreRef, records: &[Record], parked: &Parked) -> Result<Packed, PublishRefused> {
    packed(encode_batch(store, records, parked))
}

fn packed(message: Vec<u8>) -> Result<Packed, PublishRefused> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(PublishRefused::TooLarge);
    }
    Ok(pack(message))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_queue_full_of_batches_there_is_a_place_for_a_status() {
        let store = StoreRef {
            chain: "demo".parse().unwrap(),
            store: "0001".parse().unwrap(),
        };
        let options = MqttOptions::new("store", "127.0.0.1", 1);
        let (line, _events) = Line::new(options, 3);
        let send = |channel| {
            let packed = pack(b"{}".to_vec());
            line.send(&store, channel, packed).map(drop)
        };
        for _ in 0..3 {
            send(Channel::Records).unwrap();
        }
        assert_eq!(send(Channel::Records), Err(PublishRefused::Busy));
        send(Channel::Status).unwrap();
        assert_eq!(send(Channel::Status), Err(PublishRefused::Busy));
    }
}
