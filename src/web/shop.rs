//! What pages and the API know of the shop from its configuration.

use std::collections::BTreeMap;

use store_actors::domain::{
    ids::{AcquirerId, CounterId},
    money::Currency,
    payment::{Payment, State},
    slip::Letterhead,
    timestamp::Timestamp,
};

/// The shop, as configured.
#[derive(Clone, Debug)]
pub struct Shop {
    pub currency: Currency,
    /// What stands on slips; the business day's offset from UTC, too.
    pub letterhead: Letterhead,
    /// Screens say success aloud.
    pub speech: bool,
    /// How long each counter waits for something to be presented.
    pub collect_timeout_ms: BTreeMap<CounterId, u64>,
    /// How long each acquirer's QR can be paid.
    pub qr_expiry_ms: BTreeMap<AcquirerId, u64>,
}

impl Shop {
    /// Until when the customer can do something about this payment; `None` if nothing waits for
    /// the customer.
    pub fn payable_until(&self, payment: &Payment) -> Option<Timestamp> {
        match payment.state {
            State::Opened | State::Collecting => {
                let patience = self.collect_timeout_ms.get(&payment.counter)?;
                Some(payment.opened_at.plus_ms(*patience))
            }
            State::Submitted | State::Verifying if payment.qr.is_some() => {
                let expiry = self.qr_expiry_ms.get(payment.acquirer.as_ref()?)?;
                Some(payment.submitted_at?.plus_ms(*expiry))
            }
            _ => None,
        }
    }
}
