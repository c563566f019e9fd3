//! `payments`: asks the running controller's API, and prints a table or JSON Lines.

mod table;

use std::{io::Write, path::Path};

use clap::Args;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use store_actors::domain::{ids::CounterId, payment::State, timestamp::Timestamp};

use super::{Failed, own_api::OwnApi};
use crate::config::Config;

pub(super) const EXAMPLES: &str =
    "States: opened, collecting, submitted, verifying, unknown, reversing, approved, declined,
cancelled, reversed.

Examples:
  store-controller payments --config store.toml
  store-controller payments --state unknown
  store-controller payments --counter 01 --since 2026-11-22T08:00:00+08:00
  store-controller payments --limit 10000 --json | jq -r .amount";

/// The most that the API gives at once.
const PAGE: usize = 500;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Only payments in this state, e.g. `unknown`.
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// Only payments of this counter.
    #[arg(long, value_parser = counter)]
    counter: Option<CounterId>,
    /// Only payments opened at or after this time, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// At most so many payments.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
}

fn state(text: &str) -> Result<State, String> {
    State::parse(text).ok_or_else(|| {
        let all: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
        format!("a state is one of {}", all.join(", "))
    })
}

fn counter(text: &str) -> Result<CounterId, String> {
    text.parse()
        .map_err(|_| "a counter has 1 to 16 characters of A-Z a-z 0-9 . _ -".to_owned())
}

fn since(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "a time is e.g. 2026-11-22T08:00:00+08:00".to_owned())
}

/// One page of the API; each payment is shown as it came.
#[derive(Deserialize)]
struct Page {
    payments: Vec<Value>,
    next_cursor: Option<String>,
}

pub(super) fn run(
    file: Option<&Path>,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let config = Config::load(file)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let api = OwnApi::of(&config)?;
    let payments = runtime.block_on(fetch(&api, arguments))?;
    if !arguments.json {
        return Ok(table::write(&payments, out)?);
    }
    for payment in &payments {
        writeln!(out, "{payment}")?;
    }
    Ok(())
}

async fn fetch(api: &OwnApi, arguments: &Arguments) -> Result<Vec<Value>, Failed> {
    let limit = usize::try_from(arguments.limit)?;
    let mut payments = Vec::new();
    let mut cursor = None;
    while payments.len() < limit {
        let wanted = (limit - payments.len()).min(PAGE);
        let page = one_page(api, arguments, wanted, cursor.as_deref()).await?;
        let is_last = page.payments.is_empty() || page.next_cursor.is_none();
        payments.extend(page.payments);
        if is_last {
            break;
        }
        cursor = page.next_cursor;
    }
    payments.truncate(limit);
    Ok(payments)
}

async fn one_page(
    api: &OwnApi,
    arguments: &Arguments,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page, Failed> {
    let mut url: Url = api.url("/v1/payments").parse()?;
    let filters = [
        (
            "state",
            arguments.state.map(|state| state.as_str().to_owned()),
        ),
        (
            "counter",
            arguments.counter.as_ref().map(CounterId::to_string),
        ),
        ("since", arguments.since.map(|since| since.to_string())),
        ("limit", Some(limit.to_string())),
        ("cursor", cursor.map(str::to_owned)),
    ];
    let given = filters
        .iter()
        .filter_map(|(key, value)| Some((key, value.as_ref()?)));
    url.query_pairs_mut().extend_pairs(given);
    api.ask(api.client.get(url)).await
}
