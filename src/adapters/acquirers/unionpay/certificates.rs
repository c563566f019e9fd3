//! Certificates on both sides: the number by which a request names the merchant's, and whether the
//! one that an answer brings along is UnionPay's.
//!
//! An answer's certificate counts only if the intermediate certificate signed it and the root that
//! one, both configured; if all three are valid now; and if its common name, of parts between `@`,
//! bears UnionPay's own name in the third. Revocation is not asked for: no published procedure
//! tells how.

use store_actors::domain::timestamp::Timestamp;
use x509_parser::{
    pem::parse_x509_pem,
    prelude::{FromDer as _, X509Certificate},
    time::ASN1Time,
};

use crate::adapters::acquirers::{DriverRefused, rsa::PublicKey};

/// RSA with SHA-256 (RFC 8017).
const RSA_SHA_256: &str = "1.2.840.113549.1.1.11";

/// The merchant's certificate, as requests name it: its serial number in decimal (`certId`).
pub(super) fn number(pem: &str) -> Result<String, DriverRefused> {
    let der = der_of("the merchant's certificate", pem)?;
    let (_, certificate) = X509Certificate::from_der(&der)
        .map_err(|_| refused("the merchant's certificate", "it is no X.509 certificate"))?;
    Ok(certificate.tbs_certificate.serial.to_string())
}

/// By what UnionPay's certificates are known.
#[derive(Debug)]
pub(super) struct Authority {
    root: Vec<u8>,
    middle: Vec<u8>,
    /// UnionPay's own name.
    signer: String,
}

impl Authority {
    /// From PEM each.
    ///
    /// # Errors
    /// They are no certificates, or the root has not signed the other.
    pub fn new(root: &str, middle: &str, signer: String) -> Result<Self, DriverRefused> {
        const ROOT: &str = "UnionPay's root certificate";
        const MIDDLE: &str = "UnionPay's intermediate certificate";
        let (root, middle) = (der_of(ROOT, root)?, der_of(MIDDLE, middle)?);
        let parse = |what, der| {
            let parsed = X509Certificate::from_der(der);
            parsed.map_err(|_| refused(what, "it is no X.509 certificate"))
        };
        let (parsed_root, parsed_middle) = (parse(ROOT, &root)?.1, parse(MIDDLE, &middle)?.1);
        if !has_signed(&parsed_root, &parsed_root) {
            return Err(refused(ROOT, "it has not signed itself"));
        }
        if !has_signed(&parsed_root, &parsed_middle) {
            return Err(refused(MIDDLE, "the root has not signed it"));
        }
        drop((parsed_root, parsed_middle));
        Ok(Self {
            root,
            middle,
            signer,
        })
    }

    /// The key in the certificate (PEM) that came with an answer, if it is UnionPay's.
    pub fn key(&self, pem: &str, now: Timestamp) -> Option<PublicKey> {
        let (_, pem) = parse_x509_pem(pem.as_bytes()).ok()?;
        let (_, certificate) = X509Certificate::from_der(&pem.contents).ok()?;
        let (_, middle) = X509Certificate::from_der(&self.middle).ok()?;
        let (_, root) = X509Certificate::from_der(&self.root).ok()?;
        let now = ASN1Time::from_timestamp(now.unix_ms().div_euclid(1000)).ok()?;
        let is_valid = |certificate: &X509Certificate<'_>| certificate.validity().is_valid_at(now);
        let all_valid = [&certificate, &middle, &root].into_iter().all(is_valid);
        let is_ours = all_valid && has_signed(&middle, &certificate) && self.names(&certificate);
        is_ours.then(|| PublicKey::of(certificate.public_key()))
    }

    fn names(&self, certificate: &X509Certificate<'_>) -> bool {
        let mut names = certificate.subject().iter_common_name();
        let name = names.next().and_then(|name| name.as_str().ok());
        name.and_then(|name| name.split('@').nth(2)) == Some(self.signer.as_str())
    }
}

/// Whether the one is an authority and has signed the other.
fn has_signed(authority: &X509Certificate<'_>, other: &X509Certificate<'_>) -> bool {
    other.signature_algorithm.algorithm.to_id_string() == RSA_SHA_256
        && authority.is_ca()
        && authority.subject() == other.issuer()
        && PublicKey::of(authority.public_key())
            .verifies_bytes(other.tbs_certificate.as_ref(), &other.signature_value.data)
}

fn der_of(what: &'static str, pem: &str) -> Result<Vec<u8>, DriverRefused> {
    let (_, pem) = parse_x509_pem(pem.as_bytes()).map_err(|_| refused(what, "it is not PEM"))?;
    Ok(pem.contents)
}

fn refused(what: &'static str, why: &str) -> DriverRefused {
    DriverRefused::Key {
        what,
        why: why.to_owned(),
    }
}
