//! Batches, for acquirers that settle when the store tells them to.

use super::Reply;
use crate::domain::{office::settlement::Settlement, payment::NoAnswer, timestamp::Timestamp};

/// What is in the batch that new transactions go into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenBatch {
    /// When the first of them was made.
    pub since: Timestamp,
    pub due: Due,
}

/// When a batch is to be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Once the store's business day of its first transaction has ended.
    WithDay,
    /// It is full, or its settlement was begun and has not ended, or its own time has come.
    Now,
    /// It has a time of its own, which has not come.
    Later,
}

/// The ability to settle.
pub trait Batches: Send + Sync {
    /// `None` while there is nothing to settle.
    fn open(&self) -> Option<OpenBatch>;

    /// Settles what is open, or goes on where it was broken off. Repeatable; nothing to settle is
    /// no error. Meanwhile charges are not sent. It has the acquirer's time-outs inside.
    fn settle(&self) -> Reply<'_, Result<(), NoAnswer>>;

    /// What was settled lately, oldest first: known here before anybody else has heard of it.
    fn settled(&self) -> Vec<Settlement>;
}
