//! HTTP: who may ask, what is asked, and the simulation's own door (`/v1/sim/…`, unsigned, for
//! tests and the lab). Everything else under `/v1` is signed, both ways.

mod deliver;
mod sim;
mod wire;

pub(super) use wire::Wires;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::config::Tender;
use super::desk::{Desk, now_ms};
use super::request::Ask;
use super::sign;
use deliver::{deliver, problem, signed};

type Shared = web::Data<Desk>;

/// The largest body, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.app_data(web::PayloadConfig::new(LARGEST_BODY))
        .route("/healthz", web::get().to(healthz))
        .route("/v1/charges", web::post().to(charge))
        .route("/v1/qr", web::post().to(qr))
        .route("/v1/cards", web::post().to(card))
        .route("/v1/orders/{order}", web::get().to(query))
        .route("/v1/orders/{order}/reverse", web::post().to(reverse))
        .route(
            "/v1/orders/{order}/refunds/{refund}",
            web::post().to(refund),
        )
        .route(
            "/v1/orders/{order}/refunds/{refund}",
            web::get().to(refund_query),
        )
        .configure(sim::routes);
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

async fn charge(desk: Shared, req: HttpRequest, body: web::Bytes) -> HttpResponse {
    run(&desk, &req, &body, |body| {
        Ask::open(Tender::CustomerCode, body)
    })
    .await
}

async fn qr(desk: Shared, req: HttpRequest, body: web::Bytes) -> HttpResponse {
    run(&desk, &req, &body, |body| {
        Ask::open(Tender::MerchantQr, body)
    })
    .await
}

async fn card(desk: Shared, req: HttpRequest, body: web::Bytes) -> HttpResponse {
    run(&desk, &req, &body, |body| Ask::open(Tender::Card, body)).await
}

async fn query(
    desk: Shared,
    req: HttpRequest,
    order: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    run(&desk, &req, &body, |_| {
        Ok(Ask::Query {
            order: order.into_inner(),
        })
    })
    .await
}

async fn reverse(
    desk: Shared,
    req: HttpRequest,
    order: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    run(&desk, &req, &body, |_| {
        Ok(Ask::Reverse {
            order: order.into_inner(),
        })
    })
    .await
}

async fn refund(
    desk: Shared,
    req: HttpRequest,
    path: web::Path<(String, String)>,
    body: web::Bytes,
) -> HttpResponse {
    let (order, refund) = path.into_inner();
    run(&desk, &req, &body, |body| Ask::refund(order, refund, body)).await
}

async fn refund_query(
    desk: Shared,
    req: HttpRequest,
    path: web::Path<(String, String)>,
    body: web::Bytes,
) -> HttpResponse {
    let (order, refund) = path.into_inner();
    run(&desk, &req, &body, |_| {
        Ok(Ask::RefundQuery { order, refund })
    })
    .await
}

async fn run(
    desk: &Desk,
    req: &HttpRequest,
    body: &[u8],
    parse: impl FnOnce(&[u8]) -> Result<Ask, String>,
) -> HttpResponse {
    let nonce = match authenticate(desk, req, body) {
        Ok(nonce) => nonce,
        Err((code, text)) => {
            // unsigned: who has no key gets no signature to study
            return HttpResponse::Unauthorized().json(json!({ "code": code, "text": text }));
        }
    };
    match parse(body).and_then(Ask::check_ids) {
        Ok(ask) => deliver(desk, req, &nonce, &ask).await,
        Err(text) => {
            let body = problem(None, "BAD_REQUEST", &text);
            signed(desk, req, &nonce, StatusCode::BAD_REQUEST, body)
        }
    }
}

/// The request's nonce, once its signature is right and its time is near.
fn authenticate(
    desk: &Desk,
    req: &HttpRequest,
    body: &[u8],
) -> Result<String, (&'static str, &'static str)> {
    let header = |name: &str| {
        req.headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("")
    };
    let [merchant, timestamp, nonce, signature] = [
        sign::MERCHANT,
        sign::TIMESTAMP,
        sign::NONCE,
        sign::SIGNATURE,
    ]
    .map(header);
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if !(16..=64).contains(&nonce.len()) || !nonce.bytes().all(fits) {
        return Err((
            "BAD_NONCE",
            "the nonce is not 16 to 64 letters, digits or hyphens",
        ));
    }
    let path = req.uri().path_and_query().map_or("", |path| path.as_str());
    let parts = sign::request_parts(req.method().as_str(), path, timestamp, nonce, body);
    if merchant != desk.config.merchant || !desk.config.key.verify(&parts, signature) {
        return Err((
            "BAD_SIGNATURE",
            "the signature is not this merchant's for this request",
        ));
    }
    let skew_s = timestamp
        .parse::<i64>()
        .map(|s| s.abs_diff(now_ms() / 1000));
    match skew_s {
        Ok(skew_s) if skew_s <= desk.config.skew_limit_s => Ok(nonce.to_owned()),
        _ => Err((
            "CLOCK_SKEW",
            "the clock of the request is too far from this one",
        )),
    }
}
