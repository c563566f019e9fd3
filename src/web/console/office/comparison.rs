//! `/office/comparison`: what the same payments would have cost at the other acquirers' rates.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use askama::Template;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::{
    Asked, Frame, Office,
    statement::{Period, cells, days, sums},
    unpriced,
};
use crate::web::{
    Shared,
    console::{
        frame::Visitor,
        report::{Cell, Format, Report, Table, number, words},
        shown,
    },
    model::office::{ComparisonModel, StatementLineModel},
    office,
    problem::Problem,
};

#[derive(Template)]
#[template(path = "comparison.html", config = "src/web/console/askama.toml")]
struct ComparisonPage {
    frame: Frame,
    office: Office,
    period: Period,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::web::console) struct Ask {
    from: String,
    to: String,
    format: String,
}

pub(in crate::web::console) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    ask: Query<Ask>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(shared, visitor, &request, "/office/comparison");
    let format = Format::parse(&ask.format)?;
    let days = days(&asked, &ask.from, &ask.to)?;
    let model = office::statement::comparison(&asked.shared, days).await?;
    let period = Period::new(&asked, days, &[]);
    let report = report(&asked.frame, &model, &period);
    if format != Format::Page {
        return asked.file(report, format).await;
    }
    let office = Office::new(&asked.frame, report, &asked.query);
    shown(&ComparisonPage {
        frame: asked.frame,
        office,
        period,
    })
}

fn report(frame: &Frame, model: &ComparisonModel, period: &Period) -> Report {
    let name = format!("comparison-{}-{}", model.from, model.to);
    let mut report = Report::new(name, frame.say("office-comparison"));
    report.fact(frame.say("period"), period.fact());
    let columns = [words(frame.say("acquirer")), words(frame.say("currency"))];
    let columns = columns.into_iter().chain(sums(frame));
    let columns = columns.chain([number(frame.say("dearer"))]);
    let mut table = Table::new("", columns.collect());
    table.empty = frame.say("no-movements");
    for line in &model.actual {
        let of = [Cell::from(frame.say("as-it-was"))];
        let none = [Cell::from("–")];
        table.row("", of.into_iter().chain(cells(line)).chain(none).collect());
    }
    for line in &model.instead {
        let of = line.of.first().cloned().unwrap_or_default();
        let tone = if line.unpriced > 0 { "warning" } else { "" };
        let row = [Cell::from(of)].into_iter().chain(cells(line));
        table.row(tone, row.chain([dearer(model, line).into()]).collect());
        if line.unpriced > 0 {
            let of = line.of.first().cloned().unwrap_or_default();
            report.fact(of, unpriced(frame, line.unpriced));
        }
    }
    report.tables.push(table);
    report
}

/// How much more it would have cost; below zero, how much less. Where something is not priced,
/// nobody can tell.
fn dearer(model: &ComparisonModel, line: &StatementLineModel) -> String {
    let actual = model
        .actual
        .iter()
        .find(|one| one.currency == line.currency);
    let fees = |line: &StatementLineModel| line.fees.parse::<Decimal>().ok();
    let known = actual.filter(|actual| actual.unpriced == 0 && line.unpriced == 0);
    let dearer = known.and_then(|actual| Some(fees(line)? - fees(actual)?));
    dearer.map_or_else(|| "–".to_owned(), |dearer| dearer.to_string())
}
