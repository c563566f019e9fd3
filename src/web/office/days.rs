//! The closing of days.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use store_actors::{
    domain::{
        office::{
            books::Books,
            entry::{self, Entry},
        },
        people::deed::What,
    },
    office::requests::CloseDay,
};

use super::{LISTED_MAX, NAME_CHARACTERS_MAX, Shared, Undone, day};
use crate::web::{
    caller::Caller,
    input,
    model::office::{BooksModel, CloseDayModel, DaysModel},
    people,
    problem::{Document, Problem},
};

/// Days whose books are closed, the latest first, at most 500.
#[utoipa::path(
    get, path = "/v1/office/days", tag = "office", operation_id = "listClosedDays",
    responses(
        (status = 200, description = "The days", body = DaysModel),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn list(shared: Data<Shared>) -> Result<HttpResponse, Problem> {
    let days = closed(&shared).await?;
    Ok(HttpResponse::Ok().json(DaysModel { days }))
}

/// The latest first.
pub(in crate::web) async fn closed(shared: &Shared) -> Result<Vec<BooksModel>, Problem> {
    let entries = shared.parts.disk.entries(entry::BOOKS, LISTED_MAX).await?;
    let days = entries.iter().filter_map(|entry| match entry {
        Entry::Books(books) => Some(BooksModel::from(books)),
        _ => None,
    });
    Ok(days.collect())
}

/// Closes a day's books: once, in order, and when nothing of the day is open.
#[utoipa::path(
    post, path = "/v1/office/days/{day}/close", tag = "office", operation_id = "closeDay",
    params(("day" = String, Path, description = "The business day, e.g. 2026-11-22")),
    request_body = CloseDayModel,
    responses(
        (status = 200, description = "Closed", body = BooksModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "day-not-closable: `detail` says all that stands in the way", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn close(
    shared: Data<Shared>,
    caller: Caller,
    path: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let close: CloseDayModel = input::json(&request, payload).await?;
    let books = close_day(&shared, &caller, &path, close.by).await?;
    Ok(HttpResponse::Ok().json(BooksModel::from(&books)))
}

pub(in crate::web) async fn close_day(
    shared: &Shared,
    caller: &Caller,
    text: &str,
    by: Option<String>,
) -> Result<Books, Undone> {
    let close = CloseDay {
        day: day("day", text)?,
        by: caller.signed(input::words("by", by, NAME_CHARACTERS_MAX)?),
    };
    let books = shared.parts.office.ask(close).await?;
    let day = books.day.to_string();
    people::note(shared, caller, What::DayClosed, &day, |_| {}).await;
    Ok(books)
}
