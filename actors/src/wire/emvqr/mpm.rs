//! Merchant-presented codes (EMVCo MPM v1.1): the text of the QR that a shop shows.
//!
//! A code is kept as its objects in the order read, unknown ids included, so that what was read is
//! written back to the letter; accessors give meaning to the ids of the specification. Lengths
//! count characters; the checksum is over UTF-8 bytes.

mod build;
mod object;

pub use build::MerchantQrBuilder;
pub use object::{Object, parse_objects};

use rust_decimal::Decimal;

use super::crc::crc16;

/// Characters of one code at most: the largest QR holds 2,953 bytes.
const MAX_BYTES: usize = 2_953;
/// ID and length of the checksum, which are part of what it covers.
const CRC_HEAD: &str = "6304";

/// Ids of the specification's table 3.
pub mod id {
    pub const PAYLOAD_FORMAT: u8 = 0;
    pub const INITIATION: u8 = 1;
    pub const FIRST_ACCOUNT: u8 = 2;
    pub const LAST_ACCOUNT: u8 = 51;
    pub const FIRST_ACCOUNT_TEMPLATE: u8 = 26;
    pub const CATEGORY: u8 = 52;
    pub const CURRENCY: u8 = 53;
    pub const AMOUNT: u8 = 54;
    pub const TIP: u8 = 55;
    pub const FIXED_FEE: u8 = 56;
    pub const PERCENT_FEE: u8 = 57;
    pub const COUNTRY: u8 = 58;
    pub const NAME: u8 = 59;
    pub const CITY: u8 = 60;
    pub const POSTAL: u8 = 61;
    pub const ADDITIONAL: u8 = 62;
    pub const CRC: u8 = 63;
    pub const LANGUAGE: u8 = 64;
    pub const FIRST_UNRESERVED: u8 = 80;
}

/// Why a text is not a merchant-presented code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MpmError {
    #[error("the text is longer than any QR code can hold")]
    TooLong,
    #[error("there is no two-digit id at character {at}")]
    BadId { at: usize },
    #[error("object {id:02} has no two-digit length, or the length is 00")]
    BadLength { id: u8 },
    #[error("object {id:02} should have {declared} characters, {left} are left")]
    Truncated {
        id: u8,
        declared: usize,
        left: usize,
    },
    #[error("the code does not begin with payload format 01")]
    UnknownFormat,
    #[error("the code does not end with its checksum")]
    CrcNotLast,
    #[error("the checksum is {found}, it should be {expected:04X}")]
    CrcMismatch { expected: u16, found: String },
    #[error("object {id:02} is missing")]
    Missing { id: u8 },
    #[error("there is no merchant account (02 to 51)")]
    NoAccount,
    #[error("object {id:02} is there twice")]
    Duplicate { id: u8 },
    #[error("object {id:02} is not valid: {rule}")]
    Invalid { id: u8, rule: &'static str },
}

/// Whether the code serves many payments or one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initiation {
    /// 11: printed, for many payments.
    Static,
    /// 12: shown for one payment.
    Dynamic,
}

/// What the customer adds to the amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tip {
    /// 01: the wallet asks.
    Prompt,
    /// 02, with the fee of 56.
    Fixed(Decimal),
    /// 03, with the per cent of 57.
    Percent(Decimal),
}

/// A code that keeps the specification's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MerchantQr {
    /// Without the checksum.
    objects: Vec<Object>,
}

impl MerchantQr {
    /// Reads a code and checks it.
    ///
    /// # Errors
    /// [`MpmError`] says which object breaks which rule.
    pub fn parse(text: &str) -> Result<Self, MpmError> {
        if text.len() > MAX_BYTES {
            return Err(MpmError::TooLong);
        }
        let mut objects = parse_objects(text)?;
        let found = match objects.pop() {
            Some(Object { id: id::CRC, value }) if value.chars().count() == 4 => value,
            _ => return Err(MpmError::CrcNotLast),
        };
        let covered = text.strip_suffix(&found).unwrap_or(text);
        let expected = crc16(covered.as_bytes());
        if !found.eq_ignore_ascii_case(&format!("{expected:04X}")) {
            return Err(MpmError::CrcMismatch { expected, found });
        }
        Self::checked(objects)
    }

    fn checked(objects: Vec<Object>) -> Result<Self, MpmError> {
        build::check(&objects)?;
        Ok(Self { objects })
    }

    /// The text to show, with its checksum.
    pub fn encode(&self) -> String {
        let mut text: String = self.objects.iter().map(ToString::to_string).collect();
        text.push_str(CRC_HEAD);
        let crc = crc16(text.as_bytes());
        text + &format!("{crc:04X}")
    }

    /// All objects in order, without the checksum.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// The value of an object.
    pub fn value(&self, id: u8) -> Option<&str> {
        object::find(&self.objects, id)
    }

    /// The value of `inner` in template `id`, for example the GUID (00) of an account or the bill
    /// number (62, 01).
    pub fn inner(&self, id: u8, inner: u8) -> Option<String> {
        let objects = parse_objects(self.value(id)?).ok()?;
        object::find(&objects, inner).map(str::to_owned)
    }

    pub fn initiation(&self) -> Option<Initiation> {
        match self.value(id::INITIATION)? {
            "11" => Some(Initiation::Static),
            "12" => Some(Initiation::Dynamic),
            _ => None,
        }
    }

    /// The merchant accounts, 02 to 51.
    pub fn accounts(&self) -> impl Iterator<Item = &Object> {
        let account =
            |object: &&Object| (id::FIRST_ACCOUNT..=id::LAST_ACCOUNT).contains(&object.id);
        self.objects.iter().filter(account)
    }

    pub fn category(&self) -> Option<&str> {
        self.value(id::CATEGORY)
    }

    /// ISO 4217 numeric, 156 for CNY.
    pub fn currency(&self) -> Option<u16> {
        self.value(id::CURRENCY)?.parse().ok()
    }

    /// `None` when the customer types the amount.
    pub fn amount(&self) -> Option<Decimal> {
        object::amount(self.value(id::AMOUNT)?)
    }

    pub fn tip(&self) -> Option<Tip> {
        let fee = |id| self.value(id).and_then(object::amount);
        match self.value(id::TIP)? {
            "01" => Some(Tip::Prompt),
            "02" => fee(id::FIXED_FEE).map(Tip::Fixed),
            "03" => fee(id::PERCENT_FEE).map(Tip::Percent),
            _ => None,
        }
    }

    /// ISO 3166-1 alpha 2.
    pub fn country(&self) -> Option<&str> {
        self.value(id::COUNTRY)
    }

    pub fn name(&self) -> Option<&str> {
        self.value(id::NAME)
    }

    pub fn city(&self) -> Option<&str> {
        self.value(id::CITY)
    }
}

#[cfg(test)]
mod tests;
