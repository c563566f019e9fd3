//! A counter as shown.

use serde::Serialize;

use crate::domain::{
    ids::{CounterId, PaymentId},
    readiness::{Obstacle, TenderReadiness},
    tender::Tender,
};

/// One counter: what it can take now, what is at the stand, what it is still finding out.
#[derive(Clone, Debug, Serialize)]
pub struct CounterStatus {
    pub id: CounterId,
    pub tenders: Vec<TenderReadiness>,
    /// Whether a card's money can be held here and taken later.
    pub pre_authorises: bool,
    /// The payment that holds the stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_stand: Option<PaymentId>,
    /// Payments without a known outcome that the counter keeps asking for.
    pub unresolved: Vec<PaymentId>,
}

impl CounterStatus {
    /// A counter whose actor does not answer at the moment.
    pub fn away(id: CounterId) -> Self {
        let starting = |tender| TenderReadiness {
            tender,
            ready: false,
            offline: false,
            obstacles: vec![Obstacle::Starting],
        };
        Self {
            id,
            tenders: Tender::CONCRETE.into_iter().map(starting).collect(),
            pre_authorises: false,
            at_stand: None,
            unresolved: Vec::new(),
        }
    }
}
