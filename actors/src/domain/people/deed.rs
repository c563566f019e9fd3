//! Who did what: what the journal keeps for whoever asks later. No secret is ever in it, nor a
//! guess at one.

use serde::{Deserialize, Serialize};

use crate::domain::{money::Money, timestamp::Timestamp};

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    pub at: Timestamp,
    /// Tells deeds of the same millisecond apart: eight hexadecimal characters, by chance.
    pub nonce: String,
    pub by: By,
    pub what: What,
    /// What it was done to: a payment, a person, a day, a counter.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub money: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approved_by: Option<String>,
    /// The address that it came from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
}

/// Who it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Person(String),
    /// A program with this token.
    Token(String),
    /// Somebody with access to the controller's machine.
    Shell,
    /// Somebody who has not said who it is; with a name, if one was claimed.
    Unknown(Option<String>),
}

impl By {
    pub fn name(&self) -> &str {
        match self {
            By::Person(name) | By::Token(name) => name,
            By::Unknown(claimed) => claimed.as_deref().unwrap_or(""),
            By::Shell => "",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    SetUp,
    SignedIn,
    SignInFailed,
    LockedOut,
    SignedOut,
    SecretChanged,
    SecretChangeFailed,
    PersonAdded,
    PersonChanged,
    PersonRemoved,
    TokenMade,
    TokenRevoked,
    ApprovalGiven,
    ApprovalFailed,
    Cancelled,
    Refunded,
    Completed,
    ShiftOpened,
    CashMoved,
    ShiftClosed,
    DayClosed,
    DifferenceMoved,
    RecordSent,
    StickersIssued,
}

impl What {
    pub const ALL: [Self; 24] = [
        What::SetUp,
        What::SignedIn,
        What::SignInFailed,
        What::LockedOut,
        What::SignedOut,
        What::SecretChanged,
        What::SecretChangeFailed,
        What::PersonAdded,
        What::PersonChanged,
        What::PersonRemoved,
        What::TokenMade,
        What::TokenRevoked,
        What::ApprovalGiven,
        What::ApprovalFailed,
        What::Cancelled,
        What::Refunded,
        What::Completed,
        What::ShiftOpened,
        What::CashMoved,
        What::ShiftClosed,
        What::DayClosed,
        What::DifferenceMoved,
        What::RecordSent,
        What::StickersIssued,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            What::SetUp => "set_up",
            What::SignedIn => "signed_in",
            What::SignInFailed => "sign_in_failed",
            What::LockedOut => "locked_out",
            What::SignedOut => "signed_out",
            What::SecretChanged => "secret_changed",
            What::SecretChangeFailed => "secret_change_failed",
            What::PersonAdded => "person_added",
            What::PersonChanged => "person_changed",
            What::PersonRemoved => "person_removed",
            What::TokenMade => "token_made",
            What::TokenRevoked => "token_revoked",
            What::ApprovalGiven => "approval_given",
            What::ApprovalFailed => "approval_failed",
            What::Cancelled => "cancelled",
            What::Refunded => "refunded",
            What::Completed => "completed",
            What::ShiftOpened => "shift_opened",
            What::CashMoved => "cash_moved",
            What::ShiftClosed => "shift_closed",
            What::DayClosed => "day_closed",
            What::DifferenceMoved => "difference_moved",
            What::RecordSent => "record_sent",
            What::StickersIssued => "stickers_issued",
        }
    }
}

impl Deed {
    /// Under which it is kept: sorts by time.
    pub fn key(&self) -> String {
        format!("{DEEDS}{}/{}", self.at, self.nonce)
    }
}

pub const DEEDS: &str = "deed/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_written_as_it_is_called() {
        for what in What::ALL {
            let json = serde_json::to_string(&what).unwrap();
            assert_eq!(json, format!("{:?}", what.as_str()));
        }
    }
}
