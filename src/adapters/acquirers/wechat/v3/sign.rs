//! Signatures of the third interface: `WECHATPAY2-SHA256-RSA2048` both ways.
//!
//! Five lines are signed of a request (method, path with query, time, nonce, body), three of an
//! answer or a notification (time, nonce, body), each ended by a line feed. WeChat Pay's keys are
//! several while one follows another: the message itself names its key by serial number or key id,
//! and both kinds are taken side by side. Signatures that are spoilt on purpose, to see whether
//! anybody looks, are refused like any other wrong one.

use std::collections::BTreeMap;

use store_actors::domain::payment::NoAnswer;
use x509_parser::{pem::parse_x509_pem, prelude::X509Certificate};
use zeroize::Zeroizing;

use crate::adapters::acquirers::{
    DriverRefused,
    rsa::{PrivateKey, PublicKey},
};

const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";
const PROBE: &str = "WECHATPAY/SIGNTEST/";
/// An answer whose clock is further from ours is none.
const SKEW_LIMIT_S: u64 = 300;

/// Of WeChat Pay's keys, one.
#[derive(Clone, Debug)]
pub enum PlatformKey {
    /// PEM: it bears its serial number.
    Certificate(String),
    PublicKey {
        /// `PUB_KEY_ID_…`
        id: String,
        /// PEM.
        key: String,
    },
}

/// WeChat Pay's keys, by the names under which it signs.
#[derive(Debug)]
pub(super) struct PlatformKeys {
    keys: BTreeMap<String, PublicKey>,
    /// The public key's id: answers are asked for under it.
    pub preferred: Option<String>,
}

impl PlatformKeys {
    pub fn of(keys: &[PlatformKey]) -> Result<Self, DriverRefused> {
        let mut all = Self {
            keys: BTreeMap::new(),
            preferred: None,
        };
        for key in keys {
            let (name, key) = match key {
                PlatformKey::Certificate(pem) => {
                    let key = PublicKey::parse("WeChat Pay's certificate", pem)?;
                    (serial_number("WeChat Pay's certificate", pem)?, key)
                }
                PlatformKey::PublicKey { id, key } => {
                    all.preferred = Some(id.clone());
                    let key = PublicKey::parse("WeChat Pay's public key", key)?;
                    (id.clone(), key)
                }
            };
            all.keys.insert(name, key);
        }
        match all.keys.is_empty() {
            true => Err(DriverRefused::Key {
                what: "WeChat Pay's key",
                why: "there is none".to_owned(),
            }),
            false => Ok(all),
        }
    }

    /// Whether a message is WeChat Pay's, and of now.
    pub fn check(&self, signed: &Signed<'_>, body: &[u8], now_s: i64) -> Result<(), NoAnswer> {
        if signed.signature.starts_with(PROBE) {
            return Err(NoAnswer::Forged);
        }
        let key = self.keys.get(signed.serial).ok_or(NoAnswer::Forged)?;
        let mut text = Vec::with_capacity(body.len() + 128);
        for part in [signed.timestamp.as_bytes(), signed.nonce.as_bytes(), body] {
            text.extend_from_slice(part);
            text.push(b'\n');
        }
        if !key.verifies(&text, signed.signature) {
            return Err(NoAnswer::Forged);
        }
        let skew_s = signed.timestamp.parse::<i64>().map(|s| s.abs_diff(now_s));
        match skew_s.is_ok_and(|skew_s| skew_s <= SKEW_LIMIT_S) {
            true => Ok(()),
            false => Err(NoAnswer::Unintelligible(
                "its clock is too far from ours".into(),
            )),
        }
    }
}

/// The headers `Wechatpay-…` of an answer or a notification; empty where one is missing.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    pub serial: &'a str,
    pub timestamp: &'a str,
    pub nonce: &'a str,
    pub signature: &'a str,
}

/// The merchant, as its requests name it.
#[derive(Debug)]
pub struct Merchant {
    pub id: String,
    /// Of its certificate.
    pub serial: String,
    pub key: PrivateKey,
}

impl Merchant {
    /// The header `Authorization`.
    pub fn authorization(
        &self,
        method: &str,
        path: &str,
        timestamp_s: i64,
        nonce: &str,
        body: &[u8],
    ) -> Result<String, NoAnswer> {
        let text = request_text(method, path, timestamp_s, nonce, body);
        let signature = self.key.sign(&text);
        let signature = signature.map_err(|why| NoAnswer::NotSent(why.to_owned()))?;
        Ok(format!(
            "{SCHEME} mchid=\"{}\",nonce_str=\"{nonce}\",signature=\"{signature}\",\
             timestamp=\"{timestamp_s}\",serial_no=\"{}\"",
            self.id, self.serial
        ))
    }
}

/// It may hold the customer's code.
fn request_text(
    method: &str,
    path: &str,
    timestamp_s: i64,
    nonce: &str,
    body: &[u8],
) -> Zeroizing<Vec<u8>> {
    let head = format!("{method}\n{path}\n{timestamp_s}\n{nonce}\n");
    let mut text = Zeroizing::new(Vec::with_capacity(head.len() + body.len() + 1));
    text.extend_from_slice(head.as_bytes());
    text.extend_from_slice(body);
    text.push(b'\n');
    text
}

/// In upper-case hexadecimal, as the platform writes it.
pub(super) fn serial_number(what: &'static str, pem: &str) -> Result<String, DriverRefused> {
    let refused = || DriverRefused::Key {
        what,
        why: "it is no certificate in PEM".to_owned(),
    };
    let (_, block) = parse_x509_pem(pem.as_bytes()).map_err(|_| refused())?;
    let certificate: X509Certificate<'_> = block.parse_x509().map_err(|_| refused())?;
    let digits = format!("{:X}", certificate.tbs_certificate.serial);
    // whole bytes: an odd number of digits has lost its leading zero
    Ok(match digits.len() % 2 {
        0 => digits,
        _ => format!("0{digits}"),
    })
}
