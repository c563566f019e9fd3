//! A counter's own terminal as the acquirer of its cards: it authorises by itself, and its word is
//! the acquirer's.
//!
//! The protocol has no order numbers and forgets all but its last booking. So a book of the store's
//! own says, before a charge leaves, which booking was the last; after a lost answer the terminal
//! is asked for its last booking, and `proof` tells whether that is the charge's. While that is not
//! settled nothing else that books is sent, or the trail would be lost (`trail`). An approval found
//! so is the order's; nothing booked means that it came to nothing; what can't be told stays
//! unknown.
//!
//! Deliberately not here: the terminal's bytes (`device/zvt`), and when to ask again (the core).

mod batches;
mod pages;
mod proof;
mod trail;
mod undo;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as Turn, MutexGuard},
    time::timeout,
};

use crate::{
    device::zvt::{Done, EndOfDay, Failed, Job, Perform, ZvtTerminal},
    domain::{
        ids::{DeviceId, PaymentId, RefundId},
        money::{Currency, Money},
        payment::{Answer, Answered, NoAnswer, Verdict, answer::RefundVerdict},
    },
    ports::{
        Acquirer, AcquirerProfile, Batches, Charge, Instrument, Reply, TerminalBook, WallClock,
    },
    signal::{Health, Signal, Signals},
    supervisor::{AskFailed, Handle},
    wire::zvt::{StatusInformation, words},
};
pub use batches::EndedDay;
pub use pages::{Outcome, Page, Pages, Question, RefundPage, TerminalFact};
pub use proof::{Asked, Before, Whose, judge};

#[derive(Clone)]
pub struct OwnTerminalDeps {
    pub profile: AcquirerProfile,
    pub device: DeviceId,
    pub terminal: Handle<ZvtTerminal>,
    pub book: Arc<dyn TerminalBook>,
    pub signals: Signals,
    pub clock: Arc<dyn WallClock>,
    pub utc_offset_minutes: i32,
    pub end_of_day: EndOfDay,
}

/// The driver.
pub struct OwnTerminal {
    deps: OwnTerminalDeps,
    pages: Mutex<Pages>,
    /// One question at a time, as the terminal has it.
    turn: Turn<()>,
    /// Whose card the terminal is asking for.
    asking: Mutex<Option<PaymentId>>,
    /// By how much the store's clock is ahead of the terminal's, at its last booking.
    ahead_s: Mutex<Option<i64>>,
}

/// Ends with the question, or with whoever had asked it.
struct Asking<'a>(&'a Mutex<Option<PaymentId>>);

impl<'a> Asking<'a> {
    fn begin(asking: &'a Mutex<Option<PaymentId>>, order: PaymentId) -> Self {
        *asking.lock().unwrap_or_else(PoisonError::into_inner) = Some(order);
        Self(asking)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A code of a terminal that has no receipt to repeat (PA00P015: no such payment, no data).
const NO_RECEIPT: [u8; 2] = [0xC4, 0x65];

impl OwnTerminal {
    pub fn new(deps: OwnTerminalDeps) -> Self {
        Self {
            pages: Mutex::new(Pages::of(deps.book.facts())),
            deps,
            turn: Turn::new(()),
            asking: Mutex::new(None),
            ahead_s: Mutex::new(None),
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Pages) -> T) -> T {
        look(&self.pages.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn write(&self, fact: TerminalFact) -> Result<(), NoAnswer> {
        let written = self.deps.book.add(fact.clone()).await;
        written.map_err(|failed| NoAnswer::Internal(failed.to_string()))?;
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.add(fact);
        Ok(())
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(self.deps.profile.clock.answer_timeout_ms)
    }

    /// This question's turn, which comes within the acquirer's time or not at all.
    async fn turn(&self) -> Result<MutexGuard<'_, ()>, NoAnswer> {
        let turn = timeout(self.limit(), self.turn.lock()).await;
        turn.map_err(|_| NoAnswer::NotSent("the terminal is busy with something else".into()))
    }

    async fn perform(&self, job: Job) -> Result<Done, Failed> {
        let asked = self.deps.terminal.ask(Perform(job), self.limit()).await;
        let done = match asked {
            Ok(done) => done?,
            Err(failed @ (AskFailed::Absent | AskFailed::Full)) => {
                return Err(Failed::NotSent(failed.to_string()));
            }
            Err(failed) => return Err(Failed::Lost(failed.to_string())),
        };
        if !done.slip.is_empty() {
            self.deps.signals.emit(Signal::SlipReceived {
                device: self.deps.device.clone(),
                lines: done.slip.clone(),
            });
        }
        Ok(done)
    }

    /// The terminal's last booking; `Ok(None)` if it has none.
    async fn last(&self) -> Result<Option<StatusInformation>, NoAnswer> {
        match self.perform(Job::LastReceipt).await {
            Ok(done) if done.status.is_some() => Ok(done.status),
            Ok(Done {
                aborted: Some(code),
                ..
            }) if NO_RECEIPT.contains(&code) => Ok(None),
            Ok(Done {
                aborted: Some(code),
                ..
            }) => Err(refused(code)),
            Ok(_) => Err(NoAnswer::Unintelligible(
                "the terminal repeats its receipt and does not say of what".into(),
            )),
            Err(failed) => Err(no_answer(failed)),
        }
    }

    /// What was booked last, asked for once: afterwards each booking is seen as it is made.
    async fn before(&self) -> Result<Before, NoAnswer> {
        if let Some(known) = self.read(|pages| pages.last) {
            return Ok(known);
        }
        let booked = match self.last().await? {
            None => Before::Nothing,
            Some(last) => before_of(&last).ok_or_else(|| {
                NoAnswer::Unintelligible("the terminal's last receipt has no numbers".into())
            })?,
        };
        self.write(TerminalFact::Last { booked }).await?;
        Ok(booked)
    }

    async fn asked(&self, minor: u64, currency: u16) -> Result<Asked, NoAnswer> {
        Ok(Asked {
            minor,
            currency,
            at_ms: self.deps.clock.now().unix_ms(),
            before: self.before().await?,
        })
    }

    /// A booking was seen: the next question begins behind it.
    async fn seen(&self, status: Option<&StatusInformation>) -> Result<(), NoAnswer> {
        let booked = status.and_then(before_of);
        match booked {
            Some(booked) if self.read(|pages| pages.last) != Some(booked) => {
                self.write(TerminalFact::Last { booked }).await
            }
            _ => Ok(()),
        }
    }

    async fn judged(&self, asked: &Asked) -> Result<(Whose, Option<StatusInformation>), NoAnswer> {
        let last = self.last().await?;
        let whose = judge(asked, last.as_ref(), self.deps.utc_offset_minutes);
        self.seen(last.as_ref()).await?;
        Ok((whose, last))
    }

    /// In the book before the approval is, so that no approval is told without it.
    async fn signs(
        &self,
        order: PaymentId,
        status: Option<&StatusInformation>,
    ) -> Result<(), NoAnswer> {
        match status {
            Some(status) if status.is_success() && status.signature => {
                self.write(TerminalFact::Signs { order }).await
            }
            _ => Ok(()),
        }
    }

    async fn send_charge(&self, charge: Charge) -> Answer {
        let order = charge.order;
        if !matches!(charge.instrument, Instrument::AtTerminal) {
            return Err(NoAnswer::NotSent("the terminal reads cards itself".into()));
        }
        let _mine = self.turn().await?;
        let is_known =
            |pages: &Pages| pages.orders.contains_key(&order) || pages.buried.contains_key(&order);
        if self.read(is_known) {
            return self.known(order);
        }
        let unsent = |why: NoAnswer| NoAnswer::NotSent(format!("before the charge: {why}"));
        self.clear().await.map_err(unsent)?;
        let (minor, currency) = (
            charge.money.minor_units(),
            charge.money.currency().numeric(),
        );
        let asked = self.asked(minor, currency).await.map_err(unsent)?;
        self.write(TerminalFact::Charged { order, asked })
            .await
            .map_err(unsent)?;
        let asking = Asking::begin(&self.asking, order);
        let done = self.perform(Job::Authorise { minor, currency }).await;
        drop(asking);
        self.charged(order, &asked, done).await?;
        self.known(order)
    }

    async fn charged(
        &self,
        order: PaymentId,
        asked: &Asked,
        done: Result<Done, Failed>,
    ) -> Result<(), NoAnswer> {
        let outcome = match done {
            Ok(done) => {
                self.compare_clocks(done.status.as_ref());
                self.seen(done.status.as_ref()).await?;
                let outcome = outcome_of(&done, asked)?;
                self.signs(order, done.status.as_ref()).await?;
                outcome
            }
            Err(failed @ (Failed::NotSent(_) | Failed::Refused(_))) => {
                let outcome = Outcome::Nothing;
                self.write(TerminalFact::Answered { order, outcome })
                    .await?;
                return Err(NoAnswer::NotSent(failed.to_string()));
            }
            Err(failed) => return Err(no_answer(failed)),
        };
        self.write(TerminalFact::Answered { order, outcome }).await
    }

    /// A wrong clock would leave a lost answer unproven: it is shown before that.
    fn compare_clocks(&self, booked: Option<&StatusInformation>) {
        let now_ms = self.deps.clock.now().unix_ms();
        let behind_ms = booked.and_then(|status| {
            proof::booked_after_ms(status, now_ms, self.deps.utc_offset_minutes)
        });
        if let Some(behind_ms) = behind_ms {
            let mut ahead_s = self.ahead_s.lock().unwrap_or_else(PoisonError::into_inner);
            *ahead_s = Some(-behind_ms / 1_000);
        }
    }

    fn is_asking_for(&self, order: PaymentId) -> bool {
        *self.asking.lock().unwrap_or_else(PoisonError::into_inner) == Some(order)
    }

    /// What the book says of an order.
    fn known(&self, order: PaymentId) -> Answer {
        let (page, buried) = self.read(|pages| {
            let page = pages.orders.get(&order).cloned();
            (page, pages.buried.contains_key(&order))
        });
        let verdict = match page {
            None if buried => Verdict::Reversed,
            None => Verdict::NotFound,
            Some(page) => match page.outcome {
                None => {
                    let why = "sent, and no answer came".into();
                    return Err(NoAnswer::Refused(why));
                }
                Some(Outcome::Unproven { why }) => return Err(NoAnswer::Refused(why)),
                Some(Outcome::Nothing) => Verdict::NotFound,
                Some(Outcome::Reversed) => Verdict::Reversed,
                Some(Outcome::Declined { code }) => Verdict::Declined {
                    code: format!("{code:02X}"),
                    text: words(code).into(),
                },
                Some(Outcome::Booked { receipt, trace }) => Verdict::Approved {
                    acquirer_ref: reference(receipt, trace),
                    money: money_of(&page.asked)?,
                    signature: page.signature,
                },
            },
        };
        Ok(Answered { order, verdict })
    }

    async fn look_up(&self, order: PaymentId) -> Answer {
        let _mine = self.turn().await?;
        self.clear().await?;
        self.known(order)
    }

    fn health(&self) -> Option<Health> {
        let board = self.deps.signals.board();
        let device = board.devices.get(&self.deps.device);
        device.map(|device| device.health.clone())
    }
}

/// The terminal's word, if it is one: an approval of this amount that was completed, or a refusal.
fn outcome_of(done: &Done, asked: &Asked) -> Result<Outcome, NoAnswer> {
    let unclear = |why: &str| Err(NoAnswer::Unintelligible(why.to_owned()));
    match (&done.status, done.aborted) {
        (Some(status), None) if status.is_success() => {
            let is_other = status.currency.is_some_and(|c| c != asked.currency);
            if status.minor != Some(asked.minor) || is_other {
                return unclear("the terminal speaks of another amount");
            }
            match status.booking() {
                Some(booking) => Ok(Outcome::Booked {
                    receipt: booking.receipt,
                    trace: booking.trace,
                }),
                None => unclear("the terminal gives no receipt number"),
            }
        }
        (Some(status), Some(_)) if status.is_success() => {
            unclear("the terminal says that it is paid, and that it was not done")
        }
        (Some(status), aborted) => Ok(Outcome::Declined {
            code: status.result.or(aborted).unwrap_or(0xFF),
        }),
        (None, Some(code)) => Ok(Outcome::Declined { code }),
        (None, None) => unclear("the terminal ended it without a result"),
    }
}

fn before_of(status: &StatusInformation) -> Option<Before> {
    let booking = status.booking().filter(|_| status.is_success())?;
    Some(Before::Booked {
        receipt: booking.receipt,
        trace: booking.trace,
    })
}

fn reference(receipt: u16, trace: u32) -> String {
    format!("{receipt:04}-{trace:06}")
}

fn money_of(asked: &Asked) -> Result<Money, NoAnswer> {
    let mut known = Currency::ALL.iter();
    let currency = known.find(|known| known.numeric() == asked.currency);
    currency
        .and_then(|currency| Money::from_minor_units(asked.minor, *currency).ok())
        .ok_or_else(|| NoAnswer::Unintelligible("the amount in the book is none".into()))
}

fn refused(code: u8) -> NoAnswer {
    NoAnswer::Refused(format!("code {code:02X}: {}", words(code)))
}

fn no_answer(failed: Failed) -> NoAnswer {
    match failed {
        Failed::NotSent(why) => NoAnswer::NotSent(why),
        Failed::Refused(code) => refused(code),
        Failed::Lost(why) => NoAnswer::Broken(why),
    }
}

impl Acquirer for OwnTerminal {
    fn profile(&self) -> &AcquirerProfile {
        &self.deps.profile
    }

    fn charge(&self, charge: Charge) -> Reply<'_, Answer> {
        Box::pin(self.send_charge(charge))
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(self.look_up(order))
    }

    fn reverse(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(self.undo(order))
    }

    fn refund(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(self.pay_back(order, refund, money))
    }

    fn batches(&self) -> Option<&dyn Batches> {
        (self.deps.end_of_day != EndOfDay::Never).then_some(self)
    }

    fn clock_ahead_s(&self) -> Option<i64> {
        *self.ahead_s.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>> {
        Box::pin(async move {
            match self.health() {
                Some(Health::Ready) => Ok(()),
                Some(health) => Err(NoAnswer::NotSent(format!(
                    "the terminal is {}",
                    health.as_str()
                ))),
                None => Err(NoAnswer::NotSent("the terminal is starting".into())),
            }
        })
    }
}

impl fmt::Debug for OwnTerminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnTerminal({})", self.deps.device)
    }
}
