//! A store, wired: from parts and settings to a running tree of supervised actors.
//!
//! The order of the making is the order of who needs whom: journal, acquirers, each counter with
//! its devices, outbox, store. Devices know their counter only through a `FactSink`, counters their
//! devices through handles, so either side may be rebuilt alone.

mod devices;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use self::devices::{start_devices, with_own};
use super::{Store, StoreDeps, requests::GetCounters};
use crate::{
    acquirer::{AcquirerDeps, AcquirerDesk, own_terminal::OwnTerminal},
    counter::{AcquirerRoute, Counter, CounterDeps, CounterSettings, CounterStatus, OfflineDeps},
    day_close::{DayClose, DayCloseDeps},
    device::{
        Fact, FactSink, nfc::NfcSettings, scanner::ScannerSettings, terminal::TerminalSettings,
        zvt::ZvtSettings,
    },
    domain::{
        ids::{CounterId, IdRefused, StoreId},
        offline::OfflineLimits,
        record::Body,
    },
    journal::{Append, Journal, JournalDeps},
    offline::{Counters, Forwarder, ForwarderDeps, Lender, LenderDeps},
    outbox::{Outbox, OutboxDeps, OutboxSettings, StoreFacts},
    ports::{
        Acquirer, AcquirerProfile, CardReader, CardVault, Entropy, JournalDisk, LineOpener, Signer,
        TerminalBook, Uplink, WallClock,
    },
    settlement::{Settling, SettlingDeps},
    signal::{Signal, Signals},
    supervisor::{ChildSpec, Handle, Supervision, Supervisor, SupervisorDeps},
};

/// The parts of a store.
pub struct StorePlan {
    pub counters: Vec<CounterPlan>,
    /// In order of preference.
    pub acquirers: Vec<Arc<dyn Acquirer>>,
    pub disk: Arc<dyn JournalDisk>,
    /// A store may open before its chain has a head office.
    pub uplink: Option<(Arc<dyn Uplink>, OutboxSettings)>,
    pub signals: Signals,
    pub clock: Arc<dyn WallClock>,
    pub entropy: Arc<dyn Entropy>,
    /// For the journal's `Started` record.
    pub version: String,
    /// Whether the run before ended in order.
    pub was_clean: bool,
    pub days: Option<DaysPlan>,
    pub offline: OfflinePlan,
}

/// How cards are accepted while no acquirer can be reached.
pub struct OfflinePlan {
    /// There even where nothing is accepted any more: what was is still to be charged.
    pub vault: Arc<dyn CardVault>,
    pub limits: Option<OfflineLimits>,
}

/// How business days are closed.
pub struct DaysPlan {
    pub store: StoreId,
    /// From UTC to the clock whose midnight ends the day.
    pub offset_minutes: i32,
    pub signer: Arc<dyn Signer>,
}

pub struct CounterPlan {
    pub id: CounterId,
    pub settings: CounterSettings,
    pub terminal: Option<(Arc<dyn LineOpener>, TerminalPlan)>,
    pub scanner: Option<(Arc<dyn LineOpener>, ScannerSettings)>,
    pub reader: Option<(Arc<dyn CardReader>, NfcSettings)>,
}

/// What a counter's terminal is.
pub enum TerminalPlan {
    /// Screen, keypad and printer; the store reads the card.
    Nexo(Box<TerminalSettings>),
    /// It authorises by itself, and is the acquirer of its counter's cards.
    Zvt {
        settings: Box<ZvtSettings>,
        profile: Box<AcquirerProfile>,
        book: Arc<dyn TerminalBook>,
        /// Puts something around it through which it is asked: a test's crash points.
        around: fn(OwnTerminal) -> Arc<dyn Acquirer>,
    },
}

/// A running store.
#[derive(Clone)]
pub struct Running {
    pub store: Handle<Store>,
    pub journal: Handle<Journal>,
    pub outbox: Option<Handle<Outbox>>,
    pub settling: Handle<Settling>,
    /// The store's own, in order of preference; terminals that authorise by themselves are none.
    pub acquirers: Vec<AcquirerRoute>,
    pub supervision: Supervision,
    pub signals: Signals,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running")
    }
}

/// How often the store's status for the head office is made anew.
const FACTS_INTERVAL: Duration = Duration::from_secs(5);

/// How long the last record may take at the end.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts everything. To be called inside the actix system whose thread the actors will share.
pub fn start(plan: StorePlan) -> Result<Running, IdRefused> {
    let supervision = Supervisor::start(SupervisorDeps {
        signals: plan.signals.clone(),
        clock: Arc::clone(&plan.clock),
        entropy: Arc::clone(&plan.entropy),
    });
    let journal = start_journal(&plan, &supervision);
    let acquirers = start_acquirers(&plan, &supervision);
    let holders = Counters::default();
    let offline = start_lender(&plan, &holders, &supervision);
    let mut counters = BTreeMap::new();
    let (mut own_clocks, mut own_ports) = (Vec::new(), Vec::new());
    for counter in &plan.counters {
        let shared = (&journal, acquirers.as_slice(), &offline);
        let (handle, own) = start_counter(&plan, counter, shared, &supervision)?;
        counters.insert(counter.id.clone(), handle);
        if let Some(port) = own {
            let profile = port.profile();
            own_clocks.push((profile.id.clone(), profile.clock));
            own_ports.push(port);
        }
    }
    holders.are(counters.clone());
    start_forwarder(&plan, &holders, &acquirers, &supervision);
    start_day_close(&plan, &journal, &supervision);
    let settling = start_settling(&plan, own_ports, &journal, &supervision);
    let outbox = start_outbox(&plan, &journal, &supervision);
    let clock_of = |acquirer: &AcquirerRoute| (acquirer.profile.id.clone(), acquirer.profile.clock);
    let deps = StoreDeps {
        counters,
        disk: Arc::clone(&plan.disk),
        acquirers: acquirers.iter().map(clock_of).chain(own_clocks).collect(),
        clock: Arc::clone(&plan.clock),
        entropy: Arc::clone(&plan.entropy),
    };
    let spec = ChildSpec {
        // every till may ask in the same instant
        mailbox: 1_024,
        ..ChildSpec::new("store")
    };
    let store = supervision.child(spec, move || Store::new(deps.clone()));
    if let Some(outbox) = &outbox {
        actix::spawn(report_facts(store.clone(), outbox.clone()));
    }
    Ok(Running {
        store,
        journal,
        outbox,
        settling,
        acquirers,
        supervision,
        signals: plan.signals,
    })
}

/// Tells the outbox at intervals what the store's retained status says of its counters.
async fn report_facts(store: Handle<Store>, outbox: Handle<Outbox>) {
    loop {
        tokio::time::sleep(FACTS_INTERVAL).await;
        let Ok(counters) = store.ask(GetCounters, FACTS_INTERVAL).await else {
            continue;
        };
        let is_ready = |counter: &&CounterStatus| counter.tenders.iter().any(|tender| tender.ready);
        let facts = StoreFacts {
            counters_ready: counters.iter().filter(is_ready).count(),
            counters: counters.len(),
            unknown: counters
                .iter()
                .map(|counter| counter.unresolved.len())
                .sum(),
        };
        if let Err(failed) = outbox.try_send(facts) {
            tracing::debug!(error = %failed, "the outbox did not take the store's facts");
        }
    }
}

impl Running {
    /// Ends the store in order: devices and counters first, the journal's last record, then the
    /// journal.
    pub async fn stop(&self) {
        if let Err(failed) = self
            .journal
            .ask(
                Append {
                    bodies: vec![Body::Stopped],
                },
                STOP_TIMEOUT,
            )
            .await
        {
            tracing::warn!(error = %failed, "the end could not be journaled");
        }
        self.supervision.shutdown().await;
    }
}

fn start_journal(plan: &StorePlan, supervision: &Supervision) -> Handle<Journal> {
    let deps = JournalDeps {
        disk: Arc::clone(&plan.disk),
        clock: Arc::clone(&plan.clock),
        signals: plan.signals.clone(),
    };
    let spec = ChildSpec {
        mailbox: 1_024,
        ..ChildSpec::new("journal")
    };
    let journal = supervision.child(spec, move || Journal::new(deps.clone()));
    let started = Body::Started {
        version: plan.version.clone(),
        clean: plan.was_clean,
    };
    let first = journal.clone();
    actix::spawn(async move {
        if let Err(failed) = first
            .ask(
                Append {
                    bodies: vec![started],
                },
                STOP_TIMEOUT,
            )
            .await
        {
            tracing::error!(error = %failed, "the start could not be journaled");
        }
    });
    journal
}

fn start_day_close(plan: &StorePlan, journal: &Handle<Journal>, supervision: &Supervision) {
    let Some(days) = &plan.days else {
        return;
    };
    let deps = DayCloseDeps {
        store: days.store.clone(),
        offset_minutes: days.offset_minutes,
        disk: Arc::clone(&plan.disk),
        journal: journal.clone(),
        signer: Arc::clone(&days.signer),
        clock: Arc::clone(&plan.clock),
    };
    supervision.child(ChildSpec::new("day close"), move || {
        DayClose::new(deps.clone())
    });
}

fn start_settling(
    plan: &StorePlan,
    own: Vec<Arc<dyn Acquirer>>,
    journal: &Handle<Journal>,
    supervision: &Supervision,
) -> Handle<Settling> {
    let shared = plan.acquirers.iter().cloned();
    let deps = SettlingDeps {
        acquirers: shared.chain(own).collect(),
        disk: Arc::clone(&plan.disk),
        journal: journal.clone(),
        signals: plan.signals.clone(),
        clock: Arc::clone(&plan.clock),
        offset_minutes: plan.days.as_ref().map_or(0, |days| days.offset_minutes),
    };
    supervision.child(ChildSpec::new("settling"), move || {
        Settling::new(deps.clone())
    })
}

fn start_acquirers(plan: &StorePlan, supervision: &Supervision) -> Vec<AcquirerRoute> {
    let start = |port| start_acquirer(plan, port, supervision);
    plan.acquirers.iter().map(start).collect()
}

fn start_acquirer(
    plan: &StorePlan,
    port: &Arc<dyn Acquirer>,
    supervision: &Supervision,
) -> AcquirerRoute {
    let (signals, clock) = (plan.signals.clone(), Arc::clone(&plan.clock));
    let deps = AcquirerDeps::new(Arc::clone(port), signals, clock);
    let status = deps.status.subscribe();
    let profile = port.profile().clone();
    let spec = ChildSpec {
        mailbox: 1_024,
        ..ChildSpec::new(format!("acquirer {}", profile.id))
    };
    let desk = supervision.child(spec, move || AcquirerDesk::new(deps.clone()));
    AcquirerRoute {
        profile,
        desk,
        status,
    }
}

fn start_lender(plan: &StorePlan, counters: &Counters, supervision: &Supervision) -> OfflineDeps {
    let lend = |limits: &OfflineLimits| {
        let deps = LenderDeps::new(
            limits.clone(),
            Arc::clone(&plan.disk),
            Arc::clone(&plan.offline.vault),
            counters.clone(),
            plan.signals.clone(),
            Arc::clone(&plan.clock),
        );
        let lender = supervision.child(ChildSpec::new("lender"), move || Lender::new(deps.clone()));
        (limits.clone(), lender)
    };
    OfflineDeps {
        vault: Arc::clone(&plan.offline.vault),
        lending: plan.offline.limits.as_ref().map(lend),
    }
}

fn start_forwarder(
    plan: &StorePlan,
    counters: &Counters,
    acquirers: &[AcquirerRoute],
    supervision: &Supervision,
) {
    let deps = ForwarderDeps {
        disk: Arc::clone(&plan.disk),
        counters: counters.clone(),
        acquirers: acquirers.to_vec(),
    };
    supervision.child(ChildSpec::new("forwarder"), move || {
        Forwarder::new(deps.clone())
    });
}

fn start_outbox(
    plan: &StorePlan,
    journal: &Handle<Journal>,
    supervision: &Supervision,
) -> Option<Handle<Outbox>> {
    let (uplink, settings) = plan.uplink.clone()?;
    let deps = OutboxDeps {
        disk: Arc::clone(&plan.disk),
        journal: journal.clone(),
        uplink,
        signals: plan.signals.clone(),
        clock: Arc::clone(&plan.clock),
        entropy: Arc::clone(&plan.entropy),
        settings,
    };
    Some(supervision.child(ChildSpec::new("outbox"), move || Outbox::new(deps.clone())))
}

/// A counter's terminal that is the acquirer of its cards.
type OwnAcquirer = Arc<dyn Acquirer>;

fn start_counter(
    plan: &StorePlan,
    counter: &CounterPlan,
    (journal, acquirers, offline): (&Handle<Journal>, &[AcquirerRoute], &OfflineDeps),
    supervision: &Supervision,
) -> Result<(Handle<Counter>, Option<OwnAcquirer>), IdRefused> {
    let itself: Arc<OnceLock<Handle<Counter>>> = Arc::default();
    let facts = fact_sink(Arc::clone(&itself), plan.signals.clone());
    let devices = start_devices(plan, counter, facts, supervision)?;
    let (acquirers, own) = with_own(plan, counter, &devices, acquirers, supervision);
    // the store sends to the first one in the order of their ids, too
    let configured: BTreeSet<CounterId> = plan.counters.iter().map(|one| one.id.clone()).collect();
    let is_first = configured.first() == Some(&counter.id);
    let deps = CounterDeps {
        id: counter.id.clone(),
        settings: counter.settings.clone(),
        journal: journal.clone(),
        disk: Arc::clone(&plan.disk),
        acquirers,
        offline: offline.clone(),
        devices,
        fosters: is_first.then(|| configured.clone()),
        signals: plan.signals.clone(),
        clock: Arc::clone(&plan.clock),
        entropy: Arc::clone(&plan.entropy),
    };
    let spec = ChildSpec {
        mailbox: 256,
        ..ChildSpec::new(format!("counter {}", counter.id))
    };
    let handle = supervision.child(spec, move || Counter::new(deps.clone()));
    Ok((itself.get_or_init(|| handle).clone(), own))
}

/// Facts go to the counter of the moment; one that finds no place is signalled, and the customer
/// tries again.
fn fact_sink(counter: Arc<OnceLock<Handle<Counter>>>, signals: Signals) -> FactSink {
    Arc::new(move |fact: Fact| {
        let device = fact.device.clone();
        let sent = counter.get().map(|counter| counter.try_send(fact));
        if let Some(Err(failed)) = sent {
            signals.emit(Signal::Ignored {
                device,
                why: format!("the counter is {failed}"),
            });
        }
    })
}
