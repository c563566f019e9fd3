//! Who did what, from the journal.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::Deserialize;
use store_actors::{
    domain::{
        day::Day,
        office::entry::Entry,
        people::deed::{DEEDS, Deed},
    },
    ports::JournalFailed,
};
use utoipa::IntoParams;

use crate::web::{
    Shared, input,
    model::people::{DeedModel, DeedsModel},
    problem::{Document, Problem},
};

const LISTED_MAX: usize = 500;
const LISTED_USUAL: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Of this day only, in UTC, e.g. 2026-11-22.
    day: Option<String>,
    /// 1 to 500; usual 100.
    limit: Option<usize>,
}

/// Who did what, the latest first.
#[utoipa::path(
    get, path = "/v1/audit", tag = "people", operation_id = "listDeeds", params(AuditQuery),
    responses(
        (status = 200, description = "What was done", body = DeedsModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn list(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query: AuditQuery = input::query(&request)?;
    let limit = input::limit(query.limit, LISTED_USUAL, LISTED_MAX)?;
    let wrong = || input::invalid("day: a day such as 2026-11-22");
    let day = query.day.map(|text| Day::parse(&text).ok_or_else(wrong));
    let deeds = deeds(&shared, day.transpose()?, limit).await?;
    let deeds = deeds.iter().map(DeedModel::from).collect();
    Ok(HttpResponse::Ok().json(DeedsModel { deeds }))
}

/// The latest deeds first.
pub(in crate::web) async fn deeds(
    shared: &Shared,
    day: Option<Day>,
    limit: usize,
) -> Result<Vec<Deed>, JournalFailed> {
    let day = day.map(|day| day.to_string()).unwrap_or_default();
    let entries = shared.parts.disk.entries(&format!("{DEEDS}{day}"), limit);
    let deeds = entries.await?.into_iter().filter_map(|entry| match entry {
        Entry::Deed(deed) => Some(deed),
        _ => None,
    });
    Ok(deeds.collect())
}
