//! Settled batches as they are shown.

use serde::Serialize;
use store_actors::domain::office::settlement::{Settlement, Side};
use utoipa::ToSchema;

/// So many transactions, and their sum.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SettlementSide)]
pub struct SideModel {
    pub count: u64,
    #[schema(example = "1280.50")]
    pub amount: String,
}

impl From<&Side> for SideModel {
    fn from(side: &Side) -> Self {
        Self {
            count: side.count,
            amount: side.money.amount().to_string(),
        }
    }
}

/// A batch that was settled with its acquirer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Settlement)]
pub struct SettlementModel {
    pub acquirer: String,
    /// The terminal's number for it; numbers come again.
    pub batch: u64,
    pub settled_at: String,
    pub currency: String,
    /// Taken from customers.
    pub debits: SideModel,
    /// Given back to them.
    pub credits: SideModel,
    /// Whether the acquirer counted the same.
    pub balanced: bool,
    /// Transactions told to it one by one.
    pub uploaded: u64,
}

impl From<&Settlement> for SettlementModel {
    fn from(one: &Settlement) -> Self {
        Self {
            acquirer: one.acquirer.to_string(),
            batch: one.batch,
            settled_at: one.settled_at.to_string(),
            currency: one.debits.money.currency().to_string(),
            debits: SideModel::from(&one.debits),
            credits: SideModel::from(&one.credits),
            balanced: one.balanced,
            uploaded: one.uploaded,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Settlements)]
pub struct SettlementsModel {
    pub settlements: Vec<SettlementModel>,
}

/// What came of a request to settle.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Settled)]
pub struct SettledModel {
    /// Absent if there was nothing to settle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settlement: Option<SettlementModel>,
}
