//! Tags of data objects: the BER encoding of a tag, and the names EMV gives to those used here.
//!
//! A tag is kept as the number its bytes spell (`9F26` is `0x9F26`), as every EMV document writes
//! it. Tags longer than three bytes exist in no scheme's specification and are refused.

use std::fmt;

/// A BER-TLV tag of one to three bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(u32);

impl Tag {
    /// The tag whose bytes spell `number`, for example `0x9F26`.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number that the tag's bytes spell.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Bit 6 of the first byte: the value is itself a list of data objects.
    pub fn is_constructed(self) -> bool {
        self.to_bytes()
            .first()
            .is_some_and(|first| first & 0x20 != 0)
    }

    /// The bytes of the tag, without leading zeros.
    pub fn to_bytes(self) -> Vec<u8> {
        let bytes = self.0.to_be_bytes();
        let zeros = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
        bytes.iter().skip(zeros).copied().collect()
    }

    /// Values that must never be shown: PAN, tracks, cardholder's name, PIN (SEC-1).
    pub fn is_sensitive(self) -> bool {
        matches!(
            self,
            PAN | TRACK1
                | TRACK2
                | TRACK1_MSD
                | TRACK2_MSD
                | TRACK1_DISCRETIONARY
                | TRACK2_DISCRETIONARY
                | CARDHOLDER_NAME
                | CARDHOLDER_NAME_EXTENDED
                | PIN_DATA
        )
    }

    /// Whether the format is `n`: numeric, right-justified (EMV Book 3, 5.4).
    pub fn is_numeric(self) -> bool {
        matches!(
            self,
            AMOUNT_AUTHORISED
                | AMOUNT_OTHER
                | TERMINAL_COUNTRY
                | TRANSACTION_CURRENCY
                | TRANSACTION_DATE
                | TRANSACTION_TIME
                | TRANSACTION_TYPE
                | TERMINAL_TYPE
        )
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        $($(#[$doc])* pub const $name: Tag = Tag($number);)*
    };
}

tags! {
    /// Application identifier of one directory entry.
    ADF_NAME = 0x4F;
    APPLICATION_LABEL = 0x50;
    /// Track 1 of a magnetic-stripe image.
    TRACK1 = 0x56;
    /// Track 2 equivalent data.
    TRACK2 = 0x57;
    /// Primary account number, padded with F.
    PAN = 0x5A;
    CARDHOLDER_NAME = 0x5F20;
    EXPIRY = 0x5F24;
    TRANSACTION_CURRENCY = 0x5F2A;
    /// PAN sequence number.
    PSN = 0x5F34;
    /// One application of a directory; an application template in a consumer-presented QR.
    APPLICATION_TEMPLATE = 0x61;
    COMMON_DATA_TEMPLATE = 0x62;
    TRANSPARENT_TEMPLATE = 0x63;
    COMMON_TRANSPARENT_TEMPLATE = 0x64;
    FCI_TEMPLATE = 0x6F;
    RECORD_TEMPLATE = 0x70;
    RESPONSE_TEMPLATE_2 = 0x77;
    RESPONSE_TEMPLATE_1 = 0x80;
    /// Application interchange profile.
    AIP = 0x82;
    COMMAND_TEMPLATE = 0x83;
    DF_NAME = 0x84;
    /// Payload format indicator of a consumer-presented QR.
    PAYLOAD_FORMAT = 0x85;
    PRIORITY = 0x87;
    CDOL1 = 0x8C;
    /// Application file locator.
    AFL = 0x94;
    /// Terminal verification results.
    TVR = 0x95;
    PIN_DATA = 0x99;
    TRANSACTION_DATE = 0x9A;
    TRANSACTION_TYPE = 0x9C;
    AMOUNT_AUTHORISED = 0x9F02;
    AMOUNT_OTHER = 0x9F03;
    APPLICATION_VERSION_TERMINAL = 0x9F09;
    CARDHOLDER_NAME_EXTENDED = 0x9F0B;
    /// Issuer application data.
    IAD = 0x9F10;
    TERMINAL_COUNTRY = 0x9F1A;
    IFD_SERIAL = 0x9F1E;
    TRACK1_DISCRETIONARY = 0x9F1F;
    TRACK2_DISCRETIONARY = 0x9F20;
    TRANSACTION_TIME = 0x9F21;
    APPLICATION_CRYPTOGRAM = 0x9F26;
    /// Cryptogram information data.
    CID = 0x9F27;
    TERMINAL_CAPABILITIES = 0x9F33;
    CVM_RESULTS = 0x9F34;
    TERMINAL_TYPE = 0x9F35;
    /// Application transaction counter.
    ATC = 0x9F36;
    UNPREDICTABLE_NUMBER = 0x9F37;
    /// Processing options data object list.
    PDOL = 0x9F38;
    ADDITIONAL_CAPABILITIES = 0x9F40;
    TRACK1_MSD = 0x9F52;
    /// Terminal transaction qualifiers.
    TTQ = 0x9F66;
    TRACK2_MSD = 0x9F6B;
    /// Card transaction qualifiers.
    CTQ = 0x9F6C;
    FORM_FACTOR = 0x9F6E;
    FCI_PROPRIETARY = 0xA5;
    FCI_ISSUER_DISCRETIONARY = 0xBF0C;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_spell_their_bytes_and_say_whether_they_are_constructed() {
        assert_eq!(ADF_NAME.to_bytes(), [0x4F]);
        assert_eq!(EXPIRY.to_bytes(), [0x5F, 0x24]);
        assert_eq!(Tag::new(0xDF_8101).to_bytes(), [0xDF, 0x81, 0x01]);
        assert!(FCI_ISSUER_DISCRETIONARY.is_constructed());
        assert!(RECORD_TEMPLATE.is_constructed());
        assert!(!RESPONSE_TEMPLATE_1.is_constructed());
        assert_eq!(format!("{PSN} {AIP:?}"), "5F34 82");
    }
}
