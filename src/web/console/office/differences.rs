//! `/office/differences`: where acquirers' bills and the store's records differ, whose each
//! difference is, its story, and what is decided about it.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload, Query},
};
use askama::Template;
use serde::Deserialize;
use store_actors::domain::ids::PaymentId;

use super::{Asked, FormatOnly, Frame, Office, Refusal, given, see};
use crate::web::{
    Shared,
    console::{
        frame::Visitor,
        payments_page::Choice,
        report::{Cell, Format, Report, Table, number, words},
        shown, shown_as,
    },
    input,
    model::office::{
        BillModel, DifferenceModel, DifferenceStateModel, MoveDifferenceModel, ReconciliationModel,
    },
    office::differences,
    problem::{Kind, Problem},
};

#[derive(Template)]
#[template(path = "differences.html", config = "src/web/console/askama.toml")]
struct DifferencesPage {
    frame: Frame,
    office: Office,
    states: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "difference.html", config = "src/web/console/askama.toml")]
struct DifferencePage {
    frame: Frame,
    office: Office,
    difference: DifferenceModel,
    states: Vec<Choice>,
    form: MoveForm,
}

const STATES: [(&str, DifferenceStateModel); 3] = [
    ("open", DifferenceStateModel::Open),
    ("in_work", DifferenceStateModel::InWork),
    ("settled", DifferenceStateModel::Settled),
];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::web::console) struct Ask {
    /// Empty: all that are not settled.
    state: String,
    format: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveForm {
    state: DifferenceStateModel,
    by: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    note: String,
}

pub(in crate::web::console) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    ask: Query<Ask>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(shared, visitor, &request, "/office/differences");
    let format = Format::parse(&ask.format)?;
    let mut known = STATES.into_iter();
    let state = known
        .find(|(name, _)| *name == ask.state)
        .map(|(_, state)| state);
    if state.is_none() && !ask.state.is_empty() {
        return Err(input::invalid("state: there is no such state"));
    }
    let listed = differences::listed(&asked.shared, state).await?;
    let report = list_report(&asked, &listed);
    if format != Format::Page {
        return asked.file(report, format).await;
    }
    let office = Office::new(&asked.frame, report, &asked.query);
    shown(&DifferencesPage {
        states: states(&asked.frame, state),
        frame: asked.frame,
        office,
    })
}

fn state_name(frame: &Frame, state: DifferenceStateModel) -> String {
    frame.say(match state {
        DifferenceStateModel::Open => "difference-open",
        DifferenceStateModel::InWork => "difference-in-work",
        DifferenceStateModel::Settled => "difference-settled",
    })
}

const fn tone(state: DifferenceStateModel) -> &'static str {
    match state {
        DifferenceStateModel::Open => "bad",
        DifferenceStateModel::InWork => "warning",
        DifferenceStateModel::Settled => "good",
    }
}

fn states(frame: &Frame, chosen: Option<DifferenceStateModel>) -> Vec<Choice> {
    let choice = |(value, state): (&str, DifferenceStateModel)| Choice {
        value: value.to_owned(),
        name: state_name(frame, state),
        is_chosen: chosen == Some(state),
    };
    STATES.into_iter().map(choice).collect()
}

fn class_name(frame: &Frame, class: &str) -> String {
    frame.say(match class {
        "missing_here" => "class-missing-here",
        "missing_there" => "class-missing-there",
        "amount" => "class-amount",
        "fee" => "class-fee",
        "paid_then_reversed" => "class-paid-then-reversed",
        _ => "class-day-cut-off",
    })
}

/// The order's number, and the way to its payment if it is one of the store's.
fn order(one: &DifferenceModel) -> Cell {
    match one.order.parse::<PaymentId>() {
        Ok(id) => Cell::link(one.order.clone(), format!("/payments/{id}")),
        Err(_) => one.order.clone().into(),
    }
}

fn amount(amount: Option<&String>) -> Cell {
    Cell::from(amount.map_or("–", |amount| amount.as_str()))
}

fn list_report(asked: &Asked, listed: &ReconciliationModel) -> Report {
    let say = |id: &str| asked.frame.say(id);
    let mut report = Report::new("differences", say("office-differences"));
    let columns = vec![
        words(say("difference")),
        words(say("day")),
        words(say("acquirer")),
        words(say("class")),
        words(say("order")),
        number(say("ours")),
        number(say("theirs")),
        words(say("owner")),
        words(say("state")),
    ];
    let mut table = Table::new(say("differences"), columns);
    table.empty = say("no-differences");
    for one in &listed.differences {
        table.row(
            tone(one.state),
            vec![
                Cell::link(one.id.clone(), format!("/office/differences/{}", one.id)),
                one.day.clone().into(),
                one.acquirer.clone().into(),
                class_name(&asked.frame, one.class).into(),
                order(one),
                amount(one.ours.as_ref()),
                amount(one.theirs.as_ref()),
                one.owner.clone().into(),
                Cell::mark(state_name(&asked.frame, one.state)),
            ],
        );
    }
    report.tables = vec![table, bills(asked, &listed.bills)];
    report
}

fn bills(asked: &Asked, listed: &[BillModel]) -> Table {
    let say = |id: &str| asked.frame.say(id);
    let columns = vec![
        words(say("bill")),
        words(say("acquirer")),
        words(say("period")),
        words(say("read-at")),
        number(say("bill-lines")),
        number(say("bill-bad-lines")),
        number(say("bill-matched")),
        number(say("differences")),
    ];
    let mut table = Table::new(say("bills"), columns);
    table.empty = say("no-bills");
    for bill in listed {
        let period = match bill.from == bill.to {
            true => bill.from.clone(),
            false => format!("{} – {}", bill.from, bill.to),
        };
        let cells = [
            bill.name.clone(),
            bill.acquirer.clone(),
            period,
            asked.local(&bill.read_at),
            bill.lines.to_string(),
            bill.bad_lines.to_string(),
            bill.matched.to_string(),
            bill.differences.to_string(),
        ];
        let tone = if bill.bad_lines > 0 { "warning" } else { "" };
        table.row(tone, cells.map(Into::into).into());
    }
    table
}

pub(in crate::web::console) async fn story(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    id: Path<String>,
    ask: FormatOnly,
) -> Result<HttpResponse, Problem> {
    let path = format!("/office/differences/{id}");
    let asked = Asked::new(shared, visitor, &request, &path);
    one(asked, &id, Format::parse(&ask.format)?, None).await
}

async fn one(
    asked: Asked,
    id: &str,
    format: Format,
    refused: Option<(MoveForm, Refusal)>,
) -> Result<HttpResponse, Problem> {
    let found = differences::one(&asked.shared, id).await?;
    let missing = || Problem::new(Kind::NoSuchDifference, "there is no such difference");
    let difference = found.ok_or_else(missing)?;
    let report = story_report(&asked, &difference);
    if format != Format::Page {
        return asked.file(report, format).await;
    }
    let (form, refusal) = refused.unzip();
    let form = form.unwrap_or_else(|| MoveForm {
        state: difference.state,
        by: String::new(),
        owner: difference.owner.clone(),
        note: String::new(),
    });
    let office = Office::new(&asked.frame, report, &asked.query);
    let status = refusal.as_ref().map(Refusal::status);
    let page = DifferencePage {
        office: office.refused(&asked.frame, refusal.as_ref()),
        states: states(&asked.frame, Some(form.state)),
        frame: asked.frame,
        difference,
        form,
    };
    shown_as(status.unwrap_or_default(), &page)
}

fn story_report(asked: &Asked, one: &DifferenceModel) -> Report {
    let say = |id: &str| asked.frame.say(id);
    let title = format!("{} {}", say("difference"), one.id);
    let mut report = Report::new(format!("difference-{}", one.id), title);
    report.fact(say("class"), class_name(&asked.frame, one.class));
    report.fact(say("state"), state_name(&asked.frame, one.state));
    report.fact(say("owner"), one.owner.clone());
    report.fact(say("day"), one.day.clone());
    report.fact(say("acquirer"), one.acquirer.clone());
    report.fact(say("order"), one.order.clone());
    report.fact(say("part"), one.part.clone().unwrap_or_default());
    report.fact(say("ours"), amount(one.ours.as_ref()).text);
    report.fact(say("theirs"), amount(one.theirs.as_ref()).text);
    let line = one.line.map(|line| format!(":{line}")).unwrap_or_default();
    report.fact(say("source"), format!("{}{line}", one.source));
    let columns = vec![
        words(say("time")),
        words(say("done-by")),
        words(say("state")),
        words(say("owner")),
        words(say("note")),
    ];
    let mut table = Table::new(say("what-happened"), columns);
    for step in &one.steps {
        table.row(
            tone(step.state),
            vec![
                asked.local(&step.at).into(),
                step.by.clone().into(),
                Cell::mark(state_name(&asked.frame, step.state)),
                step.owner.clone().into(),
                step.note.clone().unwrap_or_default().into(),
            ],
        );
    }
    report.tables.push(table);
    report
}

/// A form: somebody takes it, hands it on, explains it, opens it again.
pub(in crate::web::console) async fn advance(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let form: MoveForm = input::form_as(&request, payload).await?;
    let path = format!("/office/differences/{id}");
    let asked = Asked::new(shared, visitor, &request, &path);
    let to = MoveDifferenceModel {
        state: form.state,
        by: form.by.clone(),
        owner: given(form.owner.clone()),
        note: given(form.note.clone()),
    };
    let moved = differences::decide(&asked.shared, &asked.frame.caller, id.to_string(), to).await;
    match moved {
        Ok(_) => Ok(see(&path)),
        Err(undone) => one(asked, &id, Format::Page, Some((form, undone.into()))).await,
    }
}
