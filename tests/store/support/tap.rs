//! The stores' side of the broker: publishes what it is told to and hears all receipts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rumqttc::v5::{
    AsyncClient, Event, MqttOptions,
    mqttbytes::{
        QoS,
        v5::{Packet, PublishProperties},
    },
};
use store_actors::{
    domain::record::Record,
    ports::Parked,
    wire::uplink::{
        CONTENT_ENCODING, CONTENT_TYPE_BATCH, Channel, Receipt, StoreRef, encode_batch,
    },
};
use store_controller::adapters::mqtt::payload::pack;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::{DEADLINE, eventually, mosquitto::Mosquitto};

pub struct Tap {
    client: AsyncClient,
    receipts: mpsc::UnboundedReceiver<Receipt>,
    sent: usize,
    acknowledged: Arc<AtomicUsize>,
    poller: JoinHandle<()>,
}

impl Tap {
    pub async fn open(broker: &Mosquitto) -> Self {
        let mut options = MqttOptions::new("tap", "127.0.0.1", broker.port);
        options
            .set_keep_alive(Duration::from_secs(5))
            .set_max_packet_size(Some(8 * 1024 * 1024));
        let (client, mut event_loop) = AsyncClient::new(options, 10_000);
        let (sender, receipts) = mpsc::unbounded_channel();
        let (ready, mut is_ready) = mpsc::unbounded_channel();
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let (again, counted) = (client.clone(), Arc::clone(&acknowledged));
        let poller = tokio::spawn(async move {
            loop {
                match event_loop.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        again
                            .try_subscribe("chain/demo/store/+/down/receipt", QoS::AtLeastOnce)
                            .unwrap();
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(ready.send(())),
                    Ok(Event::Incoming(Packet::PubAck(_))) => {
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        drop(sender.send(Receipt::decode(&message.payload).unwrap()));
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        timeout(DEADLINE, is_ready.recv())
            .await
            .expect("the broker takes no subscription");
        Self {
            client,
            receipts,
            sent: 0,
            acknowledged,
            poller,
        }
    }

    /// Publishes records as one batch; the broker has them some time later.
    pub fn send(&mut self, store: &StoreRef, records: &[Record]) {
        let packed = pack(encode_batch(store, records, &Parked::new()));
        let encoding = packed
            .encoding
            .map(|value| (CONTENT_ENCODING.to_owned(), value.to_owned()));
        let properties = PublishProperties {
            content_type: Some(CONTENT_TYPE_BATCH.to_owned()),
            user_properties: encoding.into_iter().collect(),
            ..PublishProperties::default()
        };
        self.publish(
            &store.topic(Channel::Records),
            packed.bytes,
            properties,
            false,
        );
    }

    /// Publishes a small message; retained or not.
    pub fn send_raw(&mut self, topic: &str, message: Vec<u8>, retain: bool) {
        self.publish(topic, message, PublishProperties::default(), retain);
    }

    fn publish(
        &mut self,
        topic: &str,
        bytes: Vec<u8>,
        properties: PublishProperties,
        retain: bool,
    ) {
        self.sent += 1;
        self.client
            .try_publish_with_properties(topic, QoS::AtLeastOnce, retain, bytes, properties)
            .unwrap();
    }

    /// Waits until the broker has everything that was published.
    pub async fn flush(&self) {
        eventually("the broker's acknowledgements", || async {
            (self.acknowledged.load(Ordering::Relaxed) >= self.sent).then_some(())
        })
        .await;
    }

    pub async fn receipt(&mut self) -> Receipt {
        timeout(DEADLINE, self.receipts.recv())
            .await
            .expect("no receipt came")
            .unwrap()
    }

    /// The receipts that came since.
    pub fn receipts_now(&mut self) -> Vec<Receipt> {
        std::iter::from_fn(|| self.receipts.try_recv().ok()).collect()
    }

    /// Waits for a receipt of the store up to there, and gives it.
    pub async fn receipt_through(&mut self, store: &StoreRef, through: u64) -> Receipt {
        loop {
            let receipt = self.receipt().await;
            if receipt.store == store.store && receipt.through >= through {
                return receipt;
            }
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.poller.abort();
    }
}
