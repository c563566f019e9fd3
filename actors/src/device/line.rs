//! A device's line: bytes over a `LineOpener`, opened again for ever, framed, with a time-out on
//! every wait.
//!
//! One task per line owns the open line. It tells its device actor what happens through a bounded
//! channel; when the actor is slow the task waits, and with it the sender at the far end. Writes
//! are taken at once or refused: the queue is bounded, and what waits in it when the line goes down
//! is dropped, since an old command to a device that comes back is worse than none. An unplugged
//! line (`read` gives 0 bytes or fails) is seen at once; the waits between attempts to open are at
//! most `max_retry`, so a device is back within a second or so of its return (DEV-1).
//!
//! A line that is open and silent tells nothing of the device behind it: heartbeats are the
//! protocol's matter. What a frame means is the device actor's.

mod session;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream, stream};
use thiserror::Error;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::JoinHandle,
    time::Instant,
};
use zeroize::Zeroizing;

use crate::{
    ports::{Entropy, LineOpener},
    wire::frame::{EncodeError, Framer, Framing, GarbageReason, Suffix},
};

/// How a line is kept.
#[derive(Clone, Debug)]
pub struct LineSettings {
    pub framing: Framing,
    /// Longest message in bytes, without delimiters.
    pub max_len: usize,
    /// Until an attempt to open counts as failed.
    pub open_timeout: Duration,
    /// A frame whose next byte is not there after this time is garbage. 9600 baud is about 1 ms per
    /// byte; operating systems deliver in lumps of up to 16 ms or so.
    pub inter_byte: Duration,
    /// Until a write that the device does not take ends the connection; the same again for the
    /// flush.
    pub write_timeout: Duration,
    /// Wait before the first attempt to open again; doubled each time, up to `max_retry`, with a
    /// fifth of jitter.
    pub first_retry: Duration,
    pub max_retry: Duration,
    /// A connection that lasted this long clears the record: the next wait is `first_retry` again.
    pub stable_after: Duration,
    /// Messages waiting to be written, at most.
    pub write_queue: usize,
}

impl Default for LineSettings {
    fn default() -> Self {
        Self {
            framing: Framing::Terminator { suffix: Suffix::Cr },
            max_len: 1_024,
            open_timeout: Duration::from_secs(3),
            inter_byte: Duration::from_millis(100),
            write_timeout: Duration::from_secs(1),
            first_retry: Duration::from_millis(100),
            max_retry: Duration::from_millis(800),
            stable_after: Duration::from_secs(5),
            write_queue: 32,
        }
    }
}

/// What happens on a line.
#[derive(Debug)]
pub(crate) enum LineEvent {
    /// Open. Nothing is known of the device yet.
    Up,
    /// Not open; told after each failed attempt and each loss.
    Down(Down),
    Frame(Received),
    /// Bytes that make no frame, one event per read.
    Garbage {
        reason: GarbageReason,
        bytes_len: usize,
    },
}

/// One whole frame, without delimiters. Wiped when dropped, shown by no `Debug`.
pub(crate) struct Received {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// When its first byte was read.
    pub(crate) began: Instant,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Received({} bytes)", self.bytes.len())
    }
}

/// Why a line is not open, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Down {
    /// Not plugged in, or not there.
    Absent(String),
    /// There, but it takes no bytes or did not do its part: opened again.
    Stuck(String),
}

/// Why a message is not on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum WriteFailed {
    #[error("the line is down")]
    Down,
    #[error("too many messages wait to be written")]
    Full,
    #[error(transparent)]
    Unframable(#[from] EncodeError),
}

/// The actor's end of a line. Dropping it closes the line.
pub(crate) struct Line {
    framer: Framer,
    writes: mpsc::Sender<Zeroizing<Vec<u8>>>,
    reopen: mpsc::Sender<String>,
    up: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// Events that may wait for the actor.
const EVENT_QUEUE: usize = 64;

impl Line {
    /// Opens the line and keeps it open, until the `Line` or the stream is dropped.
    pub(crate) fn start(
        opener: Arc<dyn LineOpener>,
        settings: LineSettings,
        entropy: Arc<dyn Entropy>,
    ) -> (Self, impl Stream<Item = LineEvent> + 'static) {
        let (writes, to_write) = mpsc::channel(settings.write_queue.max(1));
        let (reopen, reopens) = mpsc::channel(1);
        let (events, mut told) = mpsc::channel(EVENT_QUEUE);
        let up = Arc::new(AtomicBool::new(false));
        let framer = Framer::new(settings.framing, settings.max_len);
        let keeper = session::Keeper {
            opener,
            settings,
            entropy,
            events,
            to_write,
            reopens,
            up: Arc::clone(&up),
        };
        let task = tokio::spawn(keeper.keep());
        let line = Self {
            framer,
            writes,
            reopen,
            up,
            task,
        };
        (line, stream::poll_fn(move |cx| told.poll_recv(cx)))
    }

    /// Frames a message and queues it.
    pub(crate) fn send(&self, message: &[u8]) -> Result<(), WriteFailed> {
        let framed = self.framer.encode(message)?;
        self.send_raw(framed)
    }

    /// Queues bytes as they are: for commands outside the framing.
    pub(crate) fn send_raw(&self, bytes: Vec<u8>) -> Result<(), WriteFailed> {
        if !self.up.load(Ordering::Acquire) {
            return Err(WriteFailed::Down);
        }
        self.writes
            .try_send(Zeroizing::new(bytes))
            .map_err(|error| match error {
                TrySendError::Full(_) => WriteFailed::Full,
                TrySendError::Closed(_) => WriteFailed::Down,
            })
    }

    /// Closes the line and opens it again: for a device that is there and does not answer.
    pub(crate) fn reopen(&self, why: &str) {
        // one order is enough, so a full channel is fine
        let _ = self.reopen.try_send(why.to_owned());
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}
