//! RSA2 on the gateway's side, with keys that everybody knows.

use std::sync::LazyLock;

use jiff::{civil::DateTime, tz::Offset};

use super::Parameters;
use crate::acquirer::api::rsa::Pair;

/// The application's private key, for the store.
pub const APP_KEY: &str = include_str!("../../../../keys/alipay-app.key");
pub const APP_CERTIFICATE: &str = include_str!("../../../../keys/alipay-app.crt");
/// Of which the store knows the public half.
const GATEWAY_KEY: &str = include_str!("../../../../keys/alipay-gateway.key");
pub const GATEWAY_PUBLIC_KEY: &str = include_str!("../../../../keys/alipay-gateway.pub");
pub const GATEWAY_CERTIFICATE: &str = include_str!("../../../../keys/alipay-gateway.crt");
pub const ROOT_CERTIFICATES: &str = include_str!("../../../../keys/alipay-roots.pem");

static APP: LazyLock<Pair> = LazyLock::new(|| Pair::of(APP_KEY));
static GATEWAY: LazyLock<Pair> = LazyLock::new(|| Pair::of(GATEWAY_KEY));

/// What the certificates are called: made by the platform's own SDK from the files beside them.
const APP_NUMBER: &str = include_str!("../../../../keys/alipay-app.sn");
const ROOT_NUMBER: &str = include_str!("../../../../keys/alipay-roots.sn");
pub(super) static GATEWAY_NUMBER: LazyLock<String> = LazyLock::new(|| {
    include_str!("../../../../keys/alipay-gateway.sn")
        .trim()
        .to_owned()
});

/// All parameters but the signature and the empty ones, by their names.
pub(super) fn content(all: &Parameters) -> String {
    let signed = all
        .iter()
        .filter(|(name, value)| name.as_str() != "sign" && !value.is_empty());
    let pairs: Vec<String> = signed
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

pub(super) fn is_from_app(content: &str, signature: &str) -> bool {
    APP.verifies(content.as_bytes(), signature)
}

/// In certificate mode a request names the application's certificate and the roots.
pub(super) fn names_app(all: &Parameters) -> bool {
    match (all.get("app_cert_sn"), all.get("alipay_root_cert_sn")) {
        (None, None) => true,
        (app, root) => {
            app.map(String::as_str) == Some(APP_NUMBER.trim())
                && root.map(String::as_str) == Some(ROOT_NUMBER.trim())
        }
    }
}

/// `forged`: with the application's key, which is not the gateway's.
pub(super) fn by_gateway(object: &str, forged: bool) -> String {
    let pair = if forged { &APP } else { &GATEWAY };
    pair.sign(object.as_bytes())
}

/// How far the request's clock is from this one; the gateway's days are Beijing's.
pub(super) fn skew_s(timestamp: &str) -> Option<u64> {
    let local = DateTime::strptime("%Y-%m-%d %H:%M:%S", timestamp).ok()?;
    let at = Offset::constant(8).to_timestamp(local).ok()?;
    let now = jiff::Timestamp::now();
    Some(at.as_second().abs_diff(now.as_second()))
}
