//! The store as the API sees it: one question each, with a bound on the wait and one way to be
//! refused.
//!
//! It knows the store's handle and nothing of the actor behind it, so that a test can answer in its
//! place.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use actix::{Actor, Context, Handler, Message};
use store_actors::{
    counter::{CounterStatus, trial::Tried},
    domain::{ids::PaymentId, payment::Payment, unresolved::Unresolved},
    store::requests::{
        CancelPayment, CompletePayment, FindPayments, GetCounters, GetPayment, GetRefund,
        GetUnknown, OpenPayment, Opened, RefundOpened, RefundPayment, Refused, Scan, SignPayment,
        TryDevice,
    },
    supervisor::Handle,
};

/// Longer than the store waits for a counter, so that its own words reach the till.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// The answer to one question.
type Reply<T> = Pin<Box<dyn Future<Output = Result<T, Refused>>>>;
type Ask<M, T> = Arc<dyn Fn(M) -> Reply<T> + Send + Sync>;

/// Every question that the API asks.
#[derive(Clone)]
pub struct StoreApi {
    pub(super) open: Ask<OpenPayment, Opened>,
    pub(super) get: Ask<GetPayment, Payment>,
    pub(super) find: Ask<FindPayments, Vec<Payment>>,
    pub(super) cancel: Ask<CancelPayment, Payment>,
    pub(super) complete: Ask<CompletePayment, Opened>,
    pub(super) refund: Ask<RefundPayment, RefundOpened>,
    pub(super) sign: Ask<SignPayment, Payment>,
    pub(super) get_refund: Ask<GetRefund, Payment>,
    pub(super) scan: Ask<Scan, PaymentId>,
    pub(super) try_device: Ask<TryDevice, Tried>,
    pub(super) unknown: Ask<GetUnknown, Vec<Unresolved>>,
    pub(super) counters: Ask<GetCounters, Vec<CounterStatus>>,
}

impl StoreApi {
    /// The API's way to `store`.
    pub fn of<A>(store: &Handle<A>) -> Self
    where
        A: Actor<Context = Context<A>>
            + Handler<OpenPayment>
            + Handler<GetPayment>
            + Handler<FindPayments>
            + Handler<CancelPayment>
            + Handler<CompletePayment>
            + Handler<RefundPayment>
            + Handler<SignPayment>
            + Handler<GetRefund>
            + Handler<Scan>
            + Handler<TryDevice>
            + Handler<GetUnknown>
            + Handler<GetCounters>,
    {
        Self {
            open: asking(store, |answer| answer),
            get: asking(store, |answer| answer),
            find: asking(store, |answer| answer),
            cancel: asking(store, |answer| answer),
            complete: asking(store, |answer| answer),
            refund: asking(store, |answer| answer),
            sign: asking(store, |answer| answer),
            get_refund: asking(store, |answer| answer),
            scan: asking(store, |answer| answer),
            try_device: asking(store, |answer| answer),
            unknown: asking(store, |answer| answer),
            counters: asking(store, Ok),
        }
    }
}

impl fmt::Debug for StoreApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreApi")
    }
}

fn asking<A, M, T>(store: &Handle<A>, refused: fn(M::Result) -> Result<T, Refused>) -> Ask<M, T>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
    T: 'static,
{
    let store = store.clone();
    Arc::new(move |message| {
        let store = store.clone();
        Box::pin(async move {
            match store.ask(message, ANSWER_TIMEOUT).await {
                Ok(answer) => refused(answer),
                Err(failed) => Err(Refused::NoAnswer(format!("the store ({failed})"))),
            }
        })
    })
}
