//! What of a request is signed, and how it is sent: all parameters but `sign` and the empty ones,
//! by their names' bytes, `name=value` joined with `&`, values as they are. On the wire the common
//! ones stand in the query, percent-encoded, and `biz_content` in the form's body.

use form_urlencoded::Serializer;
use store_actors::domain::timestamp::Timestamp;
use zeroize::Zeroizing;

use super::{Text, certificates::Numbers};
use crate::adapters::acquirers::pairs;

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
        parameters.push(("timestamp", pairs::beijing(now, "%Y-%m-%d %H:%M:%S")));
        Self(parameters)
    }

    pub fn name_certificates(&mut self, numbers: &Numbers) {
        self.0.push(("app_cert_sn", numbers.app.clone()));
        self.0.push(("alipay_root_cert_sn", numbers.root.clone()));
    }

    pub fn tell_at(&mut self, url: &str) {
        self.0.push(("notify_url", url.to_owned()));
    }

    /// The text that is signed. It holds the customer's code.
    pub fn signed(&self, content: &str) -> Text {
        let mut all: Vec<(&str, &str)> = self
            .0
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .chain([("biz_content", content)])
            .collect();
        all.sort_unstable();
        pairs::joined(all.into_iter())
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
    pairs::form([("biz_content", content)].into_iter())
}
