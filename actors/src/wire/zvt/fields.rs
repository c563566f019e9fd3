//! Fields ("bitmaps"): a number, and a value whose length the number fixes or that says it itself.
//!
//! A number that is not in the table can't be passed over, since nobody knows its length: reading
//! ends there, with what was read. Terminals put a container of BER-TLV last, which `wire::emv`
//! reads.

use zeroize::Zeroizing;

use super::ZvtError;
use crate::wire::emv::{Tlv, tlv};

pub(super) const AMOUNT: u8 = 0x04;
pub(super) const CONTAINER: u8 = 0x06;
pub(super) const TRACE: u8 = 0x0B;
pub(super) const TIME: u8 = 0x0C;
pub(super) const DATE: u8 = 0x0D;
pub(super) const CARD_NUMBER: u8 = 0x22;
pub(super) const RESULT: u8 = 0x27;
pub(super) const TERMINAL: u8 = 0x29;
pub(super) const CURRENCY: u8 = 0x49;
pub(super) const RECEIPT: u8 = 0x87;
pub(super) const CARD_NAME: u8 = 0x8B;

enum Length {
    Fixed(usize),
    /// Two or three digits in front, each in the low half of a byte whose high half is F.
    Digits(usize),
    Ber,
}

/// PA00P015, summary of utilised BMPs.
const fn length_of(field: u8) -> Option<Length> {
    Some(match field {
        0x01 | 0x02 | 0x03 | 0x05 | 0x19 | RESULT | 0x8A | 0x8C | 0xA0 | 0xD0..=0xD3 => {
            Length::Fixed(1)
        }
        0xF0 | 0xF9 | 0xFA | 0xFB | 0xFC => Length::Fixed(1),
        DATE | 0x0E | 0x17 | 0x3A | CURRENCY | RECEIPT => Length::Fixed(2),
        TRACE | TIME | 0x37 | 0x3D | 0x88 | 0xAA => Length::Fixed(3),
        TERMINAL => Length::Fixed(4),
        0xBA => Length::Fixed(5),
        AMOUNT => Length::Fixed(6),
        0x3B => Length::Fixed(8),
        0x2A => Length::Fixed(15),
        CARD_NUMBER | 0x23 | 0x2D | CARD_NAME | 0xA7 | 0xE0 | 0xE9 | 0xF1..=0xF8 => {
            Length::Digits(2)
        }
        0x24 | 0x2E | 0x3C | 0x60 | 0x92 | 0x9A | 0xAF => Length::Digits(3),
        CONTAINER => Length::Ber,
        _ => return None,
    })
}

/// Fields in the order in which they came. Wiped when dropped, shown by no `Debug`.
pub(super) struct Fields(Vec<(u8, Zeroizing<Vec<u8>>)>);

impl Fields {
    pub(super) fn read(data: &[u8]) -> Result<Self, ZvtError> {
        let mut fields = Vec::new();
        let mut rest = data;
        while let Some((field, after)) = rest.split_first() {
            let Some(length) = length_of(*field) else {
                break;
            };
            let truncated = ZvtError::Truncated { field: *field };
            let (len, after) = match length {
                Length::Fixed(len) => (len, after),
                Length::Digits(count) => {
                    let (digits, after) = after.split_at_checked(count).ok_or(truncated.clone())?;
                    (len_of(*field, digits)?, after)
                }
                Length::Ber => ber_length(after).ok_or(truncated.clone())?,
            };
            let (value, after) = after.split_at_checked(len).ok_or(truncated)?;
            fields.push((*field, Zeroizing::new(value.to_vec())));
            rest = after;
        }
        Ok(Self(fields))
    }

    pub(super) fn bytes(&self, field: u8) -> Option<&[u8]> {
        let found = self.0.iter().find(|(number, _)| *number == field);
        found.map(|(_, value)| value.as_slice())
    }

    pub(super) fn byte(&self, field: u8) -> Option<u8> {
        self.bytes(field).and_then(|value| value.first().copied())
    }

    /// Digits as a number.
    pub(super) fn number(&self, field: u8) -> Result<Option<u64>, ZvtError> {
        let Some(value) = self.bytes(field) else {
            return Ok(None);
        };
        let digits = value.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
        let sum = digits.map(u64::from).try_fold(0_u64, |sum, digit| {
            let sum = sum.checked_mul(10)?.checked_add(digit)?;
            (digit <= 9).then_some(sum)
        });
        sum.map(Some).ok_or(ZvtError::Digits { field })
    }

    pub(super) fn small<T: TryFrom<u64>>(&self, field: u8) -> Result<Option<T>, ZvtError> {
        let number = self.number(field)?;
        let small =
            number.map(|number| T::try_from(number).map_err(|_| ZvtError::Digits { field }));
        small.transpose()
    }

    pub(super) fn text(&self, field: u8) -> Option<String> {
        self.bytes(field).map(text)
    }

    /// The container's objects; none if it can't be read, since nothing is decided by it.
    pub(super) fn objects(&self) -> Vec<Tlv> {
        let container = self.bytes(CONTAINER).map(tlv::parse);
        container.and_then(Result::ok).unwrap_or_default()
    }
}

/// Printable ASCII; of code page 437 the German letters that receipts have.
pub(super) fn text(bytes: &[u8]) -> String {
    let character = |byte: &u8| match byte {
        0x20..=0x7E => char::from(*byte),
        0x84 => 'ä',
        0x8E => 'Ä',
        0x94 => 'ö',
        0x99 => 'Ö',
        0x81 => 'ü',
        0x9A => 'Ü',
        0xE1 => 'ß',
        _ => ' ',
    };
    let text: String = bytes.iter().map(character).collect();
    text.trim_end().to_owned()
}

fn len_of(field: u8, digits: &[u8]) -> Result<usize, ZvtError> {
    digits.iter().try_fold(0, |sum, digit| match digit {
        // some leave the F out
        0xF0..=0xF9 | 0x00..=0x09 => Ok(sum * 10 + usize::from(digit & 0xF)),
        _ => Err(ZvtError::Digits { field }),
    })
}

/// The length of a container, and what follows it.
fn ber_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [0x81, len, after @ ..] => Some((usize::from(*len), after)),
        [0x82, high, low, after @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), after))
        }
        [len @ ..=0x7F, after @ ..] => Some((usize::from(*len), after)),
        _ => None,
    }
}

/// `number` as `len` bytes of digits.
pub(super) fn digits(
    number: u64,
    len: usize,
    what: &'static str,
    out: &mut Vec<u8>,
) -> Result<(), ZvtError> {
    let mut rest = number;
    let mut bytes = vec![0; len];
    for byte in bytes.iter_mut().rev() {
        let pair = u8::try_from(rest % 100).unwrap_or(0);
        *byte = ((pair / 10) << 4) | (pair % 10);
        rest /= 100;
    }
    out.extend(bytes);
    match rest {
        0 => Ok(()),
        _ => Err(ZvtError::TooLarge { what }),
    }
}

/// A text field with its length in two digits, cut at 99 characters of plain ASCII.
pub(super) fn put_text(field: u8, words: &str, out: &mut Vec<u8>) {
    let plain = words.bytes().filter(|byte| (0x20..0x7F).contains(byte));
    let plain: Vec<u8> = plain.take(99).collect();
    let len = u8::try_from(plain.len()).unwrap_or(99);
    out.extend([field, 0xF0 | (len / 10), 0xF0 | (len % 10)]);
    out.extend(plain);
}
