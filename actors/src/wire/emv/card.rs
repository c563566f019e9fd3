//! What a finished read yields: who the card is, and the data its issuer will judge.

use std::fmt;

use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::aid::{Aid, CardKind};
use super::failure::ReadFailure;
use super::pan::{Pan, Track2};
use super::tag::{self, Tag};
use super::terminal::TerminalData;
use super::tlv::{Hex, Tlv, encode, find_bytes};
use crate::domain::{
    card_list::CardList,
    tender::{Funding, Scheme},
};

/// The data objects for the acquirer (ISO 8583 field 55), in the order in which they are written.
const FIELD_55: [Tag; 19] = [
    tag::APPLICATION_CRYPTOGRAM,
    tag::CID,
    tag::IAD,
    tag::UNPREDICTABLE_NUMBER,
    tag::ATC,
    tag::TVR,
    tag::TRANSACTION_DATE,
    tag::TRANSACTION_TYPE,
    tag::AMOUNT_AUTHORISED,
    tag::TRANSACTION_CURRENCY,
    tag::AIP,
    tag::TERMINAL_COUNTRY,
    tag::AMOUNT_OTHER,
    tag::TERMINAL_CAPABILITIES,
    tag::DF_NAME,
    tag::PSN,
    tag::CVM_RESULTS,
    tag::TERMINAL_TYPE,
    tag::IFD_SERIAL,
];

/// The month at whose end a card expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Expiry {
    /// Full year; cards write two digits, which are of this century.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
}

impl Expiry {
    /// Reads `YYMM`.
    pub fn from_yymm(text: &str) -> Option<Self> {
        let (year, month) = text
            .split_at_checked(2)
            .filter(|(_, month)| month.len() == 2)?;
        let month = month
            .parse()
            .ok()
            .filter(|month| (1..=12).contains(month))?;
        Some(Self {
            year: 2000 + year.parse::<u16>().ok()?,
            month,
        })
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// What the card decided (tag 9F27, EMV Book 3, 6.5.5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CryptogramKind {
    /// ARQC: the issuer must be asked.
    Online,
    /// TC: the card agrees to an offline approval.
    OfflineApproved,
}

/// BER-TLV for the acquirer. It holds neither PAN nor track.
#[derive(Clone, PartialEq, Eq)]
pub struct EmvData(Vec<u8>);

impl EmvData {
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for EmvData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmvData({})", Hex(&self.0))
    }
}

impl Serialize for EmvData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Hex(&self.0))
    }
}

/// A card that was read to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CardRead {
    pub scheme: Scheme,
    pub kind: CardKind,
    pub aid: Aid,
    /// The card's own name for the application, printable ASCII.
    pub label: Option<String>,
    pub pan: Pan,
    /// PAN sequence number (5F34), 0 to 99.
    pub psn: Option<u8>,
    pub expiry: Expiry,
    pub cryptogram: CryptogramKind,
    pub emv_data: EmvData,
    /// The card wants its holder to sign (9F6C, or 9F34 where the card gives it).
    pub signature: bool,
    #[serde(skip)]
    pub track2: Option<Track2>,
}

impl CardRead {
    /// Debit or credit: by the store's list, or else as the card says by its identifier, or else by
    /// its name ("VISA DEBIT").
    pub fn funding(&self, listed: &CardList) -> Option<Funding> {
        let named = || {
            let label = self.label.as_deref().unwrap_or_default().to_uppercase();
            match (label.contains("DEBIT"), label.contains("CREDIT")) {
                (true, false) => Some(Funding::Debit),
                (false, true) => Some(Funding::Credit),
                _ => None,
            }
        };
        let listed = listed.of(self.pan.issuer());
        listed.or_else(|| self.kind.funding()).or_else(named)
    }
}

/// Everything gathered from one card.
pub(super) struct Gathered<'a> {
    pub(super) aid: &'a Aid,
    pub(super) kind: CardKind,
    pub(super) fci: &'a [Tlv],
    pub(super) objects: &'a [Tlv],
    pub(super) terminal: &'a TerminalData,
}

impl Gathered<'_> {
    /// Checks the data against itself and makes the result of the read.
    pub(super) fn finish(&self) -> Result<CardRead, ReadFailure> {
        let bytes = |tag| find_bytes(self.objects, tag);
        let cryptogram = self.cryptogram()?;
        let track2 = bytes(tag::TRACK2)
            .map(Track2::from_compressed)
            .transpose()?;
        let pan = match (bytes(tag::PAN), &track2) {
            (Some(pan), _) => Pan::from_compressed(pan)?,
            (None, Some(track2)) => track2.pan().clone(),
            (None, None) => return Err(ReadFailure::Malformed("the card gave no card number")),
        };
        if track2.as_ref().is_some_and(|track2| *track2.pan() != pan) {
            return Err(ReadFailure::Malformed("track 2 names another card number"));
        }
        let expiry = match bytes(tag::EXPIRY).and_then(decimal) {
            Some(yymmdd) => yymmdd.get(..4).and_then(Expiry::from_yymm),
            None => track2.as_ref().map(Track2::expiry),
        };
        let psn = bytes(tag::PSN)
            .and_then(decimal)
            .and_then(|digits| digits.parse().ok());
        Ok(CardRead {
            scheme: self.kind.scheme(),
            kind: self.kind,
            aid: self.aid.clone(),
            label: find_bytes(self.fci, tag::APPLICATION_LABEL).and_then(printable),
            pan,
            psn,
            expiry: expiry.ok_or(ReadFailure::Malformed("the card gave no expiry date"))?,
            cryptogram,
            emv_data: self.emv_data(),
            signature: self.asks_signature(),
            track2,
        })
    }

    fn cryptogram(&self) -> Result<CryptogramKind, ReadFailure> {
        find_bytes(self.objects, tag::APPLICATION_CRYPTOGRAM)
            .filter(|cryptogram| cryptogram.len() == 8)
            .ok_or(ReadFailure::NoCryptogram)?;
        let cid = find_bytes(self.objects, tag::CID)
            .and_then(|cid| cid.first())
            .map(|cid| cid >> 6);
        // without 9F27 the kind stands in the card verification results, the fifth byte of the IAD
        // (Visa VCPS and UnionPay); a card that tells it nowhere is asked about online
        let iad = find_bytes(self.objects, tag::IAD).and_then(|iad| iad.get(4));
        match cid.or(iad.map(|cvr| cvr >> 4 & 0b11)).unwrap_or(0b10) {
            0b10 => Ok(CryptogramKind::Online),
            0b01 => Ok(CryptogramKind::OfflineApproved),
            _ => Err(ReadFailure::DeclinedByCard),
        }
    }

    /// Card transaction qualifiers, byte 1 bit 7 (EMV Contactless Book C-3, A.2), unless the card
    /// says beside it that a PIN or the holder's own device does (bits 8 of the bytes 1 and 2); or
    /// the CVM's code of its results (EMV Book 3, C.3): a signature alone or after an offline PIN.
    fn asks_signature(&self) -> bool {
        let byte = |tag, at: usize| {
            let bytes = find_bytes(self.objects, tag);
            bytes.and_then(|bytes| bytes.get(at)).copied().unwrap_or(0)
        };
        let (first, second) = (byte(tag::CTQ, 0), byte(tag::CTQ, 1));
        // under this tag Mastercard's cards say something else
        let has_qualifiers = self.kind.scheme() != Scheme::Mastercard;
        let by_qualifiers = has_qualifiers && first & 0xC0 == 0x40 && second & 0x80 == 0;
        by_qualifiers || matches!(byte(tag::CVM_RESULTS, 0) & 0x3F, 0x03 | 0x05 | 0x1E)
    }

    fn emv_data(&self) -> EmvData {
        let value = |tag| match tag {
            tag::DF_NAME => Some(self.aid.as_bytes().to_vec()),
            tag => find_bytes(self.objects, tag).map(<[u8]>::to_vec),
        };
        // the terminal's own values win: a card cannot change the amount by sending one
        let object = |tag: &Tag| {
            let bytes = self.terminal.value(*tag).or_else(|| value(*tag))?;
            Some(Tlv::primitive(*tag, bytes))
        };
        EmvData(encode(
            &FIELD_55.iter().filter_map(object).collect::<Vec<_>>(),
        ))
    }
}

/// The digits of a compressed numeric value, if they all are digits.
fn decimal(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let digits = Zeroizing::new(Hex(bytes).to_string());
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(digits)
}

fn printable(bytes: &[u8]) -> Option<String> {
    let text = bytes.iter().filter(|byte| (0x20..0x7F).contains(*byte));
    let text: String = text.take(16).map(|byte| char::from(*byte)).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
