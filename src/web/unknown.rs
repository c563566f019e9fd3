//! What nobody knows yet: the list that must shrink by itself.

use actix_web::{HttpResponse, web::Data};
use store_actors::store::requests::GetUnknown;

use super::{
    Shared,
    model::UnknownModel,
    problem::{Document, Problem},
};

/// All that is unknown: outcomes, late approvals, refunds, baskets perhaps paid twice. The oldest
/// first.
///
/// Nothing needs to be done about it, and nothing can be forced: each line says what the store does
/// next and when.
#[utoipa::path(
    get, path = "/v1/unknown", tag = "payments", operation_id = "listUnknown",
    responses(
        (status = 200, description = "The list; empty on a good day", body = UnknownModel),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(shared: Data<Shared>) -> Result<HttpResponse, Problem> {
    let lines = (shared.parts.store.unknown)(GetUnknown).await?;
    let now = shared.parts.clock.now();
    Ok(HttpResponse::Ok().json(UnknownModel::of(&lines, now)))
}
