//! The book of a terminal that authorises by itself.

use thiserror::Error;

use super::Reply;
use crate::acquirer::own_terminal::TerminalFact;

#[derive(Debug, Error)]
#[error("the terminal's book: {0}")]
pub struct BookFailed(pub String);

/// What the store has asked of one terminal and what it said, on stable storage: the protocol knows
/// no order numbers, so nothing else ties a booking to a payment after a restart.
pub trait TerminalBook: Send + Sync {
    /// All that is in it, in order.
    fn facts(&self) -> Vec<TerminalFact>;

    /// Ends when it is on stable storage.
    fn add(&self, fact: TerminalFact) -> Reply<'_, Result<(), BookFailed>>;
}
