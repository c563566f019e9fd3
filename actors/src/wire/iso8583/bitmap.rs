//! Which fields a message has: 64 bits, and 64 more if the first of them is set.

/// The set of fields 2 to 128; bit 1, which announces the second half, follows from the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bitmap(u128);

/// Bit 1.
const SECOND_HALF: u128 = 1 << 127;

impl Bitmap {
    /// Reads one half or both from the front of `bytes`; gives what is left.
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (first, rest) = bytes.split_first_chunk::<8>()?;
        let first = u128::from(u64::from_be_bytes(*first)) << 64;
        if first & SECOND_HALF == 0 {
            return Some((Self(first), rest));
        }
        let (second, rest) = rest.split_first_chunk::<8>()?;
        let both = first | u128::from(u64::from_be_bytes(*second));
        Some((Self(both & !SECOND_HALF), rest))
    }

    /// Appends one half, or both if a field above 64 is there.
    pub fn write(self, out: &mut Vec<u8>) {
        let is_long = self.has_second_half();
        let bits = self.0 | if is_long { SECOND_HALF } else { 0 };
        let bytes = bits.to_be_bytes();
        out.extend(bytes.iter().take(if is_long { 16 } else { 8 }));
    }

    /// Whether a field above 64 is there.
    pub const fn has_second_half(self) -> bool {
        self.0 << 64 != 0
    }

    pub const fn has(self, number: u8) -> bool {
        self.0 & Self::bit(number) != 0
    }

    #[must_use]
    pub const fn with(self, number: u8) -> Self {
        Self(self.0 | Self::bit(number))
    }

    /// The numbers that are set, rising.
    pub fn numbers(self) -> impl Iterator<Item = u8> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let ahead = u8::try_from(left.leading_zeros()).ok()?;
            left &= !(SECOND_HALF.checked_shr(ahead.into())?);
            Some(ahead + 1)
        })
    }

    const fn bit(number: u8) -> u128 {
        match number {
            2..=128 => SECOND_HALF >> (number - 1),
            _ => 0,
        }
    }
}
