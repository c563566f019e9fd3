//! ZVT (PA00P015): the words between a cash register and a terminal that authorises by itself.
//!
//! A message is a class, an instruction, a length and data; `frame` carries it over serial lines
//! and TCP. Data are fields with a number in front (`fields`), the last of them often a container
//! of BER-TLV. What the store says is made in `request`, what a terminal says is read in `said`.
//! Card numbers are masked as they are read: no whole one leaves this module (SEC-1).
//!
//! Deliberately not here: pre-authorisations, cards read for the register (06 C0), menus and input
//! (04 0D, 04 0E), software updates; when to say what (`device/zvt`).

mod fields;
mod request;
mod said;
#[cfg(test)]
mod tests;

use zeroize::Zeroizing;

pub use request::Request;
pub use said::{Booking, Said, StatusInformation, words};

/// The link's own bytes on serial lines: a frame came whole, or came broken.
pub const LINK_ACK: [u8; 1] = [0x06];
pub const LINK_NAK: [u8; 1] = [0x15];
/// 80 00: every message but an acknowledgement is acknowledged.
pub const ACK: [u8; 3] = [0x80, 0x00, 0x00];

/// In the place of the length: two more bytes say it, the low one first.
const LONG: u8 = 0xFF;

/// Why bytes are no message, or a message none that can be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZvtError {
    #[error("the length does not say how long the message is")]
    Length,
    #[error("field {field:02X} ends early")]
    Truncated { field: u8 },
    #[error("field {field:02X} has digits that are none")]
    Digits { field: u8 },
    #[error("what the message needs at byte {at} is not there")]
    Missing { at: usize },
    #[error("{what} has more digits than its field")]
    TooLarge { what: &'static str },
}

/// One message, whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Apdu {
    pub class: u8,
    pub instruction: u8,
    pub data: Zeroizing<Vec<u8>>,
}

impl Apdu {
    pub fn new(class: u8, instruction: u8, data: Vec<u8>) -> Self {
        Self {
            class,
            instruction,
            data: Zeroizing::new(data),
        }
    }

    /// # Errors
    /// The header's length is not the length of what follows.
    pub fn decode(bytes: &[u8]) -> Result<Self, ZvtError> {
        let (class, instruction, len, data) = match bytes {
            [class, instruction, LONG, low, high, data @ ..] => {
                let len = usize::from(u16::from_le_bytes([*low, *high]));
                (class, instruction, len, data)
            }
            [class, instruction, short, data @ ..] if *short != LONG => {
                (class, instruction, usize::from(*short), data)
            }
            _ => return Err(ZvtError::Length),
        };
        if len != data.len() {
            return Err(ZvtError::Length);
        }
        Ok(Self::new(*class, *instruction, data.to_vec()))
    }

    /// # Errors
    /// More data than a length can say.
    pub fn encode(&self) -> Result<Vec<u8>, ZvtError> {
        let len = u16::try_from(self.data.len()).map_err(|_| ZvtError::Length)?;
        let mut bytes = vec![self.class, self.instruction];
        match u8::try_from(len) {
            Ok(short) if short != LONG => bytes.push(short),
            _ => {
                bytes.push(LONG);
                bytes.extend(len.to_le_bytes());
            }
        }
        bytes.extend_from_slice(&self.data);
        Ok(bytes)
    }
}

impl std::fmt::Debug for Apdu {
    /// The data may hold a card number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            class,
            instruction,
            data,
        } = self;
        write!(f, "{class:02X} {instruction:02X} <{} bytes>", data.len())
    }
}
