//! The second interface: who asks, and how answers are signed.

pub(super) mod letter;
mod words;
mod xml;

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::{APPID, Asked, MCHID, Method, Refused, bill, fits, keys, refused, yuan};
use crate::acquirer::answer::{Answer, State};
use crate::acquirer::api::Shared;
use crate::acquirer::api::deliver::deliver;
use crate::acquirer::api::dialect::{Dialect, Message, Worded};
use crate::acquirer::config::Tender;
use crate::acquirer::desk::{Desk, Failure};
use crate::acquirer::request::Ask;

type Fields = BTreeMap<String, String>;

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.service(web::scope("/pay").default_service(web::post().to(asked)))
        .service(web::scope("/secapi/pay").default_service(web::post().to(asked)));
}

async fn asked(desk: Shared, req: HttpRequest, body: web::Bytes) -> HttpResponse {
    let fields = match authentic(&body) {
        Ok(fields) => fields,
        Err(why) => return unheard(why),
    };
    if req.path() == "/pay/downloadbill" {
        return HttpResponse::Ok().body(bill::text(&desk, of(&fields, "bill_date")));
    }
    let mut answer = V2 {
        desk: &desk,
        method: Method::Query,
        is_hmac: of(&fields, "sign_type") == "HMAC-SHA256",
        was_paid: false,
    };
    let heard = ask(&desk, req.path(), &fields);
    match heard.and_then(|asked| fits(&desk, asked)) {
        Ok(asked) => {
            answer.method = asked.method;
            answer.was_paid = is_paid(&desk, asked.ask.order());
            deliver(&desk, &req, &answer, &asked.ask).await
        }
        Err(Refused { code, text, .. }) => {
            let worded = worded(words::refused(&code.replace('_', ""), &text));
            answer.sign(worded, false).respond()
        }
    }
}

fn is_paid(desk: &Desk, order: &str) -> bool {
    let query = Ask::Query {
        order: order.to_owned(),
    };
    let found = desk.perform(&query, None);
    found.is_ok_and(|answer| answer.state == State::Approved)
}

fn unheard(why: &str) -> HttpResponse {
    let fields = Fields::from([
        ("return_code".to_owned(), "FAIL".to_owned()),
        ("return_msg".to_owned(), why.to_owned()),
    ]);
    HttpResponse::Ok()
        .content_type("text/xml")
        .body(xml::write(&fields))
}

fn of<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", String::as_str)
}

fn authentic(body: &[u8]) -> Result<Fields, &'static str> {
    let fields = xml::read(body).ok_or("XML格式错误")?;
    if of(&fields, "appid") != APPID || of(&fields, "mch_id") != MCHID {
        return Err("appid and mch_id do not belong together");
    }
    if of(&fields, "nonce_str").is_empty() || of(&fields, "nonce_str").len() > 32 {
        return Err("nonce_str has 1 to 32 characters");
    }
    let is_hmac = match of(&fields, "sign_type") {
        "HMAC-SHA256" => true,
        "" | "MD5" => false,
        _ => return Err("no such sign_type"),
    };
    match signature(&fields, is_hmac) == of(&fields, "sign") {
        true => Ok(fields),
        false => Err("签名错误"),
    }
}

fn signature(fields: &Fields, is_hmac: bool) -> String {
    let signed = fields
        .iter()
        .filter(|(name, value)| name.as_str() != "sign" && !value.is_empty());
    let text: String = signed
        .map(|(name, value)| format!("{name}={value}&"))
        .collect();
    keys::v2_signature(&format!("{text}key={}", keys::API_V2_KEY), is_hmac)
}

fn ask(desk: &Desk, path: &str, fields: &Fields) -> Result<Asked, Refused> {
    let order = order_of(desk, fields);
    let (method, ask) = match path {
        "/pay/micropay" => (Method::Charge, open(Tender::CustomerCode, fields)),
        "/pay/unifiedorder" if of(fields, "trade_type") == "NATIVE" => {
            (Method::Native, open(Tender::MerchantQr, fields))
        }
        "/pay/orderquery" => (Method::Query, Ok(Ask::Query { order })),
        "/pay/closeorder" => (Method::Close, Ok(Ask::Close { order })),
        "/secapi/pay/reverse" => (Method::Reverse, Ok(Ask::Reverse { order })),
        "/secapi/pay/refund" => (Method::Refund, refund(desk, fields)),
        "/pay/refundquery" => {
            let refund = of(fields, "out_refund_no").to_owned();
            let Some(order) = desk.order_of_refund(&refund) else {
                return Err(refused(200, "REFUNDNOTEXIST", "no such refund"));
            };
            (Method::RefundQuery, Ok(Ask::RefundQuery { order, refund }))
        }
        _ => return Err(refused(200, "PARAM_ERROR", "no such method")),
    };
    let ask = ask.and_then(Ask::check_ids);
    let ask = ask.map_err(|why| refused(200, "PARAM_ERROR", why))?;
    Ok(Asked { method, ask })
}

/// By the merchant's number, or WeChat Pay's own, which wins.
fn order_of(desk: &Desk, fields: &Fields) -> String {
    match fields.get("transaction_id") {
        Some(transaction) => {
            let order = desk.order_of_reference(transaction);
            order.unwrap_or_else(|| "0".repeat(32))
        }
        None => of(fields, "out_trade_no").to_owned(),
    }
}

fn fen_of(fields: &Fields, name: &str) -> Result<u64, String> {
    of(fields, name)
        .parse()
        .map_err(|_| format!("{name} is no amount in fen"))
}

fn open(tender: Tender, fields: &Fields) -> Result<Ask, String> {
    for needed in ["body", "spbill_create_ip"] {
        if of(fields, needed).is_empty() {
            return Err(format!("{needed} is missing"));
        }
    }
    if !matches!(of(fields, "fee_type"), "" | "CNY") {
        return Err("fee_type is CNY".to_owned());
    }
    if tender == Tender::MerchantQr && !of(fields, "notify_url").starts_with("http") {
        return Err("notify_url is missing".to_owned());
    }
    let scene: serde_json::Value =
        serde_json::from_str(of(fields, "scene_info")).unwrap_or_default();
    let store = scene.pointer("/store_info/id").and_then(|id| id.as_str());
    let counter = Some(of(fields, "device_info")).filter(|counter| !counter.is_empty());
    let mut order = json!({
        "order": of(fields, "out_trade_no"),
        "store": store.unwrap_or("store"),
        "counter": counter.unwrap_or("counter"),
        "amount": yuan(fen_of(fields, "total_fee")?),
        "currency": "CNY",
        "provider": "wechat_v2",
    });
    if let (Some(code), Some(order)) = (fields.get("auth_code"), order.as_object_mut()) {
        order.insert("code".to_owned(), code.as_str().into());
    }
    Ask::open(tender, order.to_string().as_bytes())
}

fn refund(desk: &Desk, fields: &Fields) -> Result<Ask, String> {
    let order = order_of(desk, fields);
    let total = fen_of(fields, "total_fee")?;
    if desk
        .amount(&order)
        .is_some_and(|amount| super::fen(amount) != total)
    {
        return Err("total_fee is not the order's".to_owned());
    }
    let body = json!({ "amount": yuan(fen_of(fields, "refund_fee")?), "currency": "CNY" });
    let refund = of(fields, "out_refund_no").to_owned();
    Ask::refund(order, refund, body.to_string().as_bytes())
}

/// The answer to one request that was rightly signed.
struct V2<'a> {
    desk: &'a Desk,
    method: Method,
    /// As the request was signed.
    is_hmac: bool,
    /// Before anything was done.
    was_paid: bool,
}

impl Dialect for V2<'_> {
    fn word(&self, ask: &Ask, done: Result<Answer, Failure>) -> Worded {
        worded(match done {
            Ok(answer) => {
                let facts = self.desk.facts(ask.order());
                let mut said = words::of(self.method, &answer, facts, self.was_paid);
                let is_refund = matches!(self.method, Method::Refund | Method::RefundQuery);
                if let Some(transaction) = self.desk.reference(ask.order()).filter(|_| is_refund) {
                    said.insert("transaction_id".to_owned(), transaction);
                }
                said
            }
            Err(Failure::Conflict) => words::refused("OUT_TRADE_NO_USED", "商户订单号重复"),
            Err(Failure::Broken(error)) => {
                tracing::error!(%error, ?ask, "the sandbox is broken");
                return self.unavailable(ask);
            }
        })
    }

    fn unavailable(&self, _: &Ask) -> Worded {
        worded(words::refused("SYSTEMERROR", "try again"))
    }

    /// The signature stands within the body: what a rule has spoilt is signed as it is.
    fn sign(&self, worded: Worded, forged: bool) -> Message {
        let body = match xml::read(worded.body.as_bytes()) {
            Some(mut fields) => {
                let mut sign = signature(&fields, self.is_hmac);
                if forged {
                    sign = sign.chars().rev().collect();
                }
                fields.insert("sign".to_owned(), sign);
                xml::write(&fields)
            }
            None => worded.body,
        };
        Message {
            status: worded.status,
            content_type: "text/xml;charset=utf-8",
            headers: Vec::new(),
            body,
        }
    }
}

fn worded(mut fields: Fields) -> Worded {
    for (name, value) in [
        ("return_code", "SUCCESS"),
        ("return_msg", "OK"),
        ("appid", APPID),
        ("mch_id", MCHID),
        ("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"),
    ] {
        fields.insert(name.to_owned(), value.to_owned());
    }
    Worded {
        status: StatusCode::OK,
        body: xml::write(&fields),
    }
}
