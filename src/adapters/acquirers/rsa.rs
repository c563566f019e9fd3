//! RSA signatures with SHA-256 (RFC 8017, PKCS #1 v1.5), as the large wallets sign: keys read from
//! the shapes in which providers hand them out, signed and verified by `ring`.
//!
//! Such a signature is the same for one key and one text, whoever makes it.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use secrecy::{ExposeSecret as _, SecretString};
use x509_parser::{
    pem::parse_x509_pem,
    prelude::{FromDer as _, X509Certificate},
    x509::SubjectPublicKeyInfo,
};
use zeroize::Zeroizing;

use super::errors::DriverRefused;

/// Signs in the store's name. Its Debug output hides the key.
pub struct PrivateKey(RsaKeyPair);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(hidden)")
    }
}

impl PrivateKey {
    /// From PEM, or the bare base64 of it; PKCS #8 or PKCS #1; 2048 bits or more.
    ///
    /// # Errors
    /// No such key; in words without a word of the key.
    pub fn parse(what: &'static str, text: &SecretString) -> Result<Self, DriverRefused> {
        let refused = |why: &str| DriverRefused::Key {
            what,
            why: why.to_owned(),
        };
        let der = Zeroizing::new(
            der_of(text.expose_secret()).ok_or_else(|| refused("it is neither PEM nor base64"))?,
        );
        let pair = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der));
        let pair = pair.map_err(|cause| refused(&cause.to_string()))?;
        Ok(Self(pair))
    }

    /// The signature, in base64.
    ///
    /// # Errors
    /// The operating system has no random numbers (they blind the computation).
    pub fn sign(&self, text: &[u8]) -> Result<String, &'static str> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text,
                &mut signature,
            )
            .map_err(|_| "the request could not be signed")?;
        Ok(STANDARD.encode(signature))
    }
}

/// Verifies what a provider says.
#[derive(Clone, Debug)]
pub struct PublicKey(UnparsedPublicKey<Vec<u8>>);

impl PublicKey {
    /// From PEM, or the bare base64 of it (SubjectPublicKeyInfo), or a certificate's PEM.
    ///
    /// # Errors
    /// No such key.
    pub fn parse(what: &'static str, text: &str) -> Result<Self, DriverRefused> {
        let refused = |why: &str| DriverRefused::Key {
            what,
            why: why.to_owned(),
        };
        let der = der_of(text).ok_or_else(|| refused("it is neither PEM nor base64"))?;
        if let Ok((_, certificate)) = X509Certificate::from_der(&der) {
            return Ok(Self::of(certificate.public_key()));
        }
        match SubjectPublicKeyInfo::from_der(&der) {
            Ok((_, info)) => Ok(Self::of(&info)),
            Err(_) => Err(refused("it is no public key and no certificate")),
        }
    }

    pub(super) fn of(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let key = info.subject_public_key.data.to_vec();
        Self(UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key))
    }

    /// Whether the signature (base64) is this key's for this text.
    #[must_use]
    pub fn verifies(&self, text: &[u8], signature: &str) -> bool {
        let signature = STANDARD.decode(signature);
        signature.is_ok_and(|signature| self.verifies_bytes(text, &signature))
    }

    /// Whether the signature is this key's for these bytes.
    #[must_use]
    pub fn verifies_bytes(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.0.verify(signed, signature).is_ok()
    }
}

/// What stands in the first PEM block, or the text as base64.
fn der_of(text: &str) -> Option<Vec<u8>> {
    if text.contains("-----BEGIN") {
        let (_, pem) = parse_x509_pem(text.as_bytes()).ok()?;
        return Some(pem.contents);
    }
    let bare: Zeroizing<String> = text.split_whitespace().collect::<String>().into();
    STANDARD.decode(bare.as_bytes()).ok()
}
