//! Tills and their customers: each basket is paid, or not; a till that hears nothing asks again
//! with the same key, and one whose payment is unknown may try the basket elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix::{Handler, Message};
use store_actors::{
    domain::{
        ids::{CounterId, PaymentId},
        money::{Currency, Money},
        payment::{Fingerprint, Origin, Payment, State},
        refund::ByWhom,
        tender::Tender,
    },
    store::{
        Store,
        requests::{
            CancelPayment, CompletePayment, GetPayment, OpenPayment, Opened, RefundPayment, Refused,
        },
    },
    supervisor::Handle,
};
use tokio::time::{Instant, sleep};

use super::{dice::Dice, fate::Fate, reader::StormReader, scanner::StormScanner};
use crate::device::card::ChipProfile;

const ASK: Duration = Duration::from_secs(20);

/// How long a till stays with one payment.
const PATIENCE: Duration = Duration::from_secs(100);

/// What the tills remember: they do not crash with the store.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
pub struct Notes {
    /// Payments that the store acknowledged, by idempotency key.
    pub opened: BTreeMap<String, PaymentId>,
    /// Final states that the store told.
    pub ended: BTreeMap<PaymentId, State>,
    /// Cards that the store said it has accepted offline.
    pub accepted: BTreeSet<PaymentId>,
    next_basket: BTreeMap<CounterId, u64>,
}

impl Memory {
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
pub struct Till {
    pub counter: CounterId,
    /// The counter next to it.
    pub elsewhere: CounterId,
    pub baskets: u64,
    pub store: Handle<Store>,
    pub scanner: StormScanner,
    pub reader: StormReader,
    pub memory: Memory,
    pub fate: Fate,
    pub dice: Dice,
}

impl Till {
    /// All baskets that are left.
    pub async fn work(self) {
        loop {
            let basket = {
                let mut notes = self.memory.notes();
                let next = notes.next_basket.entry(self.counter.clone()).or_insert(1);
                *next
            };
            if basket > self.baskets {
                return;
            }
            sleep(self.dice.ms(50, 4_000)).await;
            self.basket(basket).await;
            let mut notes = self.memory.notes();
            notes.next_basket.insert(self.counter.clone(), basket + 1);
        }
    }

    async fn basket(&self, basket: u64) {
        let reference = format!("B{}-{basket}", self.counter);
        let amount = 100 + basket * 7;
        let key = format!("K{}-{basket}", self.counter);
        let Some(id) = self.open(&self.counter, &key, &reference, amount).await else {
            return;
        };
        let payment = self.follow(id).await;
        let is_unknown = payment.is_none_or(|payment| payment.is_unknown());
        if is_unknown && self.dice.percent(60) {
            let key = format!("{key}-again");
            if let Some(again) = self.open(&self.elsewhere, &key, &reference, amount).await {
                self.fate
                    .tell(|| format!("till: {again} is in the place of {id}"));
                self.follow(again).await;
            }
        }
    }

    /// Asks until it is known whether the payment has begun; always with the same key.
    async fn open(
        &self,
        counter: &CounterId,
        key: &str,
        reference: &str,
        amount: u64,
    ) -> Option<PaymentId> {
        // the same at each try
        let tender = match reference.bytes().map(u64::from).sum::<u64>() % 6 {
            0 | 3 => Tender::Card,
            1 | 4 => Tender::CustomerCode,
            2 => Tender::MerchantQr,
            _ => Tender::Any,
        };
        let open = OpenPayment {
            counter: counter.clone(),
            money: Money::from_minor_units(amount, Currency::Cny).ok()?,
            tender,
            origin: Origin::Till,
            reference: Some(reference.into()),
            fingerprint: Some(Fingerprint {
                key: key.into(),
                body: format!("{reference} {amount}"),
            }),
            by: None,
            pre_authorise: tender == Tender::Card && amount.is_multiple_of(2),
        };
        self.begin(open, key).await
    }

    async fn begin<M>(&self, open: M, key: &str) -> Option<PaymentId>
    where
        M: Message<Result = Result<Opened, Refused>> + Clone + Send + 'static,
        Store: Handler<M>,
    {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            match self.store.ask(open.clone(), ASK).await {
                Ok(Ok(opened)) => {
                    let id = opened.payment.id;
                    self.fate.tell(|| format!("till: {key} is {id}"));
                    let before = self.memory.notes().opened.insert(key.into(), id);
                    if let Some(before) = before.filter(|before| *before != id) {
                        self.fate
                            .annals()
                            .broken(format!("{key} was {before} and is {id}"));
                    }
                    return Some(id);
                }
                Ok(Err(Refused::PaidAlready(_) | Refused::KeyReused | Refused::Completion(_))) => {
                    return None;
                }
                _ => sleep(self.dice.ms(200, 2_000)).await,
            }
        }
        None
    }

    /// Takes what is held, all or a part of it; lets go of it; or goes.
    async fn held(&self, payment: &Payment) {
        match self.dice.below(10) {
            0..6 => {
                let whole = payment.money.minor_units();
                let units = match self.dice.percent(50) {
                    true => whole,
                    false => self.dice.between(1, whole),
                };
                let Ok(money) = Money::from_minor_units(units, Currency::Cny) else {
                    return;
                };
                let key = format!("C{}", payment.id);
                let complete = CompletePayment {
                    payment: payment.id,
                    money,
                    fingerprint: Some(Fingerprint {
                        key: key.clone(),
                        body: format!("{money}"),
                    }),
                    by: None,
                };
                if let Some(by) = self.begin(complete, &key).await {
                    self.fate
                        .tell(|| format!("till: {by} takes what {} holds", payment.id));
                    Box::pin(self.follow(by)).await;
                }
            }
            6..8 => {
                self.fate
                    .tell(|| format!("till: lets go of {}", payment.id));
                let _ = self.store.ask(CancelPayment(payment.id), ASK).await;
            }
            _ => {}
        }
    }

    /// Shows the code while it is asked for, until the end or the till's patience.
    async fn follow(&self, id: PaymentId) -> Option<Payment> {
        let until = Instant::now() + PATIENCE;
        let cancels_at = self
            .dice
            .percent(15)
            .then(|| Instant::now() + self.dice.ms(100, 30_000));
        let mut payment = None;
        let mut has_cancelled = false;
        while Instant::now() < until {
            sleep(self.dice.ms(150, 1_500)).await;
            let Ok(Ok(seen)) = self.store.ask(GetPayment(id), ASK).await else {
                continue;
            };
            if seen.state == State::Collecting {
                match seen.tender {
                    Tender::Any if self.dice.percent(50) => self.reader.tap(self.card()).await,
                    Tender::Card => self.reader.tap(self.card()).await,
                    _ => self.scanner.scan(&self.code()).await,
                }
            }
            // the customer takes the goods and goes
            let has_gone = seen.state.is_accepted_offline() && self.dice.percent(80);
            let is_final = seen.state.is_final() || has_gone;
            payment = Some(seen.clone());
            if is_final {
                self.ended(&seen).await;
                break;
            }
            if !has_cancelled && cancels_at.is_some_and(|at| Instant::now() >= at) {
                has_cancelled = true;
                self.fate.tell(|| format!("till: cancels {id}"));
                // what comes of it is seen by asking
                let _ = self.store.ask(CancelPayment(id), ASK).await;
            }
            if seen.state == State::Reversing && self.dice.percent(30) {
                break;
            }
        }
        payment
    }

    async fn ended(&self, payment: &Payment) {
        if payment.state.is_accepted_offline() {
            self.memory.notes().accepted.insert(payment.id);
            return;
        }
        if matches!(payment.state, State::Authorised | State::Completed) {
            // more comes of it: `check` holds the books against each other
            if payment.state == State::Authorised {
                self.held(payment).await;
            }
            return;
        }
        let told = self.memory.notes().ended.insert(payment.id, payment.state);
        if let Some(before) = told.filter(|before| *before != payment.state) {
            self.fate.annals().broken(format!(
                "{} was told {} and is {}",
                payment.id,
                before.as_str(),
                payment.state.as_str()
            ));
        }
        if payment.state.is_paid() && self.dice.percent(15) {
            let refund = RefundPayment {
                payment: payment.id,
                money: payment.money,
                reason: None,
                fingerprint: Some(Fingerprint {
                    key: format!("R{}", payment.id),
                    body: "all".into(),
                }),
                by_whom: ByWhom::default(),
            };
            self.fate.tell(|| format!("till: refunds {}", payment.id));
            // a refund that the till did not hear of is the store's business all the same
            let _ = self.store.ask(refund, ASK).await;
        }
    }

    fn card(&self) -> ChipProfile {
        match self.dice.below(4) {
            0 => ChipProfile::visa(),
            1 => ChipProfile::mastercard(),
            2 => ChipProfile::unionpay_credit(),
            _ => ChipProfile::unionpay_debit(),
        }
    }

    /// A new payment code each time: 28 and sixteen digits more are Alipay's.
    fn code(&self) -> String {
        format!("28{:016}", self.dice.below(10_000_000_000_000_000))
    }
}
