//! The sandbox's own dialect: signed JSON, the signature in a header.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::Shared;
use super::deliver::deliver;
use super::dialect::{Dialect, Message, Worded, header};
use crate::acquirer::answer::{Answer, State};
use crate::acquirer::config::Tender;
use crate::acquirer::desk::{Desk, Failure, now_ms};
use crate::acquirer::request::Ask;
use crate::acquirer::sign::{self, Key};

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.route("/v1/charges", web::post().to(charge))
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
        );
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
    let own = match authenticate(desk, req, body) {
        Ok(nonce) => Own { desk, req, nonce },
        Err((code, text)) => {
            // unsigned: who has no key gets no signature to study
            return HttpResponse::Unauthorized().json(json!({ "code": code, "text": text }));
        }
    };
    match parse(body).and_then(Ask::check_ids) {
        Ok(ask) => deliver(desk, req, &own, &ask).await,
        Err(text) => {
            let worded = Worded {
                status: StatusCode::BAD_REQUEST,
                body: problem(None, "BAD_REQUEST", &text),
            };
            own.sign(worded, false).respond()
        }
    }
}

/// The request's nonce, once its signature is right and its time is near.
fn authenticate(
    desk: &Desk,
    req: &HttpRequest,
    body: &[u8],
) -> Result<String, (&'static str, &'static str)> {
    let [merchant, timestamp, nonce, signature] = [
        sign::MERCHANT,
        sign::TIMESTAMP,
        sign::NONCE,
        sign::SIGNATURE,
    ]
    .map(|name| header(req, name));
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if !(16..=64).contains(&nonce.len()) || !nonce.bytes().all(fits) {
        return Err((
            "BAD_NONCE",
            "the nonce is not 16 to 64 letters, digits or hyphens",
        ));
    }
    let parts = sign::request_parts(req.method().as_str(), path(req), timestamp, nonce, body);
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

fn path(req: &HttpRequest) -> &str {
    req.uri().path_and_query().map_or("", |path| path.as_str())
}

/// The answer to a request that was rightly signed.
struct Own<'a> {
    desk: &'a Desk,
    req: &'a HttpRequest,
    nonce: String,
}

impl Dialect for Own<'_> {
    fn word(&self, ask: &Ask, done: Result<Answer, Failure>) -> Worded {
        match done {
            Ok(answer) => Worded {
                status: match answer.state {
                    State::NotFound => StatusCode::NOT_FOUND,
                    _ => StatusCode::OK,
                },
                body: serde_json::to_string(&answer).unwrap_or_default(),
            },
            Err(Failure::Conflict) => {
                let text = "this number belongs to a request with another body";
                Worded {
                    status: StatusCode::CONFLICT,
                    body: problem(Some(ask.order()), "NUMBER_CONFLICT", text),
                }
            }
            Err(Failure::Broken(error)) => {
                tracing::error!(%error, ?ask, "the sandbox is broken");
                Worded {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    body: problem(Some(ask.order()), "BROKEN", "the acquirer has a problem"),
                }
            }
        }
    }

    fn sign(&self, worded: Worded, forged: bool) -> Message {
        let another = Key::new("another key");
        let key = if forged {
            &another
        } else {
            &self.desk.config.key
        };
        let timestamp = (now_ms() / 1000).to_string();
        let parts = sign::answer_parts(
            worded.status.as_str(),
            path(self.req),
            &timestamp,
            &self.nonce,
            worded.body.as_bytes(),
        );
        let signature = key.sign(&parts);
        Message {
            status: worded.status,
            content_type: "application/json",
            headers: vec![
                (sign::TIMESTAMP, timestamp),
                (sign::NONCE, self.nonce.clone()),
                (sign::SIGNATURE, signature),
            ],
            body: worded.body,
        }
    }
}

/// An answer that says nothing about an order's state.
fn problem(order: Option<&str>, code: &str, text: &str) -> String {
    match order {
        Some(order) => json!({ "order": order, "code": code, "text": text }).to_string(),
        None => json!({ "code": code, "text": text }).to_string(),
    }
}
