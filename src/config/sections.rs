//! The sections of which there is one: store, API, journal, uplink, log.

use std::{
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};

use store_actors::{
    domain::money::Currency,
    language::{Language, Languages},
};

use super::{Api, ApiTls, Country, Journal, Log, LogFormat, Notifications, Store, Uplink};
use crate::{
    adapters::{mqtt::broker::Broker, tls::CertificateFiles},
    listen::Listen,
    strict_toml::Section,
};

/// The countries of the currencies that `domain/money` knows.
const COUNTRIES: &[(&str, u16)] = &[
    ("CN", 156),
    ("HK", 344),
    ("MO", 446),
    ("TW", 158),
    ("US", 840),
    ("DE", 276),
    ("FR", 250),
    ("IT", 380),
    ("ES", 724),
    ("NL", 528),
    ("IE", 372),
    ("GB", 826),
    ("JP", 392),
    ("KR", 410),
    ("SG", 702),
    ("TH", 764),
    ("MY", 458),
    ("KW", 414),
];

pub(super) fn store(root: &mut Section<'_>) -> Option<Store> {
    let mut section = root.section("store");
    let name_of_32 = "1 to 32 characters of A-Z a-z 0-9 . _ -";
    let chain = section.parsed("chain", name_of_32, |text| text.parse().ok());
    let store = section.parsed("store", name_of_32, |text| text.parse().ok());
    let name = words(&mut section, "name");
    let utc_offset_minutes = section.i64_in("utc_offset_minutes", -720..=840);
    let languages = languages(&mut section);
    let currencies: Vec<_> = Currency::ALL
        .iter()
        .map(|currency| currency.alpha())
        .collect();
    let currency = section.parsed("currency", &currencies.join(", "), |text| text.parse().ok());
    let countries: Vec<_> = COUNTRIES.iter().map(|(alpha2, _)| *alpha2).collect();
    let country = section.parsed("country", &countries.join(", "), |text| {
        let known = COUNTRIES.iter().find(|(alpha2, _)| *alpha2 == text);
        known.map(|(alpha2, numeric)| Country {
            alpha2,
            numeric: *numeric,
        })
    });
    Some(Store {
        chain: chain?,
        store: store?,
        name,
        currency: currency?,
        country: country?,
        utc_offset_minutes: i32::try_from(utc_offset_minutes).unwrap_or(0),
        languages,
        speech: section.bool("speech"),
    })
}

fn languages(section: &mut Section<'_>) -> Languages {
    let tags = section.list("languages");
    Languages::from_tags(&tags).unwrap_or_else(|| {
        let known = Language::ALL.map(Language::tag).join(", ");
        section.fault("languages", format!("one or two, each once, of {known}"));
        Languages::default()
    })
}

/// Text for people or for another party: 1 to 64 characters, none of them a control character.
pub(super) fn words(section: &mut Section<'_>, key: &str) -> String {
    let fits =
        |text: &str| (1..=64).contains(&text.chars().count()) && !text.contains(char::is_control);
    section
        .parsed(key, "1 to 64 characters", |text| {
            fits(text).then(|| text.to_owned())
        })
        .unwrap_or_default()
}

pub(super) fn api(root: &mut Section<'_>, dir: &Path) -> Option<Api> {
    let mut section = root.section("api");
    let why = "whoever is there sees the sign-in";
    let listen = Listen::read(&mut section, "127.0.0.1:8600", why);
    let tls = tls(section.section("tls"), dir);
    let is_public = listen
        .address
        .is_some_and(|address| !address.ip().is_loopback());
    Some(Api {
        allow_public: listen.allow_public,
        event_readers_max: section.usize_in("event_readers_max", 1..=1_000),
        event_reader_timeout: section.duration_ms("event_reader_timeout_ms", 1_000..=600_000),
        picture_max_bytes: section.usize_in("picture_max_mib", 1..=64) * 1024 * 1024,
        tls: tls.map_or_else(|tls| is_public.then_some(tls), Some),
        listen: listen.address?,
    })
}

/// What TLS is spoken with; `Err` where it is not asked for.
fn tls(mut section: Section<'_>, dir: &Path) -> Result<ApiTls, ApiTls> {
    let is_enabled = section.bool("enabled");
    let mut given = |key| section.optional(key, |section, key| file(section, key, dir));
    let files = match (given("certificate_file"), given("key_file")) {
        (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
        (None, None) => None,
        _ => {
            section.fault("key_file", "certificate_file and key_file: both or none");
            None
        }
    };
    let is_name = |text: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
        (!text.is_empty() && text.bytes().all(fits)).then(|| text.to_owned())
    };
    let names = section.optional("names", |section, key| {
        section.parsed_list(key, "names or addresses", is_name)
    });
    let names = names.unwrap_or_default();
    let tls = ApiTls { files, names };
    if is_enabled { Ok(tls) } else { Err(tls) }
}

pub(super) fn notifications(root: &mut Section<'_>) -> Notifications {
    let mut section = root.section("notifications");
    let listen = section.optional("listen", |section, key| {
        section.parsed(key, "ADDRESS:PORT, e.g. 0.0.0.0:8620", |text| {
            text.parse().ok()
        })
    });
    Notifications {
        listen: listen.flatten(),
        body_max_bytes: section.usize_in("body_max_kib", 1..=1_024) * 1_024,
    }
}

pub(super) fn journal(root: &mut Section<'_>, dir: &Path) -> Journal {
    let mut section = root.section("journal");
    Journal {
        dir: file(&mut section, "dir", dir),
        min_free_bytes: section.u64_in("min_free_mib", 16..=1_048_576) * 1024 * 1024,
        guard_retention: Duration::from_secs(
            section.u64_in("guard_retention_days", 0..=365) * 24 * 3_600,
        ),
        guard_segment_bytes: section.u64_in("guard_segment_mib", 1..=1_024) * 1024 * 1024,
    }
}

/// `23:45`, as minutes after midnight.
pub(super) fn time_of_day(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let part = |digits: &str, below: u32| -> Option<u32> {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: u32 = is_number.then(|| digits.parse().ok())??;
        (number < below).then_some(number)
    };
    Some(part(hours, 24)? * 60 + part(minutes, 60)?)
}

/// A path relative to the configuration's directory.
pub(super) fn file(section: &mut Section<'_>, key: &str, dir: &Path) -> PathBuf {
    dir.join(section.path(key))
}

pub(super) fn uplink(root: &mut Section<'_>, dir: &Path) -> Option<Uplink> {
    let mut section = root.section("uplink");
    let enabled = section.bool("enabled");
    let broker = Broker::read(&mut section, dir);
    let uplink = Uplink {
        broker,
        window: section.usize_in("window", 1..=100),
        watchdog: section.duration_ms("watchdog_ms", 1_000..=600_000),
        reconnect_spread: section.duration_ms("reconnect_spread_ms", 0..=600_000),
        bytes_per_s: NonZeroU64::new(section.u64_in("bandwidth_kib_s", 0..=1_048_576) * 1_024),
    };
    enabled.then_some(uplink)
}

/// Where traces go.
pub(super) fn telemetry(root: &mut Section<'_>) -> Option<String> {
    let mut section = root.section("telemetry");
    let allowed = "http:// or https:// with a host, without a path";
    let url = |text: &str| {
        let url: reqwest::Url = text.parse().ok()?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.has_host();
        (is_bare && matches!(url.scheme(), "http" | "https")).then(|| text.to_owned())
    };
    section
        .optional("otlp_url", |section, key| section.parsed(key, allowed, url))
        .flatten()
}

pub(super) fn log(root: &mut Section<'_>) -> Option<Log> {
    let mut section = root.section("log");
    let format = section.one_of(
        "format",
        &[("text", LogFormat::Text), ("json", LogFormat::Json)],
    );
    let level = section.parsed(
        "level",
        "error, warn, info, debug, trace, or directives",
        |text| {
            let is_known =
                !text.is_empty() && text.parse::<tracing_subscriber::filter::Targets>().is_ok();
            is_known.then(|| text.to_owned())
        },
    );
    Some(Log {
        format: format?,
        level: level?,
    })
}
