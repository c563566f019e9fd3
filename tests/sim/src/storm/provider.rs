//! The acquirer in a storm: requests are lost, late and doubled, answers are lost, late, broken,
//! or another order's; customers take their time. The ledger is always right.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        link::LinkRules,
        money::{Currency, Money},
        payment::{AcquirerClock, Answer, Answered, NoAnswer, Verdict, answer::RefundVerdict},
        tender::{Scheme, Tender},
    },
    ports::{Acquirer, AcquirerProfile, Charge, Instrument, Reply},
};
use tokio::time::sleep;

use super::{
    dice::Dice,
    fate::Fate,
    ledger::{Later, Ledger, Part, Request, RequestFate},
    outage::{Cut, Outages},
};

pub type Books = Arc<Mutex<Ledger>>;

pub struct StormAcquirer {
    profile: AcquirerProfile,
    books: Books,
    fate: Fate,
    dice: Dice,
    outages: Outages,
}

impl StormAcquirer {
    /// A second one for customers' codes alone, asked when the first can't be.
    pub fn second(books: Books, fate: Fate, dice: Dice, outages: Outages) -> Self {
        let mut second = Self::new(books, fate, dice, outages);
        second.profile.id = "storm-2"
            .parse()
            .unwrap_or_else(|_| unreachable!("a plain name"));
        second.profile.tenders = vec![Tender::CustomerCode];
        second.profile.pre_authorises = false;
        second
    }

    pub fn new(books: Books, fate: Fate, dice: Dice, outages: Outages) -> Self {
        let profile = AcquirerProfile {
            id: "storm"
                .parse()
                .unwrap_or_else(|_| unreachable!("a plain name")),
            name: "Storm".into(),
            tenders: Tender::CONCRETE.to_vec(),
            schemes: vec![
                Scheme::Alipay,
                Scheme::WechatPay,
                Scheme::UnionPay,
                Scheme::Visa,
                Scheme::Mastercard,
            ],
            currencies: vec![Currency::Cny],
            pre_authorises: true,
            limits: Vec::new(),
            clock: AcquirerClock {
                // within which every late request of this storm has arrived
                give_up_ms: 60_000,
                ..AcquirerClock::USUAL
            },
            probe_interval: Duration::from_secs(5),
            link: LinkRules::USUAL,
        };
        Self {
            profile,
            books,
            fate,
            dice,
            outages,
        }
    }

    /// The ledger as it is at this moment.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        let mut ledger = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.settle(self.fate.elapsed_ms());
        ledger
    }

    fn faults(&self, percent: u64) -> bool {
        !self.fate.is_calm() && self.dice.percent(percent)
    }

    /// Whether the request gets out at all.
    async fn way_out(&self) -> Result<(), NoAnswer> {
        match self.outages.at(self.fate.elapsed_ms()) {
            None => Ok(()),
            Some(Cut::Refused) => Err(NoAnswer::NotSent("no route to host".into())),
            Some(Cut::Vanishes) => {
                sleep(Duration::from_secs(10)).await;
                Err(NoAnswer::TimedOut)
            }
        }
    }

    async fn latency(&self) {
        let latency = match self.fate.is_calm() {
            true => Duration::from_millis(20),
            false => self.dice.ms(5, 900),
        };
        sleep(latency).await;
    }

    /// What becomes of an answer on its way back.
    async fn answered(&self, order: PaymentId, verdict: Verdict) -> Answer {
        let word = verdict.label();
        self.latency().await;
        let went_wrong = match self.dice.below(100) {
            _ if self.fate.is_calm() => None,
            0..7 => {
                sleep(Duration::from_secs(10)).await;
                Some(NoAnswer::TimedOut)
            }
            7..10 => Some(NoAnswer::ServerFailed(502)),
            10..13 => Some(NoAnswer::Broken("reset by peer".into())),
            13..15 => Some(NoAnswer::Forged),
            15..17 => {
                sleep(self.dice.ms(11_000, 25_000)).await;
                None
            }
            17..21 => {
                let another = self.ledger().another(order);
                if let Some(another) = another {
                    self.fate
                        .lives(|| format!("answer: {word} of {another} comes for {order}"))
                        .await;
                    return Ok(Answered {
                        order: another,
                        verdict: self.ledger().query(another),
                    });
                }
                None
            }
            _ => None,
        };
        match went_wrong {
            Some(no_answer) => {
                self.fate
                    .lives(|| format!("answer: {no_answer} for {order}"))
                    .await;
                Err(no_answer)
            }
            None => {
                self.fate
                    .lives(|| format!("answer: {word} for {order}"))
                    .await;
                Ok(Answered { order, verdict })
            }
        }
    }

    /// A card's issuer answers at once.
    fn issuer(&self) -> RequestFate {
        match self.dice.percent(85) {
            true => RequestFate::Pays,
            false => RequestFate::IsDeclined,
        }
    }

    fn customer(&self, is_qr: bool) -> RequestFate {
        let waits = |acts_after_ms, pays| RequestFate::Waits {
            acts_after_ms,
            pays,
        };
        match self.dice.below(100) {
            0..70 if !is_qr => RequestFate::Pays,
            70..85 if !is_qr => RequestFate::IsDeclined,
            _ if self.dice.percent(70) => waits(Some(self.dice.between(500, 100_000)), true),
            _ if self.dice.percent(50) => waits(Some(self.dice.between(500, 60_000)), false),
            _ => waits(None, false),
        }
    }
}

impl Acquirer for StormAcquirer {
    fn profile(&self) -> &AcquirerProfile {
        &self.profile
    }

    fn charge(&self, charge: Charge) -> Reply<'_, Answer> {
        Box::pin(async move {
            let order = charge.order;
            if self.faults(4) {
                return Err(NoAnswer::NotSent("connection refused".into()));
            }
            // a request that vanishes on its way has left
            if self.outages.at(self.fate.elapsed_ms()) != Some(Cut::Refused) {
                self.fate.lives(|| format!("charge: {order} leaves")).await;
                self.ledger().leaves(order);
            }
            self.way_out().await?;
            let is_qr = matches!(charge.instrument, Instrument::MerchantQr);
            let request = Request {
                money: charge.money,
                basket: charge.reference,
                is_qr,
                part: match charge.instrument {
                    Instrument::Hold { .. } => Part::Hold,
                    Instrument::Held { of } => Part::Takes(of),
                    _ => Part::Whole,
                },
                fate: match charge.instrument {
                    Instrument::Card { .. }
                    | Instrument::Hold { .. }
                    | Instrument::Held { .. }
                    | Instrument::AtTerminal => self.issuer(),
                    Instrument::Code(_) | Instrument::MerchantQr => self.customer(is_qr),
                },
            };
            if self.faults(6) {
                self.fate.tell(|| format!("charge: {order} is lost"));
                sleep(Duration::from_secs(10)).await;
                return Err(NoAnswer::TimedOut);
            }
            let now_ms = self.fate.elapsed_ms();
            let arrives = |request| Later::Arrives { order, request };
            if self.faults(6) {
                let at_ms = now_ms + self.dice.between(1_000, 40_000);
                self.ledger().plan(at_ms, arrives(request.clone()));
            }
            if self.faults(8) {
                let at_ms = now_ms + self.dice.between(1_000, 40_000);
                self.fate.tell(|| format!("charge: {order} takes long"));
                self.ledger().plan(at_ms, arrives(request));
                sleep(Duration::from_secs(10)).await;
                return Err(NoAnswer::TimedOut);
            }
            self.latency().await;
            let verdict = {
                let mut ledger = self.ledger();
                ledger.arrives(order, &request, self.fate.elapsed_ms());
                ledger.query(order)
            };
            self.answered(order, verdict).await
        })
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(async move {
            self.way_out().await?;
            self.fate.lives(|| format!("query: {order}")).await;
            self.latency().await;
            let verdict = self.ledger().query(order);
            self.answered(order, verdict).await
        })
    }

    fn reverse(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(async move {
            self.way_out().await?;
            self.fate.lives(|| format!("reverse: {order}")).await;
            self.latency().await;
            let verdict = {
                let mut ledger = self.ledger();
                match ledger.query(order) {
                    // unlike a closed order, one that is not known may still come
                    Verdict::NotFound if self.faults(30) => Verdict::NotFound,
                    Verdict::Approved {
                        acquirer_ref,
                        money,
                        ..
                    } if self.faults(15) => Verdict::NotReversible {
                        acquirer_ref,
                        money,
                    },
                    _ => ledger.reverse(order),
                }
            };
            self.answered(order, verdict).await
        })
    }

    fn refund(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(async move {
            self.way_out().await?;
            self.fate
                .lives(|| format!("refund: {money} of {order}"))
                .await;
            self.latency().await;
            if self.faults(10) {
                return Ok(RefundVerdict::InProgress);
            }
            let is_done = self.ledger().refund(order, refund, money);
            if self.faults(15) {
                return Err(NoAnswer::TimedOut);
            }
            self.fate
                .lives(|| format!("answer: refund of {order}: {is_done}"))
                .await;
            let (code, text) = ("NOT_PAID".into(), "nothing to refund".into());
            Ok(match is_done {
                true => RefundVerdict::Refunded {
                    acquirer_ref: "R1".into(),
                    money,
                },
                false => RefundVerdict::Refused { code, text },
            })
        })
    }

    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>> {
        Box::pin(async move {
            self.way_out().await?;
            self.latency().await;
            match self.faults(10) {
                true => Err(NoAnswer::TimedOut),
                false => Ok(()),
            }
        })
    }
}
