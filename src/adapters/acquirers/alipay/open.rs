//! Opening an answer: the object that belongs to the method, as the very bytes that came, and
//! whether its signature is Alipay's.
//!
//! What is signed is the object's text between its braces, escapes and white space included, so it
//! is never made anew. The text is found by a JSON parser that keeps it raw: a brace or an escaped
//! quote within a string ends nothing.

use std::collections::HashMap;

use serde_json::value::RawValue;
use store_actors::domain::payment::NoAnswer;

use super::words;
use crate::adapters::acquirers::{DriverRefused, rsa::PublicKey};

const WHOSE: &str = "Alipay's key";
const ERROR: &str = "error_response";

/// The key of Alipay's answers.
#[derive(Debug)]
pub(super) struct AnswerKey {
    key: PublicKey,
    /// In certificate mode: the number of the certificate that the answer must name.
    number: Option<String>,
}

impl AnswerKey {
    pub fn bare(text: &str) -> Result<Self, DriverRefused> {
        Ok(Self {
            key: PublicKey::parse(WHOSE, text)?,
            number: None,
        })
    }

    pub fn certified(certificate: &str, number: String) -> Result<Self, DriverRefused> {
        Ok(Self {
            key: PublicKey::parse(WHOSE, certificate)?,
            number: Some(number),
        })
    }

    /// Whether a notification with this text, and maybe a certificate's number, is Alipay's.
    pub fn verifies(&self, text: &[u8], signature: &str, certificate: Option<&str>) -> bool {
        let is_named = match (&self.number, certificate) {
            (Some(number), Some(named)) => number == named,
            _ => true,
        };
        is_named && self.key.verifies(text, signature)
    }

    /// The raw object of an answer to `method`.
    ///
    /// # Errors
    /// `Forged` if the signature, or the certificate that it names, is another; `Refused` for a
    /// complaint of the gateway without a signature: one that does not know us does not sign.
    pub fn open(&self, body: &[u8], method: &str) -> Result<String, NoAnswer> {
        let text = std::str::from_utf8(body);
        let text = text.map_err(|_| unintelligible("it is not UTF-8"))?;
        let members: HashMap<String, &RawValue> =
            serde_json::from_str(text).map_err(|_| unintelligible("it is no JSON object"))?;
        let named = format!("{}_response", method.replace('.', "_"));
        let object = members.get(named.as_str());
        let (object, complains) = match (object, members.get(ERROR)) {
            (Some(object), _) => (object, false),
            (None, Some(object)) => (object, true),
            (None, None) => return Err(unintelligible("it is no answer to this method")),
        };
        let string = |name: &str| {
            let raw = members.get(name)?;
            serde_json::from_str::<String>(raw.get()).ok()
        };
        match string("sign") {
            None if complains => return Err(words::complaint(object.get())),
            None => return Err(NoAnswer::Forged),
            Some(signature) => {
                let is_named = self
                    .number
                    .as_ref()
                    .is_none_or(|number| string("alipay_cert_sn").as_ref() == Some(number));
                if !is_named || !self.key.verifies(object.get().as_bytes(), &signature) {
                    return Err(NoAnswer::Forged);
                }
            }
        }
        Ok(object.get().to_owned())
    }
}

fn unintelligible(why: &str) -> NoAnswer {
    NoAnswer::Unintelligible(why.to_owned())
}
