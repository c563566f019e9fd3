//! HTTP: each provider's protocol over the one desk, and the simulation's own door (`/v1/sim/…`,
//! unsigned, for tests and the lab). Everything else is signed, both ways.

pub mod alipay;
mod deliver;
mod dialect;
pub(super) mod letter;
mod own;
mod rsa;
mod sim;
pub mod unionpay;
pub mod wechat;
mod wire;

pub(super) use wire::Wires;

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::desk::Desk;

type Shared = web::Data<Desk>;

/// The largest body, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.app_data(web::PayloadConfig::new(LARGEST_BODY))
        .route("/healthz", web::get().to(healthz))
        .configure(own::routes)
        .configure(alipay::routes)
        .configure(unionpay::routes)
        .configure(wechat::routes)
        .configure(sim::routes);
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}
