//! Counters: what each can take right now, and why not otherwise.

use actix_web::{HttpResponse, web::Data};
use store_actors::store::requests::GetCounters;

use super::{
    Shared,
    model::{CounterModel, CountersModel},
    problem::{Document, Problem},
};

/// All counters of the store.
#[utoipa::path(
    get, path = "/v1/counters", tag = "counters", operation_id = "listCounters",
    responses(
        (status = 200, description = "The counters", body = CountersModel),
        (status = 503, description = "no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(shared: Data<Shared>) -> Result<HttpResponse, Problem> {
    let counters = (shared.parts.store.counters)(GetCounters).await?;
    let counters = counters.iter().map(CounterModel::from).collect();
    Ok(HttpResponse::Ok().json(CountersModel { counters }))
}
