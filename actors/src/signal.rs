//! Signals: everything observable, as one typed union.
//!
//! Actors emit facts here and do not care who listens: metrics, the event stream of the API, the
//! lab. The channel is bounded and lossy by design: whoever must not lose a payment's fact reads
//! the journal, whose sequence number each payment signal carries.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use tokio::sync::broadcast;

use crate::domain::{
    ids::{AcquirerId, CounterId, DeviceId, PaymentId},
    invariant::Violation,
    office::settlement::Settlement,
    offline::{OfflineRefused, budget::OfflineStatus},
    payment::{Operation, Payment},
    sticker::Seen,
    timestamp::Timestamp,
};
use crate::{outbox::UnsentMoney, ports::DiskCondition, store::requests::Taken};

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    Terminal,
    Scanner,
    NfcReader,
}

impl DeviceKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            DeviceKind::Terminal => "terminal",
            DeviceKind::Scanner => "scanner",
            DeviceKind::NfcReader => "nfc_reader",
        }
    }
}

/// How a device does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "why")]
pub enum Health {
    Starting,
    Ready,
    /// Not plugged in, port gone, service gone.
    Absent(String),
    /// Plugged in and not answering.
    Mute(String),
    /// Talking nonsense.
    Babbling(String),
    /// Too many restarts: tried again slowly.
    Quarantined(String),
}

impl Health {
    pub const fn is_ready(&self) -> bool {
        matches!(self, Health::Ready)
    }

    pub const fn as_str(&self) -> &'static str {
        match self {
            Health::Starting => "starting",
            Health::Ready => "ready",
            Health::Absent(_) => "absent",
            Health::Mute(_) => "mute",
            Health::Babbling(_) => "babbling",
            Health::Quarantined(_) => "quarantined",
        }
    }
}

/// One device as shown.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceStatus {
    pub id: DeviceId,
    pub counter: CounterId,
    pub kind: DeviceKind,
    #[serde(flatten)]
    pub health: Health,
    pub since: Timestamp,
    pub last_word_at: Option<Timestamp>,
    pub restarts: u64,
    pub line: String,
}

/// One acquirer's link as shown.
#[derive(Clone, Debug, Serialize)]
pub struct AcquirerStatus {
    pub id: AcquirerId,
    pub reachable: bool,
    pub why: Option<String>,
    pub since: Timestamp,
    /// Seconds by which the store's clock is ahead of the acquirer's.
    pub clock_ahead_s: Option<i64>,
}

/// The outbox as shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutboxStatus {
    /// online, slow, offline, draining or stuck.
    pub state: &'static str,
    pub last_seq: u64,
    pub receipted: u64,
    /// Records that the head office has not receipted.
    pub depth: u64,
    pub oldest_age_ms: Option<u64>,
    /// What moved in those records; nothing before it was counted up after a start.
    pub money: Option<Vec<UnsentMoney>>,
    pub rebuilds: u64,
    /// Receipts that went backwards or beyond what exists.
    pub receipts_ignored: u64,
    /// Records in whose place a stub went to the head office.
    pub parked: usize,
}

/// What came of one notification of a provider.
#[derive(Clone, Debug, Serialize)]
pub struct Notified {
    pub acquirer: AcquirerId,
    /// `Taken::word`, or why it was not taken: one of a few words.
    pub outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
}

impl Notified {
    pub fn of(acquirer: &AcquirerId, outcome: &'static str) -> Self {
        Self {
            acquirer: acquirer.clone(),
            outcome,
            payment: None,
        }
    }

    pub fn with(acquirer: &AcquirerId, taken: &Taken) -> Self {
        let payment = match taken {
            Taken::Asked(id) | Taken::Opened(id) | Taken::Unmatched(id) | Taken::Repeated(id) => {
                Some(*id)
            }
            Taken::Nothing => None,
        };
        Self {
            payment,
            ..Self::of(acquirer, taken.word())
        }
    }
}

#[derive(Clone, Debug)]
pub enum Signal {
    /// A payment's new state is on disk, under this sequence number.
    PaymentMoved {
        seq: u64,
        payment: Arc<Payment>,
    },
    DeviceChanged(DeviceStatus),
    ActorRestarted {
        name: String,
        why: String,
    },
    ActorQuarantined {
        name: String,
    },
    AcquirerChanged(AcquirerStatus),
    AcquirerAnswered {
        acquirer: AcquirerId,
        operation: Operation,
        outcome: &'static str,
        took_ms: u64,
    },
    OutboxChanged(OutboxStatus),
    OfflineChanged(OfflineStatus),
    JournalWrote {
        records: usize,
        took_us: u64,
    },
    /// Its disk does otherwise than before.
    DiskChanged(DiskCondition),
    JournalStopped {
        why: String,
    },
    /// A scan, a bad read or a card that no payment was waiting for; never what was read.
    Ignored {
        device: DeviceId,
        why: String,
    },
    InvariantBroken(Violation),
    /// An acquirer's batch is settled, and the record of it is on disk.
    BatchSettled(Settlement),
    /// Why it could not be settled and is tried again; `None` once it does not wait any more.
    BatchWaits {
        acquirer: AcquirerId,
        why: Option<String>,
    },
    /// A provider has told something by itself.
    Notified(Notified),
    /// A camera has seen a counter's printed QR.
    StickerSeen {
        counter: CounterId,
        seen: Seen,
    },
    /// A terminal that has no printer of its own wants this printed.
    SlipReceived {
        device: DeviceId,
        lines: Vec<String>,
    },
}

/// The latest word on everything that has a state: what a page shows when it is opened.
#[derive(Clone, Debug, Default)]
pub struct Board {
    pub devices: BTreeMap<DeviceId, DeviceStatus>,
    pub acquirers: BTreeMap<AcquirerId, AcquirerStatus>,
    pub outbox: OutboxStatus,
    /// None where no card is accepted offline.
    pub offline: Option<OfflineStatus>,
    pub disk: DiskCondition,
    /// Why the journal has stopped, if it has.
    pub journal_stopped: Option<String>,
    /// Paid at stickers since the start, and nobody can tell where: the latest, and how many.
    pub unmatched: Option<(PaymentId, u64)>,
    /// What a camera saw last of each counter's printed QR.
    pub stickers: BTreeMap<CounterId, Seen>,
}

impl Board {
    fn note(&mut self, signal: &Signal) {
        match signal {
            Signal::DeviceChanged(status) => {
                self.devices.insert(status.id.clone(), status.clone());
            }
            Signal::AcquirerChanged(status) => {
                self.acquirers.insert(status.id.clone(), status.clone());
            }
            Signal::OutboxChanged(status) => self.outbox = status.clone(),
            Signal::OfflineChanged(status) => self.offline = Some(status.clone()),
            Signal::DiskChanged(condition) => self.disk = *condition,
            Signal::JournalStopped { why } => self.journal_stopped = Some(why.clone()),
            // a picture without any code takes no alarm back
            Signal::StickerSeen { counter, seen } if *seen != Seen::Nothing => {
                self.stickers.insert(counter.clone(), *seen);
            }
            Signal::Notified(Notified {
                outcome: "unmatched",
                payment: Some(payment),
                ..
            }) => {
                let before = self.unmatched.map_or(0, |(_, count)| count);
                self.unmatched = Some((*payment, before + 1));
            }
            _ => {}
        }
    }
}

/// The sending and the listening end, and the board.
#[derive(Clone, Debug)]
pub struct Signals {
    sender: broadcast::Sender<Signal>,
    board: Arc<Mutex<Board>>,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(4_096).0,
            board: Arc::default(),
        }
    }
}

impl Signals {
    pub fn emit(&self, signal: Signal) {
        self.board
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(&signal);
        // nobody listening is no error
        let _ = self.sender.send(signal);
    }

    pub fn listen(&self) -> broadcast::Receiver<Signal> {
        self.sender.subscribe()
    }

    /// Why no card is accepted offline at the moment; without a copy of the whole board.
    pub fn offline_closed(&self) -> Option<OfflineRefused> {
        let board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.offline.as_ref()?.closed.clone()
    }

    pub fn board(&self) -> Board {
        self.board
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
