//! A simulated terminal that authorises by itself and speaks ZVT: it asks for a card, books, and
//! says how it went. It is its own acquirer: what it booked is its ledger of money moved.
//!
//! It writes and reads its bytes by its own hand, so that a mistake in the store's codec is not
//! made a second time here; only the framing is shared. What it was asked is judged from its own
//! bookings, never from the driver's state.

mod bytes;
mod state;

use std::time::Duration;

use store_actors::wire::frame::{Frame, Framer, Framing, GarbageReason};
use tokio::sync::watch;
use tokio::time::Instant;

use super::task::{Brain, Orders, Out};
use super::{DeviceError, Faults, Line};
use bytes::{digits, number, text_lines, time_of_day};
pub use state::{Booking, Fate, ZvtState};

const ACK: [u8; 3] = [0x80, 0, 0];
const MAX_LEN: usize = 65_540;
/// So long it asks for a card by itself.
const ASKS_FOR: Duration = Duration::from_secs(45);
/// So long after the end of a transaction that nobody heard of, the terminal is idle again.
const FORGETS_AFTER: Duration = Duration::from_millis(200);

/// What a person does, and what is to go wrong.
#[derive(Debug, Clone, Copy)]
enum Person {
    Taps,
    Cancels,
    Meets(Fate),
    /// Somebody else books here, unseen by the store.
    BooksByHand(u64),
}

/// A terminal that runs.
#[derive(Clone)]
pub struct ZvtTerminal {
    orders: Orders<Person>,
    state: watch::Receiver<ZvtState>,
}

impl std::fmt::Debug for ZvtTerminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ZvtTerminal({:?})", self.state.borrow())
    }
}

impl ZvtTerminal {
    /// Starts a terminal at the end of a line: serial framing on a pty, bare messages on TCP. Must
    /// be called within a tokio runtime.
    pub fn start(line: Line, currency: u16) -> Self {
        Self::start_at(line, currency, 0)
    }

    /// Where its clock is so many minutes ahead of UTC.
    pub fn start_at(line: Line, currency: u16, utc_offset_minutes: i32) -> Self {
        let (sender, state) = watch::channel(ZvtState::default());
        let is_serial = line.address().is_none();
        Self {
            orders: Orders::start(
                line,
                ZvtBrain {
                    utc_offset_minutes,
                    ..ZvtBrain::new(is_serial, currency, sender)
                },
            ),
            state,
        }
    }

    /// The customer holds a good card to it.
    pub async fn tap(&self) -> Result<(), DeviceError> {
        self.orders.device(Person::Taps).await
    }

    /// The customer presses the red key.
    pub async fn cancel(&self) -> Result<(), DeviceError> {
        self.orders.device(Person::Cancels).await
    }

    /// The next transaction with a card goes so.
    pub async fn meets(&self, fate: Fate) -> Result<(), DeviceError> {
        self.orders.device(Person::Meets(fate)).await
    }

    pub async fn book_by_hand(&self, minor: u64) -> Result<(), DeviceError> {
        self.orders.device(Person::BooksByHand(minor)).await
    }

    pub async fn faults(
        &self,
        change: impl FnOnce(&mut Faults) + Send + 'static,
    ) -> Result<(), DeviceError> {
        self.orders.faults(Box::new(change)).await
    }

    pub async fn babble(&self, bytes: &[u8]) -> Result<(), DeviceError> {
        self.orders.babble(bytes.to_vec()).await
    }

    pub async fn plug(&self) -> Result<(), DeviceError> {
        self.orders.plug().await
    }

    pub async fn unplug(&self) -> Result<(), DeviceError> {
        self.orders.unplug().await
    }

    pub fn state(&self) -> ZvtState {
        self.state.borrow().clone()
    }

    /// Waits for a state.
    pub async fn until(
        &self,
        within: Duration,
        condition: impl FnMut(&ZvtState) -> bool,
    ) -> Result<ZvtState, DeviceError> {
        let mut state = self.state.clone();
        let waited = tokio::time::timeout(within, state.wait_for(condition)).await;
        let found = waited.map_err(|_| DeviceError::Late(within))?;
        Ok(found.map_err(|_| DeviceError::Gone)?.clone())
    }
}

/// A transaction that waits for a card.
#[derive(Debug, Clone, Copy)]
struct Asking {
    minor: u64,
    is_refund: bool,
}

struct ZvtBrain {
    is_serial: bool,
    currency: u16,
    utc_offset_minutes: i32,
    framer: Framer,
    state: watch::Sender<ZvtState>,
    asking: Option<Asking>,
    fate: Option<Fate>,
    /// What was sent last, for a frame that came broken.
    last_sent: Vec<u8>,
    spoil_next: bool,
    silence_at: Option<Instant>,
    asks_until: Option<Instant>,
    /// Receipts that the customer signs.
    signed: Vec<u16>,
}

impl ZvtBrain {
    fn new(is_serial: bool, currency: u16, state: watch::Sender<ZvtState>) -> Self {
        let framing = match is_serial {
            true => Framing::DleStxCrc,
            false => Framing::ZvtApdu,
        };
        Self {
            is_serial,
            currency,
            utc_offset_minutes: 0,
            framer: Framer::new(framing, MAX_LEN),
            state,
            asking: None,
            fate: None,
            last_sent: Vec::new(),
            signed: Vec::new(),
            spoil_next: false,
            silence_at: None,
            asks_until: None,
        }
    }

    fn say(&mut self, message: &[u8], out: &mut Out) {
        let Ok(mut frame) = self.framer.encode(message) else {
            return;
        };
        self.last_sent.clone_from(&frame);
        if std::mem::take(&mut self.spoil_next)
            && let Some(last) = frame.last_mut()
        {
            *last ^= 0x55;
        }
        out.send(&frame);
    }

    fn wait_for(&mut self, asking: Option<Asking>) {
        self.asking = asking;
        self.asks_until = asking.map(|_| Instant::now() + ASKS_FOR);
        let minor = asking.map(|asking| asking.minor);
        self.state.send_modify(|state| state.asking = minor);
    }

    fn hear(&mut self, message: &[u8], out: &mut Out) {
        match message {
            [0x06] => return,
            [0x15] => {
                let frame = self.last_sent.clone();
                self.state.send_modify(|state| state.naks += 1);
                return out.send(&frame);
            }
            [0x80, ..] | [0x84, ..] => return self.link_ack(out),
            _ => {}
        }
        if self.fate == Some(Fate::Nak) && message.starts_with(&[0x06, 0x01]) {
            self.fate = None;
            return out.send(&[0x15]);
        }
        self.link_ack(out);
        let is_abort = message.starts_with(&[0x06, 0xB0]);
        if self.asking.is_some() && !is_abort {
            return self.say(&[0x84, 0x6E, 0], out);
        }
        self.say(&ACK, out);
        match message {
            [0x06, 0x00, ..] => {
                self.state.send_modify(|state| state.registrations += 1);
                self.completes(out);
            }
            [0x06, 0x01, _, 0x04, amount @ ..] => self.ask(amount, false, out),
            [0x06, 0x31, _, _, _, _, 0x04, amount @ ..] => self.ask(amount, true, out),
            [0x06, 0x30, _, _, _, _, 0x87, high, low, ..] => {
                let number = number(&[*high, *low]);
                self.reverse(number, out);
            }
            [0x06, 0x20, ..] => self.repeat(out),
            [0x06, 0x50, ..] => self.end_day(out),
            [0x05, 0x01, ..] => self.completes(out),
            [0x06, 0xE0, ..] => {
                let text = text_lines(message);
                self.state.send_modify(|state| state.text = text);
            }
            // one that says nothing any more may have booked: it does not say the opposite either
            [0x06, 0xB0, ..] if self.asking.is_some() && self.silence_at.is_none() => {
                self.ends(0x6C, out);
            }
            _ => {}
        }
    }

    fn link_ack(&self, out: &mut Out) {
        if self.is_serial {
            out.send(&[0x06]);
        }
    }

    fn ask(&mut self, amount: &[u8], is_refund: bool, out: &mut Out) {
        let minor = number(amount.get(..6).unwrap_or_default());
        self.wait_for(Some(Asking { minor, is_refund }));
        self.say(&[0x04, 0xFF, 2, 0x0A, 0x01], out);
    }

    fn completes(&mut self, out: &mut Out) {
        self.say(&[0x06, 0x0F, 0], out);
    }

    /// Refused, by whomever.
    fn ends(&mut self, code: u8, out: &mut Out) {
        self.wait_for(None);
        self.say(&[0x04, 0x0F, 2, 0x27, code], out);
        self.say(&[0x06, 0x1E, 1, code], out);
    }

    fn book(&mut self, minor: u64, is_refund: bool) -> Booking {
        let mut made = None;
        let at = time_of_day(self.utc_offset_minutes);
        self.state.send_modify(|state| {
            let next = u16::try_from(state.bookings.len() + 1).unwrap_or(9_999);
            let booking = Booking {
                receipt: next,
                trace: 100 + u32::from(next),
                minor,
                is_refund,
                is_reversed: false,
                at,
            };
            state.bookings.push(booking.clone());
            made = Some(booking);
        });
        made.unwrap_or(Booking {
            receipt: 0,
            trace: 0,
            minor,
            is_refund,
            is_reversed: false,
            at,
        })
    }

    /// All that was booked since the last one, with its total.
    fn end_day(&mut self, out: &mut Out) {
        let fate = self.fate.take();
        self.state.send_modify(|state| state.ends_of_day += 1);
        if fate == Some(Fate::Silence { money_moved: false }) {
            return;
        }
        let mut total = 0;
        self.state.send_modify(|state| {
            total = state.net_from(state.settled);
            state.settled = state.bookings.len();
        });
        if matches!(fate, Some(Fate::Silence { .. })) {
            return;
        }
        let mut data = vec![0x27, 0x00, 0x04];
        data.extend(digits(u64::try_from(total).unwrap_or(0), 6));
        data.push(0x49);
        data.extend(digits(self.currency.into(), 2));
        let mut message = vec![0x04, 0x0F, u8::try_from(data.len()).unwrap_or(0)];
        message.extend(data);
        self.say(&message, out);
        if fate != Some(Fate::NoCompletion) {
            self.completes(out);
        }
    }

    fn reverse(&mut self, receipt: u64, out: &mut Out) {
        let fate = self.fate.take();
        self.state.send_modify(|state| state.reversals += 1);
        if fate == Some(Fate::Silence { money_moved: false }) {
            return;
        }
        let settled = self.state.borrow().settled;
        let bookings = self.state.borrow().bookings.clone();
        // what has been settled is refunded
        let found = bookings
            .iter()
            .skip(settled)
            .find(|booking| u64::from(booking.receipt) == receipt && !booking.is_reversed);
        let Some(found) = found else {
            return self.ends(0xC4, out);
        };
        let (receipt, minor) = (found.receipt, found.minor);
        // the reversal itself is a booking, of nothing
        let booked = self.book(minor, false);
        self.state.send_modify(|state| {
            for booking in &mut state.bookings {
                booking.is_reversed |= [receipt, booked.receipt].contains(&booking.receipt);
            }
        });
        if matches!(fate, Some(Fate::Silence { .. })) {
            return;
        }
        self.tells(&booked, out);
        if fate != Some(Fate::NoCompletion) {
            self.completes(out);
        }
    }

    fn repeat(&mut self, out: &mut Out) {
        self.state.send_modify(|state| state.repeats += 1);
        let last = self.state.borrow().bookings.last().cloned();
        match last {
            Some(booking) => {
                self.tells(&booking, out);
                self.completes(out);
            }
            None => self.say(&[0x06, 0x1E, 1, 0xC4], out),
        }
    }

    fn taps(&mut self, out: &mut Out) -> Result<(), DeviceError> {
        let asking = self.asking.filter(|_| self.silence_at.is_none());
        let Asking { minor, is_refund } = asking.ok_or(DeviceError::NotAsked)?;
        let fate = self.fate.take();
        if let Some(Fate::Declined(code)) = fate {
            self.ends(code, out);
            return Ok(());
        }
        if let Some(Fate::Silence { money_moved: false }) = fate {
            self.forget_soon();
            return Ok(());
        }
        let booking = self.book(minor, is_refund);
        if fate == Some(Fate::Signed) {
            self.signed.push(booking.receipt);
        }
        if let Some(Fate::Silence { .. }) = fate {
            self.forget_soon();
            return Ok(());
        }
        self.wait_for(None);
        self.say(&[0x06, 0xD1, 6, 0, b'P', b'A', b'I', b'D', b'!'], out);
        self.spoil_next = fate == Some(Fate::WrongCrc);
        self.tells(&booking, out);
        if fate == Some(Fate::Twice) {
            self.tells(&booking, out);
            self.completes(out);
        }
        if fate != Some(Fate::NoCompletion) {
            self.completes(out);
        }
        Ok(())
    }

    /// It has said its last word on this: it asks nobody any more, and is idle in a moment.
    fn forget_soon(&mut self) {
        self.state.send_modify(|state| state.asking = None);
        self.silence_at = Some(Instant::now() + FORGETS_AFTER);
    }

    /// 04 0F of a booking.
    fn tells(&mut self, booking: &Booking, out: &mut Out) {
        let mut data = vec![0x27, 0x00, 0x04];
        data.extend(digits(booking.minor, 6));
        data.push(0x49);
        data.extend(digits(self.currency.into(), 2));
        data.push(0x0C);
        data.extend(digits(booking.at.0, 3));
        data.push(0x0D);
        data.extend(digits(booking.at.1, 2));
        data.extend([
            0x22, 0xF0, 0xF8, 0x55, 0x98, 0x83, 0xEE, 0xEE, 0xEE, 0x80, 0x74,
        ]);
        data.push(0x87);
        data.extend(digits(booking.receipt.into(), 2));
        data.push(0x0B);
        data.extend(digits(booking.trace.into(), 3));
        if self.signed.contains(&booking.receipt) {
            data.extend([0x06, 0x04, 0x1F, 0x10, 0x01, 0x01]);
        }
        let mut message = vec![0x04, 0x0F, u8::try_from(data.len()).unwrap_or(0)];
        message.extend(data);
        self.say(&message, out);
    }
}

impl Brain for ZvtBrain {
    type Command = Person;

    fn bytes(&mut self, bytes: &[u8], out: &mut Out) {
        for frame in self.framer.feed(bytes) {
            match frame {
                Frame::Data(message) => self.hear(&message, out),
                Frame::Garbage {
                    reason: GarbageReason::WrongChecksum,
                    ..
                } if self.is_serial => out.send(&[0x15]),
                Frame::Garbage { .. } => {}
            }
        }
    }

    fn command(&mut self, person: Person, out: &mut Out) -> Result<(), DeviceError> {
        match person {
            Person::Taps => self.taps(out),
            Person::Cancels if self.asking.is_none() || self.silence_at.is_some() => {
                Err(DeviceError::NotAsked)
            }
            Person::Cancels => {
                self.ends(0x6C, out);
                Ok(())
            }
            Person::Meets(fate) => {
                self.fate = Some(fate);
                Ok(())
            }
            Person::BooksByHand(minor) => {
                self.book(minor, false);
                Ok(())
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.silence_at, self.asks_until];
        deadlines.into_iter().flatten().min()
    }

    fn time(&mut self, now: Instant, out: &mut Out) {
        let is_silent = self.silence_at.take_if(|at| *at <= now).is_some();
        if is_silent {
            self.wait_for(None);
        } else if self.asks_until.is_some_and(|until| until <= now) {
            // nobody came
            self.ends(0x6C, out);
        }
    }

    fn cable(&mut self, _: bool) {
        self.framer.reset();
    }
}
