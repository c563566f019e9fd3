//! Signatures of the second interface: HMAC-SHA256 with the merchant's key over `name=value`, by
//! the names' bytes, joined with `&`, without `sign` and what is empty, and the key itself at the
//! end; in upper-case hexadecimal. MD5, which it was made for, is taken of notifications alone: the
//! payment is asked about before anything counts.

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::adapters::acquirers::pairs;

const MD5_DIGITS: usize = 32;

/// Names and values of one message.
pub(super) type Fields = BTreeMap<String, String>;

/// The merchant's key (`API密钥`). Its Debug output hides it.
#[derive(Debug)]
pub(super) struct Key(SecretString);

impl Key {
    pub fn new(key: &SecretString) -> Self {
        Self(key.clone())
    }

    pub fn sign(&self, fields: &Fields) -> String {
        let tag = hmac::sign(&self.hmac(), self.text(fields).as_bytes());
        tag.as_ref().iter().map(|b| format!("{b:02X}")).collect()
    }

    /// Takes as long for a wrong one.
    pub fn verifies(&self, fields: &Fields) -> bool {
        let signature = fields.get("sign").and_then(|sign| unhex(sign));
        signature.is_some_and(|signature| {
            hmac::verify(&self.hmac(), self.text(fields).as_bytes(), &signature).is_ok()
        })
    }

    /// As `verifies`; a notification is signed as its order was, or with MD5 where WeChat Pay made
    /// the order: then the sign has half the length.
    pub fn verifies_notification(&self, fields: &Fields) -> bool {
        let sign = fields.get("sign").map_or("", String::as_str);
        if sign.len() != MD5_DIGITS {
            return self.verifies(fields);
        }
        let digest = Md5::digest(self.text(fields).as_bytes());
        // taken again under a key that nobody has, so that the time it takes tells nothing
        let blind = hmac::sign(&self.hmac(), &digest);
        unhex(sign).is_some_and(|sign| hmac::verify(&self.hmac(), &sign, blind.as_ref()).is_ok())
    }

    fn hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret().as_bytes())
    }

    /// Holds the key, and maybe the customer's code.
    pub fn text<'a>(&'a self, fields: &'a Fields) -> Zeroizing<String> {
        let key = self.0.expose_secret();
        let named = |(name, value): (&'a String, &'a String)| (name.as_str(), value.as_str());
        let signed = fields.iter().map(named).filter(|(name, _)| *name != "sign");
        pairs::joined(signed.chain([("key", key)]))
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |c: u8| {
        let digit = char::from(c).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}
