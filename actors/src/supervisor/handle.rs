//! The way to a child, whichever incarnation lives at the moment.
//!
//! Sending never waits: a full mailbox and a dead child are answers that the caller must decide
//! upon.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix::{
    Actor, Context, Handler, Message,
    dev::{SendError, channel::AddressSender},
};
use thiserror::Error;
use tokio::time::timeout;

/// Why a message was not taken. It was not handled and never will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendFailed {
    #[error("not running at the moment")]
    Absent,
    #[error("too busy: its mailbox is full")]
    Full,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AskFailed {
    /// Not delivered: nothing was begun.
    #[error("not running at the moment")]
    Absent,
    /// Not delivered: nothing was begun.
    #[error("too busy: its mailbox is full")]
    Full,
    /// Delivered; it may have been done or may still be.
    #[error("no answer in time")]
    TimedOut,
    /// Delivered; it may have been done.
    #[error("died before it answered")]
    Died,
}

/// Where the keeper puts the living incarnation's address. One sender is shared by all handles: in
/// actix each clone of a sender has a guaranteed place beyond the mailbox's bound, so clones would
/// make it unbounded.
pub(super) type Slot<A> = Arc<Mutex<Option<AddressSender<A>>>>;

/// An actor by its role. Cheap to clone, usable from any thread; survives the actor's restarts.
pub struct Handle<A: Actor> {
    slot: Slot<A>,
}

impl<A: Actor<Context = Context<A>>> Handle<A> {
    /// The handle of an actor that is not there and never will be.
    pub fn absent() -> Self {
        Self::vacant().0
    }

    pub(super) fn vacant() -> (Self, Slot<A>) {
        let slot: Slot<A> = Arc::default();
        (
            Self {
                slot: Arc::clone(&slot),
            },
            slot,
        )
    }

    /// Whether an incarnation lives at this moment.
    pub fn is_present(&self) -> bool {
        self.with(|sender| sender.connected()).unwrap_or(false)
    }

    /// Puts a message into the mailbox, at once or not at all.
    pub fn try_send<M>(&self, message: M) -> Result<(), SendFailed>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        match self.with(|sender| sender.try_send(message, true)) {
            None | Some(Err(SendError::Closed(_))) => Err(SendFailed::Absent),
            Some(Err(SendError::Full(_))) => Err(SendFailed::Full),
            Some(Ok(())) => Ok(()),
        }
    }

    /// Sends a message, at once or not at all, and waits up to `bound` for the answer.
    pub async fn ask<M>(&self, message: M, bound: Duration) -> Result<M::Result, AskFailed>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let answer = match self.with(|sender| sender.send(message)) {
            None | Some(Err(SendError::Closed(_))) => return Err(AskFailed::Absent),
            Some(Err(SendError::Full(_))) => return Err(AskFailed::Full),
            Some(Ok(answer)) => answer,
        };
        match timeout(bound, answer).await {
            Err(_) => Err(AskFailed::TimedOut),
            Ok(Err(_)) => Err(AskFailed::Died),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    fn with<R>(&self, f: impl FnOnce(&AddressSender<A>) -> R) -> Option<R> {
        self.slot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(f)
    }
}

impl<A: Actor> Clone for Handle<A> {
    fn clone(&self) -> Self {
        Self {
            slot: Arc::clone(&self.slot),
        }
    }
}

impl<A: Actor> fmt::Debug for Handle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}
