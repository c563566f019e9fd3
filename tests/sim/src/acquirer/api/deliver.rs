//! How an answer travels: rightly, or as a rule says.

use std::io::Write as _;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, rt};
use serde_json::json;

use super::wire::Wire;
use crate::acquirer::answer::State;
use crate::acquirer::desk::{Desk, Failure, now_ms};
use crate::acquirer::request::Ask;
use crate::acquirer::rules::{Connection, Delivery, Verdict};
use crate::acquirer::sign::{self, Key};

/// Does what is asked, and lets the answer travel as the rules have it.
pub(super) async fn deliver(
    desk: &Desk,
    req: &HttpRequest,
    nonce: &str,
    ask: &Ask,
) -> HttpResponse {
    let script = desk.script(ask);
    let done = || answer(desk, ask, script.verdict.clone());
    match script.delivery.unwrap_or(Delivery::Plain) {
        Delivery::Silence {
            money_moved,
            connection,
        } => {
            let _unsaid = money_moved.then(done);
            if connection == Connection::Hold {
                wait(desk.config.scaled(desk.config.hold_ms)).await;
            }
            hang_up(req)
        }
        Delivery::Error {
            status,
            money_moved,
        } => {
            let _unsaid = money_moved.then(done);
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            HttpResponse::build(status).body("upstream failure")
        }
        Delivery::Late { ms } => {
            wait(desk.config.scaled(ms)).await;
            let (status, body) = done();
            signed(desk, req, nonce, status, body)
        }
        Delivery::Slow { ms } => {
            let (status, body) = done();
            wait(desk.config.scaled(ms)).await;
            signed(desk, req, nonce, status, body)
        }
        delivery => spoilt(desk, req, nonce, &delivery, ask.order(), done()),
    }
}

/// The answer at once, and wrong in the way that the rule says.
fn spoilt(
    desk: &Desk,
    req: &HttpRequest,
    nonce: &str,
    delivery: &Delivery,
    order: &str,
    (status, body): (StatusCode, String),
) -> HttpResponse {
    let body = match delivery {
        Delivery::WrongSignature => {
            return respond(&Key::new("another key"), req, nonce, status, body);
        }
        Delivery::Duplicate => {
            twice(desk, req, nonce, status, &body);
            body
        }
        Delivery::OtherOrder => body.replace(order, &other(order)),
        Delivery::Garbage => "<html>be right back</html>".to_owned(),
        _ => body,
    };
    signed(desk, req, nonce, status, body)
}

/// Status and body of the true answer.
fn answer(desk: &Desk, ask: &Ask, verdict: Option<Verdict>) -> (StatusCode, String) {
    match desk.perform(ask, verdict) {
        Ok(answer) => {
            let status = match answer.state {
                State::NotFound => StatusCode::NOT_FOUND,
                _ => StatusCode::OK,
            };
            (status, serde_json::to_string(&answer).unwrap_or_default())
        }
        Err(Failure::Conflict) => {
            let text = "this number belongs to a request with another body";
            (
                StatusCode::CONFLICT,
                problem(Some(ask.order()), "NUMBER_CONFLICT", text),
            )
        }
        Err(Failure::Broken(error)) => {
            tracing::error!(%error, ?ask, "the sandbox is broken");
            let body = problem(Some(ask.order()), "BROKEN", "the acquirer has a problem");
            (StatusCode::INTERNAL_SERVER_ERROR, body)
        }
    }
}

/// An answer that says nothing about an order's state.
pub(super) fn problem(order: Option<&str>, code: &str, text: &str) -> String {
    match order {
        Some(order) => json!({ "order": order, "code": code, "text": text }).to_string(),
        None => json!({ "code": code, "text": text }).to_string(),
    }
}

pub(super) fn signed(
    desk: &Desk,
    req: &HttpRequest,
    nonce: &str,
    status: StatusCode,
    body: String,
) -> HttpResponse {
    respond(&desk.config.key, req, nonce, status, body)
}

fn respond(
    key: &Key,
    req: &HttpRequest,
    nonce: &str,
    status: StatusCode,
    body: String,
) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    for (name, value) in headers(key, req, nonce, status, &body) {
        response.insert_header((name, value));
    }
    response.content_type("application/json").body(body)
}

fn headers(
    key: &Key,
    req: &HttpRequest,
    nonce: &str,
    status: StatusCode,
    body: &str,
) -> [(&'static str, String); 3] {
    let timestamp = (now_ms() / 1000).to_string();
    let path = req.uri().path_and_query().map_or("", |path| path.as_str());
    let parts = sign::answer_parts(status.as_str(), path, &timestamp, nonce, body.as_bytes());
    let signature = key.sign(&parts);
    [
        (sign::TIMESTAMP, timestamp),
        (sign::NONCE, nonce.to_owned()),
        (sign::SIGNATURE, signature),
    ]
}

/// Writes a first copy of the answer past the server, whose own copy is then the second.
fn twice(desk: &Desk, req: &HttpRequest, nonce: &str, status: StatusCode, body: &str) {
    let mut raw = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers(&desk.config.key, req, nonce, status, body) {
        raw.push_str(&format!("{name}: {value}\r\n"));
    }
    raw.push_str("content-type: application/json\r\n\r\n");
    raw.push_str(body);
    if let Some(wire) = req.conn_data::<Wire>()
        && let Err(error) = (&mut wire.raw()).write_all(raw.as_bytes())
    {
        tracing::warn!(%error, "the first of two answers did not leave");
    }
}

/// Closes the connection under the server, so that not a byte of its answer arrives.
fn hang_up(req: &HttpRequest) -> HttpResponse {
    if let Some(wire) = req.conn_data::<Wire>() {
        wire.hang_up();
    }
    HttpResponse::ServiceUnavailable().finish()
}

/// Another order number of the same form.
fn other(order: &str) -> String {
    let flip = |c| if c == '0' { '1' } else { '0' };
    order
        .chars()
        .enumerate()
        .map(|(at, c)| if at == 31 { flip(c) } else { c })
        .collect()
}

async fn wait(ms: u64) {
    rt::time::sleep(Duration::from_millis(ms)).await;
}
