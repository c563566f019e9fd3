//! Query parameters. Unknown ones are refused: a mistyped filter must not return everything.

use serde::Deserialize;
use store_actors::domain::{day::Day, ids::StoreId, payment::State, timestamp::Timestamp};

use crate::{head_office::database::PaymentQuery, problem::Problem};

const LIMIT: i64 = 100;
const LIMIT_MAX: i64 = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PaymentsQuery {
    state: Option<String>,
    since: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GapsQuery {
    limit: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordsQuery {
    from: Option<u64>,
    limit: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompletenessQuery {
    day: String,
    store: Option<String>,
}

impl CompletenessQuery {
    pub(super) fn read(&self) -> Result<(Day, Option<StoreId>), Problem> {
        let day = Day::parse(&self.day)
            .ok_or_else(|| Problem::bad_request("day must be a date, e.g. 2026-11-22"))?;
        let store = parsed(
            &self.store,
            |text| text.parse().ok(),
            || "store must be the id of a store".to_owned(),
        )?;
        Ok((day, store))
    }
}

impl PaymentsQuery {
    pub(super) fn read(&self) -> Result<PaymentQuery, Problem> {
        let states: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
        let since = "since must be an RFC 3339 time, e.g. 2026-05-01T08:00:00Z".to_owned();
        Ok(PaymentQuery {
            state: parsed(&self.state, State::parse, || {
                format!("state must be one of {}", states.join(", "))
            })?,
            since: parsed(&self.since, Timestamp::parse, || since)?,
            before: parsed(
                &self.cursor,
                |text| text.parse().ok(),
                || "cursor must be what a page gave as next".to_owned(),
            )?,
            limit: limit(self.limit)?,
        })
    }
}

impl GapsQuery {
    pub(super) fn limit(&self) -> Result<i64, Problem> {
        limit(self.limit)
    }
}

impl RecordsQuery {
    /// First sequence number, and how many.
    pub(super) fn read(&self) -> Result<(u64, i64), Problem> {
        Ok((self.from.unwrap_or(1), limit(self.limit)?))
    }
}

fn parsed<T>(
    text: &Option<String>,
    parse: impl Fn(&str) -> Option<T>,
    allowed: impl FnOnce() -> String,
) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    parse(text)
        .map(Some)
        .ok_or_else(|| Problem::bad_request(allowed()))
}

fn limit(limit: Option<i64>) -> Result<i64, Problem> {
    match limit.unwrap_or(LIMIT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(Problem::bad_request(format!(
            "limit must be from 1 to {LIMIT_MAX}"
        ))),
    }
}
