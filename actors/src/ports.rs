//! Ports: what the core needs of the world, declared by the side that consumes it.
//!
//! The shell's adapters implement these traits against real things, the tests in memory. Nothing in
//! this crate opens a file, a port or a socket. Every method's future may be dropped at any await;
//! a caller puts its own time-out on it.

mod acquirer;
mod batches;
mod books;
mod terminal_book;
mod vault;

use std::{collections::BTreeMap, future::Future, io, pin::Pin, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use zeroize::Zeroizing;

use crate::domain::{
    certificate::SignedCertificate,
    ids::{CounterId, PaymentId, RefundId},
    offline::OfflineTotal,
    payment::{Payment, State},
    record::{Fact, Record, Tip},
    timestamp::Timestamp,
};
pub use acquirer::{Acquirer, AcquirerProfile, Charge, Instrument, PinBlock};
pub use batches::{Batches, Due, OpenBatch};
pub use books::{BooksDisk, DayMovements};
pub use terminal_book::{BookFailed, TerminalBook};
pub use vault::{CardVault, VaultFailed};

/// A boxed future of a port.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

// ---- time and chance

/// The time of day. Waiting uses tokio's clock instead, which tests pause.
pub trait WallClock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// Random bytes for ids and jitter, from the operating system in production and from a seed in
/// tests.
pub trait Entropy: Send + Sync {
    fn fill(&self, out: &mut [u8]);
}

/// The store's own key: Ed25519 (RFC 8032). The private half stays with the adapter.
pub trait Signer: Send + Sync {
    fn public_key(&self) -> [u8; 32];

    fn sign(&self, text: &[u8]) -> [u8; 64];
}

// ---- lines: serial ports and TCP

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A place where a device's line can be opened, again and again.
pub trait LineOpener: Send + Sync {
    /// Opens the line. `NotFound` means that the device is not plugged in.
    fn open(&self) -> Reply<'_, io::Result<Box<dyn Duplex>>>;

    /// For people: `/dev/serial/by-id/…` or `tcp://10.0.0.7:20007`.
    fn describe(&self) -> String;
}

// ---- card readers

/// What a reader says by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReaderEvent {
    /// The reader is there and empty or not; sent first, and after each return.
    Ready,
    /// The reader or the PC/SC service is gone; the adapter goes on looking for it.
    Gone {
        why: String,
    },
    CardInserted {
        atr: Vec<u8>,
    },
    CardRemoved,
}

#[derive(Debug, Error)]
pub enum ReaderFailed {
    #[error("the card was removed")]
    CardGone,
    #[error("the reader is not there: {0}")]
    ReaderGone(String),
    #[error("the card answered {0} bytes, less than a status word")]
    Torn(usize),
    #[error("the reader failed: {0}")]
    Failed(String),
}

/// One PC/SC reader, known by name. The adapter owns a thread per reader.
pub trait CardReader: Send + Sync {
    /// The reader's events from now on, beginning with `Ready` or `Gone` and then `CardInserted` if
    /// a card lies there. A new call ends the stream of the call before.
    fn events(&self) -> mpsc::Receiver<ReaderEvent>;

    /// One APDU to the card and its answer with status word. May never end when the card hangs: the
    /// caller times out and then calls `reset`.
    fn transmit(
        &self,
        apdu: Zeroizing<Vec<u8>>,
    ) -> Reply<'_, Result<Zeroizing<Vec<u8>>, ReaderFailed>>;

    /// Gives up on the exchange under way: the thread is left behind and a new one takes the reader
    /// over.
    fn reset(&self);

    fn describe(&self) -> String;
}

// ---- the journal

#[derive(Clone, Debug, Error)]
pub enum JournalFailed {
    /// Nothing more is taken: the disk can't be trusted (JRN-3). Only a restart by a person who
    /// looked ends this.
    #[error("the journal has stopped: {0}")]
    Stopped(String),
    /// The disk is nearly full: no new payments; those begun still end.
    #[error("the disk is nearly full")]
    NearlyFull,
    #[error("the journal can't be read: {0}")]
    Unreadable(String),
    /// Too much waits already: try again. Nothing was written.
    #[error("too much is waiting for the journal")]
    Busy,
    /// This can't be a record or a group of records, however often it is tried. Nothing was
    /// written.
    #[error("the journal refused it: {0}")]
    Refused(String),
    /// Nobody can say whether it is on disk: read, then repeat. Repeating does no harm, since a
    /// payment's record carries the whole payment.
    #[error("the journal gave no answer")]
    NoAnswer,
}

impl JournalFailed {
    /// Whether trying again can help: nobody knows, or it wasn't this record's turn.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Busy | Self::NoAnswer)
    }
}

/// Records in one group at most.
pub const GROUP_RECORDS_MAX: usize = 256;

/// Encoded bytes in one group at most: far below a segment of the disk's store, of which only the
/// last may be torn.
pub const GROUP_BYTES_MAX: usize = 128 * 1024;

/// Of what is to be written together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupSize {
    pub records: usize,
    /// As encoded.
    pub bytes: usize,
}

impl GroupSize {
    pub fn of(group: &[Fact]) -> Self {
        Self::of_texts(group.iter().map(|fact| fact.body.as_str()))
    }

    /// Of the records that bodies of these texts become.
    pub fn of_texts<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        texts.fold(Self::default(), |size, text| Self {
            records: size.records + 1,
            bytes: size.bytes + Fact::encoded_len(text),
        })
    }

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            bytes: self.bytes + other.bytes,
        }
    }

    /// Whether one group may be so large.
    pub const fn fits(self) -> bool {
        self.records <= GROUP_RECORDS_MAX && self.bytes <= GROUP_BYTES_MAX
    }
}

/// What to look for among payments. Newest first.
#[derive(Clone, Debug, Default)]
pub struct PaymentFilter {
    pub counter: Option<CounterId>,
    pub state: Option<State>,
    pub reference: Option<String>,
    pub since: Option<Timestamp>,
    /// At most so many, 1 to 500.
    pub limit: usize,
    /// Continue before this payment (the last of the page before).
    pub before: Option<PaymentId>,
}

impl PaymentFilter {
    /// Whether `payment` belongs on the list.
    pub fn admits(&self, payment: &Payment) -> bool {
        self.counter
            .as_ref()
            .is_none_or(|counter| *counter == payment.counter)
            && self.state.is_none_or(|state| state == payment.state)
            && self
                .reference
                .as_ref()
                .is_none_or(|wanted| payment.reference.as_ref() == Some(wanted))
            && self.since.is_none_or(|since| payment.opened_at >= since)
            && self.before.is_none_or(|before| payment.id < before)
    }

    /// `limit` within its range.
    pub fn page_len(&self) -> usize {
        self.limit.clamp(1, 500)
    }
}

/// How the journal's disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskCondition {
    /// There is room for new payments; without it those begun still end.
    pub has_room: bool,
    /// Bytes free for the journal, if it can be told.
    pub free_bytes: Option<u64>,
    /// Records that are durable and not yet in the store that is queried.
    pub unapplied: u64,
}

impl Default for DiskCondition {
    fn default() -> Self {
        Self {
            has_room: true,
            free_bytes: None,
            unapplied: 0,
        }
    }
}

/// Records that can't be shipped as they are, by sequence number, each with the reason.
pub type Parked = BTreeMap<u64, String>;

/// The journal's disk. One caller alone appends: the journal actor.
pub trait JournalDisk: BooksDisk + Send + Sync {
    /// Where the chain stands on disk.
    fn tip(&self) -> Tip;

    /// How the disk does now. `Stopped` if it has failed.
    fn condition(&self) -> Reply<'_, Result<DiskCondition, JournalFailed>> {
        Box::pin(async { Ok(DiskCondition::default()) })
    }

    /// Makes these facts the next records of the chain, in the order of the calls: the disk has
    /// them when this returns, and writes them even if nobody waits for the answer. That comes only
    /// when all of them are on stable storage, all or none: the chain's tip after the last of them.
    /// At most `GROUP_RECORDS_MAX` and `GROUP_BYTES_MAX`.
    fn append(&self, group: Vec<Fact>) -> Reply<'static, Result<Tip, JournalFailed>>;

    /// Records from `from_seq` on, in order, at most so many records and about so many bytes, at
    /// least one if there is one.
    fn records(
        &self,
        from_seq: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Reply<'_, Result<Vec<Record>, JournalFailed>>;

    fn payment(&self, id: PaymentId) -> Reply<'_, Result<Option<Payment>, JournalFailed>>;

    fn payment_of_refund(&self, id: RefundId) -> Reply<'_, Result<Option<Payment>, JournalFailed>>;

    /// The payment that was opened, or refunded, under this idempotency key.
    fn payment_of_key(&self, key: &str) -> Reply<'_, Result<Option<Payment>, JournalFailed>>;

    fn find(&self, filter: PaymentFilter) -> Reply<'_, Result<Vec<Payment>, JournalFailed>>;

    /// Payments that are not settled, for the recovery after a start.
    fn unsettled(&self) -> Reply<'_, Result<Vec<Payment>, JournalFailed>>;

    /// As `unsettled`, those for this reference alone. Asked before each payment that has one: a
    /// disk that holds many finds them without looking through all.
    fn unsettled_of(&self, reference: &str) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        let reference = reference.to_owned();
        Box::pin(async move {
            let mut found = self.unsettled().await?;
            found.retain(|payment| payment.reference.as_deref() == Some(&*reference));
            Ok(found)
        })
    }

    /// The last number that this counter gave to a payment; 0 before the first.
    fn last_number(&self, counter: &CounterId) -> Reply<'_, Result<u64, JournalFailed>>;

    /// The certificate of the day closed last.
    fn last_closed(&self) -> Reply<'_, Result<Option<SignedCertificate>, JournalFailed>>;

    /// What the journal says is parked (`Body::Parked`), and not unparked since.
    fn parked(&self) -> Reply<'_, Result<Parked, JournalFailed>>;

    /// The offline budget that the head office set last (`Body::OfflineTotalSet`).
    fn offline_total(&self) -> Reply<'_, Result<Option<OfflineTotal>, JournalFailed>>;

    /// The head office has committed everything up to here. A lower number than before changes
    /// nothing, one beyond the tip is refused. Written soon; if it is lost, some records are sent
    /// once more.
    fn set_receipted(&self, through: u64) -> Reply<'_, Result<(), JournalFailed>>;

    fn receipted(&self) -> u64;
}

// ---- the head office

/// What comes from the head office's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UplinkEvent {
    Up,
    Down {
        why: String,
    },
    /// Committed in the head office's database: every record up to and including this one.
    Receipt {
        through: u64,
    },
    /// The head office lacks records above `after`, and asks for them again.
    Missing {
        after: u64,
    },
    /// What was sent last went to nobody, as the broker says: no head office is there.
    Unheard,
    /// The head office can't take this record as it came.
    Refused {
        seq: u64,
        why: String,
    },
    /// Of these records up to the receipt the head office holds stubs, and of no others: at most
    /// so many that all fit.
    Stubs {
        through: u64,
        seqs: Vec<u64>,
    },
    /// What the store may accept offline from now on.
    OfflineTotal(OfflineTotal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PublishRefused {
    #[error("the link is down")]
    Down,
    #[error("the link has no room now")]
    Busy,
    #[error("the message is too large for the link")]
    TooLarge,
}

/// What the store says about itself, retained at the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    pub at: Timestamp,
    pub version: String,
    pub last_seq: u64,
    pub receipted: u64,
    pub counters_ready: usize,
    pub counters: usize,
    pub unknown: usize,
}

/// The link to the head office. It keeps nothing: what was published and not receipted is published
/// again.
pub trait Uplink: Send + Sync {
    /// The link's events from now on; a new call ends the stream of the call before.
    fn events(&self) -> mpsc::Receiver<UplinkEvent>;

    /// Makes a batch ready for the line on a thread that has time for it, so that publishing it
    /// holds nobody up; gives it back.
    fn prepare(&self, records: Vec<Record>) -> Reply<'_, Vec<Record>> {
        Box::pin(async move { records })
    }

    /// Hands a batch of consecutive records to the link, a stub in the place of each that is
    /// `parked`; proves nothing. Gives how many bytes go over the line.
    fn publish_records(&self, records: &[Record], parked: &Parked)
    -> Result<usize, PublishRefused>;

    fn publish_status(&self, status: &StoreStatus) -> Result<(), PublishRefused>;

    /// Throws the connection and its state away and begins anew: the watchdog's remedy.
    fn rebuild(&self, why: &str);
}

/// How long a caller waits for something, with a name for the log.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(5);
