//! Message type indicators: four digits that say version, class, function and origin.

use std::fmt;

/// Four BCD digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mti([u8; 2]);

impl Mti {
    pub const AUTHORISATION: Mti = Mti([0x01, 0x00]);
    pub const FINANCIAL: Mti = Mti([0x02, 0x00]);
    pub const ADVICE: Mti = Mti([0x02, 0x20]);
    pub const UPLOAD: Mti = Mti([0x03, 0x20]);
    pub const REVERSAL: Mti = Mti([0x04, 0x00]);
    pub const SETTLEMENT: Mti = Mti([0x05, 0x00]);
    pub const NETWORK: Mti = Mti([0x08, 0x00]);
    pub const SIGN_OFF: Mti = Mti([0x08, 0x20]);

    /// `None` unless all four nibbles are digits.
    pub fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        let is_bcd = |byte: &u8| byte >> 4 <= 9 && byte & 0xF <= 9;
        bytes.iter().all(is_bcd).then_some(Self(bytes))
    }

    pub const fn to_bytes(self) -> [u8; 2] {
        self.0
    }

    /// The type of the answer to a request: 0200 is answered by 0210.
    pub const fn answer(self) -> Self {
        let [class, function] = self.0;
        Self([class, function | 0x10])
    }
}

impl fmt::Display for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [class, function] = self.0;
        write!(f, "{class:02X}{function:02X}")
    }
}

impl fmt::Debug for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
