//! The small messages: receipt and status. Unknown fields are passed over, so that either side can
//! be updated first.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::{
    domain::{ids::StoreId, offline::OfflineTotal, timestamp::Timestamp},
    ports::StoreStatus,
};

use super::MESSAGE_BYTES_MAX;

#[derive(Debug, Error)]
pub enum MessageRefused {
    #[error("the message has {0} bytes, more than {MESSAGE_BYTES_MAX}")]
    TooLong(usize),
    #[error("the message is not the JSON it should be")]
    NotTheMessage(#[source] serde_json::Error),
}

/// `down/receipt`: the head office has committed every record of the store up to `through`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub store: StoreId,
    /// Sequence number of the last record of the contiguous prefix that is committed; 0: none.
    pub through: u64,
    pub at: Timestamp,
    /// What is missing above `through`, as inclusive ranges; the store sends again from
    /// `through + 1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub want: Vec<(u64, u64)>,
    /// Records above `through` that came and can't be taken as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedRecord>,
    /// Records up to `through` of which only a stub is held. Absent: the head office does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stubs: Option<Vec<u64>>,
}

/// A record that can't be taken as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRecord {
    pub seq: u64,
    pub why: String,
}

/// `up/status`, retained. The last will is the same message, with `online: false` and no report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusMessage {
    pub store: StoreId,
    pub online: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<StoreStatus>,
}

/// `down/config`, retained: what the head office has set for this store. What is absent is not set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigMessage {
    pub store: StoreId,
    pub at: Timestamp,
    /// What the store may accept offline, all counters together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<OfflineTotal>,
}

impl ConfigMessage {
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, MessageRefused> {
        decode(bytes)
    }
}

impl Receipt {
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, MessageRefused> {
        decode(bytes)
    }
}

impl StatusMessage {
    /// What the broker says for the store when the store is gone.
    pub fn last_will(store: StoreId) -> Self {
        Self {
            store,
            online: false,
            report: None,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, MessageRefused> {
        decode(bytes)
    }
}

fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    // can't fail: these types hold no map with keys that are not text and no value that refuses
    serde_json::to_vec(message).unwrap_or_default()
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, MessageRefused> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(MessageRefused::TooLong(bytes.len()));
    }
    serde_json::from_slice(bytes).map_err(MessageRefused::NotTheMessage)
}
