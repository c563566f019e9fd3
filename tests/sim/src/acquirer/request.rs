//! What the store asks, as parsed from HTTP: bodies refuse unknown fields, order numbers have one
//! form.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::config::Tender;
use super::letters::Provider;
use super::money;

/// The operations of the sandbox, by which rules choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `POST /v1/charges`
    Charge,
    /// `POST /v1/qr`
    Qr,
    /// `POST /v1/cards`
    Card,
    /// `GET /v1/orders/{order}`
    Query,
    /// `POST /v1/orders/{order}/reverse`
    Reverse,
    /// `POST /v1/orders/{order}/refunds/{refund}`
    Refund,
    /// `GET /v1/orders/{order}/refunds/{refund}`
    RefundQuery,
    /// What the provider tells by itself.
    Notification,
}

/// The part that all new orders share.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrder {
    pub order: String,
    pub store: String,
    pub counter: String,
    #[serde(with = "money::text")]
    pub amount: Decimal,
    pub currency: String,
    /// The customer's code: `POST /v1/charges` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `POST /v1/cards` only, as all below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pan: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track2: Option<String>,
    /// BER-TLV, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emv: Option<String>,
    /// Encrypted by the terminal, hexadecimal; the sandbox has no key to it and checks its form
    /// only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_block: Option<String>,
    /// Where the provider knows an order by its number and this together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// A QR with an end of its own, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_until_ms: Option<i64>,
    /// Who tells of its payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// The card's money shall be held only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// The order whose held money is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completes: Option<String>,
}

/// `POST /v1/orders/{order}/refunds/{refund}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRefund {
    #[serde(with = "money::text")]
    pub amount: Decimal,
    pub currency: String,
}

/// One request.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    Open(Tender, Box<NewOrder>),
    Query {
        order: String,
    },
    Reverse {
        order: String,
    },
    /// Takes back that it was reversed.
    Reinstate {
        order: String,
    },
    /// Only while it is unpaid.
    Close {
        order: String,
    },
    Refund {
        order: String,
        refund: String,
        body: NewRefund,
    },
    RefundQuery {
        order: String,
        refund: String,
    },
}

impl Ask {
    pub fn operation(&self) -> Operation {
        match self {
            Self::Open(Tender::CustomerCode, _) => Operation::Charge,
            Self::Open(Tender::MerchantQr, _) => Operation::Qr,
            Self::Open(Tender::Card, _) => Operation::Card,
            Self::Query { .. } => Operation::Query,
            Self::Reverse { .. } | Self::Reinstate { .. } | Self::Close { .. } => {
                Operation::Reverse
            }
            Self::Refund { .. } => Operation::Refund,
            Self::RefundQuery { .. } => Operation::RefundQuery,
        }
    }

    pub fn order(&self) -> &str {
        match self {
            Self::Open(_, new) => &new.order,
            Self::Query { order }
            | Self::Reverse { order }
            | Self::Reinstate { order }
            | Self::Close { order }
            | Self::Refund { order, .. }
            | Self::RefundQuery { order, .. } => order,
        }
    }

    /// # Errors
    /// What is wrong with the body, without repeating it.
    pub fn open(tender: Tender, body: &[u8]) -> Result<Self, String> {
        let new: NewOrder = parse(body)?;
        id("order", &new.order)?;
        name("store", &new.store)?;
        name("counter", &new.counter)?;
        money::check(new.amount, &new.currency)?;
        let NewOrder {
            code,
            pan,
            track2,
            emv,
            pin_block,
            ..
        } = &new;
        let card = [pan, track2, emv, pin_block];
        let fits = match tender {
            Tender::CustomerCode => code.is_some() && card.iter().all(|field| field.is_none()),
            Tender::MerchantQr => code.is_none() && card.iter().all(|field| field.is_none()),
            Tender::Card => code.is_none(),
        };
        if !fits {
            return Err("the fields do not belong to this way of paying".to_owned());
        }
        if pin_block
            .as_ref()
            .is_some_and(|block| super::sign::unhex(block).is_none())
        {
            return Err("pin_block is not hexadecimal".to_owned());
        }
        Ok(Self::Open(tender, Box::new(new)))
    }

    /// # Errors
    /// What is wrong with path or body.
    pub fn refund(order: String, refund: String, body: &[u8]) -> Result<Self, String> {
        let body: NewRefund = parse(body)?;
        money::check(body.amount, &body.currency)?;
        Ok(Self::Refund {
            order,
            refund,
            body,
        })
    }

    /// # Errors
    /// The order or refund number in the path is none.
    pub fn check_ids(self) -> Result<Self, String> {
        id("order", self.order())?;
        if let Self::Refund { refund, .. } | Self::RefundQuery { refund, .. } = &self {
            id("refund", refund)?;
        }
        Ok(self)
    }
}

/// Holds a customer's code or card: only its kind and order number may be seen.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.operation(), self.order())
    }
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    // serde's own message may quote a value, and a value may be a card number
    serde_json::from_slice(body).map_err(|e| {
        format!(
            "the body is not as agreed (line {}, column {})",
            e.line(),
            e.column()
        )
    })
}

/// An order number is the store's payment id: 32 hexadecimal digits, lower case. One that the
/// provider made itself begins with an S.
fn id(what: &str, text: &str) -> Result<(), String> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let number = text.strip_prefix('S').unwrap_or(text);
    match text.len() == 32 && number.bytes().all(hex) {
        true => Ok(()),
        false => Err(format!(
            "{what} number is not 32 lower-case hexadecimal digits"
        )),
    }
}

fn name(what: &str, text: &str) -> Result<(), String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    match (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(()),
        false => Err(format!("{what} is not 1 to 64 letters, digits, - _ .")),
    }
}
