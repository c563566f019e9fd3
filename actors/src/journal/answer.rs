//! What a caller of the journal hears, once: how its append ended, or at the latest that nobody can
//! say.

use std::{cell::Cell, fmt, rc::Rc};

use actix::dev::{MessageResponse, OneshotSender};

use super::{Append, Appended, Journal};
use crate::ports::JournalFailed;

pub(super) type Reply = Result<Appended, JournalFailed>;

type Caller = Rc<Cell<Option<OneshotSender<Reply>>>>;

/// Goes with what waits. Dropped without a word it says `NoAnswer`, as when the actor dies.
pub(super) struct Answer(Caller);

/// What the handler gives back: where actix puts the caller.
pub struct Later(Caller);

/// How `Append` is answered: now, or when it is known.
pub enum Response {
    Now(JournalFailed),
    Later(Later),
}

impl Answer {
    pub(super) fn later() -> (Self, Later) {
        let caller = Caller::default();
        (Self(caller.clone()), Later(caller))
    }

    /// The first word counts.
    pub(super) fn say(&self, reply: Reply) {
        if let Some(caller) = self.0.take() {
            // nobody waiting any more is no error
            let _ = caller.send(reply);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.say(Err(JournalFailed::NoAnswer));
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl MessageResponse<Journal, Append> for Response {
    fn handle(self, _: &mut actix::Context<Journal>, caller: Option<OneshotSender<Reply>>) {
        match (self, caller) {
            (Self::Later(Later(slot)), caller) => slot.set(caller),
            (Self::Now(failed), Some(caller)) => drop(caller.send(Err(failed))),
            (Self::Now(_), None) => {}
        }
    }
}
