//! WeChat Pay as a dialect of the sandbox: its third interface (JSON, RSA) and its second (XML,
//! HMAC-SHA256 or MD5), both over the same orders.
//!
//! It is strict where the real one is: every request's signature is verified, the merchant is the
//! one with a contract, a charged code can be reversed and not closed, a QR closed and not
//! reversed. Its keys are known to everybody (`tests/sim/keys`).
//! Deliberately not here: any code of the store's driver, and TLS, so that a client certificate is
//! not asked for.

mod bill;
mod keys;
mod v2;
mod v3;

use actix_web::web;

use crate::acquirer::config::Tender;
use crate::acquirer::desk::Desk;
use crate::acquirer::money::{fen, yuan};
use crate::acquirer::request::Ask;

pub use keys::{
    API_V2_KEY, API_V3_KEY, MERCHANT_CERTIFICATE, MERCHANT_KEY, MERCHANT_SERIAL,
    PLATFORM_CERTIFICATE, PLATFORM_PUBLIC_KEY, PLATFORM_PUBLIC_KEY_ID, PLATFORM_SERIAL,
};
pub(super) use v2::letter::letter as letter_v2;
pub(super) use v3::notification::letter as letter_v3;
pub use v3::notification::{Notification, notification};

/// The application and the merchant that have a contract here.
pub const APPID: &str = "wxd678efh567hg6787";
pub const MCHID: &str = "1900000109";

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.configure(v3::routes).configure(v2::routes);
}

/// What a shop may ask of either interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Charge,
    Native,
    Query,
    Close,
    Reverse,
    Refund,
    RefundQuery,
}

struct Asked {
    method: Method,
    ask: Ask,
}

/// The request is refused before anything is done.
struct Refused {
    status: u16,
    code: &'static str,
    text: String,
}

fn refused(status: u16, code: &'static str, text: impl Into<String>) -> Refused {
    Refused {
        status,
        code,
        text: text.into(),
    }
}

/// A charged code is reversed, a QR is closed: not the other way round.
fn fits(desk: &Desk, asked: Asked) -> Result<Asked, Refused> {
    let tender = desk.facts(asked.ask.order()).map(|(tender, _)| tender);
    match (asked.method, tender) {
        (Method::Close, Some(Tender::CustomerCode)) => Err(refused(
            400,
            "INVALID_REQUEST",
            "a charged code is not closed, it is reversed",
        )),
        (Method::Reverse, Some(Tender::MerchantQr)) => Err(refused(
            400,
            "INVALID_REQUEST",
            "only a charged code is reversed",
        )),
        _ => Ok(asked),
    }
}
