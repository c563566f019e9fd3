//! Devices, acquirers and the outbox: the latest word on each, from the board.

use actix_web::{HttpResponse, web::Data};

use super::{
    Shared,
    model::{DevicesModel, OutboxModel},
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
