//! The thread of a reader: it watches for cards, and carries commands to the one that lies there.
//!
//! While the reader is empty it waits inside PC/SC for a change; while a card lies there it waits
//! for commands and looks for a change in between. It never needs `SCardCancel`, which races with
//! the time-out of the call that it cancels (PCSC issue 160).

use std::{
    ffi::CString,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use pcsc::{Card, Context, Disposition, Error, Protocols, ReaderState, Scope, ShareMode, State};
use store_actors::ports::ReaderFailed;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::desk::{CardNumber, Desk, Voice};

/// How long an empty reader is waited on in one call: the delay of an end, not of a card.
const EMPTY_WAIT: Duration = Duration::from_millis(250);
/// How often a reader with a card is looked at when there is no command.
const CARD_WAIT: Duration = Duration::from_millis(50);
const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_millis(800);
/// After this time a thread that was left behind is believed to hang for ever, and the reader is
/// taken over without waiting for it: the service may have come back under it.
const TAKE_OVER_AFTER: Duration = Duration::from_secs(10);
/// Threads that may hang behind one reader; beyond that the next waits until one has ended.
const MAX_LEFT_BEHIND: usize = 4;
/// A short APDU's longest answer is 258 bytes.
const ANSWER_BYTES: usize = 512;

/// One command for the card that lay on the reader when it was asked.
pub(super) struct Request {
    pub(super) apdu: Zeroizing<Vec<u8>>,
    pub(super) card: CardNumber,
    pub(super) reply: oneshot::Sender<Result<Zeroizing<Vec<u8>>, ReaderFailed>>,
}

/// A thread, seen from outside.
#[derive(Debug)]
pub(super) struct Worker {
    requests: SyncSender<Request>,
    live: Arc<AtomicBool>,
    /// Gone when the thread has ended.
    running: Weak<()>,
    left_behind: Vec<Weak<()>>,
}

impl Worker {
    /// Starts a thread that waits for those left behind, then looks after the reader.
    pub(super) fn spawn(desk: &Arc<Desk>, left_behind: Vec<Weak<()>>) -> std::io::Result<Self> {
        let (requests, inbox) = sync_channel(1);
        let (live, running) = (Arc::new(AtomicBool::new(true)), Arc::new(()));
        let worker = Self {
            requests,
            live,
            running: Arc::downgrade(&running),
            left_behind,
        };
        let voice = Voice {
            desk: Arc::clone(desk),
            live: Arc::clone(&worker.live),
        };
        let watch = Watch {
            voice,
            inbox,
            left_behind: worker.left_behind.clone(),
        };
        std::thread::Builder::new()
            .name("card-reader".into())
            .spawn(move || {
                watch.run();
                drop(running);
            })?;
        Ok(worker)
    }

    /// Starts the next thread; this one must have been told to stop, and is left behind.
    pub(super) fn replace(&self, desk: &Arc<Desk>) -> std::io::Result<Self> {
        let mut left_behind = self.left_behind.clone();
        left_behind.push(self.running.clone());
        left_behind.retain(|running| running.strong_count() > 0);
        Self::spawn(desk, left_behind)
    }

    /// Tells the thread to end when it can.
    pub(super) fn stop(&self) {
        self.live.store(false, Ordering::SeqCst);
    }

    pub(super) fn send(&self, request: Request) -> Result<(), ReaderFailed> {
        self.requests
            .try_send(request)
            .map_err(|error| match error {
                TrySendError::Full(_) => {
                    ReaderFailed::Failed("a command is still under way".into())
                }
                TrySendError::Disconnected(_) => {
                    ReaderFailed::ReaderGone("its thread ended".into())
                }
            })
    }
}

/// Why a context is given up.
enum Lost {
    /// The reader or the service is gone.
    Reader(String),
    /// Whoever owned the reader has gone, or has left this thread behind.
    Ended,
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self::Reader(error.to_string())
    }
}

/// A reader as it was last seen. `pcscd` counts insertions and removals, but not at the same moment
/// as it changes the state: a count may be seen that is one behind.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    present: bool,
    count: u32,
}

impl Seen {
    /// Whether the card is another, or was taken away and laid down again, since `before`.
    fn is_another(self, before: Self) -> bool {
        self.present && before.present && self.count.wrapping_sub(before.count) & 0xFFFF >= 2
    }
}

struct Watch {
    voice: Voice,
    inbox: Receiver<Request>,
    left_behind: Vec<Weak<()>>,
}

impl Watch {
    fn run(mut self) {
        if self.wait_for_those_left_behind().is_err() {
            return;
        }
        let mut back_off = BACK_OFF_MIN;
        loop {
            match self.look_after(&mut back_off) {
                Err(Lost::Reader(why)) if self.voice.is_live() => self.voice.gone(&why),
                _ => return,
            }
            if self.pause(back_off).is_err() {
                return;
            }
            back_off = (back_off * 2).min(BACK_OFF_MAX);
        }
    }

    /// Two threads in calls for one reader would wait for each other inside `pcscd`.
    fn wait_for_those_left_behind(&mut self) -> Result<(), Lost> {
        let mut waited = Duration::ZERO;
        loop {
            self.left_behind
                .retain(|running| running.strong_count() > 0);
            let late = waited >= TAKE_OVER_AFTER && self.left_behind.len() < MAX_LEFT_BEHIND;
            if self.left_behind.is_empty() || late {
                return Ok(());
            }
            self.pause(CARD_WAIT)?;
            waited += CARD_WAIT;
        }
    }

    /// Waits, and refuses what comes meanwhile.
    fn pause(&self, time: Duration) -> Result<(), Lost> {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(CARD_WAIT);
            match self.inbox.recv_timeout(step) {
                Ok(request) => refuse(request, ReaderFailed::ReaderGone("looked for".into())),
                Err(RecvTimeoutError::Timeout) => left -= step,
                Err(RecvTimeoutError::Disconnected) => return Err(Lost::Ended),
            }
            if !self.voice.is_live() {
                return Err(Lost::Ended);
            }
        }
        Ok(())
    }

    /// Finds the reader and serves it until it is lost.
    fn look_after(&self, back_off: &mut Duration) -> Result<(), Lost> {
        let context = Context::establish(Scope::User)?;
        let name = find(&context, self.voice.desk.name())?;
        let mut watched = [ReaderState::new(name.clone(), State::UNAWARE)];
        let mut card = Held(None);
        let mut seen = Seen {
            present: false,
            count: 0,
        };
        loop {
            let wait = if seen.present {
                Duration::ZERO
            } else {
                EMPTY_WAIT
            };
            match context.get_status_change(wait, &mut watched) {
                Ok(()) => {
                    let now = self.report(&mut watched, seen)?;
                    if now != seen {
                        card.let_go();
                    }
                    seen = now;
                    *back_off = BACK_OFF_MIN;
                }
                Err(Error::Timeout) => {}
                Err(error) => return Err(error.into()),
            }
            if !self.voice.is_live() {
                return Err(Lost::Ended);
            }
            if seen.present {
                self.serve(&context, &name, &mut card)?;
            }
        }
    }

    /// Tells what has changed since `seen`.
    fn report(&self, watched: &mut [ReaderState; 1], seen: Seen) -> Result<Seen, Lost> {
        let [reader] = watched;
        let state = reader.event_state();
        if state.intersects(State::UNKNOWN | State::UNAVAILABLE | State::IGNORE) {
            return Err(Lost::Reader("the reader was unplugged".into()));
        }
        reader.sync_current_state();
        self.voice.ready();
        let now = Seen {
            present: state.contains(State::PRESENT),
            count: reader.event_count(),
        };
        let another = now.is_another(seen);
        if seen.present == now.present && !another {
            return Ok(seen);
        }
        if seen.present {
            self.voice.removed();
        }
        if now.present {
            self.voice.inserted(reader.atr());
        }
        Ok(now)
    }

    /// Carries one command to the card, if one comes soon.
    fn serve(&self, context: &Context, name: &CString, card: &mut Held) -> Result<(), Lost> {
        let request = match self.inbox.recv_timeout(CARD_WAIT) {
            Ok(request) => request,
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => return Err(Lost::Ended),
        };
        if self.voice.desk.card_lying().ok() != Some(request.card) {
            refuse(request, ReaderFailed::CardGone);
            return Ok(());
        }
        // whoever asked no longer waits: the command must not reach a card that nobody reads
        if request.reply.is_closed() {
            return Ok(());
        }
        let answer = exchange(context, name, card, &request.apdu);
        let lost = match &answer {
            Err(ReaderFailed::ReaderGone(why)) => Some(why.clone()),
            _ => None,
        };
        // the one who asked may have given up: nothing is lost with the answer
        let _ = request.reply.send(answer);
        lost.map_or(Ok(()), |why| Err(Lost::Reader(why)))
    }
}

fn refuse(request: Request, why: ReaderFailed) {
    // as above: nobody may wait any more
    let _ = request.reply.send(Err(why));
}

/// The reader with this name, or the only one whose name begins so.
fn find(context: &Context, wanted: &str) -> Result<CString, Lost> {
    let names = match context.list_readers_owned() {
        Err(Error::NoReadersAvailable) => Vec::new(),
        names => names?,
    };
    if let Some(exact) = names
        .iter()
        .find(|name| name.as_bytes() == wanted.as_bytes())
    {
        return Ok(exact.clone());
    }
    let mut alike = names
        .into_iter()
        .filter(|n| n.as_bytes().starts_with(wanted.as_bytes()));
    match (alike.next(), alike.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Lost::Reader("no reader of this name is plugged in".into())),
        (Some(_), Some(_)) => Err(Lost::Reader(
            "several readers' names begin like this".into(),
        )),
    }
}

fn exchange(
    context: &Context,
    name: &CString,
    card: &mut Held,
    apdu: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ReaderFailed> {
    let connected = match &mut card.0 {
        Some(connected) => connected,
        empty => empty.insert(
            context
                .connect(name, ShareMode::Shared, Protocols::ANY)
                .map_err(explain)?,
        ),
    };
    let mut buffer = Zeroizing::new(vec![0; ANSWER_BYTES]);
    match connected.transmit(apdu, &mut buffer).map(<[u8]>::len) {
        // a card that is leaving gives nothing, or one byte, without an error
        Ok(length @ 0..2) => Err(ReaderFailed::Torn(length)),
        Ok(length) => {
            buffer.truncate(length);
            Ok(buffer)
        }
        Err(error) => {
            card.let_go();
            Err(explain(error))
        }
    }
}

/// The connection to a card. It is let go without a reset: a reset goes to whatever card lies there
/// by then, and `pcscd` sets that reader's state without counting, so that the card's removal is
/// never seen.
struct Held(Option<Card>);

impl Held {
    fn let_go(&mut self) {
        if let Some(card) = self.0.take() {
            // it fails only when pcscd no longer knows the connection, which is what is wanted
            let _ = card.disconnect(Disposition::LeaveCard);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.let_go();
    }
}

fn explain(error: Error) -> ReaderFailed {
    match error {
        Error::RemovedCard
        | Error::ResetCard
        | Error::NoSmartcard
        | Error::NotTransacted
        | Error::UnpoweredCard
        | Error::UnresponsiveCard
        | Error::UnsupportedCard
        | Error::ProtoMismatch => ReaderFailed::CardGone,
        Error::NoService
        | Error::ServiceStopped
        | Error::ServerTooBusy
        | Error::CommError
        | Error::InvalidHandle
        | Error::ReaderUnavailable
        | Error::UnknownReader
        | Error::NoReadersAvailable => ReaderFailed::ReaderGone(error.to_string()),
        error => ReaderFailed::Failed(error.to_string()),
    }
}
