//! One object of a merchant-presented code: id, length in characters, value; and the formats of
//! values.

use std::fmt;

use rust_decimal::Decimal;

use super::MpmError;

/// An object as it stands in the code; a template's value is the text of its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// 0 to 99.
    pub id: u8,
    /// 1 to 99 characters.
    pub value: String,
}

impl Object {
    pub fn new(id: u8, value: impl Into<String>) -> Self {
        Self {
            id,
            value: value.into(),
        }
    }

    /// A template of objects.
    pub fn template(id: u8, inner: &[Self]) -> Self {
        Self::new(
            id,
            inner.iter().map(ToString::to_string).collect::<String>(),
        )
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:02}{:02}{}",
            self.id,
            self.value.chars().count(),
            self.value
        )
    }
}

/// Reads objects until the text ends; used for a whole code and for the value of a template.
///
/// # Errors
/// [`MpmError`] for a missing id or length, or a value that is cut short.
pub fn parse_objects(text: &str) -> Result<Vec<Object>, MpmError> {
    let mut objects = Vec::new();
    let (mut rest, mut at) = (text, 0);
    while !rest.is_empty() {
        let (id, after) = two_digits(rest).ok_or(MpmError::BadId { at })?;
        let (length, after) = two_digits(after)
            .filter(|(length, _)| *length > 0)
            .ok_or(MpmError::BadLength { id })?;
        let declared = usize::from(length);
        let end = after
            .char_indices()
            .map(|(start, c)| start + c.len_utf8())
            .nth(declared - 1);
        let Some((value, after)) = end.and_then(|end| after.split_at_checked(end)) else {
            return Err(MpmError::Truncated {
                id,
                declared,
                left: after.chars().count(),
            });
        };
        objects.push(Object::new(id, value));
        rest = after;
        at += 4 + declared;
    }
    Ok(objects)
}

fn two_digits(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    let number = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())??;
    Some((number, rest))
}

pub(super) fn find(objects: &[Object], id: u8) -> Option<&str> {
    objects
        .iter()
        .find(|object| object.id == id)
        .map(|object| object.value.as_str())
}

/// Digits with at most one point; a point may end it ("98." is legal, MPM v1.1, 4.7).
pub(super) fn amount(text: &str) -> Option<Decimal> {
    let shape = text.len() <= 13
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.bytes().filter(|byte| *byte == b'.').count() <= 1;
    if !shape {
        return None;
    }
    Decimal::from_str_exact(text.trim_end_matches('.')).ok()
}
