//! Signatures: HMAC-SHA256 with the merchant's key. A request's covers method, path, timestamp,
//! nonce and body; an answer's covers status, path, timestamp, the request's nonce and body.

use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

pub(super) const MERCHANT: &str = "sandbox-merchant";
pub(super) const TIMESTAMP: &str = "sandbox-timestamp";
pub(super) const NONCE: &str = "sandbox-nonce";
pub(super) const SIGNATURE: &str = "sandbox-signature";

/// Signs and verifies. Its Debug output hides the key.
#[derive(Debug)]
pub(super) struct Signer(pub SecretString);

/// What stands between the first word and the body of a signed text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub path: &'a str,
    /// Seconds since 1970.
    pub timestamp: &'a str,
    /// The request's.
    pub nonce: &'a str,
}

impl Signer {
    /// The signature of a request, in lower-case hexadecimal.
    pub fn request(&self, method: &str, head: Head<'_>, body: &[u8]) -> String {
        let mac = self.mac("request", method, head, body);
        mac.map(|mac| hex(&mac.finalize().into_bytes()))
            .unwrap_or_default()
    }

    /// Whether an answer's signature is right; takes as long for a wrong one.
    pub fn verifies(&self, status: u16, head: Head<'_>, body: &[u8], signature: &str) -> bool {
        let mac = self.mac("answer", &status.to_string(), head, body);
        match (mac, unhex(signature)) {
            (Some(mac), Some(signature)) => mac.verify_slice(&signature).is_ok(),
            _ => false,
        }
    }

    fn mac(&self, kind: &str, first: &str, head: Head<'_>, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).ok()?;
        for line in [kind, first, head.path, head.timestamp, head.nonce] {
            mac.update(line.as_bytes());
            mac.update(b"\n");
        }
        mac.update(body);
        Some(mac)
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
            text
        })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head<'_> = Head {
        path: "/v1/charges",
        timestamp: "1760000000",
        nonce: "n-1",
    };

    /// Reference values of OpenSSL: `printf … | openssl dgst -sha256 -hmac key`.
    #[test]
    fn signatures_are_those_of_openssl() {
        let signer = Signer(SecretString::from("key"));
        let request = signer.request("POST", HEAD, b"{}");
        assert_eq!(
            request,
            "94829ef83fa20696ff66df98aa8b5ada4013c11796965b812e1da570dd1e55d8"
        );
        let answer = "cb3f135a489cab93b3ec0aafcf29f5eae1797606dc43ef47fd06d1d530d5cbfb";
        assert!(signer.verifies(200, HEAD, b"{}", answer));
        assert!(signer.verifies(200, HEAD, b"{}", &answer.to_uppercase()));
    }

    #[test]
    fn a_signature_is_for_one_status_path_time_nonce_body_and_key() {
        let signer = Signer(SecretString::from("key"));
        let good = "cb3f135a489cab93b3ec0aafcf29f5eae1797606dc43ef47fd06d1d530d5cbfb";
        assert!(!signer.verifies(201, HEAD, b"{}", good));
        assert!(!signer.verifies(
            200,
            Head {
                path: "/v1/qr",
                ..HEAD
            },
            b"{}",
            good
        ));
        assert!(!signer.verifies(
            200,
            Head {
                timestamp: "1760000001",
                ..HEAD
            },
            b"{}",
            good
        ));
        assert!(!signer.verifies(
            200,
            Head {
                nonce: "n-2",
                ..HEAD
            },
            b"{}",
            good
        ));
        assert!(!signer.verifies(200, HEAD, b"{ }", good));
        assert!(!Signer(SecretString::from("kez")).verifies(200, HEAD, b"{}", good));
        for bad in ["", "00", "zz", &good[1..], &format!("{good}00")] {
            assert!(!signer.verifies(200, HEAD, b"{}", bad), "{bad}");
        }
    }
}
