//! `/office/shifts`: the counters' shifts, their X and Z reports, and what is done with them: open,
//! move cash, count and close.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload, Query},
};
use askama::Template;
use serde::Deserialize;
use store_actors::{
    domain::{ids::CounterId, office::shift::ShiftRefused},
    office::requests::{GetShift, OfficeRefused},
};

use super::{Asked, FormatOnly, Frame, Office, Refusal, given, scheme_name, see};
use crate::web::{
    Shared,
    console::{
        frame::Visitor,
        overview::tender_name,
        payments_page::{Choice, counters},
        report::{Cell, Format, Report, Table, number, words},
        shown, shown_as,
    },
    input,
    model::office::{CashKindModel, CloseShiftModel, NewCash, NewShift, ShiftModel},
    office::shifts,
    problem::Problem,
};

/// Shifts on the page.
const LISTED: usize = 200;

#[derive(Template)]
#[template(path = "shifts.html", config = "src/web/console/askama.toml")]
struct ShiftsPage {
    frame: Frame,
    office: Office,
    counters: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "shift.html", config = "src/web/console/askama.toml")]
struct ShiftPage {
    frame: Frame,
    office: Office,
    shift: ShiftModel,
    kinds: Vec<Choice>,
    /// Names the next movement of cash: sent twice, it is moved once.
    key: String,
}

#[derive(Template)]
#[template(path = "no_shift.html", config = "src/web/console/askama.toml")]
struct NoShiftPage {
    frame: Frame,
    office: Office,
    new: OpenForm,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::web::console) struct Ask {
    counter: String,
    format: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web::console) struct OpenForm {
    counter: String,
    #[serde(default)]
    cashier: String,
    float: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CashForm {
    kind: CashKindModel,
    amount: String,
    #[serde(default)]
    note: String,
    key: String,
}

pub(in crate::web::console) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    ask: Query<Ask>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::new(shared, visitor, &request, "/office/shifts");
    let format = Format::parse(&ask.format)?;
    let counter = given(ask.counter.clone());
    let counter = counter.map(|counter| input::parsed::<CounterId>("counter", &counter));
    let counter = counter.transpose()?;
    let listed = shifts::listed(&asked.shared, counter.as_ref(), LISTED).await?;
    let report = list_report(&asked, &listed);
    if format != Format::Page {
        return asked.file(report, format).await;
    }
    let office = Office::new(&asked.frame, report, &asked.query);
    shown(&ShiftsPage {
        counters: counters(&asked.shared, &asked.frame, &ask.counter),
        frame: asked.frame,
        office,
    })
}

fn state_name(frame: &Frame, shift: &ShiftModel) -> String {
    frame.say(match shift.state {
        "open" => "shift-open",
        "closing" => "shift-closing",
        _ => "shift-closed",
    })
}

/// The path of a shift's report: X while it is open, Z once it is closed.
fn path_of(shift: &ShiftModel) -> String {
    match shift.state {
        "closed" => format!("/office/shifts/{}/{}", shift.counter, shift.number),
        _ => format!("/office/shifts/{}", shift.counter),
    }
}

fn list_report(asked: &Asked, listed: &[ShiftModel]) -> Report {
    let say = |id: &str| asked.frame.say(id);
    let mut report = Report::new("shifts", say("office-shifts"));
    let columns = vec![
        words(say("shift")),
        words(say("state")),
        words(say("cashier")),
        words(say("opened")),
        words(say("ended")),
        number(say("float")),
        number(say("expected")),
        number(say("counted")),
        number(say("cash-difference")),
    ];
    let mut table = Table::new("", columns);
    table.empty = say("no-shifts");
    for shift in listed {
        let drawer = shift.report.as_ref();
        let amount = |amount: Option<&String>| Cell::from(amount.map_or("–", |text| text.as_str()));
        let (tone, mark) = match shift.state {
            "open" => ("busy", state_name(&asked.frame, shift)),
            "closing" => ("warning", state_name(&asked.frame, shift)),
            _ => ("idle", state_name(&asked.frame, shift)),
        };
        let ended = shift.ends_at.as_ref().map(|at| asked.local(at));
        table.row(
            tone,
            vec![
                Cell::link(
                    format!("{}/{}", shift.counter, shift.number),
                    path_of(shift),
                ),
                Cell::mark(mark),
                shift.cashier.clone().unwrap_or_default().into(),
                asked.local(&shift.opened_at).into(),
                ended.unwrap_or_default().into(),
                shift.float.clone().into(),
                amount(drawer.map(|report| &report.expected)),
                amount(drawer.and_then(|report| report.counted.as_ref())),
                amount(drawer.and_then(|report| report.difference.as_ref())),
            ],
        );
    }
    report.tables.push(table);
    report
}

/// The open shift of a counter, with its X report.
pub(in crate::web::console) async fn x_report(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    counter: Path<String>,
    ask: FormatOnly,
) -> Result<HttpResponse, Problem> {
    let path = format!("/office/shifts/{counter}");
    let asked = Asked::new(shared, visitor, &request, &path);
    one(asked, (&counter, None), Format::parse(&ask.format)?, None).await
}

pub(in crate::web::console) async fn z_report(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    path: Path<(String, String)>,
    ask: FormatOnly,
) -> Result<HttpResponse, Problem> {
    let (counter, number) = path.into_inner();
    let path = format!("/office/shifts/{counter}/{number}");
    let asked = Asked::new(shared, visitor, &request, &path);
    let number = input::parsed("number", &number)?;
    one(
        asked,
        (&counter, Some(number)),
        Format::parse(&ask.format)?,
        None,
    )
    .await
}

async fn one(
    asked: Asked,
    (counter, number): (&str, Option<u64>),
    format: Format,
    refusal: Option<Refusal>,
) -> Result<HttpResponse, Problem> {
    let get = GetShift {
        counter: input::parsed("counter", counter)?,
        number,
    };
    let shift = match asked.shared.parts.office.ask(get).await {
        Ok(shift) => ShiftModel::from(&shift),
        Err(OfficeRefused::Shift(ShiftRefused::NoneOpen)) if format == Format::Page => {
            let new = OpenForm {
                counter: counter.to_owned(),
                ..OpenForm::default()
            };
            return begin(asked, new, refusal).await;
        }
        Err(refused) => return Err(refused.into()),
    };
    let report = report_of(&asked, &shift);
    if format != Format::Page {
        return asked.file(report, format).await;
    }
    let office = Office::new(&asked.frame, report, &asked.query);
    let status = refusal.as_ref().map(Refusal::status);
    let page = ShiftPage {
        office: office.refused(&asked.frame, refusal.as_ref()),
        kinds: kinds(&asked.frame),
        key: key()?,
        frame: asked.frame,
        shift,
    };
    shown_as(status.unwrap_or_default(), &page)
}

/// A counter without an open shift: one can be opened.
async fn begin(
    asked: Asked,
    new: OpenForm,
    refusal: Option<Refusal>,
) -> Result<HttpResponse, Problem> {
    let title = format!("{} {}", asked.frame.say("counter"), new.counter);
    let office = Office::new(&asked.frame, Report::new("shift", title), "");
    let status = refusal.as_ref().map(Refusal::status);
    let page = NoShiftPage {
        office: office
            .refused(&asked.frame, refusal.as_ref())
            .without_files(),
        frame: asked.frame,
        new,
    };
    shown_as(status.unwrap_or_default(), &page)
}

fn key() -> Result<String, Problem> {
    let random = getrandom::u64()
        .map_err(|cause| Problem::new(crate::web::problem::Kind::Internal, cause.to_string()))?;
    Ok(format!("page-{random:016x}"))
}

fn cash_name(frame: &Frame, kind: CashKindModel) -> String {
    frame.say(match kind {
        CashKindModel::Sale => "cash-sale",
        CashKindModel::Refund => "cash-refund",
        CashKindModel::PayIn => "cash-pay-in",
        CashKindModel::PayOut => "cash-pay-out",
    })
}

fn kinds(frame: &Frame) -> Vec<Choice> {
    let kinds = [
        ("sale", CashKindModel::Sale),
        ("refund", CashKindModel::Refund),
        ("pay_in", CashKindModel::PayIn),
        ("pay_out", CashKindModel::PayOut),
    ];
    let choice = |(value, kind): (&str, CashKindModel)| Choice {
        value: value.to_owned(),
        name: cash_name(frame, kind),
        is_chosen: false,
    };
    kinds.into_iter().map(choice).collect()
}

fn report_of(asked: &Asked, shift: &ShiftModel) -> Report {
    let say = |id: &str| asked.frame.say(id);
    let title = match shift.state {
        "closed" => say("z-report"),
        _ => say("x-report"),
    };
    let name = format!("shift-{}-{}", shift.counter, shift.number);
    let mut report = Report::new(name, format!("{title} {}/{}", shift.counter, shift.number));
    report.fact(say("state"), state_name(&asked.frame, shift));
    report.fact(say("cashier"), shift.cashier.clone().unwrap_or_default());
    report.fact(say("opened"), asked.local(&shift.opened_at));
    let ended = shift.ends_at.as_ref().map(|at| asked.local(at));
    report.fact(say("ended"), ended.unwrap_or_default());
    report.tables = vec![movements(asked, shift), drawer(asked, shift)];
    report
}

fn movements(asked: &Asked, shift: &ShiftModel) -> Table {
    let say = |id: &str| asked.frame.say(id);
    let columns = vec![
        words(say("tender")),
        words(say("scheme")),
        number(say("sum-payments")),
        number(say("sum-gross")),
        number(say("sum-refunds")),
        number(say("sum-refunded")),
    ];
    let mut table = Table::new(say("movements"), columns);
    table.empty = say("no-movements");
    for line in shift.report.iter().flat_map(|report| &report.lines) {
        let cells = [
            tender_name(asked.frame.language, &line.tender),
            scheme_name(asked.frame.language, &line.scheme),
            line.payments.to_string(),
            line.gross.clone(),
            line.refunds.to_string(),
            line.refunded.clone(),
        ];
        table.row("", cells.map(Into::into).into());
    }
    table
}

fn drawer(asked: &Asked, shift: &ShiftModel) -> Table {
    let say = |id: &str| asked.frame.say(id);
    let columns = vec![
        words(say("drawer")),
        number(say("cash-count")),
        number(format!("{} {}", say("amount"), shift.currency)),
    ];
    let mut table = Table::new(say("drawer"), columns);
    let none = String::new;
    table.row(
        "",
        [say("float"), none(), shift.float.clone()]
            .map(Into::into)
            .into(),
    );
    for cash in &shift.cash {
        let name = cash_name(&asked.frame, cash.kind);
        let cells = [name, cash.count.to_string(), cash.amount.clone()];
        table.row("", cells.map(Into::into).into());
    }
    let Some(report) = &shift.report else {
        return table;
    };
    table.sum(
        [say("expected"), none(), report.expected.clone()]
            .map(Into::into)
            .into(),
    );
    let counted = [
        ("counted", &report.counted),
        ("cash-difference", &report.difference),
    ];
    for (id, amount) in counted {
        if let Some(amount) = amount {
            table.sum([say(id), none(), amount.clone()].map(Into::into).into());
        }
    }
    table
}

/// A form: opens a shift.
pub(in crate::web::console) async fn open(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let form: OpenForm = input::form_as(&request, payload).await?;
    let asked = Asked::new(shared, visitor, &request, "/office/shifts");
    let new = NewShift {
        counter: form.counter.clone(),
        cashier: given(form.cashier.clone()),
        float: form.float.clone(),
    };
    let opened = shifts::open_shift(&asked.shared, &asked.frame.caller, new).await;
    match opened {
        Ok(shift) => Ok(see(&format!("/office/shifts/{}", shift.counter))),
        Err(undone) => {
            let refusal = Some(undone.into());
            begin(asked, form, refusal).await
        }
    }
}

/// A form: tells of cash that moved in the drawer.
pub(in crate::web::console) async fn cash(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    counter: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let form: CashForm = input::form_as(&request, payload).await?;
    let path = format!("/office/shifts/{counter}");
    let asked = Asked::new(shared, visitor, &request, &path);
    let new = NewCash {
        kind: form.kind,
        amount: form.amount,
        note: given(form.note),
    };
    let moved =
        shifts::move_cash(&asked.shared, &asked.frame.caller, &counter, new, form.key).await;
    match moved {
        Ok(_) => Ok(see(&path)),
        Err(undone) => one(asked, (&counter, None), Format::Page, Some(undone.into())).await,
    }
}

/// A form: the drawer is counted and the shift closed.
pub(in crate::web::console) async fn close(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    counter: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let form: CloseShiftModel = input::form_as(&request, payload).await?;
    let path = format!("/office/shifts/{counter}");
    let asked = Asked::new(shared, visitor, &request, &path);
    let closed = shifts::close_shift(&asked.shared, &asked.frame.caller, &counter, &form).await;
    match closed {
        Ok(shift) => Ok(see(&path_of(&ShiftModel::from(&shift)))),
        Err(undone) => one(asked, (&counter, None), Format::Page, Some(undone.into())).await,
    }
}
