//! Signatures on UnionPay's side, with keys that everybody knows.

use std::sync::LazyLock;

use ring::digest::{SHA256, digest};

use super::Fields;
use crate::acquirer::api::rsa::Pair;
use crate::acquirer::sign::hex;

/// The merchant's, for the store; the number by which requests name the certificate stands in it.
pub const MERCHANT_KEY: &str = include_str!("../../../../keys/unionpay-merchant.key");
pub const MERCHANT_CERTIFICATE: &str = include_str!("../../../../keys/unionpay-merchant.crt");
const MERCHANT_NUMBER: &str = "68759663125";
const GATEWAY_KEY: &str = include_str!("../../../../keys/unionpay-gateway.key");
/// Travels with each answer.
pub const GATEWAY_CERTIFICATE: &str = include_str!("../../../../keys/unionpay-gateway.crt");
pub const MIDDLE_CERTIFICATE: &str = include_str!("../../../../keys/unionpay-middle.crt");
pub const ROOT_CERTIFICATE: &str = include_str!("../../../../keys/unionpay-root.crt");

static MERCHANT: LazyLock<Pair> = LazyLock::new(|| Pair::of(MERCHANT_KEY));
static GATEWAY: LazyLock<Pair> = LazyLock::new(|| Pair::of(GATEWAY_KEY));

/// By their names; the signature apart.
pub(super) fn joined(fields: &Fields) -> String {
    let signed = fields
        .iter()
        .filter(|(name, _)| name.as_str() != "signature");
    let pairs: Vec<String> = signed
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

pub(super) fn is_from_merchant(fields: &Fields) -> bool {
    let signature = fields.get("signature").map_or("", String::as_str);
    fields.get("certId").map(String::as_str) == Some(MERCHANT_NUMBER)
        && MERCHANT.verifies(digested(&joined(fields)).as_bytes(), signature)
}

/// `text`: names and values, joined. What a rule has spoilt is signed as it is.
pub(super) fn by_gateway(text: &str, forged: bool) -> String {
    let certificate = format!("signPubKeyCert={GATEWAY_CERTIFICATE}");
    let mut pairs: Vec<&str> = text.split('&').chain([certificate.as_str()]).collect();
    pairs.sort_unstable();
    let text = pairs.join("&");
    let pair = if forged { &MERCHANT } else { &GATEWAY };
    let signature = pair.sign(digested(&text).as_bytes());
    format!("{text}&signature={signature}")
}

fn digested(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}
