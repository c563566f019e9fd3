//! The controller's configuration: plain data, read strictly.
//!
//! `config/store.toml` is the documentation of every key and, compiled in, the default of each.
//! What is read here is checked as far as the text alone allows; whether files, ports and addresses
//! exist is asked at the start and by `doctor`. Deliberately not here: environment variables,
//! includes, and any reading of the world.

mod acquirer;
mod counter;
mod enabling;
pub mod fees;
mod office;
mod offline;
mod people;
mod routing;
mod sections;
mod sticker;
mod terminal;
#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};

use store_actors::{
    device::zvt::{EndOfDay, Receipts},
    domain::{
        enabling::Enabling,
        ids::{AcquirerId, ChainId, CounterId, StoreId},
        link::LinkRules,
        money::{Currency, Money},
        payment::AcquirerClock,
        slip::Letterhead,
        tender::{Scheme, Tender},
    },
    language::Languages,
    wire::{frame::Suffix, scanner::Family},
};

pub use acquirer::cardhost::CardHostAccount;
pub use acquirer::driver::{
    AlipayAccount, AlipayTrust, Driver, SandboxAccount, WechatAccount, WechatInterface,
};
pub use acquirer::{
    unionpay::UnionPayAccount,
    way::{Proxy, Way},
};
pub use office::Office;
pub use offline::Offline;
pub use people::People;
pub use routing::Routing;

use crate::{
    adapters::{mqtt::broker::Broker, serial::SerialSettings, tls::CertificateFiles},
    stickers::StickerForm,
    strict_toml::{self, Faults, FileRefused, Section},
};

/// The complete file that ships with the program.
pub const BUILT_IN: &str = include_str!("../config/store.toml");

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub store: Store,
    pub api: Api,
    pub journal: Journal,
    /// `None`: there is no head office yet.
    pub uplink: Option<Uplink>,
    /// At least one; in the order in which they are asked: by priority, then by name.
    pub acquirers: Vec<Acquirer>,
    /// At least one; in the file's order.
    pub counters: Vec<Counter>,
    pub offline: Offline,
    pub office: Office,
    pub routing: Routing,
    pub notifications: Notifications,
    pub enabling: Enabling,
    pub people: People,
    pub log: Log,
    /// The collector of traces.
    pub otlp_url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    pub chain: ChainId,
    pub store: StoreId,
    pub name: String,
    pub currency: Currency,
    pub country: Country,
    /// The store's clock against UTC.
    pub utc_offset_minutes: i32,
    /// What devices and slips speak.
    pub languages: Languages,
    /// Screens say success aloud.
    pub speech: bool,
}

impl Store {
    pub fn letterhead(&self) -> Letterhead {
        Letterhead {
            store: self.name.clone(),
            languages: self.languages,
            utc_offset_minutes: self.utc_offset_minutes,
        }
    }
}

/// A country of ISO 3166.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    pub alpha2: &'static str,
    /// As EMV 9F1A carries it.
    pub numeric: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    pub listen: SocketAddr,
    pub allow_public: bool,
    pub event_readers_max: usize,
    pub event_reader_timeout: Duration,
    pub picture_max_bytes: usize,
    /// `None`: plain HTTP, on a loopback address.
    pub tls: Option<ApiTls>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTls {
    /// `None`: a certificate that signs itself, made at the first start.
    pub files: Option<CertificateFiles>,
    /// Under which the API is reached.
    pub names: Vec<String>,
}

/// The door for what providers tell by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notifications {
    /// `None`: nobody listens.
    pub listen: Option<SocketAddr>,
    pub body_max_bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    pub dir: PathBuf,
    pub min_free_bytes: u64,
    /// A full segment of the guard log is kept at least so long.
    pub guard_retention: Duration,
    /// Written with zeros ahead of its use.
    pub guard_segment_bytes: u64,
}

/// The way to the head office.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    pub broker: Broker,
    /// Batches of records on their way at the same time.
    pub window: usize,
    /// With work queued and no receipt for so long, the connection is made anew.
    pub watchdog: Duration,
    /// Up to so much chance on top of every pause before a new connection.
    pub reconnect_spread: Duration,
    /// What a backlog may take of the line; `None`: no cap.
    pub bytes_per_s: Option<NonZeroU64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquirer {
    pub id: AcquirerId,
    pub driver: Driver,
    pub name: String,
    pub base_url: String,
    pub way: Way,
    /// What its printed QR says; `None`: it has none.
    pub sticker: Option<StickerForm>,
    pub tenders: Vec<Tender>,
    pub schemes: Vec<Scheme>,
    /// Of several that take the same, the lowest is asked first.
    pub priority: u64,
    /// The most that one payment may be.
    pub limits: Vec<(Tender, Money)>,
    pub probe_interval: Duration,
    /// When its link counts as down, and as up again.
    pub link: LinkRules,
    /// More than 1 in laboratories only.
    pub speed: u64,
    /// As configured: `speed` is not applied yet.
    pub clock: AcquirerClock,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    pub id: CounterId,
    pub terminal: Option<Terminal>,
    pub scanner: Option<Scanner>,
    pub nfc: Option<Nfc>,
    pub collect_timeout: Duration,
    pub terminal_entry: bool,
    /// `None`: no PIN is ever asked for.
    pub pin_above: Option<Money>,
    pub signature_above: Option<Money>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    pub line: Line,
    pub protocol: Protocol,
}

/// What a terminal speaks, and with it what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    Nexo,
    /// It authorises by itself.
    Zvt(Zvt),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zvt {
    /// Six digits.
    pub password: u32,
    pub receipts: Receipts,
    pub card_timeout: Duration,
    pub end_of_day: EndOfDay,
}

/// Where a device's line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Serial {
        path: PathBuf,
        settings: SerialSettings,
    },
    Tcp {
        host: String,
        port: u16,
        connect_timeout: Duration,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanner {
    pub line: Line,
    pub model: Family,
    pub suffix: Suffix,
    pub repeat_filter: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nfc {
    /// The PC/SC reader's name.
    pub reader: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// Directives of `tracing_subscriber::EnvFilter`.
    pub level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// Reads a file, or takes the built-in default.
    ///
    /// # Errors
    /// The file can't be read, or all of its faults.
    pub fn load(file: Option<&Path>) -> Result<Self, FileRefused> {
        strict_toml::load(file, Self::parse)
    }

    /// Reads `text`; relative paths in it are relative to `dir`, `file` is its name for people.
    ///
    /// # Errors
    /// All faults of the text.
    pub fn parse(file: &str, text: &str, dir: &Path) -> Result<Self, Faults> {
        strict_toml::read(file, text, BUILT_IN, |root| Self::build(root, dir))
    }

    fn build(root: &mut Section<'_>, dir: &Path) -> Option<Self> {
        let store = sections::store(root);
        let api = sections::api(root, dir);
        let journal = sections::journal(root, dir);
        let uplink = sections::uplink(root, dir);
        // amounts need a currency: after a fault in it any will do to find the other faults
        let currency = store.as_ref().map_or(Currency::Cny, |store| store.currency);
        let country = store.as_ref().map_or("CN", |store| store.country.alpha2);
        let acquirers = acquirer::all(root, currency, country, dir);
        let counters = counter::all(root, currency);
        let offline = offline::read(root, currency, dir, &journal.dir);
        let office = office::read(root, dir);
        let routing = routing::read(root, &office);
        let notifications = sections::notifications(root);
        let enabling = enabling::enabling(root);
        let people = people::read(root, dir, &journal.dir, api.as_ref());
        let log = sections::log(root);
        let otlp_url = sections::telemetry(root);
        Some(Self {
            store: store?,
            api: api?,
            journal,
            uplink,
            acquirers,
            counters: counters?,
            offline,
            office,
            routing,
            notifications,
            enabling,
            people,
            log: log?,
            otlp_url,
        })
    }
}
