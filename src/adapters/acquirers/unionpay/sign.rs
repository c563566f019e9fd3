//! Requests and answers as text: what is signed, what travels, and how an answer is taken apart.
//!
//! Signed is the lower-case hexadecimal SHA-256 of all fields but `signature`, by their names'
//! bytes, `name=value` joined with `&` (version 5.1.0, `signMethod` 01). A request travels as a
//! form; an answer is that same joined text as it is, not percent-encoded, and brings along the
//! certificate of its key (`signPubKeyCert`).

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use store_actors::domain::{payment::NoAnswer, timestamp::Timestamp};
use zeroize::Zeroizing;

use super::certificates::Authority;
use crate::adapters::acquirers::{pairs, rsa::PrivateKey};

const SIGNATURE: &str = "signature";
const CERTIFICATE: &str = "signPubKeyCert";

/// A request's fields. A customer's code is among them.
pub(super) type Fields = BTreeMap<&'static str, Zeroizing<String>>;

/// An answer's.
pub(super) type Answered = BTreeMap<String, String>;

/// The form's body, signed.
pub(super) fn sealed(mut fields: Fields, key: &PrivateKey) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
    let signature = key.sign(digest_of(named(&fields)).as_bytes());
    let signature = signature.map_err(|why| NoAnswer::NotSent(why.to_owned()))?;
    fields.insert(SIGNATURE, signature.into());
    Ok(pairs::form(named(&fields)))
}

fn named(fields: &Fields) -> impl Iterator<Item = (&str, &str)> + Clone {
    fields.iter().map(|(name, value)| (*name, value.as_str()))
}

/// What is signed of these pairs, sorted as they are.
pub(super) fn digest_of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> String {
    let signed = pairs.filter(|(name, _)| *name != SIGNATURE);
    let digest = digest(&SHA256, pairs::joined(signed).as_bytes());
    let bytes = digest.as_ref().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// An answer's fields, rightly signed by UnionPay.
///
/// # Errors
/// `Forged` if it is signed by another or not at all; `Unintelligible` if it is no such text.
pub(super) fn opened(
    body: &[u8],
    authority: &Authority,
    now: Timestamp,
) -> Result<Answered, NoAnswer> {
    let text = std::str::from_utf8(body).ok();
    let fields = text.and_then(read);
    let fields = fields.ok_or_else(|| NoAnswer::Unintelligible("it is not as agreed".into()))?;
    verified(fields, authority, now)
}

/// The same of fields that came in another way.
pub(super) fn verified(
    fields: Answered,
    authority: &Authority,
    now: Timestamp,
) -> Result<Answered, NoAnswer> {
    let (Some(signature), Some(certificate)) = (fields.get(SIGNATURE), fields.get(CERTIFICATE))
    else {
        return Err(NoAnswer::Forged);
    };
    let key = authority.key(certificate, now).ok_or(NoAnswer::Forged)?;
    let pairs = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    match key.verifies(digest_of(pairs).as_bytes(), signature) {
        true => Ok(fields),
        false => Err(NoAnswer::Forged),
    }
}

/// `name=value&…`. A value within braces may hold both signs; a name that comes twice is nobody's.
fn read(text: &str) -> Option<Answered> {
    let mut fields = Answered::new();
    let mut rest = text.trim_end_matches(['\r', '\n']);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let end = end_of_value(after);
        let (value, next) = after.split_at_checked(end)?;
        if name.is_empty() || name.contains('&') {
            return None;
        }
        if fields.insert(name.to_owned(), value.to_owned()).is_some() {
            return None;
        }
        rest = next.strip_prefix('&').unwrap_or(next);
    }
    (!fields.is_empty()).then_some(fields)
}

fn end_of_value(text: &str) -> usize {
    let is_group = text.starts_with('{');
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if is_group => depth += 1,
            b'}' if is_group => depth = depth.saturating_sub(1),
            b'&' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}
