//! The head office's program: arguments in, exit code out.

use std::{error::Error, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Parser, Subcommand};
use store_controller::{
    adapters::clock::SystemClock,
    head_office::{
        self,
        config::{Config, DATABASE_URLS, LogConfig, database_url},
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
  curl http://127.0.0.1:8700/v1/stores

Exit codes: 0 ended as asked, 1 failed, 2 wrong arguments."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run until SIGTERM or Ctrl-C. Each further process with the same group is a further worker.
    Run {
        /// Configuration; without it the built-in one (config/head-office.toml, all keys
        /// explained).
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Address of the HTTP API, instead of the configured one; port 0 takes a free one.
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<SocketAddr>,
        /// Broker, instead of the configured one: mqtt://HOST:PORT, or mqtts:// for TLS.
        #[arg(long, value_name = "URL")]
        broker: Option<String>,
        /// Database, instead of the configured one: sqlite:FILE or postgres://USER@HOST/DATABASE.
        #[arg(long, value_name = "URL")]
        database: Option<String>,
    },
}

fn main() -> ExitCode {
    let Command::Run {
        config,
        listen,
        broker,
        database,
    } = Arguments::parse().command;
    let mut config = match Config::load(config.as_deref()) {
        Ok(config) => config,
        Err(refused) => return failed(&refused, 1),
    };
    config.listen = listen.unwrap_or(config.listen);
    if let Some(url) = broker
        && let Err(refused) = config.broker.set_url(&url)
    {
        return failed(&refused, 2);
    }
    if let Some(text) = database {
        let Some(url) = database_url(&text, "".as_ref()) else {
            return said(&format!("--database {text}: allowed: {DATABASE_URLS}"), 2);
        };
        config.database.url = url;
    }
    begin_log(&config.log);
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error, 1),
    }
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
