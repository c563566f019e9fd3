//! Devices, acquirers, the outbox and the offline budget: the latest word on each, from the board.

use actix_web::{HttpResponse, web::Data};

use super::{
    Shared,
    model::{DevicesModel, OfflineModel, OutboxModel},
};

/// All devices and acquirers.
#[utoipa::path(
    get, path = "/v1/devices", tag = "devices", operation_id = "listDevices",
    responses((status = 200, description = "The devices and acquirers", body = DevicesModel))
)]
pub(super) async fn list(shared: Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().json(DevicesModel::from(&shared.parts.signals.board()))
}

/// What the head office has not receipted yet.
#[utoipa::path(
    get, path = "/v1/outbox", tag = "outbox", operation_id = "getOutbox",
    responses((status = 200, description = "The outbox", body = OutboxModel))
)]
pub(super) async fn outbox(shared: Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().json(OutboxModel::from(&shared.parts.signals.board().outbox))
}

/// What may be accepted while no acquirer can be reached, and what has been.
///
/// The payments are listed by `GET /v1/payments?state=approved_offline`, and those that the store
/// lost by `state=refused_later`.
#[utoipa::path(
    get, path = "/v1/offline", tag = "payments", operation_id = "getOffline",
    responses((status = 200, description = "The offline budget", body = OfflineModel))
)]
pub(super) async fn offline(shared: Data<Shared>) -> HttpResponse {
    let board = shared.parts.signals.board();
    HttpResponse::Ok().json(OfflineModel::of(board.offline.as_ref()))
}
