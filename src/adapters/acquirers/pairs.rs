//! Names and values as the Chinese providers sign and send them, and their clock: once for all
//! drivers.
//!
//! What is written here may hold a customer's code: it is wiped, and has room from the start, so
//! that growing leaves no copy behind.

use jiff::tz::Offset;
use store_actors::domain::timestamp::Timestamp;
use zeroize::Zeroizing;

pub(super) const FORM: &str = "application/x-www-form-urlencoded;charset=utf-8";

/// The providers' clock.
const BEIJING_HOURS: i8 = 8;

/// `name=value` joined with `&`, values as they are; those that are empty are left out.
pub(super) fn joined<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Zeroizing<String> {
    let longest = pairs
        .clone()
        .map(|(name, value)| name.len() + value.len() + 2);
    let mut text = Zeroizing::new(String::with_capacity(longest.sum()));
    for (name, value) in pairs.filter(|(_, value)| !value.is_empty()) {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    text
}

/// A form's body (`application/x-www-form-urlencoded`).
pub(super) fn form<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Zeroizing<Vec<u8>> {
    // three bytes for one, at worst
    let longest = pairs
        .clone()
        .map(|(name, value)| 3 * (name.len() + value.len()) + 2);
    let mut body = Zeroizing::new(Vec::with_capacity(longest.sum()));
    for (name, value) in pairs {
        if !body.is_empty() {
            body.push(b'&');
        }
        encode(&mut body, name);
        body.push(b'=');
        encode(&mut body, value);
    }
    body
}

fn encode(body: &mut Vec<u8>, text: &str) {
    for piece in form_urlencoded::byte_serialize(text.as_bytes()) {
        body.extend_from_slice(piece.as_bytes());
    }
}

/// Beijing's time, whatever the shop's own offset; `format` is strftime's.
pub(super) fn beijing(at: Timestamp, format: &str) -> String {
    let instant = jiff::Timestamp::from_millisecond(at.unix_ms()).unwrap_or_default();
    let local = Offset::constant(BEIJING_HOURS).to_datetime(instant);
    local.strftime(format).to_string()
}
