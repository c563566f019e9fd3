//! What can be asked of the store, and how it can refuse: the whole of its interface to the API and
//! the console.

use actix::Message;
use thiserror::Error;

use crate::{
    counter::CounterStatus,
    domain::{
        code::CodeRefused,
        ids::{CounterId, PaymentId, RefundId},
        money::Money,
        payment::{Fingerprint, Origin, Payment, State},
        readiness::Obstacle,
        refund::RefundRefused,
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
    #[error("nothing is waiting for a code at this counter")]
    NotCollecting,
    #[error(transparent)]
    Code(#[from] CodeRefused),
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
}

#[derive(Clone, Debug)]
pub struct RefundOpened {
    pub payment: Payment,
    pub refund: RefundId,
    pub repeated: bool,
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

#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Vec<CounterStatus>")]
pub struct GetCounters;
