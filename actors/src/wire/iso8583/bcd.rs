//! Digits two a byte, as fields and lengths carry them.
//!
//! An odd number of digits leaves one nibble over. The table says on which side; what stands in it
//! is written as 0 and not looked at when read, since hosts put 0 or F there.

use std::fmt;

use zeroize::Zeroizing;

use super::field::Align;

/// Digits within a buffer. They may be a card number: `Debug` shows only how many.
#[derive(Clone, Copy)]
pub struct Digits<'a> {
    bytes: &'a [u8],
    count: usize,
    align: Align,
}

impl<'a> Digits<'a> {
    /// `bytes` must be as long as `count` digits need.
    pub(super) const fn new(bytes: &'a [u8], count: usize, align: Align) -> Self {
        Self {
            bytes,
            count,
            align,
        }
    }

    pub const fn len(&self) -> usize {
        self.count
    }

    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Values 0 to 9; 13 is a track's separator.
    pub fn nibbles(&self) -> impl Iterator<Item = u8> + use<'a> {
        let skipped = match self.align {
            Align::Right => self.count % 2,
            Align::Left => 0,
        };
        let nibbles = self.bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
        nibbles.skip(skipped).take(self.count)
    }

    /// As text, wiped when dropped; a track's separator is `D`.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.count));
        text.extend(self.nibbles().map(|nibble| match nibble {
            0..=9 => char::from(b'0' + nibble),
            _ => 'D',
        }));
        text
    }

    /// As a number; `None` beyond 64 bits or with a separator.
    pub fn to_u64(&self) -> Option<u64> {
        self.nibbles().try_fold(0_u64, |sum, nibble| {
            let digit = Some(nibble).filter(|digit| *digit <= 9)?;
            sum.checked_mul(10)?.checked_add(digit.into())
        })
    }

    /// Whether each nibble is one of `allowed`, the one left over apart.
    pub(super) fn all(&self, allowed: impl Fn(u8) -> bool) -> bool {
        self.nibbles().all(allowed)
    }
}

impl fmt::Debug for Digits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digits({})", self.count)
    }
}

/// Appends digits, and `D`, two a byte. `None`, and nothing appended, for another character.
pub(super) fn pack(text: &str, align: Align, out: &mut Vec<u8>) -> Option<()> {
    let value = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'D' => Some(0xD),
        _ => None,
    };
    if !text.bytes().all(|byte| value(byte).is_some()) {
        return None;
    }
    let filled = (align == Align::Right && text.len() % 2 == 1).then_some(0);
    let mut nibbles = filled.into_iter().chain(text.bytes().filter_map(value));
    while let Some(high) = nibbles.next() {
        out.push(high << 4 | nibbles.next().unwrap_or(0));
    }
    Some(())
}

/// Two or four digits in front of a field that say how long it is.
pub(super) fn read_length(bytes: &[u8]) -> Option<usize> {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    nibbles
        .map(usize::from)
        .try_fold(0, |sum, digit| (digit <= 9).then_some(sum * 10 + digit))
}
