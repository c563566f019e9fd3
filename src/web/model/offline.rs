//! The offline budget as it is shown.

use serde::Serialize;
use store_actors::domain::{
    money::{Currency, Money},
    offline::budget::{OfflineStatus, Share},
};
use utoipa::ToSchema;

use super::payment::amount;

/// What the store may accept without the acquirer, and what it has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Offline)]
pub struct OfflineModel {
    /// false: no card is accepted offline here, and nothing else stands here.
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// All counters together, as configured or as the head office set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<ShareModel>,
    /// Accepted, and neither charged nor refused yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<ShareModel>,
    /// When the oldest of it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub oldest_at: Option<String>,
    /// Why nothing more is accepted, if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// What each counter has been lent of the total.
    pub leases: Vec<LeaseModel>,
}

/// A sum and a number of payments.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OfflineShare)]
pub struct ShareModel {
    #[schema(example = "300.00")]
    pub amount: String,
    pub count: u32,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OfflineLease)]
pub struct LeaseModel {
    pub counter: String,
    #[schema(example = "300.00")]
    pub amount: String,
    pub count: u32,
}

fn share(share: Share, currency: Currency) -> ShareModel {
    let money = Money::from_minor_units(share.minor_units, currency);
    ShareModel {
        amount: money.map(amount).unwrap_or_default(),
        count: share.count,
    }
}

impl From<&OfflineStatus> for OfflineModel {
    fn from(status: &OfflineStatus) -> Self {
        let lease = |(counter, lent): (_, &Share)| {
            let ShareModel { amount, count } = share(*lent, status.currency);
            LeaseModel {
                counter: ToString::to_string(counter),
                amount,
                count,
            }
        };
        Self {
            enabled: true,
            currency: Some(status.currency.to_string()),
            total: Some(share(status.total, status.currency)),
            used: Some(share(status.used, status.currency)),
            oldest_at: status.oldest_at.map(|at| at.to_string()),
            closed: status.closed.as_ref().map(ToString::to_string),
            leases: status.leases.iter().map(lease).collect(),
        }
    }
}

impl OfflineModel {
    /// Of a store that accepts nothing offline.
    pub fn of(status: Option<&OfflineStatus>) -> Self {
        status.map_or(
            Self {
                enabled: false,
                currency: None,
                total: None,
                used: None,
                oldest_at: None,
                closed: None,
                leases: Vec::new(),
            },
            Self::from,
        )
    }
}
