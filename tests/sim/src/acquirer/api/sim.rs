//! The simulation's own door: rules and customers over HTTP.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::Shared;
use crate::acquirer::answer::Answer;
use crate::acquirer::customer::Customers;
use crate::acquirer::order::Refusal;
use crate::acquirer::rules::Rule;

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.route("/v1/sim/rules", web::get().to(list))
        .route("/v1/sim/rules", web::post().to(add))
        .route("/v1/sim/rules", web::delete().to(clear))
        .route("/v1/sim/pay", web::post().to(pay))
        .route("/v1/sim/orders/{order}/confirm", web::post().to(confirm))
        .route("/v1/sim/orders/{order}/refuse", web::post().to(refuse));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pay {
    qr: String,
    wallet: String,
}

async fn list(desk: Shared) -> HttpResponse {
    HttpResponse::Ok().json(desk.rules.list())
}

async fn add(desk: Shared, body: web::Bytes) -> HttpResponse {
    let rule: Rule = match serde_json::from_slice(&body) {
        Ok(rule) => rule,
        Err(error) => return bad(&error.to_string()),
    };
    match desk.rules.add(rule) {
        Ok(()) => HttpResponse::Created().json(desk.rules.list()),
        Err(error) => bad(&error.to_string()),
    }
}

async fn clear(desk: Shared) -> HttpResponse {
    desk.rules.clear();
    HttpResponse::NoContent().finish()
}

async fn pay(desk: Shared, body: web::Bytes) -> HttpResponse {
    match serde_json::from_slice::<Pay>(&body) {
        Ok(Pay { qr, wallet }) => told(Customers::new(desk.into_inner()).pay(&qr, &wallet)),
        Err(error) => bad(&error.to_string()),
    }
}

async fn confirm(desk: Shared, order: web::Path<String>) -> HttpResponse {
    told(Customers::new(desk.into_inner()).confirm(&order))
}

async fn refuse(desk: Shared, order: web::Path<String>) -> HttpResponse {
    told(Customers::new(desk.into_inner()).refuse(&order))
}

/// What the customer's phone shows.
fn told(outcome: Result<Answer, Refusal>) -> HttpResponse {
    match outcome {
        Ok(answer) => HttpResponse::Ok().json(answer),
        Err(refusal) => HttpResponse::Conflict().json(refusal),
    }
}

fn bad(text: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({ "code": "BAD_REQUEST", "text": text }))
}
