//! The numbers by which requests and answers name certificates: MD5 of the issuer's name (RFC 2253)
//! and the serial number in decimal, in hexadecimal. Not a matter of trust: the platform's name for
//! a file that both sides have.

use md5::{Digest as _, Md5};
use x509_parser::{
    pem::Pem,
    prelude::{FromDer as _, X509Certificate},
    x509::X509Name,
};

use crate::adapters::acquirers::DriverRefused;

/// RSA's signature algorithms (1.2.840.113549.1.1.*): the roots of other kinds are not named.
const RSA_SIGNATURES: &str = "1.2.840.113549.1.1.";

/// What certificate mode adds to each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub app: String,
    /// Of all RSA roots, joined with `_`.
    pub root: String,
}

impl Numbers {
    pub fn of(app: &str, roots: &str) -> Result<Self, DriverRefused> {
        let mut numbers = Vec::new();
        for pem in Pem::iter_from_buffer(roots.as_bytes()) {
            let pem = pem.map_err(|_| refused("the root certificates", "they are not PEM"))?;
            let Ok((_, root)) = X509Certificate::from_der(&pem.contents) else {
                // of an algorithm that only others use
                continue;
            };
            let algorithm = root.signature_algorithm.algorithm.to_id_string();
            if algorithm.starts_with(RSA_SIGNATURES) {
                numbers.push(number(&root));
            }
        }
        if numbers.is_empty() {
            return Err(refused("the root certificates", "none of them is RSA"));
        }
        Ok(Self {
            app: serial_number(app)?,
            root: numbers.join("_"),
        })
    }
}

/// The number of the first certificate in a PEM text.
pub(super) fn serial_number(pem: &str) -> Result<String, DriverRefused> {
    const WHAT: &str = "a certificate";
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes())
        .map_err(|_| refused(WHAT, "it is not PEM"))?;
    let (_, certificate) = X509Certificate::from_der(&pem.contents)
        .map_err(|_| refused(WHAT, "it is no X.509 certificate"))?;
    Ok(number(&certificate))
}

fn number(certificate: &X509Certificate<'_>) -> String {
    let text = format!(
        "{}{}",
        rfc2253(certificate.issuer()),
        certificate.tbs_certificate.serial
    );
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The last part first, as `CN=…,OU=…,O=…,C=…`.
fn rfc2253(name: &X509Name<'_>) -> String {
    let part = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        let short = match attribute.attr_type().to_id_string().as_str() {
            "2.5.4.3" => "CN",
            "2.5.4.6" => "C",
            "2.5.4.7" => "L",
            "2.5.4.8" => "ST",
            "2.5.4.10" => "O",
            "2.5.4.11" => "OU",
            _ => return None,
        };
        Some(format!("{short}={}", attribute.as_str().ok()?))
    };
    let mut parts: Vec<String> = name.iter_attributes().filter_map(part).collect();
    parts.reverse();
    parts.join(",")
}

fn refused(what: &'static str, why: &str) -> DriverRefused {
    DriverRefused::Key {
        what,
        why: why.to_owned(),
    }
}
