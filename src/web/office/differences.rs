//! Differences between acquirers' bills and the store's records.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use serde::Deserialize;
use store_actors::{
    domain::{
        office::{
            difference::{Difference, Move},
            entry::{self, Entry},
        },
        people::deed::What,
    },
    office::requests::MoveDifference,
};
use utoipa::IntoParams;

use super::{LISTED_MAX, NAME_CHARACTERS_MAX, Shared, Undone};
use crate::web::{
    caller::Caller,
    input,
    model::office::{
        BillModel, DifferenceModel, DifferenceStateModel, MoveDifferenceModel, ReconciliationModel,
    },
    people,
    problem::{Document, Problem},
};

const NOTE_CHARACTERS_MAX: usize = 256;

/// Entries that are looked through.
const LOOKED_MAX: usize = 100_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DifferencesQuery {
    /// `open`, `in_work` or `settled`; without it all that are not settled.
    state: Option<DifferenceStateModel>,
}

/// Differences, the latest day first, and the bills that were read; at most 500 of each.
#[utoipa::path(
    get, path = "/v1/office/differences", tag = "office", operation_id = "listDifferences",
    params(DifferencesQuery),
    responses(
        (status = 200, description = "Differences and bills", body = ReconciliationModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn list(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query: DifferencesQuery = input::query(&request)?;
    Ok(HttpResponse::Ok().json(listed(&shared, query.state).await?))
}

/// In this state, or all that are not settled; and the bills.
pub(in crate::web) async fn listed(
    shared: &Shared,
    state: Option<DifferenceStateModel>,
) -> Result<ReconciliationModel, Problem> {
    let is_wanted = |one: DifferenceStateModel| match state {
        Some(wanted) => wanted == one,
        None => one != DifferenceStateModel::Settled,
    };
    let entries = shared
        .parts
        .disk
        .entries(entry::DIFFERENCES, LOOKED_MAX)
        .await?;
    let differences = entries.iter().filter_map(|entry| match entry {
        Entry::Difference(one) => Some(one).filter(|one| is_wanted(one.state.into())),
        _ => None,
    });
    let mut differences: Vec<_> = differences.collect();
    differences.sort_by_key(|one| (std::cmp::Reverse(one.day), one.order.clone()));
    let entries = shared.parts.disk.entries(entry::BILLS, LOOKED_MAX).await?;
    let mut bills: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Bill(bill) => Some(bill),
            _ => None,
        })
        .collect();
    bills.sort_by_key(|bill| std::cmp::Reverse(bill.read_at));
    let differences = differences.into_iter().take(LISTED_MAX);
    Ok(ReconciliationModel {
        differences: differences.map(DifferenceModel::from).collect(),
        bills: bills
            .into_iter()
            .take(LISTED_MAX)
            .map(BillModel::from)
            .collect(),
    })
}

/// `None`: there is none of this id.
pub(in crate::web) async fn one(
    shared: &Shared,
    id: &str,
) -> Result<Option<DifferenceModel>, Problem> {
    let key = format!("{}{id}", entry::DIFFERENCES);
    let found = shared.parts.disk.entries(&key, 1).await?;
    Ok(found.iter().find_map(|entry| match entry {
        Entry::Difference(one) if one.id == id => Some(DifferenceModel::from(one)),
        _ => None,
    }))
}

/// Moves a difference: takes it, hands it on, explains it, opens it again.
#[utoipa::path(
    post, path = "/v1/office/differences/{id}", tag = "office", operation_id = "moveDifference",
    params(("id" = String, Path, description = "The difference's id")),
    request_body = MoveDifferenceModel,
    responses(
        (status = 200, description = "As it is now", body = DifferenceModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-difference", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "not-movable: `detail` says why", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn advance(
    shared: Data<Shared>,
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let to: MoveDifferenceModel = input::json(&request, payload).await?;
    let moved = decide(&shared, &caller, id.into_inner(), to).await?;
    Ok(HttpResponse::Ok().json(DifferenceModel::from(&moved)))
}

pub(in crate::web) async fn decide(
    shared: &Shared,
    caller: &Caller,
    id: String,
    to: MoveDifferenceModel,
) -> Result<Difference, Undone> {
    let by = caller.signed(input::words("by", Some(to.by), NAME_CHARACTERS_MAX)?);
    let moved = MoveDifference {
        id,
        to: Move {
            by: by.unwrap_or_default(),
            state: to.state.into(),
            owner: input::words("owner", to.owner, NAME_CHARACTERS_MAX)?,
            note: input::words("note", to.note, NOTE_CHARACTERS_MAX)?,
        },
    };
    let moved = shared.parts.office.ask(moved).await?;
    people::note(shared, caller, What::DifferenceMoved, &moved.id, |_| {}).await;
    Ok(moved)
}
