//! How an order is named: by the store's number, or, where it began at WeChat Pay, by WeChat Pay's.

use store_actors::domain::{ids::PaymentId, payment::NoAnswer, sticker::Claim};

use super::words::missing;

#[derive(Clone, Copy, Debug)]
pub(super) enum Trade<'a> {
    Order(PaymentId),
    Claim(&'a Claim),
}

impl From<PaymentId> for Trade<'_> {
    fn from(order: PaymentId) -> Self {
        Self::Order(order)
    }
}

impl<'a> From<&'a Claim> for Trade<'a> {
    fn from(claim: &'a Claim) -> Self {
        Self::Claim(claim)
    }
}

impl Trade<'_> {
    /// Name and value of the field that names it.
    pub fn named(self) -> (&'static str, String) {
        match self {
            Trade::Order(order) => ("out_trade_no", order.to_string()),
            Trade::Claim(claim) => ("transaction_id", claim.transaction.clone()),
        }
    }

    /// An answer must name it (PAY-5).
    pub fn check(self, order: Option<&str>, transaction: Option<&str>) -> Result<(), NoAnswer> {
        let (name, wanted) = self.named();
        let said = match self {
            Trade::Order(_) => order,
            Trade::Claim(_) => transaction,
        };
        match said {
            Some(said) if said == wanted => Ok(()),
            Some(_) => Err(NoAnswer::AnotherOrder),
            None => Err(missing(name)),
        }
    }
}
