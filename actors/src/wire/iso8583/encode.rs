//! A message to be sent, built field by field and written in the order of the numbers.
//!
//! A field is checked against its row when it is set, so that encoding can't fail. Its bytes are
//! wiped when the message is dropped: a card number may be among them.

use std::{collections::BTreeMap, fmt};

use zeroize::Zeroizing;

use super::{
    bcd,
    bitmap::Bitmap,
    decode::{Decoded, Value},
    field::{Field, Format, Length, Spec},
    mti::Mti,
};

/// Why a field can't hold a value. The value itself is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("field {field} takes {max} digits or bytes, not {length}")]
    Length { field: u8, length: usize, max: u16 },
    #[error("field {field} is of another kind than the value")]
    Kind { field: u8 },
    #[error("a message of {0} bytes is too long for its envelope")]
    TooLong(usize),
}

/// A message of our own.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    mti: Mti,
    /// As written, with their lengths in front.
    fields: BTreeMap<Field, Zeroizing<Vec<u8>>>,
}

impl Message {
    pub const fn new(mti: Mti) -> Self {
        Self {
            mti,
            fields: BTreeMap::new(),
        }
    }

    pub const fn mti(&self) -> Mti {
        self.mti
    }

    /// Sets a field of digits, or a track.
    ///
    /// # Errors
    /// Other characters, or too many or too few of them.
    pub fn digits(mut self, field: Field, text: &str) -> Result<Self, EncodeError> {
        let spec = field.spec();
        let kind = EncodeError::Kind { field: spec.number };
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if !matches!(spec.format, Format::N | Format::Z) || (spec.format == Format::N && !is_digits)
        {
            return Err(kind);
        }
        let mut bytes = begun(&spec, text.len(), text.len())?;
        bcd::pack(text, spec.align, &mut bytes).ok_or(kind)?;
        self.fields.insert(field, bytes);
        Ok(self)
    }

    /// Sets a fixed field of digits, with zeros in front.
    ///
    /// # Errors
    /// The number has more digits than the field.
    pub fn number(self, field: Field, number: u64) -> Result<Self, EncodeError> {
        let width = usize::from(field.spec().max);
        self.digits(field, &format!("{number:0width$}"))
    }

    /// Sets a field of text; a fixed one is filled up with spaces.
    ///
    /// # Errors
    /// Characters that are not printable ASCII, or too many.
    pub fn text(mut self, field: Field, text: &str) -> Result<Self, EncodeError> {
        let spec = field.spec();
        let is_text = text.bytes().all(|byte| (0x20..0x7F).contains(&byte));
        if !matches!(spec.format, Format::An | Format::Ans) || !is_text {
            return Err(EncodeError::Kind { field: spec.number });
        }
        let units = match spec.length {
            Length::Fixed => text.len().max(spec.max.into()),
            Length::Ll | Length::Lll => text.len(),
        };
        let mut bytes = begun(&spec, units, units)?;
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend(std::iter::repeat_n(b' ', units - text.len()));
        self.fields.insert(field, bytes);
        Ok(self)
    }

    /// Sets a field of bytes.
    ///
    /// # Errors
    /// Too many of them, or too few.
    pub fn bytes(mut self, field: Field, content: &[u8]) -> Result<Self, EncodeError> {
        let spec = field.spec();
        if spec.format != Format::B {
            return Err(EncodeError::Kind { field: spec.number });
        }
        let mut bytes = begun(&spec, content.len(), content.len())?;
        bytes.extend_from_slice(content);
        self.fields.insert(field, bytes);
        Ok(self)
    }

    /// The message without a MAC.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        self.encode_with(None)
    }

    /// The message with its MAC as its last field. `mac` is given all that stands before it, the
    /// bitmap with the MAC's own bit included.
    pub fn seal<E>(
        &self,
        mac: impl FnOnce(&[u8]) -> Result<[u8; 8], E>,
    ) -> Result<Zeroizing<Vec<u8>>, E> {
        let is_long = self.fields.keys().any(|field| field.spec().number > 64);
        let field = if is_long { Field::Mac128 } else { Field::Mac };
        let mut bytes = self.encode_with(Some(field));
        let mac = mac(&bytes)?;
        bytes.extend_from_slice(&mac);
        Ok(bytes)
    }

    fn encode_with(&self, mac: Option<Field>) -> Zeroizing<Vec<u8>> {
        let fields = self.fields.iter().filter(|(field, _)| Some(**field) != mac);
        let length = fields.clone().map(|(_, bytes)| bytes.len()).sum::<usize>();
        // room for all of it, so that growing leaves no copy of a card number behind
        let mut out = Zeroizing::new(Vec::with_capacity(2 + 16 + length + 8));
        out.extend(self.mti.to_bytes());
        let set = fields.clone().map(|(field, _)| *field).chain(mac);
        let bitmap = set.fold(Bitmap::default(), |set, field| {
            set.with(field.spec().number)
        });
        bitmap.write(&mut out);
        for (_, bytes) in fields {
            out.extend_from_slice(bytes);
        }
        out
    }
}

/// The same message, to be changed or sent again: what is filled up is filled up with 0.
impl TryFrom<&Decoded<'_>> for Message {
    type Error = EncodeError;

    fn try_from(decoded: &Decoded<'_>) -> Result<Self, EncodeError> {
        let mut message = Message::new(decoded.mti());
        for field in decoded.fields() {
            let spec = field.spec();
            message = match decoded.get(field) {
                Some(Value::Digits(digits)) => message.digits(field, &digits.to_text())?,
                // as it came: a host's text need not be ASCII
                Some(Value::Text(text)) => {
                    let mut bytes = begun(&spec, text.len(), text.len())?;
                    bytes.extend_from_slice(text);
                    message.fields.insert(field, bytes);
                    message
                }
                Some(Value::Bytes(bytes)) => message.bytes(field, bytes)?,
                None => message,
            };
        }
        Ok(message)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.encode();
        match Decoded::decode(&bytes) {
            Ok(decoded) => fmt::Debug::fmt(&decoded, f),
            Err(_) => write!(f, "Message {}", self.mti),
        }
    }
}

/// The length in front of a field, and room for its content.
fn begun(spec: &Spec, units: usize, room: usize) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let fits = match spec.length {
        Length::Fixed => units == usize::from(spec.max),
        Length::Ll | Length::Lll => units <= usize::from(spec.max),
    };
    if !fits {
        let (field, length, max) = (spec.number, units, spec.max);
        return Err(EncodeError::Length { field, length, max });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(room + 2));
    let length = match spec.length {
        Length::Fixed => String::new(),
        Length::Ll => format!("{units:02}"),
        Length::Lll => format!("{units:04}"),
    };
    let align = super::field::Align::Left;
    bcd::pack(&length, align, &mut bytes).ok_or(EncodeError::Kind { field: spec.number })?;
    Ok(bytes)
}
