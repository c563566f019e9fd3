//! The acquirers' tables.

pub(super) mod cardhost;
pub(super) mod driver;
pub(super) mod unionpay;
pub(super) mod way;

use std::{path::Path, time::Duration};

use store_actors::domain::{
    link::LinkRules,
    money::{Currency, Money},
    payment::AcquirerClock,
    tender::{Scheme, Tender},
};

use super::{Acquirer, Driver, offline::amount, sections::words, sticker};
use crate::strict_toml::Section;

/// For an acquirer that doesn't say: the same as the built-in file's.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// For an acquirer that doesn't say.
const PRIORITY: u64 = 50;

pub(super) fn all(
    root: &mut Section<'_>,
    currency: Currency,
    country: &str,
    dir: &Path,
) -> Vec<Acquirer> {
    let mut tables = root.section("acquirers");
    let ids = tables.keys();
    if ids.is_empty() {
        root.fault("acquirers", "has no acquirer: nothing could be paid");
    }
    let mut all: Vec<_> = ids
        .into_iter()
        .filter_map(|id| one(&mut tables, &id, (currency, country), dir))
        .collect();
    // stable: by name among equals
    all.sort_by_key(|acquirer| acquirer.priority);
    all
}

fn one(
    tables: &mut Section<'_>,
    key: &str,
    (currency, country): (Currency, &str),
    dir: &Path,
) -> Option<Acquirer> {
    let id = key.parse().ok();
    if id.is_none() {
        tables.fault(key, "a name has 1 to 32 characters of A-Z a-z 0-9 . _ -");
    }
    let mut section = tables.section(key);
    let name = section
        .optional("name", words)
        .unwrap_or_else(|| key.to_owned());
    let base_url = section.parsed(
        "base_url",
        "http://HOST:PORT or https://HOST, without a path, or a card host's tcp://HOST:PORT",
        base_url,
    );
    let way = way::way(&mut section, dir, base_url.as_deref());
    let driver = driver::of(&mut section, dir);
    if let (Some(driver), Some(url)) = (&driver, &base_url)
        && url.starts_with("tcp://") != matches!(driver, Driver::CardHost(_))
    {
        section.fault("base_url", "tcp:// is for card hosts, and nothing else is");
    }
    let sticker = sticker::sticker(&mut section, currency, country);
    let tenders = listed(&mut section, "tenders", &Tender::CONCRETE, Tender::as_str);
    let schemes = schemes(&mut section, "schemes");
    let priority = section
        .optional("priority", |section, key| section.u64_in(key, 1..=100))
        .unwrap_or(PRIORITY);
    let limits = limits(&mut section, currency);
    let probe_interval = section
        .optional("probe_interval_ms", |section, key| {
            section.duration_ms(key, 200..=600_000)
        })
        .unwrap_or(PROBE_INTERVAL);
    let link = link(&mut section);
    let speed = section
        .optional("speed", |section, key| section.u64_in(key, 1..=1_000))
        .unwrap_or(1);
    let clock = clock(&mut section);
    Some(Acquirer {
        id: id?,
        driver: driver?,
        name,
        base_url: base_url?,
        way,
        sticker,
        tenders,
        schemes,
        priority,
        limits,
        probe_interval,
        link,
        speed,
        clock,
    })
}

fn base_url(text: &str) -> Option<String> {
    if let Some(address) = text.strip_prefix("tcp://") {
        let (host, port) = address.rsplit_once(':')?;
        let fits = (1..=255).contains(&host.len()) && !host.contains(['/', '?', '#', '@', ' ']);
        return (fits && port.parse::<u16>().is_ok_and(|port| port > 0)).then(|| text.to_owned());
    }
    http_host(text)
}

/// An HTTP server without a path.
fn http_host(text: &str) -> Option<String> {
    let host = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let fits = (1..=255).contains(&host.len()) && !host.contains(['/', '?', '#', '@', ' ']);
    fits.then(|| text.trim_end_matches('/').to_owned())
}

/// A list of schemes, each at most once and at least one.
pub(super) fn schemes(section: &mut Section<'_>, key: &str) -> Vec<Scheme> {
    listed(section, key, &Scheme::ALL, Scheme::as_str)
}

/// A list of words, each at most once and at least one.
pub(super) fn listed<T: Copy + PartialEq>(
    section: &mut Section<'_>,
    key: &str,
    all: &[T],
    word: impl Fn(T) -> &'static str,
) -> Vec<T> {
    let (list, given) = named(section, key, all, &word);
    if given == 0 {
        section.fault(key, format!("is empty; allowed: {}", allowed(all, word)));
    }
    list
}

fn allowed<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> String {
    let words: Vec<_> = all
        .iter()
        .map(|item| format!("{:?}", word(*item)))
        .collect();
    words.join(", ")
}

/// A list of words, each at most once.
pub(super) fn any_of<T: Copy + PartialEq>(
    section: &mut Section<'_>,
    key: &str,
    all: &[T],
    word: impl Fn(T) -> &'static str,
) -> Vec<T> {
    named(section, key, all, word).0
}

/// The list, and how many words were given.
fn named<T: Copy + PartialEq>(
    section: &mut Section<'_>,
    key: &str,
    all: &[T],
    word: impl Fn(T) -> &'static str,
) -> (Vec<T>, usize) {
    let given = section.list(key);
    let mut list = Vec::new();
    for text in &given {
        match all.iter().copied().find(|item| word(*item) == text) {
            Some(item) if list.contains(&item) => {
                section.fault(key, format!("names {text:?} twice"))
            }
            Some(item) => list.push(item),
            None => section.fault(
                key,
                format!("names {text:?}; allowed: {}", allowed(all, &word)),
            ),
        }
    }
    (list, given.len())
}

fn limits(acquirer: &mut Section<'_>, currency: Currency) -> Vec<(Tender, Money)> {
    let Some(mut section) = acquirer.optional("limits", Section::section) else {
        return Vec::new();
    };
    let mut limits = Vec::new();
    for tender in Tender::CONCRETE {
        let limit = section.optional(tender.as_str(), |section, key| {
            amount(section, key, currency)
        });
        limits.extend(limit.flatten().map(|limit| (tender, limit)));
    }
    limits
}

fn link(acquirer: &mut Section<'_>) -> LinkRules {
    let usual = LinkRules::USUAL;
    let Some(mut section) = acquirer.optional("link", Section::section) else {
        return usual;
    };
    let mut samples = |key: &str, most: u64, usual: u32| {
        let given = section.optional(key, |section, key| section.u64_in(key, 1..=most));
        given.and_then(|n| u32::try_from(n).ok()).unwrap_or(usual)
    };
    let lost_in_a_row = samples("lost_in_a_row", 100, usual.lost_in_a_row);
    let lost_in_window = samples("lost_in_window", 100, usual.lost_in_window);
    let slow_in_a_row = samples("slow_in_a_row", 100, usual.slow_in_a_row);
    let good_in_a_row = samples("good_in_a_row", 100, usual.good_in_a_row);
    let window = section
        .optional("window", |section, key| section.usize_in(key, 1..=1_000))
        .unwrap_or(usual.window);
    let slow_ms = section
        .optional("slow_ms", |section, key| section.u64_in(key, 10..=120_000))
        .unwrap_or(usual.slow_ms);
    LinkRules {
        lost_in_a_row,
        lost_in_window,
        window,
        slow_ms,
        slow_in_a_row,
        good_in_a_row,
    }
}

fn clock(acquirer: &mut Section<'_>) -> AcquirerClock {
    let usual = AcquirerClock::USUAL;
    let Some(mut section) = acquirer.optional("clock", Section::section) else {
        return usual;
    };
    let mut ms = |key: &str, range, usual| {
        section
            .optional(key, |section, key| section.u64_in(key, range))
            .unwrap_or(usual)
    };
    let clock = AcquirerClock {
        answer_timeout_ms: ms("answer_timeout_ms", 100..=120_000, usual.answer_timeout_ms),
        first_query_ms: ms("first_query_ms", 10..=120_000, usual.first_query_ms),
        query_interval_ms: ms("query_interval_ms", 10..=120_000, usual.query_interval_ms),
        give_up_ms: ms("give_up_ms", 1_000..=3_600_000, usual.give_up_ms),
        reverse_not_before_ms: ms(
            "reverse_not_before_ms",
            0..=600_000,
            usual.reverse_not_before_ms,
        ),
        reverse_not_after_ms: ms(
            "reverse_not_after_ms",
            60_000..=2_592_000_000,
            usual.reverse_not_after_ms,
        ),
        auto_close_ms: ms("auto_close_ms", 1_000..=2_592_000_000, usual.auto_close_ms),
        interval_max_ms: ms("interval_max_ms", 1_000..=3_600_000, usual.interval_max_ms),
        reverse_interval_ms: ms(
            "reverse_interval_ms",
            10..=120_000,
            usual.reverse_interval_ms,
        ),
        qr_expiry_ms: ms("qr_expiry_ms", 1_000..=7_200_000, usual.qr_expiry_ms),
        refund_interval_ms: ms("refund_interval_ms", 10..=600_000, usual.refund_interval_ms),
    };
    if clock.give_up_ms <= clock.answer_timeout_ms {
        section.fault(
            "give_up_ms",
            format!(
                "must be more than answer_timeout_ms, {}",
                clock.answer_timeout_ms
            ),
        );
    }
    if clock.reverse_not_after_ms <= clock.give_up_ms {
        section.fault(
            "reverse_not_after_ms",
            format!("must be more than give_up_ms, {}", clock.give_up_ms),
        );
    }
    clock
}
