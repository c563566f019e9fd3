//! What of a request is signed, and how it is sent: all parameters but `sign` and the empty ones,
//! by their names' bytes, `name=value` joined with `&`, values as they are. On the wire the common
//! ones stand in the query, percent-encoded, and `biz_content` in the form's body.

use form_urlencoded::Serializer;
use jiff::tz::Offset;
use store_actors::domain::timestamp::Timestamp;
use zeroize::Zeroizing;

use super::{Text, certificates::Numbers};

pub(super) const CONTENT_TYPE: &str = "application/x-www-form-urlencoded;charset=utf-8";

/// The gateway's clock.
const BEIJING_HOURS: i8 = 8;

/// The common parameters of one request.
#[derive(Clone, Debug)]
pub(super) struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    pub fn new(app_id: &str, method: &str, now: Timestamp) -> Self {
        let own = |(name, value): (&'static str, &str)| (name, value.to_owned());
        let fixed = [
            ("app_id", app_id),
            ("charset", "utf-8"),
            ("format", "JSON"),
            ("method", method),
            ("sign_type", "RSA2"),
            ("version", "1.0"),
        ];
        let mut parameters: Vec<_> = fixed.into_iter().map(own).collect();
        parameters.push(("timestamp", beijing(now)));
        Self(parameters)
    }

    pub fn name_certificates(&mut self, numbers: &Numbers) {
        self.0.push(("app_cert_sn", numbers.app.clone()));
        self.0.push(("alipay_root_cert_sn", numbers.root.clone()));
    }

    /// The text that is signed. It holds the customer's code.
    pub fn signed(&self, content: &str) -> Text {
        let mut all: Vec<(&str, &str)> = self
            .0
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .chain([("biz_content", content)])
            .filter(|(_, value)| !value.is_empty())
            .collect();
        all.sort_unstable();
        let longest = all.iter().map(|(name, value)| name.len() + value.len() + 2);
        // room for all of it, so that growing leaves no copy of a code behind
        let mut text = Zeroizing::new(String::with_capacity(longest.sum()));
        for (name, value) in all {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        text
    }

    /// The query with its signature.
    pub fn query(&self, signature: &str) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in &self.0 {
            query.append_pair(name, value);
        }
        query.append_pair("sign", signature);
        query.finish()
    }
}

/// The form's body.
pub(super) fn body(content: &str) -> Zeroizing<Vec<u8>> {
    const NAME: &str = "biz_content=";
    // three bytes for one, at worst
    let mut body = Zeroizing::new(Vec::with_capacity(NAME.len() + 3 * content.len()));
    body.extend_from_slice(NAME.as_bytes());
    for piece in form_urlencoded::byte_serialize(content.as_bytes()) {
        body.extend_from_slice(piece.as_bytes());
    }
    body
}

/// `2026-11-26 09:30:00`, whatever the shop's own offset.
fn beijing(now: Timestamp) -> String {
    let instant = jiff::Timestamp::from_millisecond(now.unix_ms()).unwrap_or_default();
    let local = Offset::constant(BEIJING_HOURS).to_datetime(instant);
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
