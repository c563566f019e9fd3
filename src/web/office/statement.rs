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
    model::office::{ComparisonModel, FeesModel, StatementLineModel, StatementModel},
    problem::{Document, Kind, Problem},
    spreadsheet::{self, Spreadsheet},
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
    /// `card_kind`, `acquirer`. Without it one line.
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
    let days = (day("from", &query.from)?, day("to", &query.to)?);
    let model = statement(&shared, days, &by).await?;
    if !is_csv {
        return Ok(HttpResponse::Ok().json(model));
    }
    let name = format!("statement-{}-{}", model.from, model.to);
    let internal = |cause: csv::Error| Problem::new(Kind::Internal, cause.to_string());
    Ok(spreadsheet::download(
        &name,
        csv_of(&model).map_err(internal)?,
    ))
}

/// What moved on these days, the first and the last included.
pub(in crate::web) async fn statement(
    shared: &Shared,
    (from, to): (Day, Day),
    by: &[By],
) -> Result<StatementModel, Problem> {
    let days = days(shared, from, to).await?;
    let statement = Statement::of(by, days.iter().map(|(day, sums)| (*day, &**sums)));
    let table = shared.parts.office.ledger.table();
    Ok(StatementModel::of(&statement, table, (from, to)))
}

fn csv_of(model: &StatementModel) -> Result<Vec<u8>, csv::Error> {
    let mut csv = Spreadsheet::new(Vec::new());
    let sums = [
        "currency", "payments", "gross", "refunds", "refunded", "fees", "net", "unpriced",
    ];
    csv.row(model.by.iter().copied().chain(sums))?;
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
        csv.row(line.of.iter().map(String::as_str).chain(rest))?;
    }
    csv.finish()
}

type Days = Vec<(Day, Arc<DaySums>)>;

async fn days(shared: &Shared, from: Day, until: Day) -> Result<Days, Problem> {
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
    let days = (day("from", &query.from)?, day("to", &query.to)?);
    Ok(HttpResponse::Ok().json(comparison(&shared, days).await?))
}

/// What moved on these days, at each acquirer's rates.
pub(in crate::web) async fn comparison(
    shared: &Shared,
    (from, to): (Day, Day),
) -> Result<ComparisonModel, Problem> {
    let days = days(shared, from, to).await?;
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
    Ok(ComparisonModel {
        from: from.to_string(),
        to: to.to_string(),
        actual: actual.collect(),
        instead: instead.collect(),
    })
}

/// What the acquirers take, in the order in which a rate is looked for.
#[utoipa::path(
    get, path = "/v1/office/fees", tag = "office", operation_id = "listFees",
    responses((status = 200, description = "The table of fees", body = FeesModel))
)]
pub(in crate::web) async fn fees(shared: Data<Shared>) -> HttpResponse {
    let table = shared.parts.office.ledger.table();
    HttpResponse::Ok().json(FeesModel::from(table))
}
