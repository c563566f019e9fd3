//! One payment: what is remembered of it, and the rules by which it moves.
//!
//! `Payment::on(event) -> Transition` in `machine` is the whole life of a payment as a pure
//! function. A transition gives the payment as it shall be and the effects to carry out; when the
//! first effect is `Record`, nothing of the rest may happen before the journal has it on disk
//! (PAY-2). Waiting, sending and showing are the counter's business.

pub mod answer;
mod claim;
mod hold;
pub mod machine;
mod moved;
pub mod notice;
mod offline;
pub mod resolver;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{
    code::CodeRefused,
    double::Tie,
    ids::{AcquirerId, CounterId, PaymentId, RefundId},
    money::Money,
    offline::{Offline, OfflineRefused},
    refund::Refund,
    signature::Signed,
    sticker::Claim,
    tender::{Means, Presented, Tender},
    timestamp::Timestamp,
};
use crate::language::{Language, Value};
pub use answer::{Answer, Answered, NoAnswer, Operation, Verdict};
pub use hold::{CompletionRefused, Part};
pub use machine::{Effect, Event, Timer, Transition};
pub use moved::Moved;
pub use notice::{Notice, Sound};
pub use resolver::{EVIDENCE_MAX, Evidence, Resolving, clock, clock::AcquirerClock};

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// On disk; nothing has been asked of anybody.
    Opened,
    /// The stand's devices wait for the customer.
    Collecting,
    /// The intent is on disk and the acquirer is being asked, or its QR waits for the customer.
    Submitted,
    /// The acquirer says that the customer is confirming on the phone.
    Verifying,
    /// Nobody here knows whether money moved; the acquirer is being asked.
    Unknown,
    /// The order is being undone; it ends when the acquirer says so.
    Reversing,
    Approved,
    /// The acquirer's own word, and nothing else.
    Declined,
    /// Ended here before anything left the house.
    Cancelled,
    /// Closed or paid back, by the acquirer's word: the customer has the money.
    Reversed,
    /// A card taken without the acquirer's word, within the store's budget; yet to be charged.
    ApprovedOffline,
    /// Accepted offline, and charged afterwards by the acquirer's word.
    Confirmed,
    /// Accepted offline, and refused afterwards: the goods are gone and the money never came.
    RefusedLater,
    /// A pre-authorisation, by the acquirer's word: the money is held and has not moved.
    Authorised,
    /// What was held has been taken, by another payment.
    Completed,
}

impl State {
    pub const ALL: [State; 15] = [
        State::Opened,
        State::Collecting,
        State::Submitted,
        State::Verifying,
        State::Unknown,
        State::Reversing,
        State::Approved,
        State::Declined,
        State::Cancelled,
        State::Reversed,
        State::ApprovedOffline,
        State::Confirmed,
        State::RefusedLater,
        State::Authorised,
        State::Completed,
    ];

    /// Nothing more happens to the payment itself (refunds may follow an approval).
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Approved
                | Self::Declined
                | Self::Cancelled
                | Self::Reversed
                | Self::Confirmed
                | Self::RefusedLater
                | Self::Authorised
                | Self::Completed
        )
    }

    /// The acquirer says that the money is the store's.
    pub const fn is_paid(self) -> bool {
        matches!(self, Self::Approved | Self::Confirmed)
    }

    /// The customer has gone with the goods, and the acquirer has not spoken.
    pub const fn is_accepted_offline(self) -> bool {
        matches!(self, Self::ApprovedOffline)
    }

    /// The stand is this payment's: nobody else can pay there now.
    pub const fn holds_stand(self) -> bool {
        !self.is_final() && !matches!(self, Self::Reversing | Self::ApprovedOffline)
    }

    /// Money may have moved and nobody here knows.
    pub const fn is_unknown(self) -> bool {
        matches!(self, Self::Unknown | Self::Reversing)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            State::Opened => "opened",
            State::Collecting => "collecting",
            State::Submitted => "submitted",
            State::Verifying => "verifying",
            State::Unknown => "unknown",
            State::Reversing => "reversing",
            State::Approved => "approved",
            State::Declined => "declined",
            State::Cancelled => "cancelled",
            State::Reversed => "reversed",
            State::ApprovedOffline => "approved_offline",
            State::Confirmed => "confirmed",
            State::RefusedLater => "refused_later",
            State::Authorised => "authorised",
            State::Completed => "completed",
        }
    }

    /// The id of its name.
    pub const fn text_id(self) -> &'static str {
        match self {
            State::Opened => "state-opened",
            State::Collecting => "state-collecting",
            State::Submitted => "state-submitted",
            State::Verifying => "state-verifying",
            State::Unknown => "state-unknown",
            State::Reversing => "state-reversing",
            State::Approved => "state-approved",
            State::Declined => "state-declined",
            State::Cancelled => "state-cancelled",
            State::Reversed => "state-reversed",
            State::ApprovedOffline => "state-approved-offline",
            State::Confirmed => "state-confirmed",
            State::RefusedLater => "state-refused-later",
            State::Authorised => "state-authorised",
            State::Completed => "state-completed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Where the payment was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Till,
    Terminal,
    /// A customer scanned a printed QR and paid; the provider told of it.
    Sticker,
}

/// The idempotency key a request came with, and a hash of its body: the same key with another body
/// is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub key: String,
    /// SHA-256 of the request body's meaning, in hexadecimal.
    pub body: String,
}

/// Why a payment ended without money, or is being undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Reason {
    /// The acquirer's code and words.
    Acquirer {
        acquirer_code: String,
        text: String,
    },
    CashierCancelled,
    CustomerCancelled,
    /// Nothing was presented in time.
    NothingPresented,
    /// The customer did not finish in the acquirer's time.
    CustomerTooSlow,
    /// The outcome stayed unknown past the acquirer's clock.
    NoOutcomeInTime,
    /// The request provably never left: the acquirer could not be reached.
    AcquirerUnreachable,
    /// The controller was restarted before anything had left.
    Restarted,
    /// No acquirer takes this tender for this store.
    NoAcquirer,
    /// Somebody takes it, but it is off for this store.
    NotEnabled,
    /// More than any acquirer of this store takes in this way.
    AboveLimit,
    CodeRefused {
        why: CodeRefused,
    },
    CardFailed {
        why: String,
    },
    /// The PIN was not entered.
    PinNotEntered,
    /// No acquirer could be reached, and the card is not one to accept offline.
    OfflineRefused {
        why: OfflineRefused,
    },
    /// Accepted offline, and what was kept of the card to charge it can't be read any more.
    CardLost,
    /// Somebody else has undone the order at the acquirer.
    UndoneElsewhere,
    /// The acquirer does not let go of what it holds.
    ReleaseRefused,
    /// Another payment for the same reference is paid.
    PaidOtherwise,
}

impl Reason {
    /// In words for people.
    pub fn say(&self, language: Language) -> String {
        language.say(match self {
            Reason::Acquirer {
                acquirer_code,
                text,
            } => {
                let code = Value::from(acquirer_code.as_str());
                let text = Value::from(text.as_str());
                return language.say_with("reason-acquirer", [("code", code), ("text", text)]);
            }
            Reason::CashierCancelled => "reason-cashier-cancelled",
            Reason::CustomerCancelled => "reason-customer-cancelled",
            Reason::NothingPresented => "reason-nothing-presented",
            Reason::CustomerTooSlow => "reason-customer-too-slow",
            Reason::NoOutcomeInTime => "reason-no-outcome-in-time",
            Reason::AcquirerUnreachable => "reason-acquirer-unreachable",
            Reason::Restarted => "reason-restarted",
            Reason::NoAcquirer => "reason-no-acquirer",
            Reason::NotEnabled => "reason-not-enabled",
            Reason::AboveLimit => "reason-above-limit",
            Reason::CodeRefused { why } => why.text_id(),
            Reason::CardFailed { why } => {
                let why = Value::from(why.as_str());
                return language.say_with("reason-card-failed", [("why", why)]);
            }
            Reason::PinNotEntered => "reason-pin-not-entered",
            Reason::OfflineRefused { why } => return why.say(language),
            Reason::CardLost => "reason-card-lost",
            Reason::UndoneElsewhere => "reason-undone-elsewhere",
            Reason::ReleaseRefused => "reason-release-refused",
            Reason::PaidOtherwise => "reason-paid-otherwise",
        })
    }
}

/// Refunds one payment can have.
pub const REFUNDS_MAX: usize = 32;

/// All that is remembered of a payment. Nothing in it could buy anything (SEC-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub id: PaymentId,
    pub counter: CounterId,
    /// The counter's own number, from 1 without gaps; 0 in records of before it was kept.
    #[serde(default, skip_serializing_if = "is_none")]
    pub number: u64,
    pub money: Money,
    pub tender: Tender,
    pub origin: Origin,
    pub state: State,
    pub opened_at: Timestamp,
    pub changed_at: Timestamp,
    /// The till's own words for the basket.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fingerprint: Option<Fingerprint>,
    /// The person or the program's token that began it, where there are any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub opened_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub presented: Option<Presented>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acquirer: Option<AcquirerId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub submitted_at: Option<Timestamp>,
    /// The acquirer's own number for the order.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acquirer_ref: Option<String>,
    /// The text of the QR that the customer scans.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub qr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Reason>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub evidence: Vec<Evidence>,
    /// Evidence that made room for later evidence.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub evidence_dropped: u32,
    /// How far the resolver has got; none before the submission and after the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolving: Option<Resolving>,
    /// When the state became final.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub refunds: Vec<Refund>,
    /// Later payments for the same reference, begun while this one's outcome was not known.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub replaced_by: Vec<Tie>,
    /// Of a card that was accepted without the acquirer's word.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offline: Option<Offline>,
    /// What the customer drew.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signature: Option<Signed>,
    /// Of a transaction that began at the provider.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub claim: Option<Claim>,
    /// Of a sale whose money is held first and taken later.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<Part>,
}

/// What a payment is opened with.
#[derive(Clone, Debug)]
pub struct Opening {
    pub id: PaymentId,
    pub counter: CounterId,
    pub money: Money,
    pub tender: Tender,
    pub origin: Origin,
    pub reference: Option<String>,
    pub fingerprint: Option<Fingerprint>,
    pub number: u64,
    pub opened_by: Option<String>,
}

impl Payment {
    pub fn open(opening: Opening, now: Timestamp) -> Self {
        Self {
            id: opening.id,
            counter: opening.counter,
            number: opening.number,
            money: opening.money,
            tender: opening.tender,
            origin: opening.origin,
            state: State::Opened,
            opened_at: now,
            changed_at: now,
            reference: opening.reference,
            fingerprint: opening.fingerprint,
            opened_by: opening.opened_by,
            presented: None,
            acquirer: None,
            submitted_at: None,
            acquirer_ref: None,
            qr: None,
            reason: None,
            evidence: Vec::new(),
            evidence_dropped: 0,
            resolving: None,
            ended_at: None,
            refunds: Vec::new(),
            replaced_by: Vec::new(),
            offline: None,
            signature: None,
            claim: None,
            part: None,
        }
    }

    /// As `open`, for a part of a pre-authorised sale.
    pub fn open_part(opening: Opening, part: Option<Part>, now: Timestamp) -> Self {
        Self {
            part,
            ..Self::open(opening, now)
        }
    }

    /// Nobody else can pay at the counter now.
    pub const fn holds_stand(&self) -> bool {
        self.state.holds_stand() && self.claim.is_none() && self.completes().is_none()
    }

    /// The tender with which money moves or moved; the one asked for until something was presented.
    pub fn actual_tender(&self) -> Tender {
        self.presented
            .as_ref()
            .map_or(self.tender, |presented| presented.tender)
    }

    /// What rates go by; by the tender alone until something was presented.
    pub fn means(&self) -> Means {
        let presented = self.presented.as_ref();
        Means {
            tender: self.actual_tender(),
            scheme: presented.and_then(|presented| presented.scheme),
            funding: presented.and_then(|presented| presented.funding),
        }
    }

    /// The customer took the goods with a card that is to be signed for, and has not yet.
    pub fn wants_signature(&self) -> bool {
        let is_asked = self
            .presented
            .as_ref()
            .is_some_and(|presented| presented.signature);
        let has_goods = self.state.is_paid()
            || self.state.is_accepted_offline()
            || self.state == State::Authorised;
        is_asked && has_goods && self.signature.is_none()
    }

    pub fn refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.id == id)
    }

    /// Nothing is outstanding: final without a doubt, perhaps not paid twice, and every refund is.
    pub fn is_settled(&self) -> bool {
        self.state.is_final()
            && self.resolving.is_none()
            && !self.is_perhaps_double()
            && !self.is_being_completed()
            && self.refunds.iter().all(|refund| refund.state.is_final())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
const fn is_none(number: &u64) -> bool {
    *number == 0
}
