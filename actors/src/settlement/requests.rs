//! What can be asked of the settling, and how it can refuse.

use actix::Message;
use thiserror::Error;

use crate::{
    domain::{ids::AcquirerId, office::settlement::Settlement, payment::NoAnswer},
    ports::JournalFailed,
};

/// Why a batch was not settled.
#[derive(Debug, Error)]
pub enum SettleRefused {
    #[error("there is no acquirer {0}")]
    NoSuchAcquirer(AcquirerId),
    #[error("{0} settles by itself")]
    NoBatches(AcquirerId),
    /// It is tried again by itself, from where it was broken off.
    #[error("the batch is not settled: {0}")]
    NotSettled(NoAnswer),
    #[error(transparent)]
    Journal(#[from] JournalFailed),
    #[error("no answer in time from {0}")]
    NoAnswer(String),
}

/// Settles the acquirer's batch now. Answers when the record of it is on disk; `None` if there was
/// nothing to settle.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Option<Settlement>, SettleRefused>")]
pub struct SettleBatch(pub AcquirerId);
