//! The program's log: `tracing` to standard error, as text for people or JSON for machines.

use std::io;

use thiserror::Error;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::config::{Log, LogFormat};

#[derive(Debug, Error)]
pub enum LogRefused {
    #[error("RUST_LOG is not understood: {0}")]
    Directives(String),
    #[error("the log is already set up")]
    AlreadySet,
}

/// Sends all events there from now on. `RUST_LOG`, if set, wins over the configured level.
///
/// # Errors
/// Directives that can't be understood, or a second call.
pub fn init(log: &Log) -> Result<(), LogRefused> {
    let directives = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| log.level.clone());
    let filter = EnvFilter::try_new(directives)
        .map_err(|cause| LogRefused::Directives(cause.to_string()))?;
    let layer = match log.format {
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(io::stderr)
            .boxed(),
        LogFormat::Text => {
            let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
            fmt::layer()
                .with_ansi(is_terminal)
                .with_writer(io::stderr)
                .boxed()
        }
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(layer);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogRefused::AlreadySet)
}
