//! UnionPay's QR interface as a dialect of the sandbox: form posts, version 5.1.0, signed with the
//! merchant's certificate.
//!
//! It is strict where the real one is: every request's signature and certificate number are
//! verified, a transaction is known by its number and time together, a time that is not now is
//! refused, only a charged code is reversed and only a paid order is given back, as a void only
//! whole and on its day. Its keys and certificates are known to everybody (`tests/sim/keys`).
//! Deliberately not here: any code of the store's driver.

mod ask;
mod letter;
mod sign;
mod words;

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::Shared;
use super::deliver::deliver;
use super::dialect::{Dialect, Message, Worded};
use crate::acquirer::answer::Answer;
use crate::acquirer::desk::{Desk, Failure};
use crate::acquirer::request::Ask;
use ask::{Asked, Method};
pub(super) use letter::letter;
pub use sign::{
    GATEWAY_CERTIFICATE, MERCHANT_CERTIFICATE, MERCHANT_KEY, MIDDLE_CERTIFICATE, ROOT_CERTIFICATE,
};

/// The merchant that has a contract here, and its terminal.
pub const MERCHANT: &str = "777290058110048";
pub const TERMINAL: &str = "49000002";

/// Of a message.
type Fields = BTreeMap<String, String>;

pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.route("/gateway/api/backTransReq.do", web::post().to(transaction))
        .route("/gateway/api/queryTrans.do", web::post().to(query));
}

async fn transaction(desk: Shared, req: HttpRequest, body: web::Bytes) -> HttpResponse {
    answered(&desk, &req, &body, false).await
}

async fn query(desk: Shared, req: HttpRequest, body: web::Bytes) -> HttpResponse {
    answered(&desk, &req, &body, true).await
}

/// A complaint about the request, before anything is done.
struct Complaint {
    code: &'static str,
    text: String,
}

fn complaint(code: &'static str, text: impl Into<String>) -> Complaint {
    Complaint {
        code,
        text: text.into(),
    }
}

async fn answered(desk: &Desk, req: &HttpRequest, body: &[u8], is_query: bool) -> HttpResponse {
    let fields: Fields = form_urlencoded::parse(body).into_owned().collect();
    let gateway = |method, tender| Gateway {
        method,
        tender,
        request: fields.clone(),
    };
    let asked = authentic(&fields).and_then(|()| Asked::of(desk, &fields, is_query));
    match asked {
        Ok(Asked { method, ask }) => {
            let tender = desk.facts(ask.order()).map(|(tender, _)| tender);
            deliver(desk, req, &gateway(method, tender), &ask).await
        }
        Err(Complaint { code, text }) => {
            let gateway = gateway(Method::Query, None);
            let worded = gateway.worded(&[("respCode", code), ("respMsg", &text)]);
            gateway.sign(worded, false).respond()
        }
    }
}

fn authentic(fields: &Fields) -> Result<(), Complaint> {
    for (name, wanted) in [
        ("version", "5.1.0"),
        ("encoding", "UTF-8"),
        ("signMethod", "01"),
        ("bizType", "000000"),
        ("accessType", "0"),
    ] {
        if fields.get(name).map(String::as_str) != Some(wanted) {
            return Err(complaint("10", format!("报文格式错误[{name}]")));
        }
    }
    if fields.get("merId").map(String::as_str) != Some(MERCHANT) {
        return Err(complaint("31", "商户状态不正确"));
    }
    match sign::is_from_merchant(fields) {
        true => Ok(()),
        false => Err(complaint("11", "验证签名失败")),
    }
}

/// The answer to one request.
struct Gateway {
    method: Method,
    /// How its order is paid, if it was known before.
    tender: Option<crate::acquirer::config::Tender>,
    request: Fields,
}

impl Gateway {
    /// With what every answer repeats of its request.
    fn worded(&self, pairs: &[(&str, &str)]) -> Worded {
        const REPEATED: [&str; 10] = [
            "version",
            "encoding",
            "signMethod",
            "bizType",
            "accessType",
            "merId",
            "orderId",
            "txnTime",
            "txnType",
            "txnSubType",
        ];
        let repeated = REPEATED.iter().filter_map(|name| {
            let value = self.request.get(*name)?;
            Some(((*name).to_owned(), value.clone()))
        });
        let mut fields: Fields = repeated.collect();
        for (name, value) in pairs {
            fields.insert((*name).to_owned(), (*value).to_owned());
        }
        Worded {
            status: StatusCode::OK,
            body: sign::joined(&fields),
        }
    }
}

impl Dialect for Gateway {
    fn word(&self, ask: &Ask, done: Result<Answer, Failure>) -> Worded {
        match done {
            Ok(answer) => {
                let said = words::of(self.method, &answer, self.tender);
                let pairs: Vec<_> = said.iter().map(|(n, v)| (*n, v.as_str())).collect();
                self.worded(&pairs)
            }
            Err(Failure::Conflict) => self.worded(&[("respCode", "12"), ("respMsg", "重复交易")]),
            Err(Failure::Broken(error)) => {
                tracing::error!(%error, ?ask, "the sandbox is broken");
                self.unavailable(ask)
            }
        }
    }

    fn unavailable(&self, _: &Ask) -> Worded {
        let text = "交易通讯超时，请发起查询交易";
        self.worded(&[("respCode", "03"), ("respMsg", text)])
    }

    fn sign(&self, worded: Worded, forged: bool) -> Message {
        Message {
            status: worded.status,
            content_type: "text/html;charset=utf-8",
            headers: Vec::new(),
            body: sign::by_gateway(&worded.body, forged),
        }
    }
}
