//! Alipay's gateway as a dialect of the sandbox: `gateway.do`, face to face, RSA2.
//!
//! It is strict where the real one is: every request's signature is verified over all parameters
//! of query and body, and an order made by `trade.precreate` does not exist until its QR is
//! scanned. Its keys and certificates are known to everybody (`tests/sim/keys`).
//! Deliberately not here: any code of the store's driver.

mod ask;
mod bill;
mod letter;
mod sign;
mod words;

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::Shared;
use super::deliver::deliver;
use super::dialect::{Dialect, Message, Worded};
use crate::acquirer::answer::Answer;
use crate::acquirer::desk::{Desk, Failure};
use crate::acquirer::request::Ask;
use ask::{Asked, Method};
pub(super) use letter::letter;
pub use letter::notification;
pub use sign::{
    APP_CERTIFICATE, APP_KEY, GATEWAY_CERTIFICATE, GATEWAY_PUBLIC_KEY, ROOT_CERTIFICATES,
};

/// The application that has a contract here.
pub const APP_ID: &str = "2021000000000000";

type Parameters = BTreeMap<String, String>;

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.service(
        web::resource("/gateway.do")
            .route(web::get().to(gateway))
            .route(web::post().to(gateway)),
    )
    .route("/alipay-bill.zip", web::get().to(bill::file));
}

/// A complaint about the request, unsigned.
struct Complaint {
    code: &'static str,
    sub_code: &'static str,
    sub_msg: String,
}

async fn gateway(desk: Shared, req: HttpRequest, body: web::Bytes) -> HttpResponse {
    let heard = parameters(req.query_string().as_bytes(), &body)
        .and_then(|all| authentic(&desk, &all).map(|()| all))
        .and_then(|all| {
            let is_bill = is(&all, "method", bill::METHOD);
            let asked = (!is_bill).then(|| Asked::of(&desk, &all)).transpose()?;
            Ok((asked, all))
        });
    match heard {
        Ok((None, all)) => bill::place(&req, &all),
        Ok((Some(asked), all)) => {
            let asked = asked.of_what_can_be_done(&desk);
            let gateway = Gateway {
                method: asked.method,
                is_known: asked.is_known(&desk),
                trade: desk.reference(asked.ask.order()),
                names_certificate: all.contains_key("app_cert_sn"),
            };
            deliver(&desk, &req, &gateway, &asked.ask).await
        }
        Err(complaint) => {
            let Complaint {
                code,
                sub_code,
                sub_msg,
            } = complaint;
            HttpResponse::Ok().json(json!({ "error_response": {
                "code": code, "msg": "Invalid Arguments", "sub_code": sub_code, "sub_msg": sub_msg,
            }}))
        }
    }
}

fn is(all: &Parameters, name: &str, wanted: &str) -> bool {
    all.get(name).is_some_and(|given| given == wanted)
}

/// Query and form body together; a name that comes twice is nobody's.
fn parameters(query: &[u8], body: &[u8]) -> Result<Parameters, Complaint> {
    let mut all = Parameters::new();
    let pairs = form_urlencoded::parse(query).chain(form_urlencoded::parse(body));
    for (name, value) in pairs {
        let name = name.into_owned();
        if all.insert(name.clone(), value.into_owned()).is_some() {
            return Err(complaint(
                "isv.invalid-parameter",
                format!("{name} comes twice"),
            ));
        }
    }
    Ok(all)
}

fn authentic(desk: &Desk, all: &Parameters) -> Result<(), Complaint> {
    if !is(all, "app_id", APP_ID) {
        return Err(complaint("isv.invalid-app-id", "no such application"));
    }
    if !is(all, "sign_type", "RSA2") || !is(all, "version", "1.0") {
        return Err(complaint("isv.invalid-parameter", "RSA2 and version 1.0"));
    }
    let signature = all.get("sign").map_or("", String::as_str);
    if !sign::is_from_app(&sign::content(all), signature) {
        return Err(complaint("isv.invalid-signature", "the signature is wrong"));
    }
    if !sign::names_app(all) {
        return Err(complaint(
            "isv.app-cert-sn-error",
            "not this application's certificate",
        ));
    }
    let timestamp = all.get("timestamp").map_or("", String::as_str);
    match sign::skew_s(timestamp) {
        Some(skew_s) if skew_s <= desk.config.skew_limit_s => Ok(()),
        _ => Err(complaint(
            "isv.invalid-timestamp",
            "the clock is too far off",
        )),
    }
}

fn complaint(sub_code: &'static str, sub_msg: impl Into<String>) -> Complaint {
    Complaint {
        code: "40002",
        sub_code,
        sub_msg: sub_msg.into(),
    }
}

/// The answer to one request that was rightly signed.
struct Gateway {
    method: Method,
    /// Its refund had been made before.
    is_known: bool,
    /// Its order's own number at the platform, which an answer about a refund names, too.
    trade: Option<String>,
    /// In certificate mode the answer names the certificate of its key.
    names_certificate: bool,
}

impl Dialect for Gateway {
    fn word(&self, ask: &Ask, done: Result<Answer, Failure>) -> Worded {
        let object = match done {
            Ok(answer) if self.method == Method::Close && matches!(ask, Ask::Query { .. }) => {
                words::not_closable(&answer)
            }
            Ok(answer) => {
                let mut object = words::object(self.method, &answer, self.is_known);
                let is_refund = matches!(self.method, Method::Refund | Method::RefundQuery);
                let trade = self.trade.as_ref().filter(|_| is_refund);
                if let (Some(trade), Some(named)) = (trade, object.get_mut("trade_no")) {
                    *named = trade.as_str().into();
                }
                object
            }
            Err(Failure::Conflict) => words::failed(ask.order(), "ACQ.CONTEXT_INCONSISTENT"),
            Err(Failure::Broken(error)) => {
                tracing::error!(%error, ?ask, "the sandbox is broken");
                words::unavailable()
            }
        };
        worded(&object)
    }

    fn unavailable(&self, _: &Ask) -> Worded {
        worded(&words::unavailable())
    }

    fn sign(&self, worded: Worded, forged: bool) -> Message {
        let object = &worded.body;
        let signature = sign::by_gateway(object, forged);
        let name = self.method.name().replace('.', "_");
        let certificate = match self.names_certificate {
            true => format!(r#","alipay_cert_sn":"{}""#, sign::GATEWAY_NUMBER.as_str()),
            false => String::new(),
        };
        Message {
            status: worded.status,
            content_type: "text/html;charset=utf-8",
            headers: Vec::new(),
            body: format!(r#"{{"{name}_response":{object}{certificate},"sign":"{signature}"}}"#),
        }
    }
}

/// With slashes escaped, as the real one sends them: what is signed is not what a JSON writer
/// would make of it.
fn worded(object: &Value) -> Worded {
    Worded {
        status: actix_web::http::StatusCode::OK,
        body: object.to_string().replace('/', r"\/"),
    }
}
