//! Cards that customers tap: synthetic EMV chips on `vpcd`'s virtual readers.
//!
//! The card side connects to `vpcd`; connecting is laying the card on the reader, closing is taking
//! it away. A frame is a length of two bytes, big-endian, and a payload: one byte is control (00
//! power off, 01 power on, 02 reset, 04 asks for the ATR), anything else is a command for the chip.
//! Nagle and delayed acknowledgements would cost 48 ms a command, so both are off.
//!
//! The chips are not here but in [`chip`]; what goes wrong with a card is [`CardFaults`].

pub mod chip;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::sleep,
};

pub use chip::{Chip, ChipProfile};

use super::pcscd::Slot;

/// A contactless card's ATR as PC/SC readers make it up (PC/SC part 3, 3.1.3.2.3): no historical
/// bytes.
const ATR: [u8; 5] = [0x3B, 0x80, 0x80, 0x01, 0x01];
const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const ASK_ATR: u8 = 4;
/// While `pcscd` is down, a card that lies on the reader is looked for this often.
const RECONNECT: Duration = Duration::from_millis(50);

/// What is wrong with a card, or with the hand that holds it. Commands count from 1 at each tap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardFaults {
    /// Taken away when this command arrives, without an answer.
    pub removed_at: Option<u32>,
    /// The answer to this command is cut to so many bytes; the card stays.
    pub torn_at: Option<(u32, usize)>,
    /// Taken away in the middle of the frame that answers this command.
    pub removed_within: Option<u32>,
    /// This command and all later ones are never answered.
    pub hung_at: Option<u32>,
    /// Each answer takes this long.
    pub delay: Duration,
}

/// How a tap stands; a test or a customer waits for what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TapState {
    /// The reader holds the line to the card.
    pub on_reader: bool,
    /// Commands that came to the chip.
    pub commands: u32,
    /// Commands that were answered.
    pub answers: u32,
    /// The card has left by itself ([`CardFaults`]).
    pub left: bool,
}

/// A card lying on a reader; dropping it takes the card away.
#[derive(Debug)]
pub struct Tap {
    task: tokio::task::JoinHandle<()>,
    state: watch::Receiver<TapState>,
}

impl Tap {
    /// Lays a card on a reader. The chip is shared: it keeps its counters from tap to tap.
    pub fn on(slot: &Slot, chip: &Arc<Mutex<Chip>>, faults: CardFaults) -> Self {
        let (tell, state) = watch::channel(TapState::default());
        let lying = Lying {
            slot: slot.clone(),
            chip: Arc::clone(chip),
            faults,
            tell,
        };
        Self {
            task: tokio::spawn(lying.lie()),
            state,
        }
    }

    pub fn state(&self) -> TapState {
        self.state.borrow().clone()
    }

    /// Waits until the state fulfils a condition; `false` if the card has left before. Put a
    /// time-out on it.
    pub async fn wait_for(&mut self, condition: impl FnMut(&TapState) -> bool) -> bool {
        self.state.wait_for(condition).await.is_ok()
    }

    /// Takes the card away, and returns when its line is closed.
    pub async fn remove(mut self) {
        self.task.abort();
        // the task's end is what is waited for, not its result
        let _ = (&mut self.task).await;
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Lying {
    slot: Slot,
    chip: Arc<Mutex<Chip>>,
    faults: CardFaults,
    tell: watch::Sender<TapState>,
}

impl Lying {
    /// Lies on the reader until it is taken away, also while `pcscd` is down and back.
    async fn lie(mut self) {
        loop {
            if let Ok(mut stream) = self.slot.connect().await {
                self.tell.send_modify(|state| state.on_reader = true);
                let end = self.serve(&mut stream).await;
                self.tell.send_modify(|state| state.on_reader = false);
                if end.is_ok() {
                    self.tell.send_modify(|state| state.left = true);
                    return;
                }
            }
            sleep(RECONNECT).await;
        }
    }

    /// Answers until the card leaves by itself (`Ok`) or the reader is gone (`Err`).
    async fn serve(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        loop {
            // the kernel forgets this after some answers
            stream.set_quickack(true)?;
            let length = usize::from(stream.read_u16().await?);
            let mut payload = vec![0; length];
            stream.read_exact(&mut payload).await?;
            match *payload {
                [] => {}
                [POWER_OFF | POWER_ON | RESET] => self.chip().reset(),
                [ASK_ATR] => send(stream, &ATR).await?,
                _ => {
                    if self.command(stream, &payload).await?.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// One command; `None` when the card leaves over it.
    async fn command(&mut self, stream: &mut TcpStream, apdu: &[u8]) -> io::Result<Option<()>> {
        self.tell.send_modify(|state| state.commands += 1);
        let number = self.tell.borrow().commands;
        if self.faults.hung_at.is_some_and(|at| number >= at) {
            return std::future::pending().await;
        }
        if self.faults.removed_at == Some(number) {
            return Ok(None);
        }
        let mut answer = self.chip().answer(apdu);
        sleep(self.faults.delay).await;
        if self.faults.removed_within == Some(number) {
            let whole = u16::try_from(answer.len()).unwrap_or(u16::MAX);
            stream.write_u16(whole).await?;
            stream
                .write_all(answer.get(..answer.len() / 2).unwrap_or_default())
                .await?;
            return Ok(None);
        }
        if let Some((_, length)) = self.faults.torn_at.filter(|(at, _)| *at == number) {
            answer.truncate(length);
        }
        send(stream, &answer).await?;
        self.tell.send_modify(|state| state.answers += 1);
        Ok(Some(()))
    }

    fn chip(&self) -> std::sync::MutexGuard<'_, Chip> {
        self.chip.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Length and payload in one segment.
async fn send(stream: &mut TcpStream, payload: &[u8]) -> io::Result<()> {
    let length = u16::try_from(payload.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes(), payload].concat())
        .await
}
