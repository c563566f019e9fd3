//! Shifts of the counters: open, cash, close; X and Z reports.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use serde::Deserialize;
use store_actors::{
    domain::{
        ids::CounterId,
        money::Money,
        office::{
            entry::{self, Entry},
            shift::{CashMoved, Shift},
        },
        people::deed::What,
    },
    office::requests::{CloseShift, GetShift, MoveCash, OpenShift},
};
use utoipa::IntoParams;

use super::{LISTED_MAX, NAME_CHARACTERS_MAX, Shared, Undone, amount};
use crate::web::{
    caller::Caller,
    input,
    model::office::{CloseShiftModel, NewCash, NewShift, ShiftModel, ShiftsModel},
    people,
    problem::{Document, Problem},
};

const NOTE_CHARACTERS_MAX: usize = 128;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShiftsQuery {
    /// Of this counter only.
    counter: Option<String>,
    /// 1 to 500; usual 50.
    limit: Option<usize>,
}

/// Shifts with their Z reports, the latest of a counter first.
#[utoipa::path(
    get, path = "/v1/office/shifts", tag = "office", operation_id = "listShifts", params(ShiftsQuery),
    responses(
        (status = 200, description = "The shifts", body = ShiftsModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn list(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query: ShiftsQuery = input::query(&request)?;
    let counter = query.counter.as_ref();
    let counter = counter.map(|counter| input::parsed("counter", counter));
    let limit = input::limit(query.limit, 50, LISTED_MAX)?;
    let shifts = listed(&shared, counter.transpose()?.as_ref(), limit).await?;
    Ok(HttpResponse::Ok().json(ShiftsModel { shifts }))
}

/// Of one counter or of all, the latest of a counter first.
pub(in crate::web) async fn listed(
    shared: &Shared,
    counter: Option<&CounterId>,
    limit: usize,
) -> Result<Vec<ShiftModel>, Problem> {
    let prefix = counter.map_or_else(|| entry::SHIFTS.to_owned(), entry::shifts_of);
    let entries = shared.parts.disk.entries(&prefix, limit).await?;
    let shifts = entries.iter().filter_map(|entry| match entry {
        Entry::Shift(shift) => Some(ShiftModel::from(shift)),
        _ => None,
    });
    Ok(shifts.collect())
}

/// A counter that the caller may do something at.
fn counter(caller: &Caller, text: &str) -> Result<CounterId, Problem> {
    let counter = input::parsed("counter", text)?;
    caller.check_counter(&counter)?;
    Ok(counter)
}

async fn note(shared: &Shared, caller: &Caller, what: What, shift: &Shift, money: Money) {
    let to = format!("{}/{}", shift.counter, shift.number);
    people::note(shared, caller, what, &to, |deed| deed.money = Some(money)).await;
}

/// Opens a counter's shift with a float.
#[utoipa::path(
    post, path = "/v1/office/shifts", tag = "office", operation_id = "openShift", request_body = NewShift,
    responses(
        (status = 201, description = "Open", body = ShiftModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-counter", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "shift-open: the counter's last one is not closed", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "invalid-amount", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn open(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewShift = input::json(&request, payload).await?;
    let shift = open_shift(&shared, &caller, new).await?;
    Ok(HttpResponse::Created().json(ShiftModel::from(&shift)))
}

pub(in crate::web) async fn open_shift(
    shared: &Shared,
    caller: &Caller,
    new: NewShift,
) -> Result<Shift, Undone> {
    let cashier = input::words("cashier", new.cashier, NAME_CHARACTERS_MAX)?;
    let open = OpenShift {
        counter: counter(caller, &new.counter)?,
        cashier: cashier.or_else(|| caller.signed(None)),
        float: amount(shared, "float", &new.float)?,
    };
    let shift = shared.parts.office.ask(open).await?;
    note(shared, caller, What::ShiftOpened, &shift, shift.float).await;
    Ok(shift)
}

/// A counter's open shift with its X report: what it comes to now.
#[utoipa::path(
    get, path = "/v1/office/shifts/{counter}", tag = "office", operation_id = "xReport",
    params(("counter" = String, Path, description = "The counter's id")),
    responses(
        (status = 200, description = "The shift and its X report", body = ShiftModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-counter", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "no-open-shift", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn x_report(
    shared: Data<Shared>,
    counter: Path<String>,
) -> Result<HttpResponse, Problem> {
    let counter = input::parsed("counter", &counter)?;
    get(&shared, counter, None).await
}

/// A shift by its number, with its Z report.
#[utoipa::path(
    get, path = "/v1/office/shifts/{counter}/{number}", tag = "office", operation_id = "zReport",
    params(
        ("counter" = String, Path, description = "The counter's id"),
        ("number" = u64, Path, description = "The shift's number, from 1"),
    ),
    responses(
        (status = 200, description = "The shift and its Z report, once it is closed", body = ShiftModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-counter, no-such-shift", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn z_report(
    shared: Data<Shared>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (counter, number) = path.into_inner();
    let number = input::parsed("number", &number)?;
    get(&shared, input::parsed("counter", &counter)?, Some(number)).await
}

async fn get(
    shared: &Shared,
    counter: CounterId,
    number: Option<u64>,
) -> Result<HttpResponse, Problem> {
    let shift = shared
        .parts
        .office
        .ask(GetShift { counter, number })
        .await?;
    Ok(HttpResponse::Ok().json(ShiftModel::from(&shift)))
}

/// Tells of cash that moved in the drawer. The same Idempotency-Key moves it once, as long as the
/// shift is open and few others moved since.
#[utoipa::path(
    post, path = "/v1/office/shifts/{counter}/cash", tag = "office", operation_id = "moveCash",
    params(
        ("counter" = String, Path, description = "The counter's id"),
        ("Idempotency-Key" = String, Header, description = "1 to 128 visible characters, new for each movement"),
    ),
    request_body = NewCash,
    responses(
        (status = 200, description = "The shift", body = ShiftModel),
        (status = 400, description = "invalid-request, idempotency-key-missing", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "no-open-shift, shift-open: it is being closed", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "invalid-amount, key-reused", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer: repeat with the same key", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn cash(
    shared: Data<Shared>,
    caller: Caller,
    counter: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewCash = input::json(&request, payload).await?;
    let key = input::fingerprint(&request, &[Some("cash")])?.key;
    let shift = move_cash(&shared, &caller, &counter, new, key).await?;
    Ok(HttpResponse::Ok().json(ShiftModel::from(&shift)))
}

pub(in crate::web) async fn move_cash(
    shared: &Shared,
    caller: &Caller,
    text: &str,
    new: NewCash,
    key: String,
) -> Result<Shift, Undone> {
    let money = input::money(&new.amount, shared.parts.office.currency)?;
    let moved = MoveCash {
        counter: counter(caller, text)?,
        cash: CashMoved {
            kind: new.kind.into(),
            money,
            note: input::words("note", new.note, NOTE_CHARACTERS_MAX)?,
        },
        key,
    };
    let shift = shared.parts.office.ask(moved).await?;
    note(shared, caller, What::CashMoved, &shift, money).await;
    Ok(shift)
}

/// Counts the drawer and closes the shift: its Z report is made, once.
#[utoipa::path(
    post, path = "/v1/office/shifts/{counter}/close", tag = "office", operation_id = "closeShift",
    params(("counter" = String, Path, description = "The counter's id")),
    request_body = CloseShiftModel,
    responses(
        (status = 200, description = "Closed, with its Z report", body = ShiftModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "no-open-shift", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "invalid-amount", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer: close it again, what was counted first stays", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn close(
    shared: Data<Shared>,
    caller: Caller,
    counter: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let close: CloseShiftModel = input::json(&request, payload).await?;
    let shift = close_shift(&shared, &caller, &counter, &close).await?;
    Ok(HttpResponse::Ok().json(ShiftModel::from(&shift)))
}

pub(in crate::web) async fn close_shift(
    shared: &Shared,
    caller: &Caller,
    text: &str,
    close: &CloseShiftModel,
) -> Result<Shift, Undone> {
    let counted = amount(shared, "counted", &close.counted)?;
    let close = CloseShift {
        counter: counter(caller, text)?,
        counted,
    };
    let shift = shared.parts.office.ask(close).await?;
    note(shared, caller, What::ShiftClosed, &shift, counted).await;
    Ok(shift)
}
