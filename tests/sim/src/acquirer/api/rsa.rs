//! RSA with SHA-256 (PKCS #1 v1.5) on the providers' side: one piece for all dialects that sign so.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::rand::SystemRandom;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};

/// A key that everybody knows; one that is none signs and verifies nothing.
pub(super) struct Pair(Option<RsaKeyPair>);

impl Pair {
    /// From PKCS #8 in PEM.
    pub fn of(pem: &str) -> Self {
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(base64).ok();
        Self(der.and_then(|der| RsaKeyPair::from_pkcs8(&der).ok()))
    }

    /// Whether the signature (base64) was made with this key.
    pub fn verifies(&self, text: &[u8], signature: &str) -> bool {
        let (Some(pair), Ok(signature)) = (&self.0, STANDARD.decode(signature)) else {
            return false;
        };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public())
            .verify(text, &signature)
            .is_ok()
    }

    /// In base64.
    pub fn sign(&self, text: &[u8]) -> String {
        let Some(pair) = &self.0 else {
            return String::new();
        };
        let mut signature = vec![0; pair.public().modulus_len()];
        let random = SystemRandom::new();
        let signed = pair.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature);
        signed.map_or_else(|_| String::new(), |()| STANDARD.encode(signature))
    }
}
