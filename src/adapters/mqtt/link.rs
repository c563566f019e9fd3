//! The task that keeps the store's link: connects, subscribes at every ConnAck, polls, and begins
//! anew with a new client whenever anything is wrong.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use rumqttc::{
    Outgoing,
    v5::{
        Event, EventLoop, MqttOptions,
        mqttbytes::{
            QoS,
            v5::{
                ConnAck, Filter, LastWill, LastWillProperties, Packet, PubAck, PubAckReason,
                Publish, SubAck, SubscribeReasonCode,
            },
        },
    },
};
use store_actors::{
    ports::UplinkEvent,
    wire::uplink::{
        CONTENT_ENCODING, CONTENT_TYPE_JSON, Channel, ConfigMessage, Receipt, StatusMessage,
    },
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    payload::unpack,
    uplink::{Line, MqttConfig, Shared},
};
use crate::crash;

/// Receipts that the broker may send before we have acknowledged the first.
const RECEIVE_MAX: u16 = 32;

/// How a connection ended.
enum End {
    /// The outbox wants a new one, at once.
    Rebuild,
    Lost(String),
}

pub(super) async fn run(shared: Arc<Shared>) {
    let mut failures = 0;
    loop {
        let begun = Instant::now();
        // rumqttc has panics in it: a panic costs this connection and nothing else
        let end = AssertUnwindSafe(connection(&shared)).catch_unwind().await;
        let why = match end {
            Ok(End::Rebuild) => {
                shared.down("rebuilt".into()).await;
                continue;
            }
            Ok(End::Lost(why)) => why,
            Err(_) => "the MQTT client panicked".into(),
        };
        tracing::warn!(why, failures, "MQTT: no connection to the broker");
        shared.down(why).await;
        // two clients of one name throw each other out: such a connection is not a success
        let held = begun.elapsed() > shared.config.reconnect_max;
        failures = if held { 0 } else { failures + 1 };
        let pause = pause(&shared, failures);
        tokio::select! {
            () = sleep(pause) => {}
            () = shared.rebuild.notified() => {}
        }
    }
}

fn pause(shared: &Shared, failures: u32) -> Duration {
    let mut chance = [0; 4];
    shared.entropy.fill(&mut chance);
    pause_of(&shared.config, failures, chance)
}

/// Doubled at each failure; half of it is chance, and the spread on top is, so that a chain's
/// stores do not come all at once.
fn pause_of(config: &MqttConfig, failures: u32, chance: [u8; 4]) -> Duration {
    let doubled = config
        .reconnect_min
        .saturating_mul(2u32.saturating_pow(failures.min(16)));
    let half = doubled.min(config.reconnect_max) / 2;
    let [a, b, c, d] = chance;
    let part = |of: Duration, chance: [u8; 2]| {
        of.saturating_mul(u32::from(u16::from_be_bytes(chance))) / u32::from(u16::MAX)
    };
    half + part(half, [a, b]) + part(config.reconnect_spread, [c, d])
}

async fn connection(shared: &Shared) -> End {
    let options = match options(shared) {
        Ok(options) => options,
        Err(why) => return End::Lost(why),
    };
    let config = &shared.config;
    // the event loop pings every keep-alive: if it yields nothing for longer, it hangs in a flush
    let poll_bound = options.keep_alive() + config.broker.connection_timeout;
    let batches_max = usize::from(config.in_flight_max.max(1));
    let (mut line, mut events) = Line::new(options, batches_max);
    loop {
        let event = tokio::select! {
            event = poll(&mut events, poll_bound) => event,
            () = shared.rebuild.notified() => return End::Rebuild,
        };
        let packet = match event {
            Ok(Event::Incoming(packet)) => packet,
            // told once it is in the socket's buffer
            Ok(Event::Outgoing(Outgoing::Publish(packet))) => {
                crash::point("published");
                line.left(packet);
                continue;
            }
            Ok(Event::Outgoing(_)) => continue,
            Err(why) => return End::Lost(why),
        };
        if let Err(why) = on_packet(shared, &mut line, packet).await {
            return End::Lost(why);
        }
    }
}

async fn poll(events: &mut EventLoop, bound: Duration) -> Result<Event, String> {
    match timeout(bound, events.poll()).await {
        Ok(Ok(event)) => Ok(event),
        Ok(Err(cause)) => Err(cause.to_string()),
        Err(_) => Err(format!("nothing moved for {} s", bound.as_secs())),
    }
}

fn options(shared: &Shared) -> Result<MqttOptions, String> {
    let with_cause = |refused: super::broker::BrokerRefused| {
        let cause = std::error::Error::source(&refused).map(|cause| format!(": {cause}"));
        format!("{refused}{}", cause.unwrap_or_default())
    };
    let store = &shared.store;
    let mut options = shared
        .config
        .broker
        .options(&store.client_id())
        .map_err(with_cause)?;
    let will = StatusMessage::last_will(store.store.clone()).encode();
    let properties = LastWillProperties {
        delay_interval: None,
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: Some(CONTENT_TYPE_JSON.into()),
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    };
    let topic = store.topic(Channel::Status);
    options
        .set_receive_maximum(Some(RECEIVE_MAX))
        .set_outgoing_inflight_upper_limit(shared.config.in_flight_max.max(1))
        .set_last_will(LastWill::new(
            topic,
            will,
            QoS::AtLeastOnce,
            true,
            Some(properties),
        ));
    Ok(options)
}

async fn on_packet(shared: &Shared, line: &mut Line, packet: Packet) -> Result<(), String> {
    match packet {
        Packet::ConnAck(ack) => on_connected(shared, line, &ack),
        Packet::SubAck(ack) => on_subscribed(shared, line, &ack).await,
        Packet::Publish(publish) => {
            on_message(shared, &publish).await;
            Ok(())
        }
        Packet::PubAck(ack) => {
            on_acknowledged(shared, line, &ack).await;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn on_connected(shared: &Shared, line: &mut Line, ack: &ConnAck) -> Result<(), String> {
    let limit = ack
        .properties
        .as_ref()
        .and_then(|properties| properties.max_packet_size);
    if let Some(limit) = limit {
        line.packet_bytes_max = usize::try_from(limit).unwrap_or(usize::MAX);
    }
    let topics = [Channel::Receipt, Channel::Config].map(|channel| shared.store.topic(channel));
    let filters = topics.map(|topic| Filter::new(topic, QoS::AtLeastOnce));
    line.client
        .try_subscribe_many(filters)
        .map_err(|_| "no room to subscribe to receipts".into())
}

/// Up means: receipts reach us.
async fn on_subscribed(shared: &Shared, line: &Line, ack: &SubAck) -> Result<(), String> {
    let granted = |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
    if !ack.return_codes.iter().all(granted) {
        return Err("the broker does not let us subscribe to receipts".into());
    }
    // a new queue has room; without it the broker still says that we are gone
    let _ = shared.publish_status(line);
    if shared.up(line.clone()).await {
        Ok(())
    } else {
        Err("the outbox takes no events".into())
    }
}

async fn on_message(shared: &Shared, publish: &Publish) {
    let is_on = |channel| publish.topic == shared.store.topic(channel).as_bytes();
    if is_on(Channel::Receipt) {
        on_receipt(shared, publish).await;
    } else if is_on(Channel::Config) {
        on_config(shared, publish).await;
    }
}

/// What the head office has set. An empty message takes the retained one away and sets nothing.
async fn on_config(shared: &Shared, publish: &Publish) {
    if publish.payload.is_empty() {
        return;
    }
    match ConfigMessage::decode(&publish.payload) {
        Ok(config) if config.store == shared.store.store => {
            if let Some(total) = config.offline {
                shared.tell(UplinkEvent::OfflineTotal(total)).await;
            }
        }
        Ok(config) => tracing::warn!(store = %config.store, "what is set for another store"),
        Err(refused) => tracing::warn!(error = %refused, "what is set can't be read"),
    }
}

async fn on_receipt(shared: &Shared, publish: &Publish) {
    let properties = publish.properties.as_ref();
    let encoding = properties
        .and_then(|p| {
            p.user_properties
                .iter()
                .find(|(name, _)| name == CONTENT_ENCODING)
        })
        .map(|(_, value)| value.as_str());
    let receipt = unpack(&publish.payload, encoding)
        .map_err(|refused| refused.to_string())
        .and_then(|message| Receipt::decode(&message).map_err(|refused| refused.to_string()));
    match receipt {
        Ok(receipt) if receipt.store == shared.store.store => {
            crash::point("receipt-received");
            shared
                .tell(UplinkEvent::Receipt {
                    through: receipt.through,
                })
                .await;
            for refused in receipt.refused {
                let (seq, why) = (refused.seq, refused.why);
                shared.tell(UplinkEvent::Refused { seq, why }).await;
            }
            if let Some(seqs) = receipt.stubs {
                let through = receipt.through;
                shared.tell(UplinkEvent::Stubs { through, seqs }).await;
            }
            if !receipt.want.is_empty() {
                shared
                    .tell(UplinkEvent::Missing {
                        after: receipt.through,
                    })
                    .await;
            }
        }
        Ok(receipt) => tracing::warn!(store = %receipt.store, "a receipt for another store"),
        Err(why) => tracing::warn!(why, "a receipt that can't be read"),
    }
}

/// The broker's word proves nothing, but its refusal explains why no receipt will come.
async fn on_acknowledged(shared: &Shared, line: &Line, ack: &PubAck) {
    crash::point("puback-received");
    let were_records = line.acknowledged(ack.pkid);
    match ack.reason {
        PubAckReason::Success => {}
        PubAckReason::NoMatchingSubscribers => {
            tracing::debug!("MQTT: no head office is subscribed");
            if were_records {
                shared.tell(UplinkEvent::Unheard).await;
            }
        }
        reason => tracing::warn!(?reason, "MQTT: the broker refused a message"),
    }
}

#[cfg(test)]
mod tests {
    use store_actors::ports::Entropy as _;

    use super::*;
    use crate::adapters::{clock::OsEntropy, mqtt::broker::Broker};

    #[test]
    fn a_thousand_stores_do_not_return_in_one_second() {
        let config = MqttConfig::new(Broker {
            host: "127.0.0.1".into(),
            port: 1883,
            tls: None,
            login: None,
            keep_alive: Duration::from_secs(5),
            connection_timeout: Duration::from_secs(5),
        });
        let mut returns: Vec<Duration> = (0..1_000)
            .map(|_| {
                let mut chance = [0; 4];
                OsEntropy.fill(&mut chance);
                pause_of(&config, 1, chance)
            })
            .collect();
        returns.sort();
        let (first, last) = (returns[0], returns[999]);
        assert!(last <= Duration::from_millis(11_000), "{last:?}");
        let within = |begin: Duration| {
            let end = begin + Duration::from_secs(1);
            returns
                .iter()
                .filter(|at| **at >= begin && **at < end)
                .count()
        };
        let busiest = returns.iter().map(|begin| within(*begin)).max().unwrap();
        assert!(busiest < 200, "{busiest} of 1000 within one second");
        assert!(last - first > Duration::from_secs(8));
    }
}
