//! Why a read failed, and what to tell the customer.

use super::apdu::{ApduError, StatusWord};
use super::pan::PanError;
use super::tlv::TlvError;

/// Why a card was not read. No money has moved in any of these cases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadFailure {
    #[error("the card was removed too early or the answer was cut")]
    Communication(#[from] ApduError),
    #[error("the card has no application that is accepted here")]
    NoSupportedApplication,
    #[error("the phone asks its owner to confirm first")]
    SeePhone,
    #[error("the card does not allow this payment")]
    ConditionsNotSatisfied,
    #[error("the card declined")]
    DeclinedByCard,
    #[error("the card gave no cryptogram for the issuer to check")]
    NoCryptogram,
    #[error("the card answered {command} with {status}")]
    UnexpectedStatus {
        command: &'static str,
        status: StatusWord,
    },
    #[error("the card's data cannot be understood")]
    BadTlv(#[from] TlvError),
    #[error("the card number cannot be used")]
    BadPan(#[from] PanError),
    #[error("the card's data cannot be used: {0}")]
    Malformed(&'static str),
    #[error("the card asks for more exchanges than any payment needs")]
    TooManyExchanges,
}

/// What to tell the customer after a failed read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Present the same card again and hold it longer.
    TapAgain,
    /// Confirm on the phone, then present it again.
    SeePhone,
    /// This card will not pay here: another card, or another way to pay.
    UseAnother,
}

impl ReadFailure {
    pub fn advice(&self) -> Advice {
        match self {
            Self::SeePhone => Advice::SeePhone,
            // a cut answer often shows first as data that does not parse
            Self::Communication(_) | Self::BadTlv(_) | Self::TooManyExchanges => Advice::TapAgain,
            Self::NoSupportedApplication
            | Self::ConditionsNotSatisfied
            | Self::DeclinedByCard
            | Self::NoCryptogram
            | Self::UnexpectedStatus { .. }
            | Self::BadPan(_)
            | Self::Malformed(_) => Advice::UseAnother,
        }
    }
}
