//! How an answer travels: rightly, or as a rule says.

use std::io::Write as _;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, rt};

use super::dialect::{Dialect, Message, Worded};
use super::wire::Wire;
use crate::acquirer::desk::Desk;
use crate::acquirer::request::Ask;
use crate::acquirer::rules::{Connection, Delivery};

/// Does what is asked, and lets the answer travel as the rules have it.
pub(super) async fn deliver(
    desk: &Desk,
    req: &HttpRequest,
    dialect: &impl Dialect,
    ask: &Ask,
) -> HttpResponse {
    let script = desk.script(ask);
    let done = || dialect.word(ask, desk.perform(ask, script.verdict.clone()));
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
        Delivery::Unavailable { money_moved } => {
            let _unsaid = money_moved.then(done);
            dialect.sign(dialect.unavailable(ask), false).respond()
        }
        Delivery::Late { ms } => {
            wait(desk.config.scaled(ms)).await;
            dialect.sign(done(), false).respond()
        }
        Delivery::Slow { ms } => {
            let worded = done();
            wait(desk.config.scaled(ms)).await;
            dialect.sign(worded, false).respond()
        }
        delivery => spoilt(req, dialect, &delivery, ask.order(), done()).respond(),
    }
}

/// The answer at once, and wrong in the way that the rule says.
fn spoilt(
    req: &HttpRequest,
    dialect: &impl Dialect,
    delivery: &Delivery,
    order: &str,
    mut worded: Worded,
) -> Message {
    match delivery {
        Delivery::WrongSignature => return dialect.sign(worded, true),
        Delivery::Duplicate => twice(req, &dialect.sign(worded.clone(), false)),
        Delivery::OtherOrder => worded.body = worded.body.replace(order, &other(order)),
        Delivery::Garbage => worded.body = "<html>be right back</html>".to_owned(),
        _ => {}
    }
    dialect.sign(worded, false)
}

/// Writes a first copy of the answer past the server, whose own copy is then the second.
fn twice(req: &HttpRequest, message: &Message) {
    if let Some(wire) = req.conn_data::<Wire>()
        && let Err(error) = (&mut wire.raw()).write_all(message.raw().as_bytes())
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
