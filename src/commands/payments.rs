//! `payments`: asks the running controller's API, and prints a table or JSON Lines.

mod table;

use std::{
    error::Error,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use clap::Args;
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde_json::Value;
use store_actors::domain::{ids::CounterId, payment::State, timestamp::Timestamp};

use super::Failed;
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

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than the store itself takes to say that it can't answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);

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

/// What the API says when it refuses (RFC 9457).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
}

pub(super) fn run(
    file: Option<&Path>,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let config = Config::load(file)?;
    // the HTTP client wants one, even for an address without TLS
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let payments = runtime.block_on(fetch(reachable(config.api.listen), arguments))?;
    if !arguments.json {
        return Ok(table::write(&payments, out)?);
    }
    for payment in &payments {
        writeln!(out, "{payment}")?;
    }
    Ok(())
}

/// Where to ask a program that listens on `listen`.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn fetch(api: SocketAddr, arguments: &Arguments) -> Result<Vec<Value>, Failed> {
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .tls_certs_only([])
        .build()?;
    let limit = usize::try_from(arguments.limit)?;
    let mut payments = Vec::new();
    let mut cursor = None;
    while payments.len() < limit {
        let wanted = (limit - payments.len()).min(PAGE);
        let page = one_page(&client, api, arguments, wanted, cursor.as_deref()).await?;
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
    client: &Client,
    api: SocketAddr,
    arguments: &Arguments,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page, Failed> {
    let mut url: Url = format!("http://{api}/v1/payments").parse()?;
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
    let answer = client
        .get(url)
        .send()
        .await
        .map_err(|error| no_answer(api, &error))?;
    let status = answer.status();
    let body = answer
        .bytes()
        .await
        .map_err(|error| no_answer(api, &error))?;
    if !status.is_success() {
        let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
        let words = format!("{} {}", problem.title, problem.detail);
        return Err(format!("the controller refused: HTTP {status}: {}", words.trim()).into());
    }
    serde_json::from_slice(&body).map_err(|cause| {
        format!("what answers on {api} is not this controller's API: {cause}").into()
    })
}

fn no_answer(api: SocketAddr, error: &reqwest::Error) -> Failed {
    let mut deepest: &dyn Error = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    if error.is_connect() {
        format!(
            "no controller answers on {api} ({deepest}): start it with `store-controller run`, or \
             name its configuration by --config"
        )
        .into()
    } else {
        format!("the controller on {api} gave no whole answer ({deepest}): see its log").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_every_interface_is_asked_on_this_machine() {
        for (listen, asked) in [
            ("0.0.0.0:8600", "127.0.0.1:8600"),
            ("[::]:8600", "[::1]:8600"),
            ("10.0.0.5:80", "10.0.0.5:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
