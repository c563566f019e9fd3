//! The head office's program: arguments in, exit code out.

use std::{
    error::Error, io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc,
};

use clap::{Args, Parser, Subcommand};
use store_actors::{
    domain::{
        day::Day,
        ids::StoreId,
        money::{Currency, Money},
        offline::OfflineTotal,
    },
    ports::WallClock as _,
    wire::uplink::StoreRef,
};
use store_controller::{
    adapters::clock::SystemClock,
    crash,
    head_office::{
        self,
        completeness::Completeness,
        config::{Config, DATABASE_URLS, LogConfig, database_url},
        database::unhex,
    },
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// The chain's head office: takes what the stores report, and shows what is missing.
#[derive(Debug, Parser)]
#[command(
    name = "head-office",
    version,
    after_help = "\
Examples:
  head-office run
  head-office run --config /etc/head-office.toml
  head-office run --broker mqtt://127.0.0.1:1883 --database sqlite:office.db
  head-office run --listen 127.0.0.1:8701 --database postgres://office@db.example/office
  head-office completeness --day 2026-11-22
  head-office completeness --day 2026-11-22 --store 0017 --json
  head-office trust --store 0017 --key 5f0c…
  head-office offline-budget --store 0017 --sum 8000.00 --currency CNY --count 150
  curl http://127.0.0.1:8700/v1/stores

Exit codes: 0 ended as asked (completeness: complete), 1 failed (not complete), 2 wrong arguments."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run until SIGTERM or Ctrl-C. Each further process with the same group is a further worker.
    Run {
        #[command(flatten)]
        place: Place,
        /// Address of the HTTP API, instead of the configured one; port 0 takes a free one.
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<SocketAddr>,
        /// Broker, instead of the configured one: mqtt://HOST:PORT, or mqtts:// for TLS.
        #[arg(long, value_name = "URL")]
        broker: Option<String>,
    },
    /// Say whether a business day is complete, and what is missing of it: by store and counter.
    Completeness {
        #[command(flatten)]
        place: Place,
        /// The business day, e.g. 2026-11-22.
        #[arg(long, value_name = "DAY", value_parser = |text: &str| Day::parse(text).ok_or("not a day, e.g. 2026-11-22"))]
        day: Day,
        /// This store alone.
        #[arg(long, value_name = "STORE")]
        store: Option<StoreId>,
        /// As JSON, like GET /v1/completeness.
        #[arg(long)]
        json: bool,
    },
    /// Trust another key of a store, after its machine was replaced. Its refused days are judged
    /// again.
    Trust {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_name = "STORE")]
        store: StoreId,
        /// The public key, 64 hexadecimal characters, as the refused certificate names it.
        #[arg(long, value_name = "KEY")]
        key: String,
    },
    /// Set what a store may accept while no acquirer can be reached: all its counters together.
    /// It is sent at once, and to a store that is away as soon as it is back.
    OfflineBudget {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_name = "STORE")]
        store: StoreId,
        /// Decimal; 0 stops it.
        #[arg(long, value_name = "AMOUNT")]
        sum: String,
        /// The store's currency, ISO 4217.
        #[arg(long, value_name = "CURRENCY")]
        currency: Currency,
        /// Payments at most.
        #[arg(long, value_name = "N")]
        count: u32,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// Configuration; without it the built-in one (config/head-office.toml, all keys explained).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Database, instead of the configured one: sqlite:FILE or postgres://USER@HOST/DATABASE.
    #[arg(long, value_name = "URL", value_parser = known_database)]
    database: Option<String>,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run {
            place,
            listen,
            broker,
        } => begin(place, listen, broker),
        Command::Completeness {
            place,
            day,
            store,
            json,
        } => ended(completeness(place, day, store, json)),
        Command::Trust { place, store, key } => ended(trust(place, store, key)),
        Command::OfflineBudget {
            place,
            store,
            sum,
            currency,
            count,
        } => match Money::parse(&sum, currency) {
            Ok(sum) => ended(offline_budget(place, store, OfflineTotal { sum, count })),
            Err(refused) => said(&format!("--sum: {refused}"), 2),
        },
    }
}

fn begin(place: Place, listen: Option<SocketAddr>, broker: Option<String>) -> ExitCode {
    let mut config = match place.config() {
        Ok(config) => config,
        Err(refused) => return failed(&*refused, 1),
    };
    config.listen = listen.unwrap_or(config.listen);
    if let Some(url) = broker
        && let Err(refused) = config.broker.set_url(&url)
    {
        return failed(&refused, 2);
    }
    begin_log(&config.log);
    if let Err(refused) = crash::arm() {
        return failed(&refused, 1);
    }
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error, 1),
    }
}

impl Place {
    fn config(&self) -> Result<Config, Box<dyn Error>> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(url) = &self.database {
            config.database.url.clone_from(url);
        }
        Ok(config)
    }
}

fn known_database(text: &str) -> Result<String, String> {
    database_url(text, "".as_ref()).ok_or_else(|| format!("allowed: {DATABASE_URLS}"))
}

fn ended(outcome: Result<bool, Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => failed(&*error, 1),
    }
}

/// Whether the day is complete.
#[tokio::main]
async fn completeness(
    place: Place,
    day: Day,
    store: Option<StoreId>,
    json: bool,
) -> Result<bool, Box<dyn Error>> {
    let config = place.config()?;
    let database = head_office::open_database(&config).await?;
    let stores = database
        .completeness(&config.chain, day, store.as_ref())
        .await?;
    if let Some(store) = store.filter(|_| stores.is_empty()) {
        return Err(format!("no store {store} has reported here").into());
    }
    let found = Completeness::of(day, &stores);
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
    } else {
        for line in found.lines() {
            writeln!(out, "{line}")?;
        }
    }
    Ok(found.complete)
}

#[tokio::main]
async fn trust(place: Place, store: StoreId, key: String) -> Result<bool, Box<dyn Error>> {
    if unhex(&key).is_none_or(|bytes| bytes.len() != 32) {
        return Err("--key must be an Ed25519 public key: 64 hexadecimal characters".into());
    }
    let config = place.config()?;
    let database = head_office::open_database(&config).await?;
    let named = StoreRef {
        chain: config.chain,
        store,
    };
    let key = key.to_ascii_lowercase();
    if !database.trust(&named, &key, SystemClock.now()).await? {
        return Err(format!("no store {} has reported here", named.store).into());
    }
    writeln!(
        std::io::stdout(),
        "store {}: trusted key {key}",
        named.store
    )?;
    Ok(true)
}

#[tokio::main]
async fn offline_budget(
    place: Place,
    store: StoreId,
    total: OfflineTotal,
) -> Result<bool, Box<dyn Error>> {
    let config = place.config()?;
    let database = head_office::open_database(&config).await?;
    let named = StoreRef {
        chain: config.chain,
        store,
    };
    let now = SystemClock.now();
    if !database.set_offline_budget(&named, total, now).await? {
        return Err(format!("no store {} has reported here", named.store).into());
    }
    writeln!(
        std::io::stdout(),
        "store {}: {} in {} payments offline at most",
        named.store,
        total.sum,
        total.count
    )?;
    Ok(true)
}

#[tokio::main]
async fn run(config: Config) -> Result<(), Box<dyn Error>> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        asked.cancel();
    });
    Ok(head_office::run(config, Arc::new(SystemClock), stop).await?)
}

fn begin_log(log: &LogConfig) {
    // checked when the configuration was read; RUST_LOG is a person's wish of the moment
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&log.level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if log.json {
        builder.json().init()
    } else {
        builder.init()
    }
}

fn failed(error: &dyn Error, code: u8) -> ExitCode {
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        cause = error.source();
    }
    said(&why, code)
}

fn said(why: &str, code: u8) -> ExitCode {
    eprintln!("head-office: {why}");
    ExitCode::from(code)
}
