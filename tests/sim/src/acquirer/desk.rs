//! The acquirer's desk: what may be done with an order, and what the ledger then writes.
//!
//! Every operation is idempotent by its order or refund number, and is written before it is
//! answered.
//! Deliberately not here: how an answer travels, and whether it arrives.

mod close;
mod open;
mod refund;
mod sticker;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;

use super::answer::{Answer, State};
use super::config::{AcquirerConfig, Tender};
use super::error::AcquirerError;
use super::ledger::{Fact, Ledger, LedgerReader, Posting};
use super::letters::PostOffice;
use super::order::{CUSTOMER_REFUSED, Fate, ORDER_CLOSED, Opened, Order, OrderState, Refusal};
use super::request::Ask;
use super::rules::{Rules, Script, Verdict, View};

/// Why an operation has no answer about its order.
#[derive(Debug)]
pub(super) enum Failure {
    /// The number belongs to another order, or the refund number to another refund.
    Conflict,
    /// The sandbox itself is broken.
    Broken(AcquirerError),
}

impl From<AcquirerError> for Failure {
    fn from(error: AcquirerError) -> Self {
        Self::Broken(error)
    }
}

#[derive(Debug)]
pub(super) struct Desk {
    pub config: AcquirerConfig,
    pub rules: Rules,
    pub post: PostOffice,
    ledger: Arc<Mutex<Ledger>>,
}

pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

impl Desk {
    pub fn open(config: AcquirerConfig) -> Result<Self, AcquirerError> {
        let ledger = Arc::new(Mutex::new(Ledger::open(&config.ledger)?));
        let rules = Rules::new(config.rules.clone(), config.seed);
        Ok(Self {
            config,
            rules,
            post: PostOffice::default(),
            ledger,
        })
    }

    pub fn reader(&self) -> LedgerReader {
        LedgerReader::live(Arc::clone(&self.ledger))
    }

    /// Nothing is written after this.
    pub fn die(&self) {
        self.ledger().die();
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // an entry is counted in only once written, so a panic elsewhere leaves nothing half done
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the rules have in store for this request.
    pub fn script(&self, ask: &Ask) -> Script {
        let known = self
            .ledger()
            .order(ask.order())
            .map(|order| order.opened.clone());
        let new = match ask {
            Ask::Open(tender, new) => Some((*tender, new)),
            _ => None,
        };
        let asked_tail = new.map(|(_, new)| open::secret_tail(new));
        let view = View {
            operation: ask.operation(),
            order: ask.order(),
            tender: new
                .map(|(tender, _)| tender)
                .or(known.as_ref().map(|o| o.tender)),
            tail: asked_tail
                .as_deref()
                .or(known.as_ref().map(|o| o.tail.as_str()))
                .unwrap_or(""),
            amount: new
                .map(|(_, new)| new.amount)
                .or(known.as_ref().map(|o| o.amount)),
            store: new
                .map(|(_, n)| &n.store)
                .or(known.as_ref().map(|o| &o.store))
                .map_or("", |s| s),
            counter: new
                .map(|(_, n)| &n.counter)
                .or(known.as_ref().map(|o| &o.counter))
                .map_or("", |s| s),
        };
        self.rules.choose(&view)
    }

    /// Does what is asked. The ledger is on disk when this returns.
    pub fn perform(&self, ask: &Ask, verdict: Option<Verdict>) -> Result<Answer, Failure> {
        self.settle_due()?;
        let mut ledger = self.ledger();
        match ask {
            Ask::Open(tender, new) => self.open_order(&mut ledger, ask, *tender, new, verdict),
            Ask::Query { order } => {
                let known = ledger
                    .order(order)
                    .filter(|_| verdict != Some(Verdict::NotFound));
                Ok(match known {
                    Some(order) => Answer::of_order(order),
                    None if ledger.is_tombstoned(order) => buried(order),
                    None => Answer::bare(order, None, State::NotFound),
                })
            }
            Ask::Reverse { order } => self.reverse(&mut ledger, order, verdict),
            Ask::Reinstate { order } => refund::reinstate(&mut ledger, order),
            Ask::Close { order } => self.close(&mut ledger, order, verdict),
            Ask::Refund {
                order,
                refund,
                body,
            } => self.refund(&mut ledger, ask, (order, refund), body, verdict),
            Ask::RefundQuery { order, refund } => Ok(refund_answer(&ledger, order, refund)),
        }
    }

    /// The same body gives the same fingerprint, and the fingerprint gives no code or card away.
    fn fingerprint(&self, ask: &Ask) -> Result<String, Failure> {
        let body = serde_json::to_vec(ask)
            .map_err(|e| AcquirerError::io("fingerprint a request", e.into()))?;
        Ok(self.config.key.sign(&[b"fingerprint", &body]))
    }

    fn reverse(
        &self,
        ledger: &mut Ledger,
        id: &str,
        verdict: Option<Verdict>,
    ) -> Result<Answer, Failure> {
        let now = now_ms();
        let Some(order) = ledger.order(id) else {
            if !ledger.is_tombstoned(id) {
                ledger.commit(
                    now,
                    vec![Fact::Tombstoned {
                        order: id.to_owned(),
                    }],
                )?;
            }
            return Ok(buried(id));
        };
        let open = order.state.is_open();
        let facts = match (&order.state, verdict) {
            (OrderState::Declined(_) | OrderState::Closed | OrderState::Reversed, _) => vec![],
            (_, Some(Verdict::Decline { code })) => {
                let text = "the reversal was refused";
                return Ok(Answer::of_order(order).with_code(&code, text));
            }
            (_, Some(Verdict::Verifying { for_ms, then })) => {
                let tender = order.opened.tender;
                let answer = Answer {
                    state: State::Verifying,
                    ..Answer::of_order(order)
                };
                if open {
                    let plan = self.plan(now, for_ms, then, tender);
                    ledger.commit(
                        now,
                        vec![Fact::Planned {
                            order: id.to_owned(),
                            plan,
                        }],
                    )?;
                }
                return Ok(answer);
            }
            (_, Some(Verdict::CustomerPaysFirst)) if open && !order.opened.hold => {
                let account = payer(&order.opened, None);
                vec![approved(&order.opened, None), reversed(order, &account)]
            }
            _ if open => vec![Fact::Closed {
                order: id.to_owned(),
            }],
            (OrderState::Held, _) if ledger.is_taken(id) => vec![],
            (OrderState::Held, _) => vec![Fact::Released {
                order: id.to_owned(),
            }],
            _ => refund::reverse_paid(order),
        };
        if !facts.is_empty() {
            ledger.commit(now, facts)?;
        }
        order_answer(ledger, id)
    }

    /// How an order is paid, and whether anything of it was refunded.
    pub fn facts(&self, id: &str) -> Option<(Tender, bool)> {
        let ledger = self.ledger();
        let order = ledger.order(id)?;
        Some((order.opened.tender, !order.refunded().is_zero()))
    }

    /// What an order was opened for.
    pub fn amount(&self, id: &str) -> Option<Decimal> {
        self.ledger().order(id).map(|order| order.opened.amount)
    }

    /// The time that belongs to the order's number.
    pub fn sent_at(&self, id: &str) -> Option<String> {
        self.ledger().order(id)?.opened.sent_at.clone()
    }

    /// The order that a refund belongs to.
    pub fn order_of_refund(&self, refund: &str) -> Option<String> {
        self.ledger().order_of_refund(refund)
    }

    /// Whatever a customer, a bank or the clock has decided by now.
    pub fn settle_due(&self) -> Result<(), AcquirerError> {
        loop {
            let mut ledger = self.ledger();
            let due = ledger.due(now_ms(), 64);
            if due.is_empty() {
                return Ok(());
            }
            for (id, refund) in due {
                let Some(order) = ledger.order(&id) else {
                    continue;
                };
                let fact = match refund {
                    Some(refund) => refund::settle(order, &refund),
                    None => match order.opened.plan.as_ref().map(|plan| plan.then.clone()) {
                        Some(Fate::Approve) if order.opened.hold => Some(held(&order.opened)),
                        Some(Fate::Approve) => Some(approved(&order.opened, None)),
                        Some(Fate::Decline(refusal)) => Some(declined(&order.opened, refusal)),
                        Some(Fate::Close) => Some(Fact::Closed { order: id.clone() }),
                        None => None,
                    },
                };
                if let Some(fact) = fact {
                    let is_paid = matches!(fact, Fact::Approved { .. });
                    ledger.commit(now_ms(), vec![fact])?;
                    if is_paid {
                        self.tell_of(&ledger, &id);
                    }
                }
            }
        }
    }

    /// The customer pays or confirms; `wallet` names who pays a QR code.
    pub fn customer_pays(&self, id: &str, wallet: Option<&str>) -> Result<Answer, Refusal> {
        self.customer(id, |order| approved(&order.opened, wallet))
    }

    /// The customer has scanned a QR and looks at what it is to cost.
    pub fn customer_scans(&self, id: &str) -> Result<Answer, Refusal> {
        self.customer(id, |order| Fact::Scanned {
            order: order.opened.order.clone(),
        })
    }

    /// The customer says no.
    pub fn customer_refuses(&self, id: &str) -> Result<Answer, Refusal> {
        let refusal = Refusal::new(CUSTOMER_REFUSED, "the customer refused");
        self.customer(id, |order| declined(&order.opened, refusal))
    }

    /// The order number behind the text of a QR code.
    pub fn order_of_qr(&self, qr: &str) -> Option<String> {
        self.ledger()
            .order_of_qr(qr)
            .map(|order| order.opened.order.clone())
    }

    fn customer(&self, id: &str, decide: impl FnOnce(&Order) -> Fact) -> Result<Answer, Refusal> {
        let broken = |e: AcquirerError| Refusal::new("BROKEN", e.to_string());
        self.settle_due().map_err(broken)?;
        let mut ledger = self.ledger();
        let fact = match ledger.order(id) {
            Some(order) if order.state.is_open() => decide(order),
            _ => return Err(Refusal::new(ORDER_CLOSED, "there is nothing to pay")),
        };
        ledger.commit(now_ms(), vec![fact]).map_err(broken)?;
        self.tell_of(&ledger, id);
        order_answer(&ledger, id).map_err(|e| Refusal::new("BROKEN", format!("{e:?}")))
    }
}

/// The order as it stands after a commit.
fn order_answer(ledger: &Ledger, id: &str) -> Result<Answer, Failure> {
    ledger
        .order(id)
        .map(Answer::of_order)
        .ok_or(Failure::Broken(AcquirerError::Dead))
}

fn refund_answer(ledger: &Ledger, order: &str, refund: &str) -> Answer {
    match ledger
        .order(order)
        .map(|order| (order, order.refunds.get(refund)))
    {
        Some((order, Some(refund))) => Answer::of_refund(order, refund),
        _ => Answer::bare(order, Some(refund), State::NotFound),
    }
}

/// The answer to all that concerns a number which was reversed before it was heard of.
fn buried(order: &str) -> Answer {
    let text = "reversed before it was known; it can never be paid";
    Answer::bare(order, None, State::Closed).with_code(ORDER_CLOSED, text)
}

/// The account that pays: the instrument's, or the wallet that scanned the QR code.
fn payer(opened: &Opened, wallet: Option<&str>) -> String {
    match &opened.account {
        Some(account) => account.clone(),
        None => format!("customer:wallet:{}", wallet.unwrap_or("passer-by")),
    }
}

fn merchant(opened: &Opened) -> String {
    format!("merchant:{}", opened.store)
}

fn approved(opened: &Opened, wallet: Option<&str>) -> Fact {
    let account = payer(opened, wallet);
    let postings = Posting::pair(&account, &merchant(opened), opened.amount);
    Fact::Approved {
        order: opened.order.clone(),
        account,
        postings,
    }
}

fn held(opened: &Opened) -> Fact {
    Fact::Held {
        order: opened.order.clone(),
        account: payer(opened, None),
    }
}

fn declined(opened: &Opened, refusal: Refusal) -> Fact {
    Fact::Declined {
        order: opened.order.clone(),
        refusal,
    }
}

/// Pays back what completed refunds have left, to the account that paid.
fn reversed(order: &Order, account: &str) -> Fact {
    let rest = order.opened.amount - order.refunded();
    let postings = match rest.is_zero() {
        true => vec![],
        false => Posting::pair(&merchant(&order.opened), account, rest),
    };
    Fact::Reversed {
        order: order.opened.order.clone(),
        postings,
    }
}
