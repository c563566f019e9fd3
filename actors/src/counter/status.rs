//! A counter as shown.

use serde::Serialize;

use crate::domain::{
    ids::{CounterId, PaymentId},
    readiness::TenderReadiness,
};

/// One counter: what it can take now, what is at the stand, what it is still finding out.
#[derive(Clone, Debug, Serialize)]
pub struct CounterStatus {
    pub id: CounterId,
    pub tenders: Vec<TenderReadiness>,
    /// The payment that holds the stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_stand: Option<PaymentId>,
    /// Payments without a known outcome that the counter keeps asking for.
    pub unresolved: Vec<PaymentId>,
}
