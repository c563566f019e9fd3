//! `/office`: what moved, what it cost and what is left.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;
use store_actors::domain::{day::Day, office::statement::By};

use super::{Asked, Frame, Office, Tab, by_name, of_name, unpriced};
use crate::web::{
    Shared,
    console::{
        frame::Visitor,
        payments_page::Choice,
        report::{Cell, Format, Report, Table, number, words},
        shown,
    },
    input,
    model::office::{StatementLineModel, StatementModel},
    office,
    problem::Problem,
};

#[derive(Template)]
#[template(path = "statement.html", config = "src/web/console/askama.toml")]
struct StatementPage {
    frame: Frame,
    office: Office,
    period: Period,
    by: Vec<Choice>,
    then: Vec<Choice>,
}

/// From when to when, and shorter ways to say it.
#[derive(Debug)]
pub(super) struct Period {
    pub from: String,
    pub to: String,
    pub ways: Vec<Tab>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::web::console) struct Ask {
    from: String,
    to: String,
    /// By what it is divided, and each line again.
    by: String,
    then: String,
    format: String,
}

/// The days of a query: this month, unless it says otherwise.
pub(super) fn days(asked: &Asked, from: &str, to: &str) -> Result<(Day, Day), Problem> {
    let today = asked.today();
    let day = |name, text: &str, usual| match text {
        "" => Ok(usual),
        text => office::day(name, text),
    };
    Ok((
        day("from", from, today.month_begin())?,
        day("to", to, today)?,
    ))
}

impl Period {
    pub(super) fn new(asked: &Asked, (from, to): (Day, Day), rest: &[(&str, &str)]) -> Self {
        let today = asked.today();
        let month = today.month_begin();
        let ways = [
            ("period-today", today, today),
            ("period-yesterday", today.plus(-1), today.plus(-1)),
            ("period-week", today.week_begin(), today),
            ("period-month", month, today),
            (
                "period-last-month",
                month.plus(-1).month_begin(),
                month.plus(-1),
            ),
        ];
        let way = |(id, first, last): (&str, Day, Day)| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("from", &first.to_string());
            query.append_pair("to", &last.to_string());
            query.extend_pairs(rest.iter().filter(|(_, value)| !value.is_empty()));
            Tab {
                path: format!("{}?{}", asked.frame.path, query.finish()),
                text: asked.frame.say(id),
                is_here: (first, last) == (from, to),
            }
        };
        Self {
            ways: ways.into_iter().map(way).collect(),
            from: from.to_string(),
            to: to.to_string(),
        }
    }

    pub(super) fn fact(&self) -> String {
        if self.from == self.to {
            return self.from.clone();
        }
        format!("{} – {}", self.from, self.to)
    }
}

pub(in crate::web::console) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    ask: Query<Ask>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(shared, visitor, &request, "/office");
    let format = Format::parse(&ask.format)?;
    let days = days(&asked, &ask.from, &ask.to)?;
    let first = kind(usual(&ask.by))?;
    let then = kind(&ask.then)?.filter(|then| Some(*then) != first);
    let by: Vec<By> = first.into_iter().chain(then).collect();
    let model = office::statement::statement(&asked.shared, days, &by).await?;
    let rest = [("by", ask.by.as_str()), ("then", ask.then.as_str())];
    let period = Period::new(&asked, days, &rest);
    let report = report(&asked.frame, &model, &by, &period);
    if format != Format::Page {
        return asked.file(report, format).await;
    }
    let office = Office::new(&asked.frame, report, &asked.query);
    shown(&StatementPage {
        by: choices(&asked.frame, first, false),
        then: choices(&asked.frame, then, true),
        frame: asked.frame,
        office,
        period,
    })
}

/// By day, unless it says otherwise.
fn usual(by: &str) -> &str {
    if by.is_empty() { By::Day.as_str() } else { by }
}

fn kind(text: &str) -> Result<Option<By>, Problem> {
    match text {
        "" | "nothing" => Ok(None),
        text => By::parse(text)
            .map(Some)
            .ok_or_else(|| input::invalid("by: there is no such division")),
    }
}

fn choices(frame: &Frame, chosen: Option<By>, is_second: bool) -> Vec<Choice> {
    let nothing = Choice {
        value: if is_second { "" } else { "nothing" }.to_owned(),
        name: "–".to_owned(),
        is_chosen: chosen.is_none(),
    };
    let by = By::ALL.into_iter().map(|by| Choice {
        value: by.as_str().to_owned(),
        name: by_name(frame, by),
        is_chosen: chosen == Some(by),
    });
    [nothing].into_iter().chain(by).collect()
}

fn report(frame: &Frame, model: &StatementModel, by: &[By], period: &Period) -> Report {
    let name = format!("statement-{}-{}", model.from, model.to);
    let mut report = Report::new(name, frame.say("office-statement"));
    report.fact(frame.say("period"), period.fact());
    let missing: u64 = model.totals.iter().map(|line| line.unpriced).sum();
    if missing > 0 {
        report.fact(frame.say("unpriced"), unpriced(frame, missing));
    }
    let divided = by.iter().map(|by| words(by_name(frame, *by)));
    let columns = divided.chain([words(frame.say("currency"))]);
    let mut table = Table::new("", columns.chain(sums(frame)).collect());
    table.empty = frame.say("no-movements");
    for line in &model.lines {
        let of = line.of.iter().zip(by);
        let of = of.map(|(text, by)| Cell::from(of_name(frame, *by, text)));
        let tone = if line.unpriced > 0 { "warning" } else { "" };
        table.row(tone, of.chain(cells(line)).collect());
    }
    for line in &model.totals {
        let first = Cell::from(frame.say("total"));
        let of = by.iter().skip(1).map(|_| Cell::default());
        let of = by.first().map(|_| first).into_iter().chain(of);
        table.sum(of.chain(cells(line)).collect());
    }
    report.tables.push(table);
    report
}

/// Headings of what movements come to.
pub(super) fn sums(frame: &Frame) -> [crate::web::console::report::Column; 7] {
    [
        "sum-payments",
        "sum-gross",
        "sum-refunds",
        "sum-refunded",
        "sum-fees",
        "sum-net",
        "sum-unpriced",
    ]
    .map(|id| number(frame.say(id)))
}

/// The currency, and what movements come to.
pub(super) fn cells(line: &StatementLineModel) -> [Cell; 8] {
    [
        line.currency.clone().into(),
        line.payments.to_string().into(),
        line.gross.clone().into(),
        line.refunds.to_string().into(),
        line.refunded.clone().into(),
        line.fees.clone().into(),
        line.net.clone().into(),
        line.unpriced.to_string().into(),
    ]
}
