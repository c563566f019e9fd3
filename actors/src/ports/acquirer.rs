//! Acquirers: what one is and takes, what pays, and the questions that it is asked.

use std::{fmt, time::Duration};

use zeroize::Zeroizing;

use super::{Batches, Reply};
use crate::{
    domain::{
        code::CustomerCode,
        ids::{AcquirerId, CounterId, PaymentId, RefundId},
        link::LinkRules,
        money::{Currency, Money},
        payment::{AcquirerClock, Answer, NoAnswer, answer::RefundVerdict},
        sticker::Claim,
        tender::{Scheme, Tender},
    },
    wire::emv::CardRead,
};

/// What an acquirer is and takes, as configured.
#[derive(Clone, Debug)]
pub struct AcquirerProfile {
    pub id: AcquirerId,
    /// For people, e.g. "Sandbox".
    pub name: String,
    pub tenders: Vec<Tender>,
    pub schemes: Vec<Scheme>,
    pub currencies: Vec<Currency>,
    /// Whether it holds a card's money and lets it be taken later.
    pub pre_authorises: bool,
    /// The most that one payment may be, for tenders that have such a limit.
    pub limits: Vec<(Tender, Money)>,
    pub clock: AcquirerClock,
    /// How often it is probed, independent of sales.
    pub probe_interval: Duration,
    /// When the way to it counts as down, and as up again.
    pub link: LinkRules,
}

impl AcquirerProfile {
    /// Whether one payment of this tender may be so large. A limit in another currency is none.
    pub fn is_within_limit(&self, tender: Tender, money: Money) -> bool {
        let mut limits = self.limits.iter().filter(|(limited, _)| *limited == tender);
        limits.all(|(_, limit)| !money.exceeds(*limit).unwrap_or(false))
    }
}

/// What pays.
#[derive(Clone, Debug)]
pub enum Instrument {
    Code(CustomerCode),
    /// The card as read, and the PIN block if one was asked for: encrypted, passed through, never
    /// opened.
    Card {
        card: Box<CardRead>,
        pin_block: Option<PinBlock>,
    },
    /// A card whose amount shall be held alone: a pre-authorisation. Another kind than `Card`, so
    /// that a driver which knows nothing of it can't charge the card instead.
    Hold {
        card: Box<CardRead>,
        pin_block: Option<PinBlock>,
    },
    /// What the pre-authorisation `of` holds: the order is its completion.
    Held {
        of: PaymentId,
    },
    /// No instrument: the acquirer is asked for a QR.
    MerchantQr,
    /// The counter's terminal asks for the card itself.
    AtTerminal,
}

/// An encrypted PIN block, opaque here.
#[derive(Clone)]
pub struct PinBlock(pub Zeroizing<Vec<u8>>);

impl fmt::Debug for PinBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinBlock(hidden)")
    }
}

/// One charge. The order number is the payment's id.
#[derive(Clone, Debug)]
pub struct Charge {
    pub order: PaymentId,
    pub counter: CounterId,
    pub money: Money,
    pub instrument: Instrument,
    pub reference: Option<String>,
}

/// An acquirer's driver. Each method ends with the acquirer's verified word or says why there is
/// none; it has the acquirer's own time-out inside and never repeats a charge by itself.
pub trait Acquirer: Send + Sync {
    fn profile(&self) -> &AcquirerProfile;

    fn charge(&self, charge: Charge) -> Reply<'_, Answer>;

    /// Charges a card that the store has accepted offline. Where an acquirer wants to be told of it
    /// in another way than of a charge, the driver does so.
    fn forward(&self, charge: Charge) -> Reply<'_, Answer> {
        self.charge(charge)
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer>;

    /// Undoes the order: closes it unpaid, pays it back, or makes sure that a charge still on its
    /// way is refused. Repeatable.
    fn reverse(&self, order: PaymentId) -> Reply<'_, Answer>;

    /// As `reverse`, of an order whose QR was shown. Where an acquirer closes what nobody has paid
    /// in another way than it pays back, the driver does so.
    fn close(&self, order: PaymentId) -> Reply<'_, Answer> {
        self.reverse(order)
    }

    /// Pays back `money` of the order. The same `refund` id moves money once, however often it is
    /// repeated.
    fn refund(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>>;

    /// As `query`, of a transaction that began at the provider; the answer names `payment`.
    fn look_up(&self, _payment: PaymentId, _claim: Claim) -> Reply<'_, Answer> {
        Box::pin(async { Err(knows_no_claims()) })
    }

    /// As `refund`, of a transaction that began at the provider.
    fn refund_claim(
        &self,
        _payment: PaymentId,
        _claim: Claim,
        _refund: RefundId,
        _money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(async { Err(knows_no_claims()) })
    }

    /// Whether the acquirer can be reached, independent of sales.
    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>>;

    /// Its batches, for an acquirer that settles when it is told to. Others do so by themselves.
    fn batches(&self) -> Option<&dyn Batches> {
        None
    }

    /// Seconds by which the store's clock is ahead of the acquirer's, or behind it if below zero,
    /// as its last answer told. Providers refuse requests from 300 on.
    fn clock_ahead_s(&self) -> Option<i64> {
        None
    }
}

fn knows_no_claims() -> NoAnswer {
    NoAnswer::Refused("this driver asks about the store's own orders alone".into())
}
