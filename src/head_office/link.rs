//! One connection to the broker, from CONNECT to its end; after that a new one is made.
//!
//! rumqttc would reconnect by itself, and then send acknowledgements of the old connection with
//! packet ids that mean something else on the new one. A connection that is thrown away as a whole
//! can't do that: its client answers with an error from then on. The session is clean for the same
//! reason that receipts exist: what a broker keeps proves nothing. Messages are acknowledged by
//! hand, after the COMMIT.

use std::time::Duration;

use rumqttc::v5::{
    AsyncClient, Event, EventLoop,
    mqttbytes::{
        QoS,
        v5::{ConnectReturnCode, Filter, Packet, Publish, PublishProperties, SubscribeReasonCode},
    },
};
use store_actors::wire::uplink::CONTENT_TYPE_JSON;
use thiserror::Error;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::adapters::mqtt::broker::{Broker, BrokerRefused};

/// Messages taken at once: each brings an acknowledgement and at most one receipt.
pub const MESSAGES_MAX: usize = 500;

/// Requests queued to rumqttc: those of a few batches, so that whoever commits does not wait here.
const REQUESTS_MAX: usize = 8 * MESSAGES_MAX;

/// Messages of QoS 0, which the receive maximum does not bound.
const SPARE: usize = 64;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a connection tells.
#[derive(Debug)]
pub enum LinkEvent {
    /// Connected and subscribed.
    Up,
    Message(Publish),
    /// The end; nothing follows.
    Down(LinkLost),
}

#[derive(Debug, Error)]
pub enum LinkLost {
    #[error(transparent)]
    Options(#[from] BrokerRefused),
    #[error("the connection failed: {0}")]
    Connection(String),
    #[error("the broker refuses the subscription: {0:?}")]
    Subscription(SubscribeReasonCode),
    #[error("what arrived was not taken in time")]
    NotTaken,
    #[error("the connection takes no more requests")]
    Stuck,
}

/// An open connection.
#[derive(Debug)]
pub struct Link {
    client: AsyncClient,
    events: mpsc::Receiver<LinkEvent>,
    poller: JoinHandle<()>,
}

impl Link {
    /// Begins to connect; `next` says what came of it.
    pub fn open(
        broker: &Broker,
        client_id: &str,
        receive_maximum: u16,
        filters: Vec<String>,
    ) -> Result<Self, LinkLost> {
        let mut options = broker.options(client_id)?;
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options
            .set_network_options(network)
            .set_manual_acks(true)
            .set_receive_maximum(Some(receive_maximum));
        // a ping is due every keep-alive: silence for longer means that the client hangs in a flush
        let poll_bound = options.keep_alive() + broker.connection_timeout;
        let (client, event_loop) = AsyncClient::new(options, REQUESTS_MAX);
        let (sender, events) = mpsc::channel(usize::from(receive_maximum) + SPARE);
        let poller = Poller {
            event_loop,
            poll_bound,
            client: client.clone(),
            sender,
            filters,
        };
        Ok(Self {
            client,
            events,
            poller: tokio::spawn(poller.run()),
        })
    }

    pub async fn next(&mut self) -> LinkEvent {
        // without a last word: rumqttc has panics in it
        let panicked = || LinkEvent::Down(LinkLost::Connection("the MQTT client panicked".into()));
        self.events.recv().await.unwrap_or_else(panicked)
    }

    /// What is there already.
    fn next_now(&mut self) -> Option<LinkEvent> {
        self.events.try_recv().ok()
    }

    /// Whether nothing is there.
    pub fn is_idle(&self) -> bool {
        self.events.is_empty()
    }

    /// Why a connection that takes no more requests is over, if it said so.
    pub fn why(&mut self) -> LinkLost {
        while let Some(event) = self.next_now() {
            if let LinkEvent::Down(why) = event {
                return why;
            }
        }
        LinkLost::Stuck
    }

    /// Publishes with QoS 1, or not at all when there is no room.
    pub fn publish(&self, topic: String, message: Vec<u8>) -> Result<(), LinkLost> {
        self.send(topic, message, false)
    }

    /// As `publish`; the broker keeps it for whoever subscribes later.
    pub fn publish_retained(&self, topic: String, message: Vec<u8>) -> Result<(), LinkLost> {
        self.send(topic, message, true)
    }

    fn send(&self, topic: String, message: Vec<u8>, retain: bool) -> Result<(), LinkLost> {
        let properties = PublishProperties {
            content_type: Some(CONTENT_TYPE_JSON.to_owned()),
            ..PublishProperties::default()
        };
        self.client
            .try_publish_with_properties(topic, QoS::AtLeastOnce, retain, message, properties)
            .map_err(|_| LinkLost::Stuck)
    }

    /// Tells the broker that this message is done with.
    pub async fn ack(&self, message: &Publish) -> Result<(), LinkLost> {
        match timeout(REQUEST_TIMEOUT, self.client.ack(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(LinkLost::Stuck),
        }
    }

    /// Ends the connection in order, after what was queued is sent.
    pub async fn close(mut self) {
        if self.client.try_disconnect().is_ok() {
            let ended = async { while !matches!(self.next().await, LinkEvent::Down(_)) {} };
            let _ = timeout(GOODBYE_TIMEOUT, ended).await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

struct Poller {
    event_loop: EventLoop,
    poll_bound: Duration,
    client: AsyncClient,
    sender: mpsc::Sender<LinkEvent>,
    filters: Vec<String>,
}

impl Poller {
    async fn run(mut self) {
        let why = loop {
            let Ok(polled) = timeout(self.poll_bound, self.event_loop.poll()).await else {
                break LinkLost::Connection("nothing moved for too long".into());
            };
            match polled {
                Ok(Event::Incoming(packet)) => {
                    if let Err(why) = self.take(packet).await {
                        break why;
                    }
                }
                Ok(Event::Outgoing(_)) => {}
                Err(error) => break LinkLost::Connection(error.to_string()),
            }
        };
        // waits for room: whoever reads learns of the end after everything before it
        let _ = self.sender.send(LinkEvent::Down(why)).await;
    }

    async fn take(&mut self, packet: Packet) -> Result<(), LinkLost> {
        match packet {
            Packet::ConnAck(ack) if ack.code == ConnectReturnCode::Success => {
                let filters = self
                    .filters
                    .iter()
                    .map(|filter| Filter::new(filter, QoS::AtLeastOnce));
                self.client
                    .try_subscribe_many(filters)
                    .map_err(|_| LinkLost::Stuck)
            }
            Packet::SubAck(ack) => {
                let refused =
                    |code: &&SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
                match ack.return_codes.iter().find(refused) {
                    Some(code) => Err(LinkLost::Subscription(*code)),
                    None => self.tell(LinkEvent::Up).await,
                }
            }
            Packet::Publish(message) => self.tell(LinkEvent::Message(message)).await,
            _ => Ok(()),
        }
    }

    /// Waits for room: mosquitto without a limit of its own, and others, send more than the receive
    /// maximum. What is not read from the socket then stays with the broker.
    async fn tell(&mut self, event: LinkEvent) -> Result<(), LinkLost> {
        self.sender
            .send_timeout(event, REQUEST_TIMEOUT)
            .await
            .map_err(|_| LinkLost::NotTaken)
    }
}
