//! What travels in JSON: the interface's own types, apart from the domain's, so that neither binds
//! the other.
//!
//! Amounts are decimal strings with the currency's places, times RFC 3339 in UTC with milliseconds.
//! Nothing here could buy anything (SEC-1): there is no field for a code, a card number or a PIN.

mod devices;
pub mod office;
mod offline;
mod parked;
mod payment;
pub mod people;
mod unknown;

pub use devices::{
    AcquirerModel, CounterModel, CountersModel, DeviceModel, DeviceTriedModel, DevicesModel,
    OutboxModel, TenderModel, TrialKind, TryDeviceModel,
};
pub use offline::OfflineModel;
pub use parked::{ParkedListModel, ParkedModel};
pub use payment::{PaymentModel, PaymentsModel, RefundModel};
pub use unknown::{UnknownModel, UnresolvedModel};

use serde::{Deserialize, Serialize};
use store_actors::domain::{
    payment::{Origin, State},
    people::{Role, Scope},
    refund::RefundState,
    tender::Tender,
};
use utoipa::ToSchema;

macro_rules! mirrors {
    ($($(#[$doc:meta])* $name:ident as $schema:ident mirrors $domain:ident { $($variant:ident),+ })+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        #[schema(as = $schema)]
        pub enum $name { $($variant),+ }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                match value { $($domain::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $domain {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    )+ };
}

mirrors! {
    /// What the customer is asked to pay with. `any`: a code or a card, whichever comes first.
    TenderKind as Tender mirrors Tender { CustomerCode, MerchantQr, Card, Any }
    /// Where a payment stands. `approved`, `declined`, `cancelled`, `reversed`, `confirmed` and
    /// `refused_later` are final. `approved_offline`: a card was accepted without the acquirer,
    /// within the store's limits; it is charged later, and becomes `confirmed` or, at the store's
    /// loss, `refused_later`. `authorised`: a card's money is held and has not moved; it is taken
    /// by a completion, and then `completed`, or let go of. Nothing of it happens by itself.
    /// `unknown` and `reversing`: money may have moved and the store is finding out. Another
    /// payment with the same `reference` may begin: if both turn out paid, this one is paid back.
    StateKind as State mirrors State {
        Opened, Collecting, Submitted, Verifying, Unknown, Reversing, Approved, Declined, Cancelled, Reversed,
        ApprovedOffline, Confirmed, RefusedLater, Authorised, Completed
    }
    /// Where a payment was begun. `sticker`: the customer scanned a printed QR, and the provider
    /// told of it.
    OriginKind as Origin mirrors Origin { Till, Terminal, Sticker }
    /// Where a refund stands. `refunded` and `refused` are final; `unknown` is being repeated.
    RefundStateKind as RefundState mirrors RefundState { Submitted, Unknown, Refunded, Refused }
    /// What somebody is: takes money; approves as well; manages all; looks after devices; reads
    /// all.
    RoleKind as Role mirrors Role { Cashier, Supervisor, Manager, Operator, Auditor }
    /// What a program's token is good for.
    ScopeKind as Scope mirrors Scope { Pay, Refund, Read, Office, Metrics }
}

/// A payment to begin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPayment)]
pub struct NewPayment {
    /// The counter's id, see `/v1/counters`.
    #[schema(example = "01")]
    pub counter: String,
    /// Decimal, more than zero, no finer than the currency's minor unit.
    #[schema(example = "12.50")]
    pub amount: String,
    /// ISO 4217; the store takes one.
    #[schema(example = "CNY")]
    pub currency: String,
    pub tender: TenderKind,
    /// The till's own words for what is paid, 1 to 64 characters. It is paid once: when a payment
    /// for it has no outcome and another is begun, only one of them is kept. Parts of a basket that
    /// are paid apart need references of their own.
    #[serde(default)]
    pub reference: Option<String>,
    /// The card's money is only held (pre-authorisation): the payment ends `authorised`, and what
    /// it holds is taken by `POST /v1/payments/{id}/completion` or let go of by `…/cancel`. With
    /// tender `card` alone.
    #[serde(default)]
    pub pre_authorise: bool,
}

/// How much of what is held shall be taken.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCompletion)]
pub struct NewCompletion {
    /// Decimal, more than zero; without it all that is held.
    #[serde(default)]
    #[schema(example = "80.00")]
    pub amount: Option<String>,
}

/// A refund to begin.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRefund)]
pub struct NewRefund {
    /// Decimal, more than zero; without it all of the payment.
    #[serde(default)]
    #[schema(example = "2.50")]
    pub amount: Option<String>,
    /// The payment's currency; may be left out.
    #[serde(default)]
    pub currency: Option<String>,
    /// 1 to 128 characters.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The payment that took the code of a picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Scanned)]
pub struct ScannedModel {
    pub payment: String,
}
