//! Command and response APDUs in the short form (ISO/IEC 7816-4, EMV Book 1, 9.4).
//!
//! Both sides use these types: the controller writes commands and reads responses, a simulated card
//! does the reverse. Extended lengths are not used by contactless payment applications and are not
//! here. Neither `Debug` shows data: a response can hold a card number.

use std::fmt;

use zeroize::Zeroizing;

use super::tag;
use super::tlv::Tlv;

/// Name of the proximity payment system environment, the directory of a contactless card.
pub const PPSE_NAME: &[u8] = b"2PAY.SYS.DDF01";

/// Why bytes are not an APDU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApduError {
    /// The card was torn away or the line broke: a communication error.
    #[error("an answer of {length} bytes holds no status word")]
    NoStatusWord { length: usize },
    /// The last two bytes are not a status word (ISO/IEC 7816-4 allows 6xxx and 9xxx).
    #[error("{0} is not a status word")]
    BadStatusWord(StatusWord),
    #[error("a command of {length} bytes does not agree with its own lengths")]
    BadCommand { length: usize },
}

/// SW1 and SW2 as one number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StatusWord(pub u16);

impl StatusWord {
    pub const OK: Self = Self(0x9000);
    pub const WRONG_LENGTH: Self = Self(0x6700);
    pub const CONDITIONS_NOT_SATISFIED: Self = Self(0x6985);
    /// A phone or watch wants its owner to confirm on it, then to be presented again (Visa,
    /// UnionPay).
    pub const SEE_PHONE: Self = Self(0x6986);
    pub const FUNCTION_NOT_SUPPORTED: Self = Self(0x6A81);
    pub const FILE_NOT_FOUND: Self = Self(0x6A82);
    pub const RECORD_NOT_FOUND: Self = Self(0x6A83);
    pub const SELECTED_FILE_INVALIDATED: Self = Self(0x6283);
    pub const INSTRUCTION_NOT_SUPPORTED: Self = Self(0x6D00);

    /// `61xx`: that many bytes (0 means 256) wait for GET RESPONSE.
    pub fn more_data(self) -> Option<u8> {
        let [sw1, sw2] = self.0.to_be_bytes();
        (sw1 == 0x61).then_some(sw2)
    }

    /// `6Cxx`: the command must be sent again with this Le.
    pub fn wrong_le(self) -> Option<u8> {
        let [sw1, sw2] = self.0.to_be_bytes();
        (sw1 == 0x6C).then_some(sw2)
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A command APDU. At most 255 bytes of data; `le` 0 asks for up to 256 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    pub cla: u8,
    pub ins: u8,
    pub p1: u8,
    pub p2: u8,
    pub data: Zeroizing<Vec<u8>>,
    pub le: Option<u8>,
}

impl Command {
    pub const SELECT: u8 = 0xA4;
    pub const READ_RECORD: u8 = 0xB2;
    pub const GET_RESPONSE: u8 = 0xC0;
    pub const GET_PROCESSING_OPTIONS: u8 = 0xA8;
    pub const GENERATE_AC: u8 = 0xAE;

    fn new(header: [u8; 4], data: Vec<u8>) -> Self {
        let [cla, ins, p1, p2] = header;
        Self {
            cla,
            ins,
            p1,
            p2,
            data: Zeroizing::new(data),
            le: Some(0),
        }
    }

    /// SELECT by name, first occurrence (EMV Book 1, 11.3).
    pub fn select(name: &[u8]) -> Self {
        Self::new([0x00, Self::SELECT, 0x04, 0x00], name.to_vec())
    }

    /// READ RECORD of `record` in the file with short identifier `sfi` (EMV Book 1, 11.2).
    pub fn read_record(sfi: u8, record: u8) -> Self {
        Self::new(
            [0x00, Self::READ_RECORD, record, sfi << 3 | 0x04],
            Vec::new(),
        )
    }

    /// GET RESPONSE for the `length` bytes that a `61xx` announced.
    pub fn get_response(length: u8) -> Self {
        Self {
            le: Some(length),
            ..Self::new([0x00, Self::GET_RESPONSE, 0, 0], Vec::new())
        }
    }

    /// GET PROCESSING OPTIONS with the values of the PDOL, wrapped in template 83 (EMV Book 3,
    /// 6.5.8).
    pub fn get_processing_options(pdol_values: &[u8]) -> Self {
        let mut data = Vec::new();
        Tlv::primitive(tag::COMMAND_TEMPLATE, pdol_values).encode_into(&mut data);
        Self::new([0x80, Self::GET_PROCESSING_OPTIONS, 0, 0], data)
    }

    /// GENERATE AC asking for an online cryptogram, with the values of CDOL1 (EMV Book 3, 6.5.5).
    pub fn generate_ac(cdol_values: &[u8]) -> Self {
        Self::new([0x80, Self::GENERATE_AC, 0x80, 0], cdol_values.to_vec())
    }

    /// Whether the data fits a short APDU.
    pub fn is_short(&self) -> bool {
        self.data.len() <= 255
    }

    /// The bytes to transmit. A command for which [`is_short`](Self::is_short) is false is cut to
    /// 255 bytes.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(vec![self.cla, self.ins, self.p1, self.p2]);
        let data = self.data.get(..255).unwrap_or(&self.data);
        if let (Ok(lc), false) = (u8::try_from(data.len()), data.is_empty()) {
            out.push(lc);
            out.extend_from_slice(data);
        }
        out.extend(self.le);
        out
    }

    /// Reads a command, as a card does.
    ///
    /// # Errors
    /// [`ApduError::BadCommand`] when Lc does not agree with the bytes that follow.
    pub fn parse(bytes: &[u8]) -> Result<Self, ApduError> {
        let bad = || ApduError::BadCommand {
            length: bytes.len(),
        };
        let (header, body) = bytes.split_first_chunk::<4>().ok_or_else(bad)?;
        let (data, le) = match body {
            [] => (Vec::new(), None),
            [le] => (Vec::new(), Some(*le)),
            [lc, rest @ ..] => {
                let (data, le) = rest.split_at_checked(usize::from(*lc)).ok_or_else(bad)?;
                match (lc, le) {
                    (0, _) => return Err(bad()),
                    (_, []) => (data.to_vec(), None),
                    (_, [le]) => (data.to_vec(), Some(*le)),
                    _ => return Err(bad()),
                }
            }
        };
        Ok(Self {
            le,
            ..Self::new(*header, data)
        })
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cla,
            ins,
            p1,
            p2,
            data,
            le,
        } = self;
        write!(
            f,
            "{cla:02X}{ins:02X}{p1:02X}{p2:02X} <{} bytes> le {le:?}",
            data.len()
        )
    }
}

/// A response APDU.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    pub data: Zeroizing<Vec<u8>>,
    pub status: StatusWord,
}

impl Response {
    /// A response with data and 9000, as a card builds it.
    pub fn ok(data: impl Into<Vec<u8>>) -> Self {
        Self {
            data: Zeroizing::new(data.into()),
            status: StatusWord::OK,
        }
    }

    /// A response with a status word alone.
    pub fn status(status: StatusWord) -> Self {
        Self {
            data: Zeroizing::default(),
            status,
        }
    }

    /// Splits an answer into data and status word.
    ///
    /// # Errors
    /// Both errors are communication errors: the card left the field, or the line cut the answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, ApduError> {
        let no_status = ApduError::NoStatusWord {
            length: bytes.len(),
        };
        let (data, status) = bytes.split_last_chunk::<2>().ok_or(no_status)?;
        let status = StatusWord(u16::from_be_bytes(*status));
        if !matches!(status.0 >> 12, 6 | 9) {
            return Err(ApduError::BadStatusWord(status));
        }
        Ok(Self {
            data: Zeroizing::new(data.to_vec()),
            status,
        })
    }

    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = self.data.clone();
        out.extend(self.status.0.to_be_bytes());
        out
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes> {}", self.data.len(), self.status)
    }
}

#[cfg(test)]
mod tests;
