//! Records that could not be shipped as they are: listed, and sent again on request.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use store_actors::domain::people::deed::What;

use super::{
    Shared,
    caller::Caller,
    input,
    model::{ParkedListModel, ParkedModel},
    people,
    problem::{Document, Problem},
};

/// What is parked, the oldest first.
///
/// A stub went to the head office in each one's place, so the rest flows; the day stays open there
/// until the record itself has come.
#[utoipa::path(
    get, path = "/v1/outbox/parked", tag = "outbox", operation_id = "listParked",
    responses(
        (status = 200, description = "The parked records; none on a good day", body = ParkedListModel),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(shared: Data<Shared>) -> Result<HttpResponse, Problem> {
    let parked = all(&shared).await?;
    Ok(HttpResponse::Ok().json(ParkedListModel { parked }))
}

/// Every parked record, the oldest first.
pub(super) async fn all(shared: &Shared) -> Result<Vec<ParkedModel>, Problem> {
    let parked = (shared.parts.outbox.parked)(()).await?;
    Ok(parked.iter().map(ParkedModel::from).collect())
}

/// Sends a parked record once more, as it is.
///
/// Answers once it is handed to the line. It leaves the list when the head office says that it
/// holds it.
#[utoipa::path(
    post, path = "/v1/outbox/parked/{seq}/send", tag = "outbox", operation_id = "sendParked",
    params(("seq" = u64, Path, description = "The record's sequence number", minimum = 1)),
    responses(
        (status = 202, description = "Handed to the line"),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "not-parked", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "still-too-large: the link takes no message as large as this record", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "link-down: try again later; journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn send(
    shared: Data<Shared>,
    caller: Caller,
    seq: Path<String>,
) -> Result<HttpResponse, Problem> {
    (shared.parts.outbox.send)(input::parsed("seq", &seq)?).await?;
    people::note(&shared, &caller, What::RecordSent, &seq, |_| {}).await;
    Ok(HttpResponse::Accepted().finish())
}
