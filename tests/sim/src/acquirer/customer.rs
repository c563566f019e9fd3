//! Simulated customers: they pay the QR code that the shop shows, confirm on the phone, or refuse.

use std::fmt;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::answer::Answer;
use super::desk::Desk;
use super::order::{ORDER_CLOSED, Refusal};

/// The customers of one sandbox.
#[derive(Clone)]
pub struct Customers(Arc<Desk>);

impl Customers {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self(desk)
    }

    /// A customer scans the QR code's text and pays from this wallet.
    ///
    /// # Errors
    /// The code is unknown, paid, expired or closed: the phone says so.
    pub fn pay(&self, qr: &str, wallet: &str) -> Result<Answer, Refusal> {
        self.0.customer_pays(&self.order_of(qr)?, Some(wallet))
    }

    /// A customer scans the QR code's text and has not paid yet: the phone waits for a yes.
    ///
    /// # Errors
    /// The code is unknown, paid, expired or closed: the phone says so.
    pub fn scan(&self, qr: &str) -> Result<Answer, Refusal> {
        self.0.customer_scans(&self.order_of(qr)?)
    }

    fn order_of(&self, qr: &str) -> Result<String, Refusal> {
        let order = self.0.order_of_qr(qr);
        order.ok_or_else(|| Refusal::new(ORDER_CLOSED, "not a code of this acquirer"))
    }

    /// A customer scans a printed QR, types the amount (in yuan) and pays from this wallet.
    ///
    /// # Errors
    /// The code is none of this acquirer's.
    pub fn pay_sticker(&self, qr: &str, amount: Decimal, wallet: &str) -> Result<Answer, Refusal> {
        self.0.sticker_paid(qr, amount, wallet)
    }

    /// The customer confirms an order that waits for it.
    ///
    /// # Errors
    /// Nothing waits.
    pub fn confirm(&self, order: &str) -> Result<Answer, Refusal> {
        self.0.customer_pays(order, None)
    }

    /// The customer refuses an order that waits for a yes.
    ///
    /// # Errors
    /// Nothing waits.
    pub fn refuse(&self, order: &str) -> Result<Answer, Refusal> {
        self.0.customer_refuses(order)
    }
}

impl fmt::Debug for Customers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Customers")
    }
}
