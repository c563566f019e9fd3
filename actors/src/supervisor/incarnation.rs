//! One life of a child: the actor's own future, run where every kind of end is seen.

use std::{
    any::Any,
    cell::RefCell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{self, Poll},
};

use actix::{
    Actor, ActorContext, Context, Handler,
    dev::{
        ContextFut,
        channel::{AddressSender, channel},
    },
};
use tokio::task::JoinHandle;

use super::Heartbeat;

tokio::task_local! {
    /// Why the actor of this task gave up, if it said so.
    static GAVE_UP: RefCell<Option<String>>;
}

/// Ends the calling actor with an error: it is restarted as after a panic, and `why` is shown.
/// Never put a customer's data into `why`.
pub fn fail<A: Actor<Context = Context<A>>>(ctx: &mut Context<A>, why: impl Into<String>) {
    // outside of a supervised actor there is nobody to tell; the stop is all that is left
    let _ = GAVE_UP.try_with(|cell| cell.replace(Some(why.into())));
    ctx.stop();
}

/// A running incarnation. Dropping it ends the actor.
pub(super) struct Incarnation<A: Actor> {
    pub(super) sender: AddressSender<A>,
    task: JoinHandle<String>,
    over: Option<String>,
}

impl<A: Actor<Context = Context<A>> + Handler<Heartbeat>> Incarnation<A> {
    /// Builds an actor and runs it on this thread. `Err` says why it could not be built.
    pub(super) fn start(factory: &dyn Fn() -> A, mailbox: usize) -> Result<Self, String> {
        let actor = catch_unwind(AssertUnwindSafe(factory)).map_err(panic_message)?;
        // with 0, actix would take any number of messages
        let (sender, receiver) = channel::<A>(mailbox.max(1));
        let life = Guarded {
            running: Some(Context::with_receiver(receiver).into_future(actor)),
        };
        let task = tokio::task::spawn_local(GAVE_UP.scope(RefCell::new(None), life));
        Ok(Self {
            sender,
            task,
            over: None,
        })
    }

    /// Waits until the actor is dead and says why. May be dropped and called again.
    pub(super) async fn ended(&mut self) -> String {
        if let Some(why) = &self.over {
            return why.clone();
        }
        let why = match (&mut self.task).await {
            Ok(why) => why,
            Err(error) => format!("dropped: {error}"),
        };
        self.over = Some(why.clone());
        why
    }

    pub(super) fn kill(&self) {
        self.task.abort();
    }
}

impl<A: Actor> Drop for Incarnation<A> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Catches a panic of the actor's future. The future is dropped outside of the unwinding: actix
/// runs `stopping` and `stopped` in that drop, and a second panic there would end the process.
struct Guarded<A: Actor<Context = Context<A>>> {
    running: Option<ContextFut<A, Context<A>>>,
}

impl<A: Actor<Context = Context<A>>> Future for Guarded<A> {
    type Output = String;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<String> {
        let Some(running) = self.running.as_mut() else {
            return Poll::Ready(String::from("stopped"));
        };
        let why = match catch_unwind(AssertUnwindSafe(|| Pin::new(running).poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => GAVE_UP
                .try_with(|cell| cell.take())
                .ok()
                .flatten()
                .unwrap_or_else(|| String::from("stopped")),
            Err(payload) => panic_message(payload),
        };
        let rest = self.running.take();
        // a panic while cleaning up after the end changes nothing
        let _ = catch_unwind(AssertUnwindSafe(move || drop(rest)));
        Poll::Ready(why)
    }
}

const MESSAGE_MAX: usize = 200;

/// What a panic said, cut to a length that fits a log line.
fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| String::from("without a message"));
    format!(
        "panic: {}",
        text.chars().take(MESSAGE_MAX).collect::<String>()
    )
}
