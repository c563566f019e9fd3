//! The shop: every part of it, in the order of their opening.
//!
//! The store controller and the head office are the real programs, as child processes. Devices, the
//! acquirer and (unless told otherwise) the broker live in this process; cables that can be pulled
//! lie between them.

use std::{
    fmt,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use thiserror::Error;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use super::{
    acquirers,
    args::Args,
    broker,
    cable::Cable,
    child::Program,
    config,
    counter::{LabCounter, LabOwnTerminal},
    crashes::Victim,
    faults,
    people::LabPeople,
    power::Disk,
    prometheus,
    till::Till,
};
use crate::{
    acquirer::{Acquirer, AcquirerConfig, AcquirerError, AcquirerHandle, CardHost},
    device::pcscd::{Pcscd, PcscdError},
};

/// How long a program may take to answer after its start.
const START_TIMEOUT: Duration = Duration::from_secs(90);
/// Of the disk whose power is cut; the image is sparse.
const DISK_BYTES: u64 = 2 * 1024 * 1024 * 1024;

#[derive(Debug, Error)]
pub enum ShopFailed {
    #[error("the shop could not open")]
    Io(#[from] io::Error),
    #[error("the acquirer could not open")]
    Acquirer(#[from] AcquirerError),
    #[error("the card readers could not be started; --no-readers opens the shop without them")]
    Readers(#[from] PcscdError),
    #[error("no disk whose power can be cut: {0}")]
    Disk(#[source] io::Error),
    #[error("no HTTP client")]
    Http(#[from] reqwest::Error),
    #[error("{0}")]
    NotReady(String),
}

/// An open shop.
pub struct Shop {
    pub counters: Vec<LabCounter>,
    pub till: Till,
    pub head_office_till: Till,
    /// Where everybody has to sign in.
    pub people: Option<LabPeople>,
    pub acquirer: AcquirerHandle,
    pub card_host: CardHost,
    pub acquirer_cable: Cable,
    pub card_host_cable: Cable,
    pub broker_cable: Cable,
    pub controller: Mutex<Program>,
    pub head_office: Mutex<Program>,
    /// And where it listens, if it was asked for.
    pub prometheus: Option<(Mutex<Program>, SocketAddr)>,
    pub listen: SocketAddr,
    /// For what providers tell.
    pub door: Option<SocketAddr>,
    pub head_office_listen: SocketAddr,
    pub journal: PathBuf,
    /// Where acquirers' bills are dropped.
    pub bills: PathBuf,
    pub began: Instant,
    /// Whether customers do often what is rare: for the rare steps of acquirers' procedures.
    pub is_thorough: bool,
    violations: Mutex<u64>,
    restarts: Mutex<u64>,
    // behind the controller: it must be dead before the disk is given back
    pub disk: Option<Disk>,
    _pcscd: Option<Pcscd>,
}

impl Shop {
    pub async fn open(args: &Args, folder: &Path) -> Result<Self, ShopFailed> {
        let disk = match args.needs_disk() {
            false => None,
            true => Some(Disk::make(folder, DISK_BYTES).map_err(ShopFailed::Disk)?),
        };
        if let Some(disk) = &disk {
            disk.prove().await.map_err(ShopFailed::Disk)?;
        }
        Self::open_on(args, folder, disk).await
    }

    /// As `open`, with the journal on a disk of the caller's.
    pub async fn open_on(
        args: &Args,
        folder: &Path,
        disk: Option<Disk>,
    ) -> Result<Self, ShopFailed> {
        let devices = folder.join("devices");
        std::fs::create_dir_all(&devices)?;
        let began = Instant::now();
        let pcscd = match args.no_readers {
            true => None,
            false => Some(Pcscd::start(usize::from(args.counters)).await?),
        };
        let slots = |at: usize| {
            pcscd
                .as_ref()
                .and_then(|pcscd| pcscd.slots().get(at).cloned())
        };
        let count = usize::from(args.counters);
        let counter = |at: usize| {
            let is_own = at + usize::from(args.zvt) >= count;
            let slot = if is_own { None } else { slots(at) };
            let own = is_own.then(|| LabOwnTerminal::start(!args.calm));
            LabCounter::new(at + 1, &devices, slot, own.transpose()?)
        };
        let counters: Vec<LabCounter> = (0..count).map(counter).collect::<Result<_, _>>()?;
        let acquirer = Acquirer::start(AcquirerConfig {
            seed: args.seed,
            speed: args.speed,
            rules: match args.calm {
                true => Vec::new(),
                false if args.dies_at_steps() => faults::thorough_moods(),
                false => faults::moods(),
            },
            ..AcquirerConfig::new(folder.join("acquirer-ledger.jsonl"))
        })?;
        let acquirer_cable = Cable::to(acquirer.addr().to_string()).await?;
        let card_host = acquirer.card_host(acquirers::card_host())?;
        let card_host_cable = Cable::to(card_host.addr().to_string()).await?;
        let broker = match &args.broker {
            Some(broker) => broker.trim_start_matches("mqtt://").to_owned(),
            None => broker::start()?.to_string(),
        };
        let broker_cable = Cable::to(broker).await?;
        let listen = free(args.listen)?;
        let head_office_listen = free(args.head_office_listen)?;
        let door = match args.acquirers {
            acquirers::Acquirers::Sandbox => None,
            acquirers::Acquirers::Real => {
                let door = free(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
                for (provider, path) in acquirers::DOORS {
                    acquirer.tell_at(provider, door, path);
                }
                Some(door)
            }
        };
        let world = config::World {
            folder: folder.to_owned(),
            journal: match &disk {
                Some(disk) => disk.place().join("journal"),
                None => folder.join("journal"),
            },
            devices: devices.clone(),
            listen,
            head_office_listen,
            doors: acquirers::Doors {
                http: acquirer_cable.address(),
                card_host: card_host_cable.address(),
            },
            acquirers: args.acquirers,
            door,
            fetches_bills: args.dies_at_steps(),
            seed: args.seed,
            broker: broker_cable.address(),
            database: args.database.clone(),
            speed: args.speed,
            // every segment ends and goes while the run lasts
            guard_retention_days: if args.kill_at.is_empty() { 7 } else { 0 },
            sign_in: args.sign_in,
        };
        let controller_config = config::controller(&world, &counters)?;
        let head_office_config = config::head_office(&world)?;
        let run = |file: PathBuf| {
            vec![
                "run".to_owned(),
                "--config".to_owned(),
                file.display().to_string(),
            ]
        };
        let mut controller = Program::new("store-controller", run(controller_config), folder)?;
        if let Some(pcscd) = &pcscd {
            let (name, value) = pcscd.client_env();
            controller = controller.env(name, value);
        }
        let mut head_office = Program::new("head-office", run(head_office_config), folder)?;
        head_office.start()?;
        controller.start()?;
        let people = match args.sign_in {
            true => Some(LabPeople::make(&controller, listen, args.seed).await?),
            false => None,
        };
        let prometheus = match args.prometheus {
            false => None,
            true => {
                let (store, head_office) = (listen, head_office_listen);
                let listen = free(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
                let targets = prometheus::Targets { store, head_office };
                let program = prometheus::start(folder, listen, targets)?;
                Some((Mutex::new(program), listen))
            }
        };
        let shop = Self {
            counters,
            till: Till::new(listen)?.with_token(people.as_ref().map(|people| &*people.token)),
            people,
            head_office_till: Till::new(head_office_listen)?,
            acquirer,
            card_host,
            acquirer_cable,
            card_host_cable,
            broker_cable,
            controller: Mutex::new(controller),
            head_office: Mutex::new(head_office),
            prometheus,
            listen,
            door,
            head_office_listen,
            journal: world.journal,
            bills: folder.join("bills"),
            began,
            is_thorough: args.dies_at_steps(),
            violations: Mutex::new(0),
            restarts: Mutex::new(0),
            disk,
            _pcscd: pcscd,
        };
        shop.ready().await?;
        Ok(shop)
    }

    pub fn program(&self, victim: Victim) -> &Mutex<Program> {
        match victim {
            Victim::Controller => &self.controller,
            Victim::HeadOffice => &self.head_office,
        }
    }

    /// Waits until every counter can take a code, and a card where it has a reader.
    async fn ready(&self) -> Result<(), ShopFailed> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            self.check().await?;
            let counters = self.till.get("/v1/counters").await.unwrap_or_default();
            let office = self.head_office_till.text("/healthz").await;
            if self.are_ready(&counters) && office.is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(ShopFailed::NotReady(format!(
                    "not every counter is ready: {counters}"
                )));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the store's API answers.
    pub async fn answers(&self) -> Result<(), ShopFailed> {
        let deadline = Instant::now() + START_TIMEOUT;
        while self.till.text("/v1/counters").await.is_err() {
            self.check().await?;
            if Instant::now() > deadline {
                return Err(ShopFailed::NotReady("the store does not answer".to_owned()));
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Whether every counter takes everything it has a device for.
    fn are_ready(&self, counters: &Value) -> bool {
        let listed = counters.get("counters").and_then(Value::as_array);
        let tenders = |counter: &Value| {
            counter
                .get("tenders")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let takes_cards = |counter: &LabCounter| counter.card.is_some() || counter.own.is_some();
        let has_readers = self.counters.iter().all(takes_cards);
        let is_ready = |tender: &Value| {
            let needs_reader = tender.get("tender").and_then(Value::as_str) == Some("card");
            let ready = tender.get("ready").and_then(Value::as_bool) == Some(true);
            ready || (needs_reader && !has_readers)
        };
        listed.is_some_and(|listed| {
            listed.len() == self.counters.len()
                && listed
                    .iter()
                    .all(|counter| tenders(counter).iter().all(is_ready))
        })
    }

    /// An error if a program ended that should run.
    pub async fn check(&self) -> Result<(), ShopFailed> {
        self.controller.lock().await.check()?;
        self.head_office.lock().await.check()?;
        if let Some((prometheus, _)) = &self.prometheus {
            prometheus.lock().await.check()?;
        }
        Ok(())
    }

    /// Tells whoever watches.
    pub fn say(&self, what: fmt::Arguments<'_>) {
        let at = self.began.elapsed();
        let mut out = io::stdout().lock();
        // a reader that has gone is no reason to close the shop
        let _ = writeln!(out, "{:>7.2}s  {what}", at.as_secs_f64());
    }

    /// Adds up what the controller's metrics count, before it is killed and forgets them.
    pub async fn note_violations(&self) {
        let Ok(metrics) = self.till.text("/metrics").await else {
            return;
        };
        *self.violations.lock().await += sum_of(&metrics, "invariant_violations_total");
        *self.restarts.lock().await += sum_of(&metrics, "restarts_total");
    }

    pub async fn violations(&self) -> u64 {
        *self.violations.lock().await
    }

    pub async fn restarts(&self) -> u64 {
        *self.restarts.lock().await
    }

    /// Closes the shop in order.
    pub async fn close(self) -> io::Result<()> {
        self.controller.lock().await.end().await?;
        self.head_office.lock().await.end().await?;
        if let Some((prometheus, _)) = &self.prometheus {
            prometheus.lock().await.end().await?;
        }
        self.acquirer.stop();
        Ok(())
    }
}

/// The sum of all samples whose name ends so.
pub(super) fn sum_of(metrics: &str, name: &str) -> u64 {
    let of = |line: &str| -> Option<f64> {
        let (sample, value) = line.rsplit_once(' ')?;
        let found = sample.split('{').next()?.ends_with(name);
        found.then(|| value.parse().ok()).flatten()
    };
    let samples = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(of);
    // an empty sum of floats is -0
    let sum = samples.fold(0.0, |sum, value| sum + value);
    format!("{sum:.0}").parse().unwrap_or(u64::MAX)
}

/// The address itself, with a free port in place of 0. Taken by another: an error now rather than
/// later.
fn free(address: SocketAddr) -> io::Result<SocketAddr> {
    let wanted = if address.port() == 0 {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    } else {
        address
    };
    let told = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("{address} can't be listened on: {error}"),
        )
    };
    TcpListener::bind(wanted)
        .and_then(|listener| listener.local_addr())
        .map_err(told)
}
