//! What can be asked of the store, and how it can refuse: the whole of its interface to the API and
//! the console.

use actix::Message;
use thiserror::Error;

use crate::{
    counter::{
        CounterStatus,
        trial::{NotTried, Trial, Tried},
    },
    domain::{
        code::CodeRefused,
        ids::{AcquirerId, CounterId, DeviceId, PaymentId, RefundId},
        money::Money,
        payment::{CompletionRefused, Fingerprint, Origin, Payment, State},
        readiness::Obstacle,
        refund::{ByWhom, RefundRefused},
        signature::Drawing,
        sticker::{Notification, NumberRefused},
        tender::Tender,
        unresolved::Unresolved,
    },
    ports::{JournalFailed, PaymentFilter},
};

/// Why a request came to nothing. Each variant is something else for the caller to do.
#[derive(Debug, Error)]
pub enum Refused {
    #[error("there is no counter {0}")]
    NoSuchCounter(CounterId),
    #[error("there is no such payment")]
    NoSuchPayment,
    #[error("there is no such refund")]
    NoSuchRefund,
    #[error("the counter can't take this now")]
    NotReady(Vec<Obstacle>),
    #[error("payment {0} for the same reference is paid")]
    PaidAlready(PaymentId),
    #[error("too many payments for this reference are without an outcome")]
    TooManyTries,
    #[error("this idempotency key was used with another request")]
    KeyReused,
    #[error("a payment that is {} can't be cancelled", .0.as_str())]
    NotCancellable(State),
    #[error(transparent)]
    Refund(#[from] RefundRefused),
    #[error(transparent)]
    Completion(#[from] CompletionRefused),
    #[error("no acquirer of this counter holds a card's money")]
    NoPreAuthorisation,
    #[error("the payment is signed, or needs no signature")]
    NoSignatureWanted,
    #[error("nothing is waiting for a code at this counter")]
    NotCollecting,
    #[error(transparent)]
    Code(#[from] CodeRefused),
    #[error(transparent)]
    NotTried(#[from] NotTried),
    #[error(transparent)]
    Notification(#[from] NumberRefused),
    #[error("the amount must be more than zero")]
    ZeroAmount,
    #[error("the store takes {0} only")]
    ForeignCurrency(crate::domain::money::Currency),
    #[error(transparent)]
    Journal(#[from] JournalFailed),
    /// Ask again with the same idempotency key.
    #[error("no answer in time from {0}; ask again with the same idempotency key")]
    NoAnswer(String),
}

/// Begins a payment; answers once it is on disk. With a fingerprint, the same key and body give the
/// same payment.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Opened, Refused>")]
pub struct OpenPayment {
    pub counter: CounterId,
    pub money: Money,
    pub tender: Tender,
    pub origin: Origin,
    pub reference: Option<String>,
    pub fingerprint: Option<Fingerprint>,
    /// The person or the program's token that begins it.
    pub by: Option<String>,
    /// The card's money is held only, and taken by `CompletePayment`.
    pub pre_authorise: bool,
}

#[derive(Clone, Debug)]
pub struct Opened {
    pub payment: Payment,
    /// It was there before: this request repeats an earlier one.
    pub repeated: bool,
}

#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct GetPayment(pub PaymentId);

/// Newest first.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Vec<Payment>, Refused>")]
pub struct FindPayments(pub PaymentFilter);

/// All that nobody knows yet, the oldest first.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Vec<Unresolved>, Refused>")]
pub struct GetUnknown;

/// Stops collecting, or undoes what was submitted. Answers with the payment as it then is:
/// cancelled or reversing.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct CancelPayment(pub PaymentId);

/// Begins a refund; answers once it is on disk with the payment that holds it, and the refund's id.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<RefundOpened, Refused>")]
pub struct RefundPayment {
    pub payment: PaymentId,
    pub money: Money,
    pub reason: Option<String>,
    pub fingerprint: Option<Fingerprint>,
    pub by_whom: ByWhom,
}

#[derive(Clone, Debug)]
pub struct RefundOpened {
    pub payment: Payment,
    pub refund: RefundId,
    pub repeated: bool,
}

/// Takes all or part of what a pre-authorisation holds; answers with the payment that does, once it
/// is on disk.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Opened, Refused>")]
pub struct CompletePayment {
    pub payment: PaymentId,
    pub money: Money,
    pub fingerprint: Option<Fingerprint>,
    /// The person or the program's token that begins it.
    pub by: Option<String>,
}

/// Keeps the customer's signature with the payment; answers once it is on disk.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct SignPayment {
    pub payment: PaymentId,
    pub drawing: Drawing,
}

/// The payment that holds this refund.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct GetRefund(pub RefundId);

/// A code seen by something other than the counter's scanner, e.g. a camera: the same as a scan.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<PaymentId, Refused>")]
pub struct Scan {
    pub counter: CounterId,
    pub text: crate::domain::code::Secret,
}

/// Tries a device of a counter; answers with what came of it.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Tried, Refused>")]
pub struct TryDevice {
    pub counter: CounterId,
    pub device: DeviceId,
    pub trial: Trial,
}

/// What a provider told by itself, rightly signed. Answers once what is to be known of it is on
/// disk; the same transaction is taken once, however often it is told of.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Taken, Refused>")]
pub struct TakeNotification {
    pub acquirer: AcquirerId,
    pub told: Notification,
}

/// What came of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is of a payment of the store's: its acquirer is being asked.
    Asked(PaymentId),
    /// A customer has paid at a sticker.
    Opened(PaymentId),
    /// The same, and nobody can tell at which counter.
    Unmatched(PaymentId),
    /// Told of before.
    Repeated(PaymentId),
    /// Nothing is paid, and nothing here waits for it.
    Nothing,
}

impl Taken {
    /// For metrics: one of a few words.
    pub const fn word(&self) -> &'static str {
        match self {
            Taken::Asked(_) => "asked",
            Taken::Opened(_) => "opened",
            Taken::Unmatched(_) => "unmatched",
            Taken::Repeated(_) => "repeated",
            Taken::Nothing => "nothing",
        }
    }
}

#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Vec<CounterStatus>")]
pub struct GetCounters;
