//! The counters' tables and what they have in common.

use std::{collections::BTreeMap, path::Path, time::Duration};

use store_actors::{
    domain::{
        ids::CounterId,
        money::{Currency, Money},
    },
    wire::{frame::Suffix, scanner::Family},
};

use super::{Counter, Line, Nfc, Protocol, Scanner, Terminal, terminal};
use crate::{
    adapters::serial::{DataBits, FlowControl, Parity, SerialSettings, StopBits},
    strict_toml::Section,
};

/// The most counters of one store.
const COUNTERS_MAX: usize = 1_000;

const DATA_BITS: [DataBits; 4] = [
    DataBits::Five,
    DataBits::Six,
    DataBits::Seven,
    DataBits::Eight,
];
const PARITIES: &[(&str, Parity)] = &[
    ("none", Parity::None),
    ("odd", Parity::Odd),
    ("even", Parity::Even),
];
const FLOW_CONTROLS: &[(&str, FlowControl)] = &[
    ("none", FlowControl::None),
    ("hardware", FlowControl::Hardware),
    ("software", FlowControl::Software),
];
const MODELS: &[(&str, Family)] = &[
    ("plain", Family::Plain),
    ("honeywell", Family::Honeywell),
    ("datalogic", Family::Datalogic),
];
const SUFFIXES: &[(&str, Suffix)] = &[
    ("cr", Suffix::Cr),
    ("lf", Suffix::Lf),
    ("crlf", Suffix::CrLf),
];

/// How a line is spoken on, wherever it is.
#[derive(Clone, Copy)]
struct Link {
    settings: SerialSettings,
    connect_timeout: Duration,
}

/// PA00P015, serial transport protocol: what terminals come with.
const fn zvt_link(usual: Link) -> Link {
    Link {
        settings: SerialSettings {
            baud: 9_600,
            data_bits: DataBits::Eight,
            parity: Parity::None,
            stop_bits: StopBits::Two,
            flow_control: FlowControl::None,
        },
        connect_timeout: usual.connect_timeout,
    }
}

#[derive(Clone, Copy)]
struct Scanning {
    model: Family,
    suffix: Suffix,
    repeat_filter: Duration,
}

struct Defaults {
    collect_timeout: Duration,
    terminal_entry: bool,
    pin_above: Option<Money>,
    signature_above: Option<Money>,
    terminal: Link,
    scanner: Link,
    scanning: Scanning,
}

/// Who uses what: a line, a reader or an id belongs to one counter.
#[derive(Default)]
struct Taken(BTreeMap<String, String>);

impl Taken {
    fn claim(&mut self, section: &mut Section<'_>, key: &str, thing: String, by: &str) {
        if let Some(other) = self.0.insert(thing.clone(), by.to_owned()) {
            section.fault(key, format!("{thing} is already used by {other}"));
        }
    }
}

pub(super) fn all(root: &mut Section<'_>, currency: Currency) -> Option<Vec<Counter>> {
    let defaults = defaults(&mut root.section("counter_defaults"), currency);
    let tables = root.sections("counter");
    if !(1..=COUNTERS_MAX).contains(&tables.len()) {
        root.fault(
            "counter",
            format!("there are {}; allowed: 1 to {COUNTERS_MAX}", tables.len()),
        );
    }
    let mut taken = Taken::default();
    let mut counters = Vec::new();
    for mut table in tables {
        counters.extend(one(&mut table, &defaults, currency, &mut taken));
    }
    Some(counters)
}

fn defaults(section: &mut Section<'_>, currency: Currency) -> Defaults {
    let (mut terminal, mut scanner) = (section.section("terminal"), section.section("scanner"));
    Defaults {
        collect_timeout: collect_timeout(section, "collect_timeout_ms"),
        terminal_entry: section.bool("terminal_entry"),
        pin_above: above(section, "pin_above", currency),
        signature_above: above(section, "signature_above", currency),
        terminal: link(&mut terminal, None),
        scanner: link(&mut scanner, None),
        scanning: scanning(&mut scanner, None),
    }
}

fn one(
    section: &mut Section<'_>,
    defaults: &Defaults,
    currency: Currency,
    taken: &mut Taken,
) -> Option<Counter> {
    let id: Option<CounterId> =
        section.parsed("id", "1 to 16 characters of A-Z a-z 0-9 . _ -", |text| {
            text.parse().ok()
        });
    let by = id
        .as_ref()
        .map_or("?".to_owned(), |id| format!("counter {id}"));
    if let Some(id) = &id {
        taken.claim(section, "id", format!("id {id}"), "another counter");
    }
    let terminal = section
        .optional("terminal", Section::section)
        .and_then(|mut table| {
            let protocol = terminal::protocol(&mut table);
            let usual = match protocol {
                Protocol::Nexo => defaults.terminal,
                Protocol::Zvt(_) => zvt_link(defaults.terminal),
            };
            let link = link(&mut table, Some(usual));
            let line = line(&mut table, link, taken, &format!("the terminal of {by}"))?;
            Some(Terminal { line, protocol })
        });
    let scanner = section
        .optional("scanner", Section::section)
        .map(|mut table| {
            let link = link(&mut table, Some(defaults.scanner));
            let scanning = scanning(&mut table, Some(defaults.scanning));
            let line = line(&mut table, link, taken, &format!("the scanner of {by}"));
            line.map(|line| Scanner {
                line,
                model: scanning.model,
                suffix: scanning.suffix,
                repeat_filter: scanning.repeat_filter,
            })
        });
    let nfc = section.optional("nfc", Section::section).map(|mut table| {
        let reader = super::sections::words(&mut table, "reader");
        taken.claim(&mut table, "reader", format!("reader {reader:?}"), &by);
        Nfc { reader }
    });
    let is_zvt = |terminal: &Terminal| matches!(terminal.protocol, Protocol::Zvt(_));
    if nfc.is_some() && terminal.as_ref().is_some_and(is_zvt) {
        section.fault(
            "nfc",
            "the counter's terminal reads the cards itself: leave this out",
        );
    }
    let collect_timeout = section.optional("collect_timeout_ms", collect_timeout);
    let terminal_entry = section.optional("terminal_entry", Section::bool);
    let amount = |section: &mut Section<'_>, key: &str| above(section, key, currency);
    let pin = section.optional("pin_above", amount);
    let signature = section.optional("signature_above", amount);
    Some(Counter {
        id: id?,
        terminal,
        scanner: scanner.flatten(),
        nfc,
        collect_timeout: collect_timeout.unwrap_or(defaults.collect_timeout),
        terminal_entry: terminal_entry.unwrap_or(defaults.terminal_entry),
        pin_above: pin.unwrap_or(defaults.pin_above),
        signature_above: signature.unwrap_or(defaults.signature_above),
    })
}

fn collect_timeout(section: &mut Section<'_>, key: &str) -> Duration {
    section.duration_ms(key, 1_000..=3_600_000)
}

fn above(section: &mut Section<'_>, key: &str, currency: Currency) -> Option<Money> {
    let allowed = format!("an amount in {currency}, or \"never\"");
    let amount = |text: &str| match text {
        "never" => Some(None),
        amount => Money::parse(amount, currency).ok().map(Some),
    };
    section.parsed(key, &allowed, amount).flatten()
}

/// Reads a key that must be there (`usual` is `None`: these are the defaults) or may be.
fn or_usual<T>(
    section: &mut Section<'_>,
    key: &str,
    usual: Option<T>,
    read: impl FnOnce(&mut Section<'_>, &str) -> T,
) -> T {
    match usual {
        None => read(section, key),
        Some(usual) => section.optional(key, read).unwrap_or(usual),
    }
}

fn link(section: &mut Section<'_>, usual: Option<Link>) -> Link {
    let serial = usual.map(|usual| usual.settings);
    let baud = or_usual(
        section,
        "baud",
        serial.map(|serial| serial.baud),
        |section, key| u32::try_from(section.u64_in(key, 300..=4_000_000)).unwrap_or(u32::MAX),
    );
    let data_bits = or_usual(
        section,
        "data_bits",
        serial.map(|serial| serial.data_bits),
        |section, key| {
            let bits = section.usize_in(key, 5..=8);
            DATA_BITS
                .get(bits.saturating_sub(5))
                .copied()
                .unwrap_or(DataBits::Eight)
        },
    );
    let parity = or_usual(
        section,
        "parity",
        serial.map(|serial| serial.parity),
        |section, key| section.one_of(key, PARITIES).unwrap_or(Parity::None),
    );
    let stop_bits = or_usual(
        section,
        "stop_bits",
        serial.map(|serial| serial.stop_bits),
        |section, key| {
            if section.u64_in(key, 1..=2) == 2 {
                StopBits::Two
            } else {
                StopBits::One
            }
        },
    );
    let flow_control = or_usual(
        section,
        "flow_control",
        serial.map(|serial| serial.flow_control),
        |section, key| {
            section
                .one_of(key, FLOW_CONTROLS)
                .unwrap_or(FlowControl::None)
        },
    );
    let connect_timeout = or_usual(
        section,
        "connect_timeout_ms",
        usual.map(|usual| usual.connect_timeout),
        |section, key| section.duration_ms(key, 100..=60_000),
    );
    Link {
        settings: SerialSettings {
            baud,
            data_bits,
            parity,
            stop_bits,
            flow_control,
        },
        connect_timeout,
    }
}

fn scanning(section: &mut Section<'_>, usual: Option<Scanning>) -> Scanning {
    Scanning {
        model: or_usual(
            section,
            "model",
            usual.map(|usual| usual.model),
            |section, key| section.one_of(key, MODELS).unwrap_or_default(),
        ),
        suffix: or_usual(
            section,
            "suffix",
            usual.map(|usual| usual.suffix),
            |section, key| section.one_of(key, SUFFIXES).unwrap_or(Suffix::Cr),
        ),
        repeat_filter: or_usual(
            section,
            "repeat_filter_ms",
            usual.map(|usual| usual.repeat_filter),
            |section, key| section.duration_ms(key, 0..=10_000),
        ),
    }
}

fn line(section: &mut Section<'_>, link: Link, taken: &mut Taken, by: &str) -> Option<Line> {
    let line = section.parsed(
        "line",
        "an absolute path, e.g. /dev/serial/by-id/…, or tcp://HOST:PORT",
        |text| parse_line(text, link),
    )?;
    taken.claim(section, "line", format!("line {}", line.describe()), by);
    Some(line)
}

fn parse_line(text: &str, link: Link) -> Option<Line> {
    let Some(address) = text.strip_prefix("tcp://") else {
        let path = Path::new(text);
        return path.is_absolute().then(|| Line::Serial {
            path: path.to_owned(),
            settings: link.settings,
        });
    };
    let (host, port) = address.rsplit_once(':')?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let fits = (1..=253).contains(&host.len()) && !host.contains(['/', ' ', '[', ']']);
    fits.then(|| Line::Tcp {
        host: host.to_owned(),
        port,
        connect_timeout: link.connect_timeout,
    })
}

impl Line {
    /// For people, and the same for two lines that are one.
    pub fn describe(&self) -> String {
        match self {
            Line::Serial { path, .. } => path.display().to_string(),
            Line::Tcp { host, port, .. } if host.contains(':') => format!("tcp://[{host}]:{port}"),
            Line::Tcp { host, port, .. } => format!("tcp://{host}:{port}"),
        }
    }
}
