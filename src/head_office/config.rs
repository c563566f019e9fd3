//! The head office's configuration: plain data, read strictly. `config/head-office.toml` documents
//! every key and is, compiled in, the default of each.

#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use store_actors::domain::ids::ChainId;

use crate::{
    adapters::mqtt::broker::Broker,
    listen::Listen,
    strict_toml::{self, Faults, FileRefused, Section},
};

/// The complete file that ships with the program.
pub const BUILT_IN: &str = include_str!("../../config/head-office.toml");

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub chain: ChainId,
    pub listen: SocketAddr,
    pub broker: Broker,
    /// Of the shared subscription.
    pub group: String,
    pub receive_maximum: u16,
    /// Pause before a new connection.
    pub retry: Duration,
    pub database: DatabaseConfig,
    pub batch_records_max: usize,
    pub log: LogConfig,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseConfig {
    pub url: String,
    pub password_file: Option<PathBuf>,
    pub busy_timeout: Duration,
    pub commit_timeout: Duration,
    pub connections: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    pub json: bool,
    /// Directives of `tracing_subscriber::EnvFilter`.
    pub level: String,
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
        let chain = name(&mut root.section("head_office"), "chain");
        let why = "and the API has no log-in";
        let listen = Listen::read(&mut root.section("api"), "127.0.0.1:8700", why).address;
        let mut section = root.section("broker");
        let broker = Broker::read(&mut section, dir);
        let group = name::<ChainId>(&mut section, "group");
        let receive_maximum = section.u16_in("receive_maximum", 1..=1_000);
        let retry = section.duration_ms("retry_ms", 100..=60_000);
        let database = database(&mut root.section("database"), dir);
        let batch_records_max = root
            .section("ingest")
            .usize_in("batch_records_max", 1..=100_000);
        let log = log(&mut root.section("log"));
        Some(Self {
            chain: chain?,
            listen: listen?,
            broker,
            group: group?.to_string(),
            receive_maximum,
            retry,
            database: database?,
            batch_records_max,
            log: log?,
        })
    }
}

fn name<T: std::str::FromStr>(section: &mut Section<'_>, key: &str) -> Option<T> {
    section.parsed(key, "1 to 32 characters of A-Z a-z 0-9 . _ -", |text| {
        text.parse().ok()
    })
}

fn database(section: &mut Section<'_>, dir: &Path) -> Option<DatabaseConfig> {
    let url = section.parsed("url", DATABASE_URLS, |text| database_url(text, dir));
    Some(DatabaseConfig {
        password_file: section
            .optional("password_file", |section, key| dir.join(section.path(key))),
        busy_timeout: section.duration_ms("busy_timeout_ms", 100..=60_000),
        commit_timeout: section.duration_ms("commit_timeout_ms", 1_000..=300_000),
        connections: u32::from(section.u16_in("connections", 1..=64)),
        url: url?,
    })
}

pub const DATABASE_URLS: &str = "sqlite:FILE or postgres://USER@HOST:PORT/DATABASE";

/// The URL as the database's driver takes it; a relative SQLite file is under `dir`.
pub fn database_url(text: &str, dir: &Path) -> Option<String> {
    if ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        return Some(text.to_owned());
    }
    let file = text.strip_prefix("sqlite:")?;
    let file = file.strip_prefix("//").unwrap_or(file);
    // `?` would begin the URL's own parameters, which are set by the program
    let fits = !file.is_empty() && !file.contains(['?', '#', '%']);
    fits.then(|| format!("sqlite:{}", dir.join(file).display()))
}

fn log(section: &mut Section<'_>) -> Option<LogConfig> {
    let json = section.one_of("format", &[("text", false), ("json", true)]);
    let level = section.parsed("level", "a level or directives, e.g. \"info\"", |text| {
        let valid = text
            .parse::<tracing_subscriber::filter::EnvFilter>()
            .is_ok();
        valid.then(|| text.to_owned())
    });
    Some(LogConfig {
        json: json?,
        level: level?,
    })
}
