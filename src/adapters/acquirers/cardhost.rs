//! UnionPay's card host: ISO 8583 over TCP, sealed with working keys under the terminal's master
//! key.
//!
//! The protocol knows no order numbers and has no query. So a book of the driver's own
//! ([`book`]) says under which trace number each order was sent, and what the host said of it; a
//! query is answered from there. Of a charge without an answer it says just that, and past its
//! clock the core reverses: the 0400 goes out under the original's trace number each time that the
//! core asks, until the host answers. An order that was approved and shall be undone is voided; a
//! void without an answer is itself reversed first. A refund is an advice: it is repeated under its
//! own trace number.
//!
//! What was done since the last settlement is a batch, which is settled as a whole
//! ([`settlement`]); meanwhile nothing else is sent.
//!
//! PIN blocks pass through unopened. Deliberately not here: encrypted tracks (60.3 = 004), TLS
//! (these lines are leased or a VPN), and when to ask or settle again.

mod advice;
mod batch;
mod book;
mod line;
mod pages;
mod sale;
mod seal;
mod session;
mod settlement;
mod undo;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        money::{Currency, Money},
        payment::{Answer, Answered, NoAnswer, Verdict, answer::RefundVerdict},
    },
    ports::{Acquirer, AcquirerProfile, Batches, Charge, PinBlock, Reply, WallClock},
    wire::{
        emv::CardRead,
        iso8583::{
            Amount, Card, CipherKey, Entry, Envelope, Field, KeyScheme, Kind, MacMethod, Message,
            Response, Station,
        },
    },
};
use tokio::time::timeout;

use super::pointed;
pub use advice::OfflineAs;
use book::Book;
use line::Line;
use pages::{Fact, Outcome, Page};
use seal::Seal;
use session::{Session, unsendable};
pub use settlement::SettlementRules;

/// What the driver needs to reach its host.
#[derive(Clone, Debug)]
pub struct CardHostConfig {
    pub host: String,
    pub port: u16,
    pub envelope: Envelope,
    pub station: Station,
    /// The terminal's master key.
    pub master: CipherKey,
    pub keys: KeyScheme,
    pub mac: MacMethod,
    /// The batch before the host has named one.
    pub first_batch: u32,
    pub unsealed_refusals: bool,
    /// Whether field 62 carries the payment's id, for acquirers that keep it with the transaction.
    pub order_in_62: bool,
    /// The file of the terminal's book, and the key that seals card numbers in it.
    pub book: PathBuf,
    pub book_key: PathBuf,
    pub keep_days: u32,
    pub settlement: SettlementRules,
    pub offline_as: OfflineAs,
    pub profile: AcquirerProfile,
}

/// Why there is no driver.
#[derive(Debug, thiserror::Error)]
pub enum CardHostRefused {
    #[error("the terminal's book {path} can't be opened")]
    Book { path: PathBuf, source: io::Error },
    #[error("the terminal's book {0} is open in another program")]
    InUse(PathBuf),
    #[error("the key of the terminal's book, {path}, can't be read or made")]
    BookKey { path: PathBuf, source: io::Error },
    #[error("the terminal's numbers or the way to make a MAC do not fit the protocol: {0}")]
    Settings(String),
}

/// The driver.
pub struct CardHost {
    profile: AcquirerProfile,
    session: Session,
    seal: Seal,
    order_in_62: bool,
    settlement: SettlementRules,
    offline_as: OfflineAs,
    /// A settlement has it for itself.
    line: tokio::sync::RwLock<()>,
    /// One question at a time about one order: no reversal overtakes its charge.
    turns: Mutex<HashMap<PaymentId, Weak<tokio::sync::Mutex<()>>>>,
}

impl CardHost {
    /// A driver that has sent nothing yet.
    ///
    /// # Errors
    /// A book or key that can't be opened, or settings that can't work.
    pub fn new(config: CardHostConfig, clock: Arc<dyn WallClock>) -> Result<Self, CardHostRefused> {
        let settings = |why: String| CardHostRefused::Settings(why);
        let probe = store_actors::wire::iso8583::Trace { stan: 1, batch: 0 };
        let sample = config.station.sign_in(probe, config.keys);
        sample.map_err(|why| settings(why.to_string()))?;
        if config.keys == KeyScheme::DoubleWithTrack {
            return Err(settings("encrypted tracks are not spoken".into()));
        }
        let path = config.book_key.clone();
        let seal = Seal::open(&config.book_key)
            .map_err(|source| CardHostRefused::BookKey { path, source })?;
        let path = config.book.clone();
        let book = Book::open(&config.book, clock.now().unix_ms(), config.keep_days).map_err(
            |source| match source.kind() {
                io::ErrorKind::WouldBlock => CardHostRefused::InUse(path),
                _ => CardHostRefused::Book { path, source },
            },
        )?;
        let answer_timeout = Duration::from_millis(config.profile.clock.answer_timeout_ms);
        Ok(Self {
            profile: config.profile,
            session: Session {
                line: Line {
                    host: config.host,
                    port: config.port,
                    connect_timeout: answer_timeout / 2, // a dead host is known to have got nothing
                },
                envelope: Envelope {
                    header: config.envelope.header.of_class(0x61),
                    ..config.envelope
                },
                station: config.station,
                master: config.master,
                keys: config.keys,
                mac: config.mac,
                first_batch: config.first_batch,
                unsealed_refusals: config.unsealed_refusals,
                book: Arc::new(Mutex::new(book)),
                clock,
                working: tokio::sync::Mutex::new(None),
            },
            seal,
            order_in_62: config.order_in_62,
            settlement: config.settlement,
            offline_as: config.offline_as,
            line: tokio::sync::RwLock::default(),
            turns: Mutex::default(),
        })
    }

    fn turn(&self, order: PaymentId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(&order).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        turns.insert(order, Arc::downgrade(&turn));
        turn
    }

    /// Within the acquirer's time, and behind what is under way about the same order.
    async fn in_turn<T>(
        &self,
        order: PaymentId,
        question: impl Future<Output = Result<T, NoAnswer>>,
    ) -> Result<T, NoAnswer> {
        let limit = Duration::from_millis(self.profile.clock.answer_timeout_ms);
        let turn = self.turn(order);
        let asked = async {
            let _mine = turn.lock().await;
            question.await
        };
        timeout(limit, asked)
            .await
            .unwrap_or(Err(NoAnswer::TimedOut))
    }

    async fn send_charge(&self, charge: Charge) -> Answer {
        let order = charge.order;
        if self.is_known(order) {
            return self.known(order);
        }
        let sale = self.sale_of(&charge.instrument)?;
        let _open = self.unsettled().await?;
        if self.is_full() {
            return Err(NoAnswer::NotSent("the terminal's batch is full".into()));
        }
        let keys = self.session.keys().await.map_err(unsent)?;
        let trace = self.session.next_trace().await.map_err(unsent)?;
        let amount = amount_of(charge.money);
        let message = sale.message(&self.session.station, trace, amount)?;
        let message = self.named(message, order)?;
        let frame = self.session.sealed(&message, &keys).map_err(unsent)?;
        let sealed = self.seal.seal(order, &sale.card);
        let sealed = sealed.ok_or_else(|| NoAnswer::NotSent("no random bytes".into()))?;
        let stream = self.session.line.connect().await?;
        let charged = Fact::Charged {
            order,
            stan: trace.stan,
            batch: trace.batch,
            at_ms: self.session.clock.now().unix_ms(),
            minor: amount.minor,
            currency: amount.currency,
            with_pin: sale.with_pin(),
            advice: false,
            part: sale.part(),
            card: sealed,
        };
        self.session.write(vec![charged]).await.map_err(unsent)?;
        let asked = self.session.ask(stream, &frame, &message, trace, &keys);
        let reply = step(step_of(sale.kind()), asked).await?;
        let outcome = match Response::of(&reply.code) {
            Response::Approved => Outcome::Approved(reply.approval),
            Response::Declined(text) => Outcome::Declined {
                code: reply.code,
                text: text.into(),
            },
            Response::Unknown(why) => return Err(says(&reply.code, why)),
            Response::SignInAgain => return Err(says(&reply.code, "sign in again")),
        };
        self.session
            .write(vec![Fact::Answered { order, outcome }])
            .await?;
        self.known(order)
    }

    /// Sent before, or undone before it could be: it never is again.
    fn is_known(&self, order: PaymentId) -> bool {
        self.session
            .read(|pages| pages.orders.contains_key(&order) || pages.buried.contains_key(&order))
    }

    /// What the book says of an order.
    fn known(&self, order: PaymentId) -> Answer {
        self.session.read(|pages| {
            let verdict = match pages.orders.get(&order) {
                Some(page) => verdict_of(page)?,
                None if pages.buried.contains_key(&order) => Verdict::Reversed,
                None if made_ms(order) < pages.begun_ms => {
                    let why = "the terminal's book begins after this order".into();
                    return Err(NoAnswer::Refused(why));
                }
                None => Verdict::NotFound,
            };
            Ok(Answered { order, verdict })
        })
    }

    /// The message with the payment's id in it, where the acquirer keeps it.
    fn named(&self, message: Message, order: PaymentId) -> Result<Message, NoAnswer> {
        match self.order_in_62 {
            true => message
                .bytes(Field::Private62, order.to_string().as_bytes())
                .map_err(unsendable),
            false => Ok(message),
        }
    }
}

/// One message, with a crash point on each side of it.
async fn step<T>(name: &str, exchange: impl Future<Output = T>) -> T {
    pointed::message("card-host", name, exchange).await
}

/// In the names of crash points.
const fn step_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Purchase => "purchase",
        Kind::PurchaseVoid => "void",
        Kind::Refund => "return-goods",
        Kind::PreAuthorisation => "pre-authorisation",
        Kind::PreAuthorisationCancel => "pre-authorisation-cancel",
        Kind::Completion => "completion",
        Kind::CompletionVoid => "completion-void",
        Kind::OfflineAdvice => "advice",
    }
}

/// What goes wrong before a charge leaves.
fn unsent(why: NoAnswer) -> NoAnswer {
    match why {
        NoAnswer::NotSent(why) => NoAnswer::NotSent(why),
        other => NoAnswer::NotSent(format!("before the charge: {other}")),
    }
}

fn verdict_of(page: &Page) -> Result<Verdict, NoAnswer> {
    match &page.outcome {
        _ if page.void.is_some() => {
            let why = "a void was sent and has no answer; the protocol has no query".into();
            Err(NoAnswer::Refused(why))
        }
        None => {
            let why = "sent, and no answer came; the protocol has no query, only a reversal".into();
            Err(NoAnswer::Refused(why))
        }
        Some(Outcome::Approved(approval)) => Ok(Verdict::Approved {
            acquirer_ref: approval.reference.clone(),
            money: money_of(approval.minor, page.currency)?,
            signature: false,
        }),
        Some(Outcome::Declined { code, text }) => Ok(Verdict::Declined {
            code: code.clone(),
            text: text.clone(),
        }),
        Some(Outcome::Reversed) => Ok(Verdict::Reversed),
    }
}

fn says(code: &str, why: &str) -> NoAnswer {
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    NoAnswer::Refused(format!("code {code}: {why}"))
}

fn amount_of(money: Money) -> Amount {
    Amount {
        minor: money.minor_units(),
        currency: money.currency().numeric(),
    }
}

fn money_of(minor: u64, currency: u16) -> Result<Money, NoAnswer> {
    let known = Currency::ALL
        .iter()
        .find(|known| known.numeric() == currency);
    known
        .and_then(|currency| Money::from_minor_units(minor, *currency).ok())
        .ok_or_else(|| NoAnswer::Unintelligible("the amount in the answer is none".into()))
}

fn yymm(card: &CardRead) -> String {
    format!("{:02}{:02}", card.expiry.year % 100, card.expiry.month)
}

fn card_data<'a>(card: &'a CardRead, expiry: &'a str, pin_block: Option<&'a PinBlock>) -> Card<'a> {
    let chip = card.emv_data.as_bytes();
    Card {
        entry: Entry::Contactless,
        pan: card.pan.expose(),
        expiry: Some(expiry),
        sequence: card.psn,
        track2: card.track2.as_ref().map(|track2| track2.expose()),
        chip: (!chip.is_empty()).then_some(chip),
        with_pin: pin_block.is_some(),
        pin_block: pin_block.map(|block| block.0.as_slice()),
    }
}

/// When the order was made: the first 48 bits of its id (UUIDv7).
fn made_ms(order: PaymentId) -> i64 {
    let bytes = order.to_bytes();
    let ms = bytes.iter().take(6);
    ms.fold(0, |sum, byte| sum << 8 | i64::from(*byte))
}

impl Acquirer for CardHost {
    fn profile(&self) -> &AcquirerProfile {
        &self.profile
    }

    fn charge(&self, charge: Charge) -> Reply<'_, Answer> {
        Box::pin(self.in_turn(charge.order, self.send_charge(charge)))
    }

    fn forward(&self, charge: Charge) -> Reply<'_, Answer> {
        match self.offline_as {
            OfflineAs::Purchase => self.charge(charge),
            OfflineAs::Advice => Box::pin(self.in_turn(charge.order, self.send_advice(charge))),
        }
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(async move {
            match self.is_advising(order) {
                true => self.in_turn(order, self.find_out(order)).await,
                false => self.known(order),
            }
        })
    }

    fn reverse(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(self.in_turn(order, self.undo(order)))
    }

    fn refund(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(self.in_turn(order, self.pay_back(order, refund, money)))
    }

    fn batches(&self) -> Option<&dyn Batches> {
        Some(self)
    }

    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>> {
        let limit = Duration::from_millis(self.profile.clock.answer_timeout_ms);
        Box::pin(async move {
            timeout(limit, self.session.echo())
                .await
                .unwrap_or(Err(NoAnswer::TimedOut))
        })
    }
}

impl fmt::Debug for CardHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardHost")
            .field("terminal", &self.session.station.terminal)
            .finish_non_exhaustive()
    }
}
