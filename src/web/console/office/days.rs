//! `/office/days`: days whose books are closed, and the closing of the next one.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use askama::Template;
use serde::Deserialize;
use store_actors::domain::day::Day;

use super::{Asked, FormatOnly, Frame, Office, Refusal, given, see};
use crate::web::{
    Shared,
    console::{
        frame::Visitor,
        overview::tender_name,
        report::{Cell, Format, Report, Table, number, words},
        shown_as,
    },
    input,
    model::office::BooksModel,
    office::days,
    problem::Problem,
};

#[derive(Template)]
#[template(path = "days.html", config = "src/web/console/askama.toml")]
struct DaysPage {
    frame: Frame,
    office: Office,
    /// The one to be closed next.
    form: CloseForm,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseForm {
    day: String,
    #[serde(default)]
    by: String,
}

pub(in crate::web::console) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    ask: FormatOnly,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(shared, visitor, &request, "/office/days");
    list(asked, Format::parse(&ask.format)?, None, None).await
}

async fn list(
    asked: Asked,
    format: Format,
    form: Option<CloseForm>,
    refusal: Option<Refusal>,
) -> Result<HttpResponse, Problem> {
    let closed = days::closed(&asked.shared).await?;
    let report = report(&asked, &closed);
    if format != Format::Page {
        return asked.file(report, format).await;
    }
    let last = closed.first().and_then(|books| Day::parse(&books.day));
    let next = last.map_or_else(|| asked.today().plus(-1), Day::next);
    let office = Office::new(&asked.frame, report, &asked.query);
    let status = refusal.as_ref().map(Refusal::status);
    let page = DaysPage {
        office: office.refused(&asked.frame, refusal.as_ref()),
        frame: asked.frame,
        form: form.unwrap_or_else(|| CloseForm {
            day: next.to_string(),
            by: String::new(),
        }),
    };
    shown_as(status.unwrap_or_default(), &page)
}

fn report(asked: &Asked, closed: &[BooksModel]) -> Report {
    let say = |id: &str| asked.frame.say(id);
    let mut report = Report::new("days", say("office-days"));
    let columns = vec![
        number(say("number")),
        words(say("day")),
        words(say("closed-at")),
        words(say("done-by")),
        words(say("tender")),
        number(say("sum-payments")),
        number(say("sum-gross")),
        number(say("sum-refunds")),
        number(say("sum-refunded")),
        words(say("office-shifts")),
    ];
    let mut table = Table::new("", columns);
    table.empty = say("no-days");
    for books in closed {
        let head = [
            books.number.to_string(),
            books.day.clone(),
            asked.local(&books.closed_at),
            books.by.clone().unwrap_or_default(),
        ];
        let shifts = books.shifts.join(", ");
        let lines = books.lines.iter().map(|line| {
            [
                tender_name(asked.frame.language, &line.tender),
                line.payments.to_string(),
                line.gross.clone(),
                line.refunds.to_string(),
                line.refunded.clone(),
            ]
        });
        let mut lines: Vec<[String; 5]> = lines.collect();
        if lines.is_empty() {
            lines.push(["–", "0", "–", "0", "–"].map(str::to_owned));
        }
        for line in lines {
            let cells = head.iter().chain(&line).chain([&shifts]).cloned();
            table.row("", cells.map(Cell::from).collect());
        }
    }
    report.tables.push(table);
    report
}

/// A form: closes a day, or says all that stands in the way.
pub(in crate::web::console) async fn close(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let form: CloseForm = input::form_as(&request, payload).await?;
    let asked = Asked::new(shared, visitor, &request, "/office/days");
    let caller = &asked.frame.caller;
    let closed = days::close_day(&asked.shared, caller, &form.day, given(form.by.clone())).await;
    match closed {
        Ok(_) => Ok(see("/office/days")),
        Err(undone) => list(asked, Format::Page, Some(form), Some(undone.into())).await,
    }
}
