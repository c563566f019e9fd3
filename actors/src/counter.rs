//! A counter: the stand's devices and the payments that began there.
//!
//! At most one payment holds the stand; any number may be unresolved in the background, each asked
//! for until the acquirer speaks. The counter feeds events to `domain/payment` and carries out its
//! effects; what must be on disk first is on disk first, because a transition's effects wait for
//! the journal's answer (`steps`). Facts of devices become events in `collect`; what the till asks
//! is answered in `requests`. After a restart, of the program or of this actor alone, `recovery`
//! takes up every unsettled payment from the journal.

pub mod claims;
mod closing;
mod collect;
pub mod completion;
mod effects;
mod late;
mod offline;
mod recovery;
pub mod requests;
mod routing;
mod signing;
pub mod status;
mod steps;
#[cfg(test)]
mod tests;
pub mod trial;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use actix::prelude::*;
use tokio::sync::{oneshot, watch};

use crate::{
    acquirer::AcquirerDesk,
    device::{TerminalHandle, nfc::NfcReader, scanner::Scanner},
    domain::{
        card_list::CardList,
        enabling::Enabling,
        ids::{AcquirerId, CounterId, DeviceId, PaymentId, RefundId},
        money::{Currency, Money},
        offline::budget::Share,
        payment::{Event, Notice, Payment, Timer},
        readiness::{self, Presence, Stand, Taker, TenderReadiness},
        routing::Preference,
        slip::Letterhead,
        tender::Tender,
    },
    journal::Journal,
    ports::{AcquirerProfile, Entropy, Instrument, JournalDisk, WallClock},
    signal::{AcquirerStatus, DeviceKind, Health, Signals},
    store::requests::Refused,
    supervisor::{Handle, Heartbeat},
    wire::emv::CardRead,
};
pub use offline::OfflineDeps;
pub use signing::Sign;
pub use status::CounterStatus;

/// How a counter behaves.
#[derive(Clone, Debug)]
pub struct CounterSettings {
    pub currency: Currency,
    /// How long the stand waits for the customer, in milliseconds.
    pub collect_timeout_ms: u64,
    /// Whether the cashier may begin a payment by typing its amount at the idle terminal.
    pub terminal_entry: bool,
    /// A card pays more than this only with a PIN.
    pub pin_above: Option<Money>,
    /// A card without a PIN pays more than this only with a signature.
    pub signature_above: Option<Money>,
    /// Whether the terminal prints a slip for each approval.
    pub print_slips: bool,
    pub letterhead: Letterhead,
    /// How long the last word of a payment stays on the terminal, in milliseconds.
    pub linger_ms: u64,
    pub enabling: Enabling,
    /// Of several acquirers that take the same, which one is asked first.
    pub prefer: Preference,
    /// Which cards are of which kind, where they do not say so themselves.
    pub cards: Arc<CardList>,
}

/// An acquirer as this counter knows it.
#[derive(Clone)]
pub struct AcquirerRoute {
    pub profile: AcquirerProfile,
    pub desk: Handle<AcquirerDesk>,
    pub status: watch::Receiver<AcquirerStatus>,
}

/// The stand's devices; a stand may lack any of them.
#[derive(Clone, Default)]
pub struct Devices {
    pub terminal: Option<(DeviceId, TerminalHandle)>,
    pub scanner: Option<(DeviceId, Handle<Scanner>)>,
    pub reader: Option<(DeviceId, Handle<NfcReader>)>,
}

impl Devices {
    /// The stand's cards are the terminal's business: it reads them and says how it went.
    pub fn has_own_acquirer(&self) -> bool {
        let terminal = self.terminal.as_ref();
        terminal.is_some_and(|(_, terminal)| terminal.authorises_by_itself())
    }
}

#[derive(Clone)]
pub struct CounterDeps {
    pub id: CounterId,
    pub settings: CounterSettings,
    pub journal: Handle<Journal>,
    /// For reading only: the journal's actor is the one that writes.
    pub disk: Arc<dyn JournalDisk>,
    /// In order of preference.
    pub acquirers: Vec<AcquirerRoute>,
    pub offline: OfflineDeps,
    pub devices: Devices,
    /// Given to one counter of the store, with all that the configuration has: it also takes up the
    /// payments of counters that are no longer configured.
    pub fosters: Option<BTreeSet<CounterId>>,
    pub signals: Signals,
    pub clock: Arc<dyn WallClock>,
    pub entropy: Arc<dyn Entropy>,
}

/// One who waits for a payment's next durable step.
type Waiter = oneshot::Sender<Result<Payment, Refused>>;

/// A payment under way.
struct Live {
    payment: Payment,
    /// What pays, between its presentation and the charge; wiped with it.
    instrument: Option<Instrument>,
    /// The same during the charge, if another acquirer could take it.
    spare: Option<Instrument>,
    /// Acquirers that provably got nothing of it.
    in_vain: Vec<AcquirerId>,
    /// A card that waits for its PIN.
    card: Option<Box<CardRead>>,
    timers: HashMap<Timer, SpawnHandle>,
    /// A transition is on its way to the disk; events wait behind it.
    writing: bool,
    waiting: VecDeque<(Event, Option<Waiter>)>,
    /// One who waits for what comes of forwarding it.
    forwarding: Option<Waiter>,
}

impl Live {
    fn new(payment: Payment) -> Self {
        Self {
            payment,
            instrument: None,
            spare: None,
            in_vain: Vec::new(),
            card: None,
            timers: HashMap::new(),
            writing: false,
            waiting: VecDeque::new(),
            forwarding: None,
        }
    }
}

/// One stand of the store.
pub struct Counter {
    deps: CounterDeps,
    live: BTreeMap<PaymentId, Live>,
    at_stand: Option<PaymentId>,
    health: BTreeMap<DeviceKind, Health>,
    /// The number of the next payment; none before the journal was read.
    next_number: Option<u64>,
    /// The payment whose opening is on its way to the disk, and those that wait for their number.
    opening: Option<PaymentId>,
    openings: VecDeque<(PaymentId, Option<Waiter>)>,
    /// Not before the journal was read for what was under way.
    recovered: bool,
    /// Where the journal stood at the last two sweeps.
    swept: [u64; 2],
    journal_stopped: Option<String>,
    disk_nearly_full: bool,
    lingering: Option<SpawnHandle>,
    /// What this counter was lent of the offline budget, and the payment on its way into it.
    lease: Share,
    accepting: Option<(PaymentId, Share)>,
    /// A device that is being tried.
    trying: Option<trial::Trying>,
    /// The last words, for a terminal that comes back.
    shown: Option<(PaymentId, Notice)>,
    /// Words about stickers that wait until whoever pays at the stand has gone.
    unsaid: VecDeque<(PaymentId, Notice)>,
}

impl Counter {
    pub fn new(deps: CounterDeps) -> Self {
        let board = deps.signals.board();
        let own = board
            .devices
            .values()
            .filter(|device| device.counter == deps.id);
        let health = own
            .map(|device| (device.kind, device.health.clone()))
            .collect();
        Self {
            deps,
            live: BTreeMap::new(),
            at_stand: None,
            health,
            next_number: None,
            opening: None,
            openings: VecDeque::new(),
            recovered: false,
            swept: [0; 2],
            disk_nearly_full: !board.disk.has_room,
            journal_stopped: board.journal_stopped,
            lingering: None,
            lease: Share::default(),
            accepting: None,
            trying: None,
            shown: None,
            unsaid: VecDeque::new(),
        }
    }

    fn presence(&self, exists: bool, kind: DeviceKind) -> Presence {
        if !exists {
            return Presence::None;
        }
        match self.health.get(&kind) {
            Some(Health::Ready) => Presence::Ready,
            Some(
                Health::Absent(why)
                | Health::Mute(why)
                | Health::Babbling(why)
                | Health::Quarantined(why),
            ) => Presence::Away { why: why.clone() },
            Some(Health::Starting) | None => Presence::Away {
                why: "starting".into(),
            },
        }
    }

    fn stand(&self) -> Stand {
        let devices = &self.deps.devices;
        Stand {
            starting: !self.recovered || self.next_number.is_none(),
            journal_stopped: self.journal_stopped.clone(),
            disk_nearly_full: self.disk_nearly_full,
            ask: self.deps.settings.enabling.ask.clone(),
            at_stand: self.at_stand,
            terminal: self.presence(devices.terminal.is_some(), DeviceKind::Terminal),
            scanner: self.presence(devices.scanner.is_some(), DeviceKind::Scanner),
            reader: self.presence(devices.reader.is_some(), DeviceKind::NfcReader),
            cards_at_terminal: devices.has_own_acquirer(),
        }
    }

    fn readiness(&self, tender: Tender) -> TenderReadiness {
        let taker = |route: &AcquirerRoute| {
            let status = route.status.borrow();
            let why = || status.why.clone().unwrap_or_else(|| "no answer".into());
            Taker {
                acquirer: route.profile.id.to_string(),
                unreachable: (!status.reachable).then(why),
            }
        };
        // of what such a stand takes, only a code can come while nobody has chosen
        let by = match tender {
            Tender::Any if self.deps.devices.has_own_acquirer() => Tender::CustomerCode,
            tender => tender,
        };
        let takers: Vec<Taker> = self
            .fitting(by, None, self.deps.settings.currency)
            .map(taker)
            .collect();
        readiness::of_tender(&self.stand(), tender, &takers, self.offline_closed())
    }

    fn status(&self) -> CounterStatus {
        let unresolved = self.live.values().filter(|live| live.payment.is_unknown());
        CounterStatus {
            id: self.deps.id.clone(),
            tenders: Tender::CONCRETE
                .into_iter()
                .map(|tender| self.readiness(tender))
                .collect(),
            pre_authorises: self.pre_authorises(Tender::Card),
            at_stand: self.at_stand,
            unresolved: unresolved.map(|live| live.payment.id).collect(),
        }
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.deps.entropy.fill(&mut bytes);
        bytes
    }

    fn new_payment_id(&self) -> PaymentId {
        PaymentId::new(self.deps.clock.now(), self.random())
    }

    fn new_refund_id(&self) -> RefundId {
        RefundId::new(self.deps.clock.now(), self.random())
    }
}

impl Actor for Counter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.begin_recovery(ctx);
        self.watch_storage(ctx);
        self.offer_amount_entry();
    }
}

impl Handler<Heartbeat> for Counter {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Context<Self>) {}
}
