//! Statements, as JSON or CSV, and the same at other acquirers' rates.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Deserialize;
use store_actors::domain::{
    day::Day,
    money::Currency,
    office::statement::{By, DaySums, Line, Statement, Sums},
};
use utoipa::IntoParams;

use super::{Shared, day};
use crate::web::{
    input,
    model::office::{ComparisonModel, StatementLineModel, StatementModel},
    problem::{Document, Kind, Problem},
};

/// Days of one statement.
const DAYS_MAX: i64 = 400;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementQuery {
    /// First business day, e.g. `2026-11-01`.
    from: String,
    /// Last business day, at most 400 days later.
    to: String,
    /// Comma-separated: `day`, `week`, `month`, `counter`, `cashier`, `tender`, `scheme`,
    /// `acquirer`. Without it one line.
    by: Option<String>,
    /// `json` (usual) or `csv`.
    format: Option<String>,
}

/// What moved, what it cost and what is left.
///
/// A payment counts on the business day on which its acquirer confirmed it, a refund on the day on
/// which it was refunded.
#[utoipa::path(
    get, path = "/v1/office/statement", tag = "office", operation_id = "statement",
    params(StatementQuery),
    responses(
        (status = 200, description = "The statement", content(
            (StatementModel = "application/json"), (String = "text/csv"),
        )),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn show(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query: StatementQuery = input::query(&request)?;
    let words = query.by.as_deref().unwrap_or_default();
    let words = words.split(',').filter(|word| !word.is_empty());
    let by: Vec<By> = words
        .map(|word| {
            By::parse(word).ok_or_else(|| input::invalid(format!("by: {word:?} is unknown")))
        })
        .collect::<Result<_, _>>()?;
    let is_csv = match query.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(input::invalid("format: json or csv")),
    };
    let days = days(&shared, &query.from, &query.to).await?;
    let statement = Statement::of(&by, days.iter().map(|(day, sums)| (*day, &**sums)));
    let table = shared.parts.office.ledger.table();
    let model = StatementModel::of(&statement, table, (query.from, query.to));
    if !is_csv {
        return Ok(HttpResponse::Ok().json(model));
    }
    let internal = |cause: csv::Error| Problem::new(Kind::Internal, cause.to_string());
    let text = csv_of(&model).map_err(internal)?;
    let name = format!(
        "attachment; filename=\"statement-{}-{}.csv\"",
        model.from, model.to
    );
    let mut response = HttpResponse::Ok();
    response.content_type("text/csv; charset=utf-8");
    Ok(response
        .insert_header(("content-disposition", name))
        .body(text))
}

fn csv_of(model: &StatementModel) -> Result<Vec<u8>, csv::Error> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let sums = [
        "currency", "payments", "gross", "refunds", "refunded", "fees", "net", "unpriced",
    ];
    csv.write_record(model.by.iter().copied().chain(sums))?;
    for line in &model.lines {
        let counts = [line.payments, line.refunds, line.unpriced].map(|count| count.to_string());
        let [payments, refunds, unpriced] = &counts;
        let rest: [&str; 8] = [
            &line.currency,
            payments,
            &line.gross,
            refunds,
            &line.refunded,
            &line.fees,
            &line.net,
            unpriced,
        ];
        csv.write_record(line.of.iter().map(String::as_str).chain(rest))?;
    }
    csv.into_inner().map_err(|cause| cause.into_error().into())
}

type Days = Vec<(Day, Arc<DaySums>)>;

async fn days(shared: &Shared, from: &str, to: &str) -> Result<Days, Problem> {
    let (from, until) = (day("from", from)?, day("to", to)?);
    if !(0..DAYS_MAX).contains(&until.days_since(from)) {
        let detail = format!("to: from the first day on, at most {DAYS_MAX} days");
        return Err(input::invalid(detail));
    }
    Ok(shared.parts.office.ledger.days(from, until).await?)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ComparisonQuery {
    /// First business day.
    from: String,
    /// Last business day, at most 400 days later.
    to: String,
}

/// What the same payments and refunds would have cost at each acquirer's rates.
#[utoipa::path(
    get, path = "/v1/office/comparison", tag = "office", operation_id = "comparison",
    params(ComparisonQuery),
    responses(
        (status = 200, description = "As they were, and at each acquirer of the table", body = ComparisonModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn compare(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query: ComparisonQuery = input::query(&request)?;
    let days = days(&shared, &query.from, &query.to).await?;
    let table = shared.parts.office.ledger.table();
    let statement = Statement::of(&[], days.iter().map(|(day, sums)| (*day, &**sums)));
    let mut instead: BTreeMap<(String, Currency), Sums> = BTreeMap::new();
    for ((acquirer, currency), sums) in days.iter().flat_map(|(_, sums)| &sums.instead) {
        let key = (acquirer.to_string(), *currency);
        instead.entry(key).or_default().add(sums);
    }
    let instead = instead.into_iter().map(|((acquirer, currency), sums)| {
        let of = vec![acquirer];
        StatementLineModel::of(&Line { of, currency, sums }, table)
    });
    let actual = statement
        .totals
        .iter()
        .map(|line| StatementLineModel::of(line, table));
    Ok(HttpResponse::Ok().json(ComparisonModel {
        from: query.from,
        to: query.to,
        actual: actual.collect(),
        instead: instead.collect(),
    }))
}
