//! Card numbers that do not leak (SEC-1): PAN and track 2 behind types whose every output is
//! masked.
//!
//! Only the acquirer's driver calls `expose`, at the moment it writes the message that leaves the
//! house.

use std::fmt;

use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::card::Expiry;
use crate::domain::card_list;

/// Why digits are not a card number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PanError {
    #[error("a card number has 12 to 19 digits")]
    Length,
    #[error("a card number has digits only")]
    NotDigits,
    #[error("the check digit of the card number is wrong")]
    CheckDigit,
    #[error("track 2 lacks its separator or its expiry date")]
    Track2,
}

/// A primary account number (ISO/IEC 7812): 12 to 19 digits with a right check digit.
///
/// `Debug`, `Display` and `Serialize` show the first six and the last four digits at most.
#[derive(Clone, PartialEq, Eq)]
pub struct Pan(Zeroizing<String>);

impl Pan {
    /// # Errors
    /// [`PanError`] for a wrong length, other characters than digits, or a wrong check digit.
    pub fn parse(digits: &str) -> Result<Self, PanError> {
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PanError::NotDigits);
        }
        if !(12..=19).contains(&digits.len()) {
            return Err(PanError::Length);
        }
        if !luhn(digits) {
            return Err(PanError::CheckDigit);
        }
        Ok(Self(Zeroizing::new(digits.to_owned())))
    }

    /// Reads the compressed numeric form of tag 5A: two digits a byte, padded with F on the right.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_compressed(bytes: &[u8]) -> Result<Self, PanError> {
        Self::parse(nibbles(bytes).trim_end_matches('F'))
    }

    /// First six and last four digits, stars between; the last four alone below 14 digits.
    pub fn masked(&self) -> String {
        let shown_first = if self.0.len() < 14 { 0 } else { 6 };
        let hidden = shown_first..self.0.len().saturating_sub(4);
        let star = |(at, digit)| if hidden.contains(&at) { '*' } else { digit };
        self.0.chars().enumerate().map(star).collect()
    }

    /// The first digits, which name the issuer's product and are the same on many cards.
    pub fn issuer(&self) -> &str {
        let whole = self.0.as_str();
        whole.get(..card_list::DIGITS_MAX).unwrap_or(whole)
    }

    /// The number in clear. For the acquirer's driver alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pan({})", self.masked())
    }
}

impl Serialize for Pan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

/// Track 2 equivalent data (tag 57), without sentinels and padding: PAN, `D`, YYMM, service code,
/// the rest.
///
/// It has no `Serialize`, and its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Track2 {
    text: Zeroizing<String>,
    pan: Pan,
    expiry: Expiry,
}

impl Track2 {
    /// # Errors
    /// [`PanError`] when the account number is not one, or separator or expiry are missing.
    pub fn from_compressed(bytes: &[u8]) -> Result<Self, PanError> {
        let digits = nibbles(bytes);
        let text = Zeroizing::new(digits.trim_end_matches('F').to_owned());
        let (pan, rest) = text.split_once('D').ok_or(PanError::Track2)?;
        let pan = Pan::parse(pan)?;
        let expiry = rest
            .get(..4)
            .and_then(Expiry::from_yymm)
            .ok_or(PanError::Track2)?;
        if !rest.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PanError::NotDigits);
        }
        Ok(Self { pan, expiry, text })
    }

    pub fn pan(&self) -> &Pan {
        &self.pan
    }

    pub fn expiry(&self) -> Expiry {
        self.expiry
    }

    /// The track in clear, `D` as separator. For the acquirer's driver alone.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Track2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Track2(hidden)")
    }
}

fn nibbles(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for nibble in bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]) {
        text.extend(char::from_digit(u32::from(nibble), 16).map(|c| c.to_ascii_uppercase()));
    }
    text
}

/// ISO/IEC 7812-1, annex B. `digits` are decimal digits.
fn luhn(digits: &str) -> bool {
    let weigh = |(at, byte): (usize, u8)| {
        let digit = u32::from(byte - b'0');
        match (at % 2, digit) {
            (0, digit) => digit,
            (_, digit @ 0..=4) => digit * 2,
            (_, digit) => digit * 2 - 9,
        }
    };
    digits
        .bytes()
        .rev()
        .enumerate()
        .map(weigh)
        .sum::<u32>()
        .is_multiple_of(10)
}

#[cfg(test)]
mod tests;
