//! What terminal and screen say about a payment, in words for the customer and the cashier.
//!
//! Only `Notice::Approved` speaks of success, and only money that the acquirer confirmed reaches
//! it.

use serde::{Deserialize, Serialize};

use super::Reason;
use crate::{
    domain::{code::CodeRefused, money::Money, tender::Tender},
    language::{Language, Languages, Value},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    PleasePay {
        money: Money,
        tender: Tender,
    },
    /// The customer scans this QR.
    ScanThis {
        money: Money,
        qr: String,
    },
    EnterPin {
        money: Money,
    },
    /// What was scanned is no payment code; the customer may try again.
    CodeRefused {
        why: CodeRefused,
    },
    /// The card could not be read; the customer may try again.
    CardUnread,
    Processing,
    Verifying,
    Approved {
        money: Money,
    },
    /// The money is held, and has not moved.
    Authorised {
        money: Money,
    },
    /// A card was taken without the acquirer's word. No word of success, and no sound of it.
    AcceptedOffline {
        money: Money,
    },
    /// Accepted offline, and refused by the acquirer afterwards: for the cashier.
    RefusedLater,
    Declined {
        reason: Option<Reason>,
    },
    Cancelled {
        reason: Option<Reason>,
    },
    /// Nobody knows yet; the store is finding out.
    Unknown,
    Reversing,
    Reversed,
    Refunded {
        money: Money,
    },
    /// The store takes no money: its storage has failed or is nearly full. Of no payment.
    OutOfService,
    /// It does again.
    InService,
    /// Somebody tries the display. Of no payment.
    Trial,
}

/// What the terminal lets be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sound {
    Success,
    Failure,
    Attention,
}

impl Notice {
    /// Whether nothing more will be said of the payment.
    pub const fn is_last_word(&self) -> bool {
        matches!(
            self,
            Notice::Approved { .. }
                | Notice::Authorised { .. }
                | Notice::Declined { .. }
                | Notice::Cancelled { .. }
                | Notice::Reversed
                | Notice::Refunded { .. }
                | Notice::Trial
        )
    }

    pub fn sound(&self) -> Option<Sound> {
        match self {
            Notice::Approved { .. } => Some(Sound::Success),
            Notice::Declined { .. } => Some(Sound::Failure),
            Notice::Unknown
            | Notice::Reversed
            | Notice::Authorised { .. }
            | Notice::AcceptedOffline { .. }
            | Notice::CodeRefused { .. }
            | Notice::CardUnread => Some(Sound::Attention),
            _ => None,
        }
    }

    /// A line for each of the shop's languages; the first says the amount, too.
    pub fn lines(&self, languages: Languages) -> Vec<String> {
        let mut lines: Vec<_> = languages
            .iter()
            .map(|language| self.words(language))
            .collect();
        if let (Some(first), Some(money)) = (lines.first_mut(), self.money()) {
            *first = format!("{first} {money}");
        }
        lines
    }

    /// Without the amount.
    pub fn words(&self, language: Language) -> String {
        language.say(match self {
            Notice::PleasePay { tender, .. } => match tender {
                Tender::Card => "notice-pay-card",
                Tender::CustomerCode => "notice-pay-code",
                Tender::MerchantQr | Tender::Any => "notice-pay",
            },
            Notice::ScanThis { .. } => "notice-scan",
            Notice::EnterPin { .. } => "notice-pin",
            Notice::CodeRefused { why } => why.text_id(),
            Notice::CardUnread => "notice-card-unread",
            Notice::Processing => "notice-processing",
            Notice::Verifying => "notice-verifying",
            Notice::Approved { .. } => "notice-approved",
            Notice::Authorised { .. } => "notice-authorised",
            Notice::AcceptedOffline { .. } => "notice-accepted-offline",
            Notice::RefusedLater => "notice-refused-later",
            Notice::Declined { .. } => "notice-declined",
            Notice::Cancelled {
                reason: Some(Reason::OfflineRefused { why }),
            } => {
                let why = Value::from(why.say(language));
                return language.say_with("notice-offline-refused", [("why", why)]);
            }
            Notice::Cancelled { .. } => "notice-cancelled",
            Notice::Unknown => "notice-unknown",
            Notice::Reversing => "notice-reversing",
            Notice::Reversed => "notice-reversed",
            Notice::OutOfService => "notice-out-of-service",
            Notice::InService => "welcome",
            Notice::Trial => "notice-trial",
            Notice::Refunded { .. } => "notice-refunded",
        })
    }

    const fn money(&self) -> Option<Money> {
        match self {
            Notice::PleasePay { money, .. }
            | Notice::ScanThis { money, .. }
            | Notice::EnterPin { money }
            | Notice::Approved { money }
            | Notice::Authorised { money }
            | Notice::AcceptedOffline { money }
            | Notice::Refunded { money } => Some(*money),
            _ => None,
        }
    }
}
