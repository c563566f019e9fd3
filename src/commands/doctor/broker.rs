//! The way to the head office: the broker is reached, trusts us and lets us in.

use std::error::Error;

use rumqttc::v5::{
    AsyncClient, ConnectionError, Event,
    mqttbytes::v5::{ConnectReturnCode, Packet},
};
use tokio::time::timeout;

use super::{ANSWER_WITHIN, finding::Finding};
use crate::{adapters::mqtt::broker::Broker, config::Uplink};

pub(super) async fn check(uplink: Option<Uplink>) -> Vec<Finding> {
    let Some(uplink) = uplink else {
        return vec![Finding::warn(
            "head office: none (uplink.enabled = false)",
            "the outbox keeps every record until there is one",
        )];
    };
    let broker = uplink.broker;
    let what = format!("broker {}:{}", broker.host, broker.port);
    vec![match connect(broker).await {
        Ok(()) => Finding::ok(format!("{what} lets this store in")),
        Err((why, action)) => Finding::fail(format!("{what}: {why}"), action),
    }]
}

type Refused = (String, &'static str);

async fn connect(mut broker: Broker) -> Result<(), Refused> {
    broker.connection_timeout = ANSWER_WITHIN;
    let has_tls = broker.tls.is_some();
    // a name of its own: under the store's, the broker would throw the store out
    let client_id = format!("store-doctor-{}", std::process::id());
    let options = broker.options(&client_id).map_err(|refused| {
        let why = told(&refused);
        (why, "correct the files named in [uplink]")
    })?;
    // the client must live as long as its connection
    let (_client, mut events) = AsyncClient::new(options, 1);
    let first = timeout(ANSWER_WITHIN, events.poll()).await;
    match first.map_err(|_| unreachable("no answer".into()))? {
        Ok(Event::Incoming(Packet::ConnAck(ack))) if ack.code == ConnectReturnCode::Success => {
            Ok(())
        }
        Ok(_) => Err(unreachable("it speaks something else than MQTT 5".into())),
        Err(failed) => Err(why(&failed, has_tls)),
    }
}

fn unreachable(why: String) -> Refused {
    let action = "correct uplink.host and uplink.port, or start the broker; the outbox keeps \
                  everything meanwhile";
    (why, action)
}

fn why(failed: &ConnectionError, has_tls: bool) -> Refused {
    match failed {
        ConnectionError::ConnectionRefused(code) => (
            format!("it refuses this store: {code:?}"),
            "correct uplink.user and its password_file, or the broker's list of who may",
        ),
        ConnectionError::Tls(_) => (
            told(failed),
            "correct ca_file; the certificate must be for this host's name, and not expired",
        ),
        ConnectionError::Io(_) | ConnectionError::Timeout(_) => unreachable(told(failed)),
        _ => (
            told(failed),
            match has_tls {
                true => "is uplink.port the broker's MQTT port with TLS?",
                false => "is uplink.port the broker's MQTT port, without TLS?",
            },
        ),
    }
}

/// The error and what caused it, in one line.
fn told(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let words = deeper.to_string();
        if !line.contains(&words) {
            line = format!("{line}: {words}");
        }
        cause = deeper.source();
    }
    line
}
