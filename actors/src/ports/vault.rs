//! Where cards are kept that are charged later.

use thiserror::Error;

use super::Reply;
use crate::{
    domain::{ids::PaymentId, offline::CardToken},
    wire::emv::CardRead,
};

#[derive(Debug, Error)]
pub enum VaultFailed {
    #[error("the vault can't be read or written: {0}")]
    Io(String),
    /// Torn, altered, or sealed under another key.
    #[error("what was kept of the card can't be opened")]
    Unreadable,
}

/// Where cards that were accepted offline are kept until they are charged: sealed, outside the
/// journal, and destroyed afterwards. Nothing else holds a card number (SEC-1).
pub trait CardVault: Send + Sync {
    /// The same card gives the same token, and nobody without the vault's key can make one.
    fn token(&self, card: &CardRead) -> CardToken;

    /// Ends when the card is on stable storage.
    fn keep(&self, payment: PaymentId, card: &CardRead) -> Reply<'_, Result<(), VaultFailed>>;

    /// `None` if nothing is kept for this payment.
    fn read(&self, payment: PaymentId) -> Reply<'_, Result<Option<CardRead>, VaultFailed>>;

    /// Repeatable.
    fn destroy(&self, payment: PaymentId) -> Reply<'_, Result<(), VaultFailed>>;

    /// For which payments something is kept.
    fn kept(&self) -> Reply<'_, Result<Vec<PaymentId>, VaultFailed>>;
}
