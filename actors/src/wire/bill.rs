//! Acquirers' bills: bytes of a file to typed lines.
//!
//! A file is known by how it begins: Alipay's by `#支付宝` (GBK, or UTF-8 where somebody has saved
//! it anew), WeChat Pay's by its first column, anything else is read as the plain table that card
//! hosts' bills are turned into (`cardhost`). Columns are found by their names, so that one more is
//! no harm. Any bytes give an answer: a line that can't be read is told with its number and the
//! rest is read. Unpacking zip files is an adapter's business; totals at a file's end are not read,
//! since the lines themselves are compared.

pub mod alipay;
pub mod cardhost;
pub mod wechat;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use thiserror::Error;

use crate::domain::{
    day::Day,
    office::bill::{BadLine, Bill, BillLine},
    timestamp::Timestamp,
};

/// Lines that are told as unreadable; a file of another kind has nothing else.
const BAD_LINES_MAX: usize = 1_000;

/// Providers write times of China.
const CHINA_OFFSET_MINUTES: i64 = 480;

/// Why a file is no bill at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BillRefused {
    #[error("it is in no encoding of bills (UTF-8, GBK)")]
    Encoding,
    #[error("it has no line with the columns {0}")]
    NoColumns(&'static str),
}

/// Reads a bill of any of the kinds. `offset_minutes`: of the store's clock, for files that name no
/// zone and are no provider's.
pub fn read(bytes: &[u8], offset_minutes: i32) -> Result<Bill, BillRefused> {
    let text = text(bytes)?;
    let begins = text.trim_start();
    if begins.starts_with("#支付宝") {
        alipay::read(&text)
    } else if begins.starts_with(wechat::FIRST_COLUMN) {
        wechat::read(&text)
    } else {
        cardhost::read(&text, offset_minutes)
    }
}

fn text(bytes: &[u8]) -> Result<String, BillRefused> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    let gbk = encoding_rs::GBK.decode_without_bom_handling_and_without_replacement(bytes);
    gbk.map(Into::into).ok_or(BillRefused::Encoding)
}

/// The fields of one line (RFC 4180); a quote that is not closed ends with the line.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let is_first = fields.last().is_some_and(String::is_empty);
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                fields
                    .iter_mut()
                    .last()
                    .into_iter()
                    .for_each(|one| one.push('"'));
            }
            '"' if is_quoted => is_quoted = false,
            '"' if is_first => is_quoted = true,
            ',' if !is_quoted => fields.push(String::new()),
            other => fields
                .iter_mut()
                .last()
                .into_iter()
                .for_each(|one| one.push(other)),
        }
    }
    fields
}

/// Where each column is.
#[derive(Debug)]
struct Columns(BTreeMap<String, usize>);

impl Columns {
    /// `None` if one of `needed` is not among the header's.
    fn of(header: &str, needed: &[&str]) -> Option<Self> {
        let names = fields(header).into_iter().enumerate();
        let columns = Self(
            names
                .map(|(at, name)| (plain(&name).to_owned(), at))
                .collect(),
        );
        let has = |name: &&str| columns.0.contains_key(*name);
        needed.iter().all(has).then_some(columns)
    }

    /// Empty if the line has no such field.
    fn get<'f>(&self, fields: &'f [String], name: &str) -> &'f str {
        let at = self.0.get(name);
        at.and_then(|at| fields.get(*at))
            .map_or("", |field| plain(field))
    }
}

/// Without what providers put around a value: blanks, tabs, back-ticks.
fn plain(field: &str) -> &str {
    field.trim().trim_start_matches('`').trim()
}

/// Why a line can't be read, in words.
type LineRead = Result<Option<BillLine>, String>;

/// Each line by `read`, which leaves out what is no line of the bill.
fn lines(
    numbered: impl Iterator<Item = (usize, impl AsRef<str>)>,
    mut read: impl FnMut(usize, &[String]) -> LineRead,
) -> Bill {
    let mut bill = Bill::default();
    for (number, line) in numbered {
        let line = line.as_ref();
        if line.trim().is_empty() {
            continue;
        }
        match read(number, &fields(line)) {
            Ok(read) => bill.lines.extend(read),
            Err(why) if bill.bad.len() < BAD_LINES_MAX => {
                bill.bad.push(BadLine { line: number, why });
            }
            Err(_) => {}
        }
    }
    bill
}

fn amount(name: &str, text: &str) -> Result<Decimal, String> {
    let bad = || format!("{name} is {:?}: no amount", shown(text));
    if text.is_empty() || text.len() > 24 {
        return Err(bad());
    }
    let plain = |byte: u8| byte.is_ascii_digit() || byte == b'.' || byte == b'-';
    if !text.bytes().all(plain) {
        return Err(bad());
    }
    Decimal::from_str_exact(text).map_err(|_| bad())
}

/// `None` for an empty field.
fn fee(name: &str, text: &str) -> Result<Option<Decimal>, String> {
    match text {
        "" => Ok(None),
        text => amount(name, text).map(Some),
    }
}

/// `2026-11-22 14:03:09` by a clock so far east of UTC.
fn time(name: &str, text: &str, offset_minutes: i64) -> Result<Timestamp, String> {
    let bad = || {
        format!(
            "{name} is {:?}: no time such as 2026-11-22 14:03:09",
            shown(text)
        )
    };
    let iso = text.replacen(' ', "T", 1);
    let local = Timestamp::parse(&format!("{iso}Z")).ok_or_else(bad)?;
    Ok(Timestamp::from_unix_ms(
        local.unix_ms().saturating_sub(offset_minutes * 60_000),
    ))
}

/// A number of an order or refund: `None` if it is empty or a nought.
fn number(text: &str) -> Option<String> {
    let is_one = !text.is_empty() && text != "0";
    is_one.then(|| text.chars().take(64).collect())
}

/// A few characters of a field that can't be read; it may be anything.
fn shown(text: &str) -> String {
    text.chars().take(24).collect()
}

/// `2026-11-22` or `2026年11月22日` at the start of `text`.
fn day(text: &str) -> Option<Day> {
    let plain: String = text
        .chars()
        .take(10)
        .map(|one| {
            if matches!(one, '年' | '月' | '/') {
                '-'
            } else {
                one
            }
        })
        .collect();
    Day::parse(&plain)
}

#[cfg(test)]
mod tests;
