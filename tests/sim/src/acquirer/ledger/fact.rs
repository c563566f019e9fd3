//! The lines of the ledger's file.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::acquirer::money;
use crate::acquirer::order::{Opened, Plan, RefundOpened, Refusal};

/// One line: facts that became true together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// From 1, without gaps.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub facts: Vec<Fact>,
}

/// One account's share of a movement: positive is received, negative is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// `customer:…` or `merchant:STORE`.
    pub account: String,
    /// The shares of one movement add up to zero.
    #[serde(with = "money::text")]
    pub amount: Decimal,
}

impl Posting {
    /// The two shares of a movement from one account to another.
    pub(in crate::acquirer) fn pair(from: &str, to: &str, amount: Decimal) -> Vec<Self> {
        let [from, to] = [from.to_owned(), to.to_owned()];
        vec![
            Self {
                account: from,
                amount: -amount,
            },
            Self {
                account: to,
                amount,
            },
        ]
    }
}

/// What can become true of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::acquirer) enum Fact {
    Opened(Box<Opened>),
    /// What becomes of an open order has changed.
    Planned {
        order: String,
        plan: Option<Plan>,
    },
    /// A customer's phone shows a QR's order and waits for a yes.
    Scanned {
        order: String,
    },
    /// The charge: the one movement from the customer to the store.
    Approved {
        order: String,
        account: String,
        postings: Vec<Posting>,
    },
    /// Its money is held, and has not moved.
    Held {
        order: String,
        account: String,
    },
    /// What was held is free again.
    Released {
        order: String,
    },
    Declined {
        order: String,
        refusal: Refusal,
    },
    Closed {
        order: String,
    },
    /// A paid order is paid back, as far as refunds have not done so already.
    Reversed {
        order: String,
        postings: Vec<Posting>,
    },
    /// What was reversed stands again: the void that had done it was itself reversed.
    Reinstated {
        order: String,
        postings: Vec<Posting>,
    },
    /// An order number that nobody has heard of was reversed: it can never be charged.
    Tombstoned {
        order: String,
    },
    RefundOpened {
        order: String,
        refund: RefundOpened,
    },
    RefundPaid {
        order: String,
        refund: String,
        postings: Vec<Posting>,
    },
    RefundDeclined {
        order: String,
        refund: String,
        refusal: Refusal,
    },
}
