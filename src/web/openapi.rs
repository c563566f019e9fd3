//! The API's description, generated from the handlers and their types.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use utoipa::OpenApi;

use super::{
    counters, devices, events, health, office, parked, payments, pictures, refunds, unknown,
};

/// The whole description.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Store controller",
        description = "Payments of one store. Amounts are decimal strings, times are UTC, errors are RFC 9457 problems.",
    ),
    paths(
        payments::create, payments::list, payments::show, payments::cancel, unknown::list,
        refunds::create, refunds::show, pictures::qr_svg, pictures::qr_png, counters::list,
        pictures::scan_image, devices::list, devices::outbox, devices::offline,
        office::statement::show, office::statement::compare, office::shifts::list, office::shifts::open,
        office::shifts::x_report, office::shifts::z_report, office::shifts::cash, office::shifts::close,
        office::days::list, office::days::close, office::differences::list, office::differences::advance,
        parked::list, parked::send, events::feed, health::alive,
        health::ready, health::metrics, document,
    ),
    tags(
        (name = "payments"), (name = "refunds"), (name = "counters"), (name = "devices"), (name = "outbox"),
        (name = "office"),
        (name = "events"), (name = "health"),
    )
)]
struct Description;

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| Description::openapi().to_json().unwrap_or_default());

/// The OpenAPI document, as JSON.
pub fn description() -> String {
    DOCUMENT.clone()
}

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "health", operation_id = "openapi",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object))
)]
pub(super) async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(DOCUMENT.as_str())
}
