//! The task behind a line: opens it, serves it, and begins anew.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use zeroize::Zeroizing;

use super::{Down, LineEvent, LineSettings, Received};
use crate::{
    ports::{Duplex, Entropy, LineOpener},
    supervisor::jittered,
    wire::frame::{Frame, Framer},
};

pub(super) struct Keeper {
    pub(super) opener: Arc<dyn LineOpener>,
    pub(super) settings: LineSettings,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) events: mpsc::Sender<LineEvent>,
    pub(super) to_write: mpsc::Receiver<Zeroizing<Vec<u8>>>,
    pub(super) reopens: mpsc::Receiver<String>,
    pub(super) up: Arc<AtomicBool>,
}

const JITTER_PERCENT: u8 = 20;

/// The actor has gone: nobody is there to be told.
struct Gone;

impl Keeper {
    /// Runs until the actor is gone.
    pub(super) async fn keep(mut self) {
        let mut retry = self.settings.first_retry;
        loop {
            let began = Instant::now();
            let down = match timeout(self.settings.open_timeout, self.opener.open()).await {
                Ok(Ok(duplex)) => match self.serve(duplex).await {
                    Ok(down) => down,
                    Err(Gone) => return,
                },
                Ok(Err(error)) => Down::Absent(words(&error)),
                Err(_) => Down::Absent(String::from("cannot be opened: no answer")),
            };
            if began.elapsed() >= self.settings.stable_after {
                retry = self.settings.first_retry;
            }
            if self.events.send(LineEvent::Down(down)).await.is_err() {
                return;
            }
            sleep(jittered(retry, JITTER_PERCENT, &*self.entropy)).await;
            retry = retry.saturating_mul(2).min(self.settings.max_retry);
        }
    }

    /// Serves one connection to its end and says why it ended.
    async fn serve(&mut self, duplex: Box<dyn Duplex>) -> Result<Down, Gone> {
        // what was queued for the connection before, and orders to end it, do not concern this one
        while self.to_write.try_recv().is_ok() {}
        while self.reopens.try_recv().is_ok() {}
        self.up.store(true, Ordering::Release);
        self.events.send(LineEvent::Up).await.map_err(|_| Gone)?;
        let (mut from, mut to) = split(duplex);
        let mut reader = Reader {
            framer: Framer::new(self.settings.framing, self.settings.max_len),
            inter_byte: self.settings.inter_byte,
            events: &self.events,
            began: None,
        };
        let ended = tokio::select! {
            // not by chance, so that a storm's seed is one storm; tokio's budget lets a line that
            // never stops talking be written to all the same
            biased;
            ended = reader.read_all(&mut from) => ended,
            down = write_all(&mut to, &mut self.to_write, self.settings.write_timeout) => Ok(down),
            Some(why) = self.reopens.recv() => Ok(Down::Stuck(why)),
        };
        self.up.store(false, Ordering::Release);
        ended
    }
}

struct Reader<'a> {
    framer: Framer,
    inter_byte: Duration,
    events: &'a mpsc::Sender<LineEvent>,
    /// When the first byte of the frame under way was read.
    began: Option<Instant>,
}

impl Reader<'_> {
    async fn read_all(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<Down, Gone> {
        let mut buffer = Zeroizing::new([0u8; 1_024]);
        loop {
            let read = if self.framer.is_partial() {
                match timeout(self.inter_byte, from.read(&mut buffer[..])).await {
                    Ok(read) => read,
                    Err(_) => {
                        let frames = self.framer.idle();
                        self.tell(frames, Instant::now()).await?;
                        self.began = None;
                        continue;
                    }
                }
            } else {
                self.began = None;
                from.read(&mut buffer[..]).await
            };
            let len = match read {
                Ok(0) => return Ok(Down::Absent(String::from("unplugged"))),
                Ok(len) => len,
                Err(error) => return Ok(Down::Absent(words(&error))),
            };
            let now = Instant::now();
            let frames = self.framer.feed(buffer.get(..len).unwrap_or_default());
            self.tell(frames, now).await?;
            self.began = self
                .framer
                .is_partial()
                .then_some(self.began.unwrap_or(now));
        }
    }

    /// Hands on what one read completed; its garbage as one event, so that noise is no flood.
    async fn tell(&mut self, frames: Vec<Frame>, now: Instant) -> Result<(), Gone> {
        let mut garbage = None;
        for frame in frames {
            match frame {
                Frame::Data(data) => {
                    // only the first can have begun before this read
                    let began = self.began.take().unwrap_or(now);
                    let received = Received {
                        bytes: Zeroizing::new(data),
                        began,
                    };
                    self.events
                        .send(LineEvent::Frame(received))
                        .await
                        .map_err(|_| Gone)?;
                }
                Frame::Garbage { reason, bytes_len } => {
                    self.began = None;
                    let (_, sum) = garbage.get_or_insert((reason, 0usize));
                    *sum = sum.saturating_add(bytes_len);
                }
            }
        }
        if let Some((reason, bytes_len)) = garbage {
            let event = LineEvent::Garbage { reason, bytes_len };
            self.events.send(event).await.map_err(|_| Gone)?;
        }
        Ok(())
    }
}

/// Writes what is queued until the device no longer takes it.
async fn write_all(
    to: &mut (impl AsyncWrite + Unpin),
    queue: &mut mpsc::Receiver<Zeroizing<Vec<u8>>>,
    bound: Duration,
) -> Down {
    while let Some(bytes) = queue.recv().await {
        let written = async {
            timeout(bound, to.write_all(&bytes)).await??;
            timeout(bound, to.flush()).await?
        };
        match written.await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Down::Stuck(format!("takes no data for {} ms", bound.as_millis()));
            }
            Err(error) => return Down::Absent(words(&error)),
        }
    }
    // the sender lives as long as the actor, whose end the reader notices too
    std::future::pending().await
}

/// An operating system's error in words for the counter.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => String::from("not plugged in"),
        io::ErrorKind::PermissionDenied => format!("not allowed to open it: {error}"),
        io::ErrorKind::ConnectionRefused => String::from("nothing listens there"),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => String::from("unplugged"),
        _ => format!("failed: {error}"),
    }
}
