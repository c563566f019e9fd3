//! What a counter's terminal speaks, and what is set for one that authorises by itself.

use std::time::Duration;

use store_actors::device::zvt::{EndOfDay, Receipts};

use super::{Protocol, Zvt, sections::time_of_day};
use crate::strict_toml::Section;

const PROTOCOLS: &[(&str, bool)] = &[("nexo", false), ("zvt", true)];
const RECEIPTS: &[(&str, Receipts)] = &[("terminal", Receipts::Terminal), ("till", Receipts::Till)];
const CARD_TIMEOUT: Duration = Duration::from_secs(90);

/// Read before the line, whose usual settings it decides.
pub(super) fn protocol(table: &mut Section<'_>) -> Protocol {
    let is_zvt = table.optional("protocol", |table, key| table.one_of(key, PROTOCOLS));
    match is_zvt.flatten() {
        Some(true) => Protocol::Zvt(zvt(table)),
        Some(false) | None => Protocol::Nexo,
    }
}

fn zvt(table: &mut Section<'_>) -> Zvt {
    let password = table.optional("password", |table, key| {
        table.parsed(key, "six digits", password)
    });
    let receipts = table.optional("receipts", |table, key| table.one_of(key, RECEIPTS));
    let card_timeout = table.optional("card_timeout_ms", |table, key| {
        table.duration_ms(key, 10_000..=90_000)
    });
    let end_of_day = table.optional("end_of_day", |table, key| {
        table.parsed(key, "a time as \"23:45\", \"with_day\" or \"never\"", time)
    });
    Zvt {
        password: password.flatten().unwrap_or(0),
        receipts: receipts.flatten().unwrap_or(Receipts::Terminal),
        card_timeout: card_timeout.unwrap_or(CARD_TIMEOUT),
        end_of_day: end_of_day.flatten().unwrap_or_default(),
    }
}

fn password(text: &str) -> Option<u32> {
    let fits = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

fn time(text: &str) -> Option<EndOfDay> {
    match text {
        "never" => return Some(EndOfDay::Never),
        "with_day" => return Some(EndOfDay::WithDay),
        _ => {}
    }
    time_of_day(text).map(EndOfDay::At)
}
