//! How a provider words and signs: each provider's protocol is one dialect of the same desk, so
//! that all of them obey the same rules and write the same ledger.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use crate::acquirer::answer::Answer;
use crate::acquirer::desk::Failure;
use crate::acquirer::request::Ask;

/// One provider's way of answering one request.
pub(super) trait Dialect {
    /// What the desk did, in the provider's words, unsigned.
    fn word(&self, ask: &Ask, done: Result<Answer, Failure>) -> Worded;

    /// Rightly signed, and says that the service can't be had now: no word about the order.
    fn unavailable(&self, _: &Ask) -> Worded {
        Worded {
            status: StatusCode::SERVICE_UNAVAILABLE,
            body: String::new(),
        }
    }

    /// Ready to travel. `forged`: signed with a key that is not the provider's.
    fn sign(&self, worded: Worded, forged: bool) -> Message;
}

/// Unsigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Worded {
    pub status: StatusCode,
    pub body: String,
}

/// Signed, in whatever place the provider puts its signature.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Message {
    pub fn respond(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in self.headers {
            response.insert_header(header);
        }
        response.content_type(self.content_type).body(self.body)
    }

    /// As it looks on the wire.
    pub fn raw(&self) -> String {
        let mut raw = format!(
            "HTTP/1.1 {}\r\ncontent-length: {}\r\ncontent-type: {}\r\n",
            self.status,
            self.body.len(),
            self.content_type
        );
        for (name, value) in &self.headers {
            raw.push_str(&format!("{name}: {value}\r\n"));
        }
        raw.push_str("\r\n");
        raw.push_str(&self.body);
        raw
    }
}

/// A request's header, or nothing.
pub(super) fn header<'a>(req: &'a HttpRequest, name: &str) -> &'a str {
    let value = req.headers().get(name);
    value.and_then(|value| value.to_str().ok()).unwrap_or("")
}
