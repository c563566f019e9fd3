//! The topics, built and read in this place only.

use std::fmt;

use crate::domain::ids::{ChainId, StoreId};

/// One store of one chain: whose topic it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreRef {
    pub chain: ChainId,
    pub store: StoreId,
}

/// What a topic of a store is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Batches of records, QoS 1.
    Records,
    /// The store's word about itself, retained; also its last will.
    Status,
    /// The head office's watermark, QoS 1.
    Receipt,
    /// A command for the store.
    Command,
    /// What came of a command.
    Result,
    /// The store's configuration, retained.
    Config,
}

impl Channel {
    pub const ALL: [Channel; 6] = [
        Channel::Records,
        Channel::Status,
        Channel::Receipt,
        Channel::Command,
        Channel::Result,
        Channel::Config,
    ];

    /// The last two levels of the topic.
    pub const fn as_str(self) -> &'static str {
        match self {
            Channel::Records => "up/records",
            Channel::Status => "up/status",
            Channel::Receipt => "down/receipt",
            Channel::Command => "down/command",
            Channel::Result => "up/result",
            Channel::Config => "down/config",
        }
    }
}

impl StoreRef {
    /// The topic of this store's channel.
    pub fn topic(&self, channel: Channel) -> String {
        format!(
            "chain/{}/store/{}/{}",
            self.chain,
            self.store,
            channel.as_str()
        )
    }

    /// The CloudEvents `source` of this store's events.
    pub fn source(&self) -> String {
        format!("/chain/{}/store/{}", self.chain, self.store)
    }

    /// The MQTT client id of the store.
    pub fn client_id(&self) -> String {
        format!("store-{}-{}", self.chain, self.store)
    }
}

impl fmt::Display for StoreRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.chain, self.store)
    }
}

/// Whose topic it is and what for; `None` for any other topic.
pub fn parse_topic(topic: &str) -> Option<(StoreRef, Channel)> {
    let (chain, rest) = topic.strip_prefix("chain/")?.split_once("/store/")?;
    let (store, channel) = rest.split_once('/')?;
    let channel = Channel::ALL
        .into_iter()
        .find(|known| known.as_str() == channel)?;
    Some((
        StoreRef {
            chain: chain.parse().ok()?,
            store: store.parse().ok()?,
        },
        channel,
    ))
}

/// The shared subscription (MQTT 5, section 4.8.2) by which the workers of `group` divide one
/// channel of all stores of a chain among themselves.
pub fn shared_filter(group: &str, chain: &ChainId, channel: Channel) -> String {
    format!("$share/{group}/chain/{chain}/store/+/{}", channel.as_str())
}
