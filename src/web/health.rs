//! Health for service managers and monitors.

use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use store_actors::{
    counter::CounterStatus, domain::readiness::Obstacle, store::requests::GetCounters,
};
use utoipa::ToSchema;

use super::{
    Shared,
    problem::{Document, Kind, ObstacleModel, Problem},
};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alive {
    /// `alive`.
    status: &'static str,
    version: &'static str,
}

/// The process is alive and answers. Says nothing of whether anything can be paid: see `/readyz`.
#[utoipa::path(
    get, path = "/healthz", tag = "health", operation_id = "alive",
    responses((status = 200, description = "Alive", body = Alive))
)]
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(Alive {
        status: "alive",
        version: env!("CARGO_PKG_VERSION"),
    })
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    ready: bool,
    counters: usize,
    /// Counters that can take something, or are taking it.
    counters_ready: usize,
    /// Why not; empty if ready.
    reasons: Vec<ObstacleModel>,
}

/// Whether the store can take payments: the journal works and at least one counter can take, or is
/// taking, something.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "ready",
    responses(
        (status = 200, description = "Payments can be taken", body = Ready),
        (status = 503, description = "Nothing can be paid; `reasons` says why", body = Ready),
    )
)]
pub(super) async fn ready(shared: Data<Shared>) -> HttpResponse {
    let stopped = shared.parts.signals.board().journal_stopped;
    let (counters, mut reasons) = match (shared.parts.store.counters)(GetCounters).await {
        Ok(counters) => (counters, Vec::new()),
        Err(_) => (Vec::new(), vec![Obstacle::Starting]),
    };
    let counters_ready = counters.iter().filter(|counter| is_open(counter)).count();
    let has_room = shared.parts.signals.board().disk.has_room;
    reasons.extend((!has_room).then_some(Obstacle::DiskNearlyFull));
    reasons.extend(stopped.map(|why| Obstacle::JournalStopped { why }));
    if counters_ready == 0 {
        for obstacle in counters
            .iter()
            .flat_map(|counter| &counter.tenders)
            .flat_map(|tender| &tender.obstacles)
        {
            if !reasons.contains(obstacle) {
                reasons.push(obstacle.clone());
            }
        }
    }
    let ready = counters_ready > 0 && reasons.is_empty();
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    let reasons = reasons.iter().map(ObstacleModel::from).collect();
    response.json(Ready {
        ready,
        counters: counters.len(),
        counters_ready,
        reasons,
    })
}

/// A counter at work is no reason for an alarm.
fn is_open(counter: &CounterStatus) -> bool {
    let only_busy = |obstacle: &Obstacle| matches!(obstacle, Obstacle::Busy { .. });
    counter
        .tenders
        .iter()
        .any(|tender| tender.obstacles.iter().all(only_busy))
}

/// Prometheus' text format 0.0.4.
#[utoipa::path(
    get, path = "/metrics", tag = "health", operation_id = "metrics",
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
        (status = 500, description = "internal", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn metrics(shared: Data<Shared>) -> Result<HttpResponse, Problem> {
    let page = (shared.parts.metrics)().map_err(|cause| Problem::new(Kind::Internal, cause))?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(page))
}
