//! What a payment's record says that moved with it, and with no record before.

use super::Payment;
use crate::domain::{money::Money, refund::RefundState};

/// Money that one record tells of for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The payment's, or the refund's.
    pub id: [u8; 16],
    pub money: Money,
    pub is_refund: bool,
}

impl Payment {
    /// A payment that has become the store's, and refunds that were paid out, with the very step
    /// that this record is of. Two steps of one payment within a millisecond tell of it twice.
    pub fn moved_now(&self) -> impl Iterator<Item = Moved> + '_ {
        let is_paid_now = self.state.is_paid() && self.ended_at == Some(self.changed_at);
        let paid = is_paid_now.then(|| Moved {
            id: self.id.to_bytes(),
            money: self.money,
            is_refund: false,
        });
        let is_now = |state, at| state == RefundState::Refunded && at == self.changed_at;
        let refunds = self.refunds.iter();
        let refunds = refunds.filter(move |refund| is_now(refund.state, refund.changed_at));
        paid.into_iter().chain(refunds.map(|refund| Moved {
            id: refund.id.to_bytes(),
            money: refund.money,
            is_refund: true,
        }))
    }
}
