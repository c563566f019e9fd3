//! Signatures: HMAC-SHA256 with the merchant's key over method, path, timestamp, nonce and body of
//! a request, and over status, path, timestamp, the *request's* nonce and body of an answer. An
//! answer so belongs to one request and cannot be replayed for another.
//!
//! Deliberately not here: a store of seen nonces. Every operation is idempotent, so a replayed
//! request moves nothing.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The merchant's number.
pub const MERCHANT: &str = "sandbox-merchant";
/// Seconds since 1970.
pub const TIMESTAMP: &str = "sandbox-timestamp";
/// 16 to 64 letters, digits or hyphens, new for each request; the answer carries it back.
pub const NONCE: &str = "sandbox-nonce";
/// Lower-case hexadecimal.
pub const SIGNATURE: &str = "sandbox-signature";

/// A merchant's key. Its Debug output hides it.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key from its text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }

    /// The HMAC-SHA256 of the parts, joined by line feeds, as lower-case hexadecimal.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> String {
        hex(&self.mac(parts).finalize().into_bytes())
    }

    /// True when the signature is right; takes as long for a wrong one.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], signature: &str) -> bool {
        let Some(signature) = unhex(signature) else {
            return false;
        };
        self.mac(parts).verify_slice(&signature).is_ok()
    }

    #[allow(clippy::expect_used)] // HMAC takes a key of any length
    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length");
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                mac.update(b"\n");
            }
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// The signature of a request; `path` is as sent, with its query.
#[must_use]
pub fn request(
    key: &Key,
    method: &str,
    path: &str,
    timestamp: &str,
    nonce: &str,
    body: &[u8],
) -> String {
    key.sign(&request_parts(method, path, timestamp, nonce, body))
}

/// What a request's signature covers.
#[must_use]
pub fn request_parts<'a>(
    method: &'a str,
    path: &'a str,
    timestamp: &'a str,
    nonce: &'a str,
    body: &'a [u8],
) -> [&'a [u8]; 6] {
    let [method, path] = [method.as_bytes(), path.as_bytes()];
    [
        b"request",
        method,
        path,
        timestamp.as_bytes(),
        nonce.as_bytes(),
        body,
    ]
}

/// What an answer's signature covers; `nonce` is the request's.
#[must_use]
pub fn answer_parts<'a>(
    status: &'a str,
    path: &'a str,
    timestamp: &'a str,
    nonce: &'a str,
    body: &'a [u8],
) -> [&'a [u8]; 6] {
    let [status, path] = [status.as_bytes(), path.as_bytes()];
    [
        b"answer",
        status,
        path,
        timestamp.as_bytes(),
        nonce.as_bytes(),
        body,
    ]
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Bytes from hexadecimal of even length, either case.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |c: u8| {
        char::from(c)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}
