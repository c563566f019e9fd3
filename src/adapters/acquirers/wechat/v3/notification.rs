//! Notifications: a signed envelope, and in it the order, encrypted with the merchant's own key
//! (AES-256-GCM, the tag behind the text).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use store_actors::domain::payment::NoAnswer;

use super::bodies::parse;
use crate::adapters::acquirers::DriverRefused;

/// `APIv3密钥`. Its Debug output (`ring`'s) names the algorithm alone.
#[derive(Debug)]
pub(super) struct NotificationKey(LessSafeKey);

#[derive(Deserialize)]
struct Envelope {
    resource_type: String,
    resource: Resource,
}

#[derive(Deserialize)]
struct Resource {
    algorithm: String,
    ciphertext: String,
    nonce: String,
    #[serde(default)]
    associated_data: String,
    original_type: String,
}

impl NotificationKey {
    pub fn new(key: &SecretString) -> Result<Self, DriverRefused> {
        let key = UnboundKey::new(&AES_256_GCM, key.expose_secret().as_bytes());
        let key = key.map_err(|_| DriverRefused::Key {
            what: "the API v3 key",
            why: "it does not have 32 characters".to_owned(),
        })?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// The order within a notification of a payment; `None`: it is of something else, a refund say.
    pub fn open(&self, body: &[u8]) -> Result<Option<Vec<u8>>, NoAnswer> {
        let Envelope {
            resource_type,
            resource,
        } = parse(body)?;
        let is_known =
            resource_type == "encrypt-resource" && resource.algorithm == "AEAD_AES_256_GCM";
        let sealed = STANDARD.decode(&resource.ciphertext).ok();
        let nonce = Nonce::try_assume_unique_for_key(resource.nonce.as_bytes()).ok();
        let (true, Some(mut sealed), Some(nonce)) = (is_known, sealed, nonce) else {
            let why = "it is not encrypted as agreed";
            return Err(NoAnswer::Unintelligible(why.into()));
        };
        let bound = Aad::from(resource.associated_data.as_bytes());
        let opened = self.0.open_in_place(nonce, bound, &mut sealed);
        let text = opened.map_err(|_| NoAnswer::Forged)?;
        Ok((resource.original_type == "transaction").then(|| text.to_vec()))
    }
}
