//! The store at a glance, as a page shows it: a pure function of what is known.

use store_actors::{
    counter::CounterStatus,
    domain::{
        money::{Currency, Money},
        payment::{Payment, State},
        readiness::{Obstacle, TenderReadiness},
        timestamp::Timestamp,
        unresolved::Unresolved,
    },
    language::{Language, Value, why},
    outbox::UnsentMoney,
    signal::{AcquirerStatus, Board, DeviceStatus, Health},
};

use super::frame::Frame;
use crate::adapters::journal::Total;

/// Everything that the page is made of.
pub(super) struct Known<'a> {
    pub now: Timestamp,
    /// The business day.
    pub day: String,
    pub currency: Currency,
    /// Of that day.
    pub totals: &'a [Total],
    pub counters: &'a [CounterStatus],
    /// The payments that hold a stand.
    pub at_stand: &'a [Payment],
    pub unknown: &'a [Unresolved],
    pub board: &'a Board,
}

#[derive(Debug)]
pub(super) struct Overview {
    /// Why no money is taken at all.
    pub stopped: Option<String>,
    /// About printed QRs.
    pub alarms: Vec<String>,
    pub day: String,
    pub tiles: Vec<Tile>,
    pub taken: Vec<Taken>,
    pub unknown: UnknownLine,
    pub unsent: Unsent,
    pub offline: Option<OfflineLine>,
    pub links: Vec<LinkLine>,
    pub devices: Vec<DeviceLine>,
}

/// A counter. The tones are classes of the style: `good`, `busy`, `warning`, `bad`.
#[derive(Debug)]
pub(super) struct Tile {
    pub id: String,
    pub tone: &'static str,
    pub state: String,
    pub amount: Option<String>,
    /// Why something can't be taken, each once.
    pub obstacles: Vec<String>,
}

/// What was taken by one tender, or paid back.
#[derive(Debug)]
pub(super) struct Taken {
    pub name: String,
    pub amount: String,
    pub count: String,
}

#[derive(Debug)]
pub(super) struct UnknownLine {
    pub count: usize,
    pub words: String,
}

#[derive(Debug)]
pub(super) struct Unsent {
    pub depth: u64,
    /// What moved in those records, a line for each currency, and for refunds.
    pub money: Vec<String>,
    pub is_late: bool,
    pub words: String,
}

#[derive(Debug)]
pub(super) struct OfflineLine {
    pub used: String,
    pub is_closed: bool,
    pub words: String,
}

#[derive(Debug)]
pub(super) struct LinkLine {
    pub name: String,
    pub tone: &'static str,
    pub state: String,
    pub words: String,
}

#[derive(Debug)]
pub(super) struct DeviceLine {
    pub id: String,
    pub counter: String,
    pub kind: String,
    pub tone: &'static str,
    pub state: String,
    pub why: Option<String>,
    pub last_word: String,
    pub restarts: u64,
    pub line: String,
}

/// From here on what the head office has not confirmed is late, milliseconds.
const LATE_MS: u64 = 60_000;

impl Overview {
    pub(super) fn of(frame: &Frame, known: &Known<'_>) -> Self {
        let language = frame.language;
        let board = known.board;
        let oldest = known.unknown.iter().map(|line| line.age_ms(known.now));
        Self {
            stopped: board.journal_stopped.clone(),
            alarms: sticker_alarms(language, board),
            day: known.day.clone(),
            tiles: known
                .counters
                .iter()
                .map(|counter| tile(language, counter, known.at_stand))
                .collect(),
            taken: taken(frame, known),
            unknown: UnknownLine {
                count: known.unknown.len(),
                words: oldest.max().map_or_else(
                    || frame.say("nothing-unknown"),
                    |age| language.say_with("oldest", [("age", age_words(language, age).into())]),
                ),
            },
            unsent: unsent(language, board),
            offline: offline(language, board),
            links: board
                .acquirers
                .values()
                .map(|acquirer| link(language, acquirer))
                .chain([head_office(language, board)])
                .collect(),
            devices: board
                .devices
                .values()
                .map(|device| device_line(language, device, known.now))
                .collect(),
        }
    }
}

fn sticker_alarms(language: Language, board: &Board) -> Vec<String> {
    let stickers = board.stickers.iter().filter(|(_, seen)| seen.is_alarm());
    let swapped = stickers.map(|(counter, _)| {
        let counter = Value::from(counter.as_str());
        language.say_with("sticker-swapped", [("counter", counter)])
    });
    let unmatched = board.unmatched.map(|(_, count)| {
        let count = Value::from(count);
        language.say_with("sticker-unmatched", [("count", count)])
    });
    swapped.chain(unmatched).collect()
}

fn tile(language: Language, counter: &CounterStatus, at_stand: &[Payment]) -> Tile {
    let payment = at_stand
        .iter()
        .find(|payment| Some(payment.id) == counter.at_stand);
    let ready = counter.tenders.iter().any(|tender| tender.ready);
    let mut obstacles: Vec<String> = Vec::new();
    for obstacle in counter.tenders.iter().flat_map(|tender| &tender.obstacles) {
        if matches!(
            obstacle,
            Obstacle::Busy { .. } | Obstacle::NoScanner | Obstacle::NoReader
        ) {
            continue;
        }
        let words = obstacle.say(language);
        if !obstacles.contains(&words) {
            obstacles.push(words);
        }
    }
    let (tone, id) = match () {
        () if counter.at_stand.is_some() => ("busy", "counter-busy"),
        () if !ready => ("bad", "counter-closed"),
        () if !obstacles.is_empty() => ("warning", "counter-ready"),
        () => ("good", "counter-ready"),
    };
    Tile {
        id: counter.id.to_string(),
        tone,
        state: language.say(id),
        amount: payment.map(|payment| payment.money.to_string()),
        obstacles,
    }
}

/// The first reason against a tender.
pub(super) fn first_obstacle(language: Language, tender: &TenderReadiness) -> Option<String> {
    let obstacle = tender.obstacles.first().filter(|_| !tender.ready)?;
    Some(obstacle.say(language))
}

pub(super) fn tender_name(language: Language, tender: &str) -> String {
    language.say(match tender {
        "customer_code" => "tender-customer-code",
        "merchant_qr" => "tender-merchant-qr",
        "card" => "tender-card",
        _ => "tender-any",
    })
}

fn taken(frame: &Frame, known: &Known<'_>) -> Vec<Taken> {
    let paid = [State::Approved, State::Confirmed, State::ApprovedOffline].map(State::as_str);
    let line = |name: String, lines: &[&Total]| {
        let units = lines.iter().map(|total| total.minor_units).sum();
        let count: u64 = lines.iter().map(|total| total.count).sum();
        let amount = Money::from_minor_units(units, known.currency);
        Taken {
            name,
            amount: amount.map_or_else(|_| units.to_string(), |money| money.to_string()),
            count: frame
                .language
                .say_with("payments-count", [("count", Value::from(count))]),
        }
    };
    let mut tenders: Vec<&str> = known
        .totals
        .iter()
        .map(|total| total.tender.as_str())
        .collect();
    tenders.sort_unstable();
    tenders.dedup();
    let mut taken: Vec<Taken> = Vec::new();
    for tender in tenders {
        let of_tender =
            |total: &&Total| total.tender == tender && paid.contains(&total.state.as_str());
        let lines: Vec<&Total> = known.totals.iter().filter(of_tender).collect();
        if !lines.is_empty() {
            taken.push(line(tender_name(frame.language, tender), &lines));
        }
    }
    let refunded: Vec<&Total> = known
        .totals
        .iter()
        .filter(|total| total.state == "refunded")
        .collect();
    if !refunded.is_empty() {
        taken.push(line(frame.say("refunds"), &refunded));
    }
    if taken.is_empty() {
        taken.push(line(frame.say("taken"), &[]));
    }
    taken
}

fn unsent(language: Language, board: &Board) -> Unsent {
    let age = board
        .outbox
        .oldest_age_ms
        .filter(|_| board.outbox.depth > 0);
    let is_late = age.is_some_and(|age| age >= LATE_MS);
    Unsent {
        depth: board.outbox.depth,
        money: unsent_money(language, board.outbox.money.as_deref().unwrap_or_default()),
        is_late,
        words: match age {
            None => language.say("nothing-unsent"),
            Some(age) => language.say_with("oldest", [("age", age_words(language, age).into())]),
        },
    }
}

/// How much money the head office does not know of.
pub(super) fn unsent_money(language: Language, unsent: &[UnsentMoney]) -> Vec<String> {
    let money = |units, line: &UnsentMoney| Money::from_minor_units(units, line.currency).ok();
    let said = |id, units, line| {
        let money = money(units, line).filter(|money| !money.is_zero())?;
        Some(language.say_with(id, [("money", Value::from(money.to_string()))]))
    };
    let lines = unsent.iter().flat_map(|line| {
        [
            said("unsent-payments", line.payments, line),
            said("unsent-refunds", line.refunds, line),
        ]
    });
    lines.flatten().collect()
}

fn offline(language: Language, board: &Board) -> Option<OfflineLine> {
    let offline = board.offline.as_ref()?;
    let money = |units| {
        Money::from_minor_units(units, offline.currency)
            .map_or_else(|_| String::new(), |m| m.to_string())
    };
    let total = Value::from(money(offline.total.minor_units));
    Some(OfflineLine {
        used: money(offline.used.minor_units),
        is_closed: offline.closed.is_some(),
        words: offline.closed.as_ref().map_or_else(
            || language.say_with("offline-of", [("total", total)]),
            |why| language.say_with("offline-closed", [("why", Value::from(why.say(language)))]),
        ),
    })
}

fn link(language: Language, acquirer: &AcquirerStatus) -> LinkLine {
    let skew = acquirer.clock_ahead_s.unwrap_or_default();
    let is_skewed = skew.unsigned_abs() >= 60;
    let words = match &acquirer.why {
        _ if is_skewed => language.say_with("clock-off", [("seconds", Value::from(skew))]),
        Some(said) if !acquirer.reachable => why(language, said),
        _ => String::new(),
    };
    let (tone, id) = match (acquirer.reachable, is_skewed) {
        (true, false) => ("good", "link-up"),
        (true, true) => ("warning", "link-up"),
        (false, _) => ("bad", "link-down"),
    };
    LinkLine {
        name: acquirer.id.to_string(),
        tone,
        state: language.say(id),
        words,
    }
}

fn head_office(language: Language, board: &Board) -> LinkLine {
    let (tone, id) = match board.outbox.state {
        "online" => ("good", "outbox-online"),
        "draining" => ("busy", "outbox-draining"),
        "slow" => ("warning", "outbox-slow"),
        "stuck" => ("bad", "outbox-stuck"),
        "offline" => ("bad", "outbox-offline"),
        _ => ("warning", "outbox-none"),
    };
    let parked = Value::from(board.outbox.parked);
    LinkLine {
        name: language.say("head-office"),
        tone,
        state: language.say(id),
        words: if board.outbox.parked > 0 {
            language.say_with("parked-count", [("count", parked)])
        } else {
            String::new()
        },
    }
}

pub(super) fn device_line(language: Language, device: &DeviceStatus, now: Timestamp) -> DeviceLine {
    let (tone, id, reason) = match &device.health {
        Health::Ready => ("good", "device-ready", None),
        Health::Starting => ("busy", "device-starting", None),
        Health::Absent(why) => ("bad", "device-absent", Some(why)),
        Health::Mute(why) => ("bad", "device-mute", Some(why)),
        Health::Babbling(why) => ("bad", "device-babbling", Some(why)),
        Health::Quarantined(why) => ("bad", "device-quarantined", Some(why)),
    };
    let last_word = device.last_word_at.map(|at| {
        let ago = age_words(language, now.since_ms(at));
        language.say_with("ago", [("age", ago.into())])
    });
    DeviceLine {
        id: device.id.to_string(),
        counter: device.counter.to_string(),
        kind: language.say(match device.kind.as_str() {
            "terminal" => "device-terminal",
            "scanner" => "device-scanner",
            _ => "device-nfc",
        }),
        tone,
        state: language.say(id),
        why: reason.map(|said| why(language, said)),
        last_word: last_word.unwrap_or_else(|| "–".into()),
        restarts: device.restarts,
        line: device.line.clone(),
    }
}

/// An age in its largest whole unit.
pub(super) fn age_words(language: Language, ms: u64) -> String {
    let seconds = ms / 1_000;
    let (id, count) = match seconds {
        0..=119 => ("seconds", seconds),
        120..=7_199 => ("minutes", seconds / 60),
        7_200..=172_799 => ("hours", seconds / 3_600),
        _ => ("days", seconds / 86_400),
    };
    let count = [("count", Value::from(count))];
    language.say_with(id, count)
}
