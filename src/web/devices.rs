//! Devices, acquirers, the outbox and the offline budget: the latest word on each, from the board.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use store_actors::{
    counter::trial::{NotTried, Tried},
    signal::DeviceStatus,
    store::requests::{Refused, TryDevice},
};

use super::{
    Shared, input,
    model::{DeviceTriedModel, DevicesModel, OfflineModel, OutboxModel, TrialKind, TryDeviceModel},
    problem::{Document, Problem},
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

/// Tries a device: lets it sound, show, print or read. Never while a payment holds it.
#[utoipa::path(
    post, path = "/v1/devices/{id}/test", tag = "devices", operation_id = "testDevice",
    params(("id" = String, Path, description = "The device's id")),
    request_body = TryDeviceModel,
    responses(
        (status = 200, description = "What came of it", body = DeviceTriedModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-device", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "device-held: by a payment, or by somebody else who tries a device of the counter; device-away; device-cant: such a device does not do this on command", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn test(
    shared: Data<Shared>,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let TryDeviceModel { what } = input::json(&request, payload).await?;
    let tried = attempt(&shared, &status(&shared, &id)?, what).await?;
    Ok(HttpResponse::Ok().json(DeviceTriedModel::of(what, tried)))
}

/// The latest word on a device.
pub(super) fn status(shared: &Shared, id: &str) -> Result<DeviceStatus, Problem> {
    let board = shared.parts.signals.board();
    let mut devices = board.devices.into_values();
    let found = devices.find(|device| device.id.as_str() == id);
    Ok(found.ok_or(Refused::NotTried(NotTried::NoSuchDevice))?)
}

pub(super) async fn attempt(
    shared: &Shared,
    device: &DeviceStatus,
    what: TrialKind,
) -> Result<Tried, Refused> {
    let ask = TryDevice {
        counter: device.counter.clone(),
        device: device.id.clone(),
        trial: what.into(),
    };
    (shared.parts.store.try_device)(ask).await
}
