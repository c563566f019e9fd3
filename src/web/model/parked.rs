//! Parked records, as they are shown. Never their content: it may be what could not be read.

use serde::Serialize;
use store_actors::outbox::ParkedRecord;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ParkedList)]
pub struct ParkedListModel {
    pub parked: Vec<ParkedModel>,
}

/// A record in whose place a stub went to the head office.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Parked)]
pub struct ParkedModel {
    pub seq: u64,
    /// When it was written.
    #[schema(format = DateTime)]
    pub at: String,
    /// `payment`, `started`, `stopped`, `device`, `parked`, `unparked`; `unknown` if it is no fact
    /// that this program knows.
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    /// Length of its body.
    pub bytes: usize,
    pub why: String,
}

impl From<&ParkedRecord> for ParkedModel {
    fn from(record: &ParkedRecord) -> Self {
        Self {
            seq: record.seq,
            at: record.at.to_string(),
            kind: record.kind,
            payment: record.payment.map(|id| id.to_string()),
            bytes: record.bytes,
            why: record.why.clone(),
        }
    }
}
