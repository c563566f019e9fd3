//! The third interface: who asks, and how answers are signed.

mod ask;
pub(super) mod notification;
mod words;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::keys::{self, PlatformKey};
use super::{MCHID, Method, Refused, bill, fits};
use crate::acquirer::answer::Answer;
use crate::acquirer::api::Shared;
use crate::acquirer::api::deliver::deliver;
use crate::acquirer::api::dialect::{Dialect, Message, Worded, header};
use crate::acquirer::desk::{Desk, Failure, now_ms};
use crate::acquirer::request::Ask;

const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048 ";
/// Sent now and then with a signature that is no good, to see whether anybody looks.
const PROBE: &str = "WECHATPAY/SIGNTEST/";

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.service(web::scope("/v3").default_service(web::route().to(asked)));
}

async fn asked(desk: Shared, req: HttpRequest, body: web::Bytes) -> HttpResponse {
    if let Err(why) = authentic(&desk, &req, &body) {
        // unsigned: who has no key gets no signature to study
        return HttpResponse::Unauthorized().json(json!({ "code": "SIGN_ERROR", "message": why }));
    }
    let key = PlatformKey::asked(header(&req, "wechatpay-serial"));
    let mut answer = V3 {
        desk: &desk,
        method: Method::Query,
        key,
    };
    if req.path() == "/v3/billdownload/file" {
        return HttpResponse::Ok().body(bill::text(&desk, req.query_string()));
    }
    if req.path() == "/v3/bill/tradebill" {
        let place = bill::place(&desk, &req);
        return answer.sign(worded(200, &place), false).respond();
    }
    let heard = ask::of(
        &desk,
        req.method().as_str(),
        req.path(),
        req.query_string(),
        &body,
    );
    match heard.and_then(|asked| fits(&desk, asked)) {
        Ok(asked) => {
            answer.method = asked.method;
            deliver(&desk, &req, &answer, &asked.ask).await
        }
        Err(Refused { status, code, text }) => {
            let body = json!({ "code": code, "message": text });
            answer.sign(worded(status, &body), false).respond()
        }
    }
}

fn authentic(desk: &Desk, req: &HttpRequest, body: &[u8]) -> Result<(), &'static str> {
    let all = header(req, "authorization");
    let all = all.strip_prefix(SCHEME).ok_or("not the right scheme")?;
    let of = |wanted: &str| {
        let mut pairs = all.split(',').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(name, _)| name.trim() == wanted);
        found.map_or("", |(_, value)| value.trim_matches('"'))
    };
    if of("mchid") != MCHID || of("serial_no") != keys::MERCHANT_SERIAL {
        return Err("no such merchant, or not its certificate");
    }
    let path = req.uri().path_and_query().map_or("", |path| path.as_str());
    let (timestamp, nonce) = (of("timestamp"), of("nonce_str"));
    let head = format!("{}\n{path}\n{timestamp}\n{nonce}\n", req.method());
    let text = [head.as_bytes(), body, b"\n"].concat();
    if !keys::is_from_merchant(&text, of("signature")) {
        return Err("the signature is wrong");
    }
    let skew_s = timestamp
        .parse::<i64>()
        .map(|s| s.abs_diff(now_ms() / 1000));
    match skew_s {
        Ok(skew_s) if skew_s <= desk.config.skew_limit_s => Ok(()),
        _ => Err("the clock is too far off"),
    }
}

/// The answer to one request that was rightly signed.
struct V3<'a> {
    desk: &'a Desk,
    method: Method,
    key: PlatformKey,
}

impl Dialect for V3<'_> {
    fn word(&self, ask: &Ask, done: Result<Answer, Failure>) -> Worded {
        match done {
            Ok(answer) => {
                let facts = self.desk.facts(ask.order());
                let (status, mut body) = words::of(self.method, &answer, facts);
                let is_refund = matches!(self.method, Method::Refund | Method::RefundQuery);
                if let Some(body) = body.as_object_mut().filter(|_| is_refund && status == 200) {
                    let transaction = self.desk.reference(ask.order());
                    body.insert("transaction_id".to_owned(), transaction.into());
                }
                match status {
                    204 => Worded {
                        status: StatusCode::NO_CONTENT,
                        body: String::new(),
                    },
                    _ => worded(status, &body),
                }
            }
            Err(Failure::Conflict) => {
                let text = "this number belongs to a request with another body";
                worded(
                    403,
                    &json!({ "code": "OUT_TRADE_NO_USED", "message": text }),
                )
            }
            Err(Failure::Broken(error)) => {
                tracing::error!(%error, ?ask, "the sandbox is broken");
                self.unavailable(ask)
            }
        }
    }

    fn unavailable(&self, _: &Ask) -> Worded {
        worded(
            500,
            &json!({ "code": "SYSTEM_ERROR", "message": "try again" }),
        )
    }

    fn sign(&self, worded: Worded, forged: bool) -> Message {
        match forged {
            true => signed(worded, self.key.serial(), PlatformKey::Neither, PROBE),
            false => signed(worded, self.key.serial(), self.key, ""),
        }
    }

    fn sign_otherwise(&self, worded: Worded) -> Message {
        let key = self.key.other();
        signed(worded, key.serial(), key, "")
    }
}

fn signed(worded: Worded, serial: &str, key: PlatformKey, prefix: &str) -> Message {
    let [serial, timestamp, nonce, signature] = signature(&worded.body, serial, key);
    Message {
        status: worded.status,
        content_type: "application/json; charset=utf-8",
        headers: vec![
            ("wechatpay-serial", serial),
            ("wechatpay-timestamp", timestamp),
            ("wechatpay-nonce", nonce),
            ("wechatpay-signature", format!("{prefix}{signature}")),
            ("wechatpay-signature-type", SCHEME.trim_end().to_owned()),
        ],
        body: worded.body,
    }
}

/// Serial, time, nonce, signature.
fn signature(body: &str, serial: &str, key: PlatformKey) -> [String; 4] {
    let now_ms = now_ms();
    let timestamp = (now_ms / 1000).to_string();
    let nonce = format!("{now_ms:032X}");
    let signature = key.sign(format!("{timestamp}\n{nonce}\n{body}\n").as_bytes());
    [serial.to_owned(), timestamp, nonce, signature]
}

fn worded(status: u16, body: &serde_json::Value) -> Worded {
    Worded {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        body: body.to_string(),
    }
}
