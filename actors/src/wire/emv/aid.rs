//! Applications: the card schemes' identifiers, and which of them this store reads.
//!
//! The candidate list is the store's own: a scheme that no acquirer of the store takes is not in
//! it, and a card of that scheme is told apart from a card that cannot be read.

use std::fmt;

use serde::Serialize;

use crate::domain::tender::{Funding, Scheme};

use super::tag;
use super::tlv::{Hex, Tlv, find, find_bytes};

/// What kind of account stands behind the card, as far as its application identifier tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CardKind {
    UnionPayDebit,
    UnionPayCredit,
    UnionPayQuasiCredit,
    UnionPayElectronicCash,
    Visa,
    Mastercard,
    Maestro,
}

impl CardKind {
    pub const ALL: [Self; 7] = [
        Self::UnionPayDebit,
        Self::UnionPayCredit,
        Self::UnionPayQuasiCredit,
        Self::UnionPayElectronicCash,
        Self::Visa,
        Self::Mastercard,
        Self::Maestro,
    ];

    pub fn scheme(self) -> Scheme {
        match self {
            Self::UnionPayDebit
            | Self::UnionPayCredit
            | Self::UnionPayQuasiCredit
            | Self::UnionPayElectronicCash => Scheme::UnionPay,
            Self::Visa => Scheme::Visa,
            Self::Mastercard | Self::Maestro => Scheme::Mastercard,
        }
    }

    /// Whose money it spends, where the identifier says so. Visa and Mastercard have one identifier
    /// for debit and credit. UnionPay's quasi-credit cards are charged for as credit cards are.
    pub const fn funding(self) -> Option<Funding> {
        match self {
            Self::UnionPayDebit | Self::UnionPayElectronicCash | Self::Maestro => {
                Some(Funding::Debit)
            }
            Self::UnionPayCredit | Self::UnionPayQuasiCredit => Some(Funding::Credit),
            Self::Visa | Self::Mastercard => None,
        }
    }

    /// The identifier that the scheme publishes.
    pub fn aid(self) -> Aid {
        let (bytes, length): ([u8; 8], usize) = match self {
            Self::UnionPayDebit => ([0xA0, 0, 0, 0x03, 0x33, 0x01, 0x01, 0x01], 8),
            Self::UnionPayCredit => ([0xA0, 0, 0, 0x03, 0x33, 0x01, 0x01, 0x02], 8),
            Self::UnionPayQuasiCredit => ([0xA0, 0, 0, 0x03, 0x33, 0x01, 0x01, 0x03], 8),
            Self::UnionPayElectronicCash => ([0xA0, 0, 0, 0x03, 0x33, 0x01, 0x01, 0x06], 8),
            Self::Visa => ([0xA0, 0, 0, 0, 0x03, 0x10, 0x10, 0], 7),
            Self::Mastercard => ([0xA0, 0, 0, 0, 0x04, 0x10, 0x10, 0], 7),
            Self::Maestro => ([0xA0, 0, 0, 0, 0x04, 0x30, 0x60, 0], 7),
        };
        Aid(bytes.get(..length).unwrap_or(&bytes).to_vec())
    }
}

/// An application identifier, 5 to 16 bytes (ISO/IEC 7816-5).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Aid(Vec<u8>);

impl Aid {
    /// `None` unless there are 5 to 16 bytes.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (5..=16)
            .contains(&bytes.len())
            .then(|| Self(bytes.to_vec()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether `longer` is this application or an instance of it (partial selection, EMV Book 1,
    /// 12.3.1).
    pub fn matches(&self, longer: &Aid) -> bool {
        longer.0.starts_with(&self.0)
    }
}

impl fmt::Display for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Hex(&self.0))
    }
}

impl fmt::Debug for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Aid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An application that this store reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub aid: Aid,
    pub kind: CardKind,
}

impl From<CardKind> for Candidate {
    fn from(kind: CardKind) -> Self {
        Self {
            aid: kind.aid(),
            kind,
        }
    }
}

/// Every application known here except electronic cash, UnionPay first.
pub fn default_candidates() -> Vec<Candidate> {
    let wanted = |kind: &CardKind| *kind != CardKind::UnionPayElectronicCash;
    CardKind::ALL
        .into_iter()
        .filter(wanted)
        .map(Candidate::from)
        .collect()
}

/// Which applications of a PPSE are tried, best first: those in `candidates`, by the card's
/// priority (low nibble of tag 87, 1 first; 0 or absent last), then in the card's order.
pub fn from_ppse(fci: &[Tlv], candidates: &[Candidate]) -> Vec<Candidate> {
    let Some(directory) = find(fci, tag::FCI_ISSUER_DISCRETIONARY) else {
        return Vec::new();
    };
    let entries = directory
        .children()
        .iter()
        .filter(|e| e.tag == tag::APPLICATION_TEMPLATE);
    let mut ranked: Vec<(u8, Candidate)> = entries
        .filter_map(|entry| {
            let aid = Aid::new(find_bytes(entry.children(), tag::ADF_NAME)?)?;
            let ours = candidates
                .iter()
                .find(|candidate| candidate.aid.matches(&aid))?;
            let priority = find_bytes(entry.children(), tag::PRIORITY);
            let rank = match priority
                .and_then(|bytes| bytes.first())
                .map(|byte| byte & 0x0F)
            {
                None | Some(0) => u8::MAX,
                Some(rank) => rank,
            };
            Some((
                rank,
                Candidate {
                    aid,
                    kind: ours.kind,
                },
            ))
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, candidate)| candidate).collect()
}
