//! BER-TLV data objects (EMV Book 3, annex B): bytes to a tree and back.
//!
//! Cards die in the middle of an answer, and a customer can show any bytes as a code: lengths are
//! checked against what is there, depth and count are bounded, and a bad input is an error that
//! says where. Indefinite lengths are not part of EMV and are refused. `Debug` shows no sensitive
//! value.

use std::fmt;

use zeroize::Zeroizing;

use super::tag::Tag;

/// Templates within templates that are read; EMV nests four deep.
const MAX_DEPTH: usize = 8;
/// Data objects in one input; the largest card records hold some thirty.
const MAX_OBJECTS: usize = 512;
/// Bytes in one input.
const MAX_BYTES: usize = 65_535;

/// Why bytes are not BER-TLV. `at` counts bytes from the start of the template that holds the
/// object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlvError {
    #[error("the data ends inside a data object at byte {at}")]
    Truncated { at: usize },
    #[error("the tag at byte {at} is longer than three bytes")]
    TagTooLong { at: usize },
    #[error("the length at byte {at} is not a length that EMV allows")]
    BadLength { at: usize },
    #[error("templates are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    #[error("more than {MAX_OBJECTS} data objects or {MAX_BYTES} bytes")]
    TooLarge,
}

/// One data object.
#[derive(Clone, PartialEq, Eq)]
pub struct Tlv {
    pub tag: Tag,
    pub value: Value,
}

/// What a data object holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Primitive(Zeroizing<Vec<u8>>),
    Constructed(Vec<Tlv>),
}

impl Tlv {
    /// A data object with bytes as its value.
    pub fn primitive(tag: Tag, value: impl Into<Vec<u8>>) -> Self {
        Self {
            tag,
            value: Value::Primitive(Zeroizing::new(value.into())),
        }
    }

    /// A template.
    pub fn constructed(tag: Tag, children: impl Into<Vec<Tlv>>) -> Self {
        Self {
            tag,
            value: Value::Constructed(children.into()),
        }
    }

    /// The bytes of a primitive value.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Primitive(bytes) => Some(bytes),
            Value::Constructed(_) => None,
        }
    }

    /// The objects of a template; none for a primitive value.
    pub fn children(&self) -> &[Tlv] {
        match &self.value {
            Value::Primitive(_) => &[],
            Value::Constructed(children) => children,
        }
    }

    /// Appends the encoding, with the shortest form of the length.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let body = match &self.value {
            Value::Primitive(bytes) => bytes.clone(),
            Value::Constructed(children) => Zeroizing::new(encode(children)),
        };
        out.extend(self.tag.to_bytes());
        encode_length(body.len(), out);
        out.extend_from_slice(&body);
    }
}

/// The encoding of a list of data objects.
pub fn encode(objects: &[Tlv]) -> Vec<u8> {
    let mut out = Vec::new();
    for object in objects {
        object.encode_into(&mut out);
    }
    out
}

fn encode_length(length: usize, out: &mut Vec<u8>) {
    if let Ok(short @ 0..=0x7F) = u8::try_from(length) {
        out.push(short);
        return;
    }
    let bytes: Vec<u8> = length
        .to_be_bytes()
        .into_iter()
        .skip_while(|byte| *byte == 0)
        .collect();
    out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
    out.extend(bytes);
}

/// Reads a list of data objects; `00` between objects is padding (EMV Book 3, annex B1).
///
/// # Errors
/// [`TlvError`] when the bytes end inside an object, or a bound is passed.
pub fn parse(bytes: &[u8]) -> Result<Vec<Tlv>, TlvError> {
    if bytes.len() > MAX_BYTES {
        return Err(TlvError::TooLarge);
    }
    let mut budget = MAX_OBJECTS;
    parse_list(bytes, 0, &mut budget)
}

fn parse_list(bytes: &[u8], depth: usize, budget: &mut usize) -> Result<Vec<Tlv>, TlvError> {
    if depth >= MAX_DEPTH {
        return Err(TlvError::TooDeep);
    }
    let mut cursor = Cursor { bytes, at: 0 };
    let mut objects = Vec::new();
    while let Some(first) = cursor.peek() {
        if first == 0 {
            cursor.at += 1;
            continue;
        }
        *budget = budget.checked_sub(1).ok_or(TlvError::TooLarge)?;
        let tag = cursor.tag()?;
        let length = cursor.length()?;
        let value = cursor.take(length)?;
        objects.push(if tag.is_constructed() {
            Tlv {
                tag,
                value: Value::Constructed(parse_list(value, depth + 1, budget)?),
            }
        } else {
            Tlv::primitive(tag, value)
        });
    }
    Ok(objects)
}

/// A place in bytes that tags and lengths are read from; shared with the data object lists.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn byte(&mut self) -> Result<u8, TlvError> {
        let byte = self.peek().ok_or(TlvError::Truncated { at: self.at })?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn tag(&mut self) -> Result<Tag, TlvError> {
        let start = self.at;
        let mut number = u32::from(self.byte()?);
        if number & 0x1F != 0x1F {
            return Ok(Tag::new(number));
        }
        for _ in 0..2 {
            let byte = self.byte()?;
            number = number << 8 | u32::from(byte);
            if byte & 0x80 == 0 {
                return Ok(Tag::new(number));
            }
        }
        Err(TlvError::TagTooLong { at: start })
    }

    fn length(&mut self) -> Result<usize, TlvError> {
        let start = self.at;
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let count = usize::from(first & 0x7F);
        if !(1..=3).contains(&count) {
            return Err(TlvError::BadLength { at: start });
        }
        let mut length = 0;
        for _ in 0..count {
            length = length << 8 | usize::from(self.byte()?);
        }
        Ok(length)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], TlvError> {
        let truncated = TlvError::Truncated { at: self.at };
        let end = self.at.checked_add(length).ok_or(truncated.clone())?;
        let value = self.bytes.get(self.at..end).ok_or(truncated)?;
        self.at = end;
        Ok(value)
    }
}

/// The first object with this tag, searched depth first.
pub fn find(objects: &[Tlv], tag: Tag) -> Option<&Tlv> {
    objects.iter().find_map(|object| {
        if object.tag == tag {
            Some(object)
        } else {
            find(object.children(), tag)
        }
    })
}

/// The bytes of the first primitive object with this tag.
pub fn find_bytes(objects: &[Tlv], tag: Tag) -> Option<&[u8]> {
    find(objects, tag).and_then(Tlv::bytes)
}

/// Bytes as upper-case hexadecimal digits.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Tlv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Constructed(children) => write!(f, "{} {children:?}", self.tag),
            Value::Primitive(bytes) if self.tag.is_sensitive() => {
                write!(f, "{} <{} bytes>", self.tag, bytes.len())
            }
            Value::Primitive(bytes) => write!(f, "{} {}", self.tag, Hex(bytes)),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Primitive(bytes) => write!(f, "<{} bytes>", bytes.len()),
            Value::Constructed(children) => write!(f, "{children:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
