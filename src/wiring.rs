//! From a configuration to a running store: each adapter made, and handed to the core's plan.
//!
//! The one place that knows both the configuration and every adapter. No decision about payments or
//! devices is taken here.

mod acquirers;
mod door;
mod office;
mod people;
mod terminal;

use std::{io, sync::Arc};

use store_actors::{
    counter::CounterSettings,
    device::{line::LineSettings, nfc::NfcSettings, scanner::ScannerSettings},
    domain::{card_list::CardList, ids::IdRefused, office::fee::FeeTable, routing::Preference},
    outbox::OutboxSettings,
    ports::{Entropy, JournalDisk, LineOpener, Uplink, WallClock},
    signal::Signals,
    store::plan::{self, CounterPlan, DaysPlan, OfflinePlan, Running, StorePlan},
    wire::{frame::Framing, uplink::StoreRef},
};
use thiserror::Error;

use crate::{
    adapters::{
        acquirers::{DriverRefused, cardhost::CardHostRefused, key::KeyRefused},
        clock::{OsEntropy, SystemClock},
        journal::{Journal, JournalConfig, OpenFailed},
        mqtt::uplink::{MqttConfig, MqttUplink},
        pcsc::PcscReader,
        serial::SerialLine,
        signing::{SigningRefused, StoreKey},
        tcp::TcpLine,
        tls::TlsRefused,
        vault::{Vault, VaultRefused},
    },
    config::{
        self, Config, Line,
        fees::{self, Fees},
    },
    people::book::BookFailed,
    strict_toml::FileRefused,
};

pub(crate) use acquirers::{open_acquirer, open_bill_source, way_to};
pub(crate) use door::{open_door, stickers};
pub(crate) use office::{fetch_bills, open_office};
pub(crate) use people::{open_people, open_tls};

/// Why the store does not open. Each is for the person at the shell to mend.
#[derive(Debug, Error)]
pub enum WiringFailed {
    #[error("the journal can't be opened")]
    Journal(#[from] OpenFailed),
    #[error("acquirer {id}: its key can't be read")]
    Key { id: String, source: KeyRefused },
    #[error("acquirer {id}: it can't be spoken to")]
    Acquirer { id: String, source: DriverRefused },
    #[error("acquirer {id}: its terminal can't be opened")]
    CardHost { id: String, source: CardHostRefused },
    #[error("counter {id}: the book of its terminal can't be opened")]
    TerminalBook { id: String, source: io::Error },
    #[error("counter {id}: no thread for its card reader")]
    Reader { id: String, source: io::Error },
    #[error("the store's key")]
    StoreKey(#[from] SigningRefused),
    #[error("the vault for cards")]
    Vault(#[from] VaultRefused),
    #[error("the table of fees")]
    Fees(#[from] FileRefused),
    #[error("the door for notifications")]
    Door(#[source] io::Error),
    #[error("the book of people")]
    People(#[from] BookFailed),
    #[error("TLS of the API")]
    Tls(#[from] TlsRefused),
    #[error("a name is refused")]
    Name(#[from] IdRefused),
}

/// Records and bytes of bodies in one message: packed away from the store's thread, they may be
/// more than a small batch.
const BATCH_RECORDS: usize = 500;
const BATCH_BYTES: usize = 512 * 1024;

/// Records under way to the head office: what its transactions write there, what it has read for
/// the next one, and what is on its way, so that nobody waits for anybody.
const WINDOW_RECORDS: usize = 40_000;

/// How long the last words of a payment stay on the terminal.
const LINGER_MS: u64 = 1_500;

/// The open store and what must be closed behind it.
pub struct OpenStore {
    pub running: Running,
    pub journal: Arc<Journal>,
    /// What the acquirers take.
    pub fees: Arc<FeeTable>,
}

/// Opens the journal, then everything else. Must run inside the actix system.
pub fn open(config: &Config, signals: Signals) -> Result<OpenStore, WiringFailed> {
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let journal = Arc::new(Journal::open(JournalConfig {
        min_free_bytes: config.journal.min_free_bytes,
        day_offset_minutes: config.store.utc_offset_minutes,
        guard_retention: config.journal.guard_retention,
        segment_bytes: config.journal.guard_segment_bytes,
        await_receipts: config.uplink.is_some(),
        ..JournalConfig::new(&config.journal.dir)
    })?);
    let file = config.office.fees_file.as_deref();
    let Fees { table, cards } = file.map(fees::load).transpose()?.unwrap_or_default();
    let (fees, cards) = (Arc::new(table), Arc::new(cards));
    let prefer = preference(config, &fees, &journal);
    let acquirer = |acquirer| open_acquirer(config, acquirer, &clock, &entropy);
    let acquirers = config
        .acquirers
        .iter()
        .map(acquirer)
        .collect::<Result<_, _>>()?;
    let counters = config
        .counters
        .iter()
        .map(|counter| counter_plan(config, counter, (&prefer, &cards)));
    let running = plan::start(StorePlan {
        counters: counters.collect::<Result<_, _>>()?,
        acquirers,
        disk: Arc::clone(&journal) as Arc<dyn JournalDisk>,
        uplink: uplink(config, &entropy),
        signals,
        clock,
        entropy,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        was_clean: journal.was_clean(),
        days: Some(DaysPlan {
            store: config.store.store.clone(),
            offset_minutes: config.store.utc_offset_minutes,
            signer: Arc::new(StoreKey::open(&config.journal.dir.join("store.key"))?),
        }),
        offline: OfflinePlan {
            vault: Arc::new(Vault::open(
                &config.offline.vault_dir,
                &config.offline.vault_key_file,
            )?),
            limits: config.offline.limits.clone(),
        },
    })?;
    Ok(OpenStore {
        running,
        journal,
        fees,
    })
}

impl OpenStore {
    /// Ends the store in order; the journal last.
    pub async fn close(self) {
        self.running.stop().await;
        if let Err(failed) = self.journal.close().await {
            tracing::error!(error = %failed, "the journal was not closed cleanly");
        }
    }
}

fn uplink(
    config: &Config,
    entropy: &Arc<dyn Entropy>,
) -> Option<(Arc<dyn Uplink>, OutboxSettings)> {
    let uplink = config.uplink.as_ref()?;
    let store = StoreRef {
        chain: config.store.chain.clone(),
        store: config.store.store.clone(),
    };
    let mut mqtt = MqttConfig::new(uplink.broker.clone());
    mqtt.in_flight_max = u16::try_from(uplink.window).unwrap_or(mqtt.in_flight_max);
    mqtt.reconnect_spread = uplink.reconnect_spread;
    let watchdog_ms = u64::try_from(uplink.watchdog.as_millis()).unwrap_or(u64::MAX);
    let settings = OutboxSettings {
        stuck_after_ms: watchdog_ms,
        resend_after_ms: (watchdog_ms / 4).max(500),
        bytes_per_s: uplink.bytes_per_s,
        batch_records: BATCH_RECORDS,
        batch_bytes: BATCH_BYTES,
        window_records: WINDOW_RECORDS,
        currencies: vec![config.store.currency],
        ..OutboxSettings::default()
    };
    let link = MqttUplink::start(mqtt, store, Arc::clone(entropy));
    Some((Arc::new(link), settings))
}

/// By the table of fees, where the store prefers the cheapest.
fn preference(config: &Config, fees: &Arc<FeeTable>, journal: &Journal) -> Preference {
    if !config.routing.prefers_least_cost {
        return Preference::Priority;
    }
    Preference::LeastCost {
        table: Arc::clone(fees),
        // days end where the journal has ended them from its first run on
        offset_minutes: journal.day_offset_minutes(),
    }
}

fn counter_plan(
    config: &Config,
    counter: &config::Counter,
    (prefer, cards): (&Preference, &Arc<CardList>),
) -> Result<CounterPlan, WiringFailed> {
    let settings = CounterSettings {
        currency: config.store.currency,
        collect_timeout_ms: u64::try_from(counter.collect_timeout.as_millis()).unwrap_or(u64::MAX),
        terminal_entry: counter.terminal_entry,
        pin_above: counter.pin_above,
        signature_above: counter.signature_above,
        print_slips: counter.terminal.is_some(),
        letterhead: config.store.letterhead(),
        linger_ms: LINGER_MS,
        enabling: config.enabling.clone(),
        prefer: prefer.clone(),
        cards: Arc::clone(cards),
    };
    let terminal = match &counter.terminal {
        None => None,
        Some(terminal) => {
            let plan = terminal::plan(config, counter, terminal)?;
            Some((opener(&terminal.line), plan))
        }
    };
    let scanner = counter.scanner.as_ref().map(|scanner| {
        let framing = Framing::Terminator {
            suffix: scanner.suffix,
        };
        let settings = ScannerSettings {
            line: LineSettings {
                framing,
                ..LineSettings::default()
            },
            family: scanner.model,
            repeat_within: scanner.repeat_filter,
            ..ScannerSettings::default()
        };
        (opener(&scanner.line), settings)
    });
    let reader = match &counter.nfc {
        None => None,
        Some(nfc) => {
            let reader = PcscReader::open(&nfc.reader).map_err(|source| WiringFailed::Reader {
                id: counter.id.to_string(),
                source,
            })?;
            let settings = NfcSettings {
                country: config.store.country.numeric,
                utc_offset_min: i16::try_from(config.store.utc_offset_minutes).unwrap_or(0),
                ..NfcSettings::default()
            };
            Some((
                Arc::new(reader) as Arc<dyn store_actors::ports::CardReader>,
                settings,
            ))
        }
    };
    Ok(CounterPlan {
        id: counter.id.clone(),
        settings,
        terminal,
        scanner,
        reader,
    })
}

fn opener(line: &Line) -> Arc<dyn LineOpener> {
    match line {
        Line::Serial { path, settings } => Arc::new(SerialLine::new(path.clone(), *settings)),
        Line::Tcp {
            host,
            port,
            connect_timeout,
        } => Arc::new(TcpLine::new(host.clone(), *port, *connect_timeout)),
    }
}
