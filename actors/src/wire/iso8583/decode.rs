//! A received message, read where it lies.
//!
//! Decoding walks over the bitmap once, checks each field against its row and remembers where it
//! begins and ends; no field is copied and nothing is allocated. What it can't know to be right is
//! an error that names the field: after a wrong length everything behind it is guesswork.

use std::fmt;

use super::{
    bcd::{Digits, read_length},
    bitmap::Bitmap,
    field::{Field, Format, Length, Spec},
    mti::Mti,
};

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the message ends before its fields begin")]
    NoHead,
    #[error("its type is not four digits")]
    NoType,
    #[error("field {0} is not one of this dialect: nobody knows where it ends")]
    UnknownField(u8),
    #[error("field {field}: {problem}")]
    Field { field: u8, problem: Problem },
    #[error("{0} bytes behind the last field")]
    Trailing(usize),
}

/// What is wrong with a field. No value is in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("the message ends inside it")]
    Truncated,
    #[error("its length is not written in digits")]
    LengthNotDigits,
    #[error("it is {length} long, and {max} at most is allowed")]
    TooLong { length: usize, max: u16 },
    #[error("it has something else than digits")]
    NotDigits,
    #[error("it has something else than printable characters")]
    NotText,
}

/// A field's content.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Digits(Digits<'a>),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
}

/// From where to where a field's content is, and how many digits or bytes it has.
#[derive(Clone, Copy, Default)]
struct Span {
    from: u16,
    to: u16,
    units: u16,
}

/// A message that borrows from the buffer it came in.
#[derive(Clone)]
pub struct Decoded<'a> {
    mti: Mti,
    bitmap: Bitmap,
    bytes: &'a [u8],
    spans: [Span; Field::ALL.len()],
}

impl<'a> Decoded<'a> {
    /// Reads a message: type, bitmap, fields, and nothing behind them.
    ///
    /// # Errors
    /// [`DecodeError`], with the number of the field that is wrong.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (mti, rest) = bytes.split_first_chunk().ok_or(DecodeError::NoHead)?;
        let mti = Mti::from_bytes(*mti).ok_or(DecodeError::NoType)?;
        let (bitmap, fields) = Bitmap::read(rest).ok_or(DecodeError::NoHead)?;
        let mut spans = [Span::default(); Field::ALL.len()];
        let mut reader = Reader {
            bytes,
            at: bytes.len() - fields.len(),
        };
        for number in bitmap.numbers() {
            let field = Field::of_number(number).ok_or(DecodeError::UnknownField(number))?;
            let read = reader.field(&field.spec());
            let span = read.map_err(|problem| DecodeError::Field {
                field: number,
                problem,
            })?;
            if let Some(place) = spans.get_mut(field as usize) {
                *place = span;
            }
        }
        match bytes.len() - reader.at {
            0 => Ok(Self {
                mti,
                bitmap,
                bytes,
                spans,
            }),
            trailing => Err(DecodeError::Trailing(trailing)),
        }
    }

    pub const fn mti(&self) -> Mti {
        self.mti
    }

    pub const fn bitmap(&self) -> Bitmap {
        self.bitmap
    }

    /// The fields that are there, by number.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.bitmap.numbers().filter_map(Field::of_number)
    }

    pub fn get(&self, field: Field) -> Option<Value<'a>> {
        let spec = field.spec();
        let span = self
            .spans
            .get(field as usize)
            .filter(|_| self.bitmap.has(spec.number))?;
        let content = self
            .bytes
            .get(usize::from(span.from)..usize::from(span.to))?;
        Some(match spec.format {
            Format::N | Format::Z => {
                Value::Digits(Digits::new(content, span.units.into(), spec.align))
            }
            Format::An | Format::Ans => Value::Text(content),
            Format::B => Value::Bytes(content),
        })
    }

    pub fn digits(&self, field: Field) -> Option<Digits<'a>> {
        match self.get(field)? {
            Value::Digits(digits) => Some(digits),
            Value::Text(_) | Value::Bytes(_) => None,
        }
    }

    /// A number that is not secret: an amount, a trace number.
    pub fn number(&self, field: Field) -> Option<u64> {
        self.digits(field)?.to_u64()
    }

    /// Printable ASCII without the spaces around it; what is not ASCII is left out.
    pub fn text(&self, field: Field) -> Option<String> {
        let Value::Text(text) = self.get(field)? else {
            return None;
        };
        let shown = text.iter().filter(|byte| (0x20..0x7F).contains(*byte));
        let shown: String = shown.map(|byte| char::from(*byte)).collect();
        Some(shown.trim().to_owned())
    }

    pub fn bytes(&self, field: Field) -> Option<&'a [u8]> {
        match self.get(field)? {
            Value::Bytes(bytes) | Value::Text(bytes) => Some(bytes),
            Value::Digits(_) => None,
        }
    }

    /// What a MAC is taken over: all of the message but the MAC, which is its last field.
    pub fn sealed_part(&self) -> Option<(&'a [u8], &'a [u8; 8])> {
        let field = match self.bitmap.has_second_half() {
            true => Field::Mac128,
            false => Field::Mac,
        };
        self.get(field)?;
        self.bytes.split_last_chunk::<8>()
    }
}

impl fmt::Debug for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct(&format!("Message {}", self.mti));
        for field in self.fields() {
            let spec = field.spec();
            let name = format!("F{} {field:?}", spec.number);
            match self.get(field) {
                _ if spec.is_secret => shown.field(&name, &format_args!("hidden")),
                Some(Value::Digits(digits)) => {
                    shown.field(&name, &format_args!("{}", *digits.to_text()))
                }
                Some(Value::Text(text)) => shown.field(&name, &String::from_utf8_lossy(text)),
                Some(Value::Bytes(bytes)) => shown.field(&name, &format_args!("{bytes:02X?}")),
                None => &mut shown,
            };
        }
        shown.finish()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let end = self.at.checked_add(length).ok_or(Problem::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(Problem::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    fn field(&mut self, spec: &Spec) -> Result<Span, Problem> {
        let length_bytes = match spec.length {
            Length::Fixed => 0,
            Length::Ll => 1,
            Length::Lll => 2,
        };
        let units = match spec.length {
            Length::Fixed => spec.max.into(),
            Length::Ll | Length::Lll => {
                read_length(self.take(length_bytes)?).ok_or(Problem::LengthNotDigits)?
            }
        };
        if units > usize::from(spec.max) {
            let max = spec.max;
            return Err(Problem::TooLong { length: units, max });
        }
        let from = self.at;
        let content = self.take(spec.format.bytes(units))?;
        let is_right = match spec.format {
            Format::N => Digits::new(content, units, spec.align).all(|nibble| nibble <= 9),
            Format::Z => {
                Digits::new(content, units, spec.align).all(|nibble| nibble <= 9 || nibble == 0xD)
            }
            Format::An if !content.iter().all(|byte| (0x20..0x7F).contains(byte)) => {
                return Err(Problem::NotText);
            }
            Format::An | Format::Ans | Format::B => true,
        };
        let narrow = |wide: usize| u16::try_from(wide).map_err(|_| Problem::Truncated);
        match is_right {
            true => Ok(Span {
                from: narrow(from)?,
                to: narrow(self.at)?,
                units: narrow(units)?,
            }),
            false => Err(Problem::NotDigits),
        }
    }
}

impl Format {
    /// How many bytes so many digits or bytes take.
    pub(super) const fn bytes(self, units: usize) -> usize {
        match self {
            Format::N | Format::Z => units.div_ceil(2),
            Format::An | Format::Ans | Format::B => units,
        }
    }
}
