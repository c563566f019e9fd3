//! The contract between a store and the head office: topics, messages and their limits.
//!
//! Records go up as a CloudEvents 1.0 JSON batch (JSON event format, section 4). An event carries
//! the record's body as the exact text that was hashed, so that the head office rebuilds the
//! record, recomputes its hash and proves the chain by itself. Receipts come down as a watermark.
//! `config/uplink.asyncapi.json` describes the same for other programs; the tests hold the two
//! together. Not here: MQTT itself, and zstd, which the adapters of either side apply.

mod batch;
mod message;
mod topic;

#[cfg(test)]
mod tests;

pub use batch::{Batch, BatchRefused, Poison, PoisonEvent, Stub, decode_batch, encode_batch};
pub use message::RefusedRecord;
pub use message::{ConfigMessage, MessageRefused, Receipt, StatusMessage};
pub use topic::{Channel, StoreRef, parse_topic, shared_filter};

/// MQTT 5 content type of `up/records`.
pub const CONTENT_TYPE_BATCH: &str = "application/cloudevents-batch+json";

/// MQTT 5 content type of every other message.
pub const CONTENT_TYPE_JSON: &str = "application/json";

/// Name of the MQTT 5 user property that says how the payload is packed; absent: not at all.
pub const CONTENT_ENCODING: &str = "content-encoding";

/// The only value of that property.
pub const ENCODING_ZSTD: &str = "zstd";

/// Payloads longer than this many bytes are packed with zstd.
pub const PACK_ABOVE_BYTES: usize = 1024;

/// No message is longer than this many bytes, unpacked. The unpacking side stops there.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// No batch holds more records.
pub const BATCH_RECORDS_MAX: usize = 1_000;
