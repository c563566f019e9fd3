//! What is known of a reader, between its thread and whoever listens.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use store_actors::ports::{ReaderEvent, ReaderFailed};
use tokio::sync::mpsc;

/// Events that may wait for the listener. One that does not listen loses the stream, asks for a new
/// one and is told how things stand.
const EVENTS: usize = 32;

/// Each card that is laid on the reader has its own number, so that a command meant for one never
/// goes to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CardNumber(u64);

#[derive(Debug)]
enum Standing {
    /// The thread has not looked yet.
    Unknown,
    Gone(String),
    Empty,
    Card(Vec<u8>),
}

#[derive(Debug)]
struct State {
    standing: Standing,
    cards: u64,
    listener: Option<mpsc::Sender<ReaderEvent>>,
}

impl State {
    fn tell(&mut self, event: ReaderEvent) {
        if self
            .listener
            .as_ref()
            .is_some_and(|listener| listener.try_send(event).is_err())
        {
            self.listener = None;
        }
    }

    fn gone(&mut self, why: &str) {
        if !matches!(&self.standing, Standing::Gone(known) if known == why) {
            self.standing = Standing::Gone(why.to_owned());
            self.tell(ReaderEvent::Gone {
                why: why.to_owned(),
            });
        }
    }
}

#[derive(Debug)]
pub(super) struct Desk {
    name: String,
    state: Mutex<State>,
}

impl Desk {
    pub(super) fn new(name: &str) -> Self {
        let state = State {
            standing: Standing::Unknown,
            cards: 0,
            listener: None,
        };
        Self {
            name: name.to_owned(),
            state: Mutex::new(state),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new stream of events, which begins with how things stand; the stream before ends.
    pub(super) fn subscribe(&self) -> mpsc::Receiver<ReaderEvent> {
        let (listener, events) = mpsc::channel(EVENTS);
        let mut state = self.state();
        state.listener = Some(listener);
        match &state.standing {
            Standing::Unknown => {}
            Standing::Gone(why) => {
                let why = why.clone();
                state.tell(ReaderEvent::Gone { why });
            }
            Standing::Empty => state.tell(ReaderEvent::Ready),
            Standing::Card(atr) => {
                let atr = atr.clone();
                state.tell(ReaderEvent::Ready);
                state.tell(ReaderEvent::CardInserted { atr });
            }
        }
        events
    }

    /// The card on the reader, or why there is none.
    pub(super) fn card_lying(&self) -> Result<CardNumber, ReaderFailed> {
        let state = self.state();
        match &state.standing {
            Standing::Card(_) => Ok(CardNumber(state.cards)),
            Standing::Empty => Err(ReaderFailed::CardGone),
            Standing::Unknown => Err(ReaderFailed::ReaderGone("not looked for yet".into())),
            Standing::Gone(why) => Err(ReaderFailed::ReaderGone(why.clone())),
        }
    }

    /// Whoever owns the reader says that it is not usable now.
    pub(super) fn gone(&self, why: &str) {
        self.state().gone(why);
    }
}

/// A reader's thread speaking. One that was left behind is not heard any more.
#[derive(Debug)]
pub(super) struct Voice {
    pub(super) desk: Arc<Desk>,
    pub(super) live: Arc<AtomicBool>,
}

impl Voice {
    pub(super) fn is_live(&self) -> bool {
        self.live.load(Ordering::SeqCst)
    }

    fn say(&self, what: impl FnOnce(&mut State)) {
        // asked under the lock: what the next thread says comes after it
        let mut state = self.desk.state();
        if self.is_live() {
            what(&mut state);
        }
    }

    /// The reader is there. Said once for each return.
    pub(super) fn ready(&self) {
        self.say(|state| {
            if matches!(state.standing, Standing::Unknown | Standing::Gone(_)) {
                state.standing = Standing::Empty;
                state.tell(ReaderEvent::Ready);
            }
        });
    }

    /// The reader is not there. The same reason is said once.
    pub(super) fn gone(&self, why: &str) {
        self.say(|state| state.gone(why));
    }

    pub(super) fn inserted(&self, atr: &[u8]) {
        self.say(|state| {
            state.standing = Standing::Card(atr.to_vec());
            state.cards += 1;
            state.tell(ReaderEvent::CardInserted { atr: atr.to_vec() });
        });
    }

    pub(super) fn removed(&self) {
        self.say(|state| {
            if matches!(state.standing, Standing::Card(_)) {
                state.standing = Standing::Empty;
                state.tell(ReaderEvent::CardRemoved);
            }
        });
    }
}
