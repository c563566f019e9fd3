//! Cards without the acquirer's word: what the store may risk, and on which card.
//!
//! While no acquirer can be reached a card may be accepted within the store's limits and charged
//! later (deferred authorisation): the goods are gone and the issuer may still say no, so every
//! limit is a bound on what can be lost. Wallet codes never are (PAY-6): a code lives for a minute
//! and belongs to the customer's phone. `budget` is the sum of it over the whole store.

pub mod budget;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::{
    money::Money,
    payment::Payment,
    tender::{Scheme, Tender},
    timestamp::Timestamp,
};
use crate::language::{Language, Value};

/// What the store's configuration allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineLimits {
    /// All that is accepted and not yet confirmed or refused, store-wide.
    pub total: OfflineTotal,
    /// Once the oldest of it is older than this, nothing more is accepted, milliseconds.
    pub max_age_ms: u64,
    pub per_payment: Money,
    pub per_card: OfflineTotal,
    pub schemes: Vec<Scheme>,
    /// What a counter is lent of the total at a time.
    pub slice: OfflineTotal,
}

/// A sum and a count, neither of which may be exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfflineTotal {
    pub sum: Money,
    pub count: u32,
}

/// Why a card is not accepted offline.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum OfflineRefused {
    #[error("cards are not accepted offline here")]
    NotEnabled,
    #[error("this kind of card is not accepted offline")]
    Scheme,
    #[error("this card needs a PIN, which only its issuer can check")]
    PinNeeded,
    #[error("at most {limit} is accepted offline")]
    AbovePayment { limit: Money },
    #[error("this card has paid as much offline as it may")]
    CardUsedUp,
    #[error("the store has accepted as much offline as it may")]
    BudgetUsedUp,
    #[error("the oldest offline payment waits for too long already")]
    TooOld,
    #[error("the card could not be kept for later")]
    NotKept,
}

impl OfflineRefused {
    /// In words for customer and cashier.
    pub fn say(&self, language: Language) -> String {
        language.say(match self {
            OfflineRefused::NotEnabled => "offline-not-enabled",
            OfflineRefused::Scheme => "offline-scheme",
            OfflineRefused::PinNeeded => "offline-pin-needed",
            OfflineRefused::AbovePayment { limit } => {
                let limit = Value::from(limit.to_string());
                return language.say_with("offline-above-payment", [("limit", limit)]);
            }
            OfflineRefused::CardUsedUp => "offline-card-used-up",
            OfflineRefused::BudgetUsedUp => "offline-budget-used-up",
            OfflineRefused::TooOld => "offline-too-old",
            OfflineRefused::NotKept => "offline-not-kept",
        })
    }
}

impl OfflineLimits {
    /// Whether a card of this scheme may pay so much at all; the budget has the last word.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(
        &self,
        scheme: Scheme,
        money: Money,
        needs_pin: bool,
    ) -> Result<(), OfflineRefused> {
        if !self.schemes.contains(&scheme) {
            return Err(OfflineRefused::Scheme);
        }
        if needs_pin {
            return Err(OfflineRefused::PinNeeded);
        }
        match money.exceeds(self.per_payment) {
            Ok(false) => Ok(()),
            _ => Err(OfflineRefused::AbovePayment {
                limit: self.per_payment,
            }),
        }
    }
}

/// A card, told apart from others without its number: a keyed hash that only the store's key makes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CardToken(pub [u8; 16]);

impl fmt::Display for CardToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CardToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CardToken {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CardToken {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(d)?;
        let number = (hex.len() == 32).then(|| u128::from_str_radix(&hex, 16));
        match number {
            Some(Ok(number)) => Ok(Self(number.to_be_bytes())),
            _ => Err(de::Error::custom("not 32 hexadecimal characters")),
        }
    }
}

/// What is remembered of a payment that was accepted offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offline {
    pub accepted_at: Timestamp,
    pub card: CardToken,
    /// How often it was sent to the acquirer.
    #[serde(default)]
    pub forwards: u32,
}

/// PAY-6: whether a tender may ever be taken without the acquirer's word.
pub const fn may_go_offline(tender: Tender) -> bool {
    matches!(tender, Tender::Card)
}

impl Payment {
    /// What this payment puts at risk: accepted, and not yet the acquirer's matter of fact.
    pub fn exposure(&self) -> Option<budget::Exposure> {
        let offline = self.offline.filter(|_| self.state.is_accepted_offline())?;
        Some(budget::Exposure {
            counter: self.counter.clone(),
            money: self.money,
            card: offline.card,
            at: offline.accepted_at,
        })
    }

    /// Accepted offline and not at the acquirer: to be forwarded.
    pub fn waits_for_forwarding(&self) -> bool {
        self.state.is_accepted_offline() && self.resolving.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    #[test]
    fn wallet_codes_never_go_offline() {
        let offline: Vec<_> = Tender::CONCRETE
            .into_iter()
            .filter(|tender| may_go_offline(*tender))
            .collect();
        assert_eq!(offline, [Tender::Card]);
    }

    #[test]
    fn a_card_is_admitted_by_scheme_pin_and_amount() {
        let money = |amount| Money::parse(amount, Currency::Cny).unwrap();
        let total = OfflineTotal {
            sum: money("1000.00"),
            count: 10,
        };
        let limits = OfflineLimits {
            total,
            max_age_ms: 1,
            per_payment: money("100.00"),
            per_card: total,
            schemes: vec![Scheme::UnionPay],
            slice: total,
        };
        let admit = |scheme, amount, pin| limits.admit(scheme, money(amount), pin);
        assert_eq!(admit(Scheme::UnionPay, "100.00", false), Ok(()));
        assert_eq!(
            admit(Scheme::Visa, "1.00", false),
            Err(OfflineRefused::Scheme)
        );
        assert_eq!(
            admit(Scheme::UnionPay, "1.00", true),
            Err(OfflineRefused::PinNeeded)
        );
        let limit = money("100.00");
        assert_eq!(
            admit(Scheme::UnionPay, "100.01", false),
            Err(OfflineRefused::AbovePayment { limit })
        );
    }

    #[test]
    fn a_token_is_written_as_hexadecimal() {
        let token = CardToken([0xA5; 16]);
        let text = serde_json::to_string(&token).unwrap();
        assert_eq!(text, format!("\"{}\"", "a5".repeat(16)));
        assert_eq!(serde_json::from_str::<CardToken>(&text).unwrap(), token);
        for wrong in ["\"a5\"", "\"+f\"", "7"] {
            assert!(serde_json::from_str::<CardToken>(wrong).is_err(), "{wrong}");
        }
    }
}
