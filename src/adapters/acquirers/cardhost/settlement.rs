//! The settlement of the terminal's batch: totals, details where they are wanted, the end.
//!
//! Each step is in the book before its message leaves, under the trace number that it keeps however
//! often it is sent, and is left behind only when the host has answered. So a crash, or a host that
//! falls silent, costs a repetition of one message and nothing else, and the batch's number moves
//! on only behind the end. From the first step to the end nothing else is sent: what came into the
//! batch after its totals would be in neither side's.

use std::time::Duration;

use store_actors::{
    domain::{
        money::Money,
        office::settlement::{Settlement, Side},
        payment::NoAnswer,
        tender::Scheme,
        timestamp::Timestamp,
    },
    ports::{Batches, Due, OpenBatch, Reply},
    wire::iso8583::{
        Codes, Compared, Decoded, Detail, Field, Message, Response, Sum, Totals, Trace,
        settlement::DETAILS_MAX,
    },
};
use tokio::{sync::RwLockReadGuard, time::timeout};
use zeroize::Zeroizing;

use super::{
    CardHost,
    batch::{Booked, Settled, Settling, after},
    money_of,
    pages::Fact,
    says,
    session::{nonsense, unsendable},
};
use crate::crash;

/// What acquirers of this protocol differ in when a batch is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettlementRules {
    pub codes: Codes,
    /// Whether these messages bear a MAC.
    pub is_sealed: bool,
    /// Whether a void is a credit beside the debit that it voids, or neither is counted.
    pub counts_voids: bool,
    /// Whether details are wanted although the totals agree.
    pub always_upload: bool,
    /// A batch of so many transactions is full.
    pub transactions_max: u32,
}

impl Default for SettlementRules {
    fn default() -> Self {
        Self {
            codes: Codes::default(),
            is_sealed: true,
            counts_voids: true,
            always_upload: false,
            transactions_max: 400,
        }
    }
}

/// Beyond so many transactions nothing more goes into a batch: a count has three digits, and what
/// is under way must fit as well.
const BATCH_MAX: usize = 950;

fn being_settled() -> NoAnswer {
    NoAnswer::NotSent("the terminal's batch is being settled".into())
}

impl CardHost {
    /// Ends when no settlement is under way, and holds the next one off; not sent if that takes too
    /// long.
    pub(super) async fn unsettled(&self) -> Result<RwLockReadGuard<'_, ()>, NoAnswer> {
        let patience = Duration::from_millis(self.profile.clock.answer_timeout_ms) / 2;
        let open = timeout(patience, self.line.read()).await;
        let open = open.map_err(|_| being_settled())?;
        match self.session.read(|pages| pages.settling.is_some()) {
            true => Err(being_settled()),
            false => Ok(open),
        }
    }

    async fn settle_batch(&self) -> Result<(), NoAnswer> {
        let _alone = self.line.write().await;
        let begun = self.session.read(|pages| pages.settling);
        let settling = match begun {
            Some(settling) => settling,
            None => match self.begin().await? {
                Some(settling) => settling,
                None => return Ok(()),
            },
        };
        crash::point("settlement-begun");
        let balanced = match settling.balanced {
            Some(balanced) => balanced,
            None => self.compare(&settling).await?,
        };
        crash::point("settlement-compared");
        if !balanced || self.settlement.always_upload {
            self.upload(&settling).await?;
        }
        self.end(settling.trace.batch, balanced).await
    }

    /// Adds the batch up; `None` if there is nothing in it.
    async fn begin(&self) -> Result<Option<Settling>, NoAnswer> {
        let batch = self.session.batch();
        let undecided = self.session.read(|pages| pages.undecided(batch));
        if undecided > 0 {
            let why = format!("{undecided} transactions of batch {batch} have no outcome yet");
            return Err(NoAnswer::Refused(why));
        }
        let booked = self.booked(batch);
        if booked.is_empty() {
            return Ok(None);
        }
        let mut totals = Totals::default();
        for one in &booked {
            let (_, is_domestic) = self.card_of(one)?;
            totals.add(is_domestic, one.is_credit, one.minor);
        }
        let Trace { stan, .. } = self.session.next_trace().await?;
        let begun = Fact::Settling {
            batch,
            stan,
            totals,
        };
        self.session.write(vec![begun]).await?;
        Ok(self.session.read(|pages| pages.settling))
    }

    fn booked(&self, batch: u32) -> Vec<Booked> {
        let with_voids = self.settlement.counts_voids;
        self.session.read(|pages| pages.booked(batch, with_voids))
    }

    /// The card of a transaction, and whether it is one of the host's own country.
    fn card_of(&self, one: &Booked) -> Result<(Zeroizing<String>, bool), NoAnswer> {
        let page = self
            .session
            .read(|pages| pages.orders.get(&one.order).cloned());
        let lost = || NoAnswer::Internal("a transaction of the batch has left the book".into());
        let card = self.card(one.order, &page.ok_or_else(lost)?)?;
        let pan = Zeroizing::new(card.pan.expose().to_owned());
        Ok((pan, card.scheme == Scheme::UnionPay))
    }

    /// The batch's currency: a terminal has one.
    fn currency(&self) -> Result<u16, NoAnswer> {
        let first = self.profile.currencies.first();
        let none = || NoAnswer::Internal("the acquirer takes no currency".into());
        first.map(|currency| currency.numeric()).ok_or_else(none)
    }

    /// Whether the host counts the same.
    async fn compare(&self, settling: &Settling) -> Result<bool, NoAnswer> {
        let (rules, trace) = (&self.settlement, settling.trace);
        let station = &self.session.station;
        let message = station.settlement(trace, &settling.totals, self.currency()?, rules.codes);
        let message = message.map_err(unsendable)?;
        let answer = self.told(&message, trace).await?;
        let answer = Decoded::decode(&answer).map_err(nonsense)?;
        let code = answer.text(Field::ResponseCode).unwrap_or_default();
        let compared = match (code.as_str(), Response::of(&code)) {
            ("95", _) => Compared::NotBalanced,
            // not every host puts a code beside its word on the totals
            ("", _) | (_, Response::Approved) => settling.totals.compared(&answer),
            (_, Response::Declined(why)) => {
                self.session.write(vec![Fact::NotSettled]).await?;
                return Err(says(&code, why));
            }
            (_, Response::Unknown(why)) => return Err(says(&code, why)),
            (_, Response::SignInAgain) => return Err(says(&code, "sign in again")),
        };
        let balanced = match compared {
            Compared::Balanced => true,
            Compared::NotBalanced => false,
            Compared::NotCompared => return Err(says(&code, "the totals were not compared")),
        };
        self.session
            .write(vec![Fact::Compared { balanced }])
            .await?;
        Ok(balanced)
    }

    /// All that is booked in the batch, eight by eight.
    async fn upload(&self, settling: &Settling) -> Result<(), NoAnswer> {
        let batch = settling.trace.batch;
        let booked = self.booked(batch);
        let mut through = settling.uploaded;
        let mut repeated = settling.uploading;
        while let Some(rest) = booked.get(at(through)..).filter(|rest| !rest.is_empty()) {
            let packed: Vec<Detail> = rest
                .iter()
                .take(DETAILS_MAX)
                .map(|one| self.detail(one))
                .collect::<Result<_, _>>()?;
            let stan = match repeated.take().filter(|(_, from)| *from == through) {
                Some((stan, _)) => stan,
                None => {
                    let Trace { stan, .. } = self.session.next_trace().await?;
                    let from = through;
                    self.session
                        .write(vec![Fact::Uploading { stan, from }])
                        .await?;
                    stan
                }
            };
            crash::point("settlement-uploading");
            let trace = Trace { stan, batch };
            let (station, codes) = (&self.session.station, self.settlement.codes);
            let message = station.upload(trace, &packed, codes).map_err(unsendable)?;
            self.taken(&message, trace).await?;
            through = through.saturating_add(number_of(packed.len()));
            self.session.write(vec![Fact::Uploaded { through }]).await?;
        }
        Ok(())
    }

    fn detail(&self, one: &Booked) -> Result<Detail, NoAnswer> {
        let (pan, is_domestic) = self.card_of(one)?;
        Ok(Detail {
            is_domestic,
            stan: one.stan,
            pan,
            minor: one.minor,
        })
    }

    async fn end(&self, batch: u32, balanced: bool) -> Result<(), NoAnswer> {
        let gone = || NoAnswer::Internal("the settlement has left the book".into());
        let settling = self.session.read(|pages| pages.settling);
        let settling = settling.ok_or_else(gone)?;
        let uploaded = settling.uploaded;
        let stan = match settling.ending {
            Some(stan) => stan,
            None => {
                let Trace { stan, .. } = self.session.next_trace().await?;
                self.session.write(vec![Fact::Ending { stan }]).await?;
                stan
            }
        };
        crash::point("settlement-ending");
        let trace = Trace { stan, batch };
        let (station, codes) = (&self.session.station, self.settlement.codes);
        let message = station.settlement_end(trace, uploaded, balanced, codes);
        self.taken(&message.map_err(unsendable)?, trace).await?;
        let settled = Settled {
            batch,
            next: after(batch),
            at_ms: self.session.clock.now().unix_ms(),
            currency: self.currency()?,
            sides: settling.totals.together(),
            balanced,
            uploaded,
        };
        self.session.write(vec![Fact::Settled(settled)]).await?;
        crash::point("settlement-ended");
        // the host names the next batch with the next keys
        self.session.sign_in_anew().await;
        tracing::info!(terminal = %station.terminal, batch, balanced, "the batch is settled");
        Ok(())
    }

    /// Sends a message that the host only has to take.
    async fn taken(&self, message: &Message, trace: Trace) -> Result<(), NoAnswer> {
        let answer = self.told(message, trace).await?;
        let answer = Decoded::decode(&answer).map_err(nonsense)?;
        let code = answer.text(Field::ResponseCode).unwrap_or_default();
        match (code.as_str(), Response::of(&code)) {
            // 94: it has it already
            ("94", _) | (_, Response::Approved) => Ok(()),
            (_, Response::Declined(why) | Response::Unknown(why)) => Err(says(&code, why)),
            (_, Response::SignInAgain) => Err(says(&code, "sign in again")),
        }
    }

    /// The host's verified answer. Once more with new keys, if it found fault with those we had.
    async fn told(&self, message: &Message, trace: Trace) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
        let limit = Duration::from_millis(self.profile.clock.answer_timeout_ms);
        let ask = || async {
            let asked = timeout(limit, self.say(message, trace)).await;
            asked.unwrap_or(Err(NoAnswer::TimedOut))
        };
        let answer = ask().await;
        match answer {
            Err(NoAnswer::Refused(_)) if !self.session.is_signed_in().await => ask().await,
            answer => answer,
        }
    }

    async fn say(&self, message: &Message, trace: Trace) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
        if !self.settlement.is_sealed {
            return self.session.unsealed(message, trace).await;
        }
        let keys = self.session.keys().await?;
        let frame = self.session.sealed(message, &keys)?;
        let stream = self.session.line.connect().await?;
        self.session
            .verified(stream, &frame, message, trace, &keys)
            .await
    }

    /// As the back office writes it down.
    fn written(&self, settled: &Settled) -> Option<Settlement> {
        let side = |sum: Sum| {
            let money: Money = money_of(sum.minor, settled.currency).ok()?;
            Some(Side {
                count: sum.count.into(),
                money,
            })
        };
        Some(Settlement {
            acquirer: self.profile.id.clone(),
            batch: settled.batch.into(),
            settled_at: Timestamp::from_unix_ms(settled.at_ms),
            debits: side(settled.sides.debits)?,
            credits: side(settled.sides.credits)?,
            balanced: settled.balanced,
            uploaded: settled.uploaded.into(),
        })
    }

    /// Whether nothing more goes into the batch: its totals could not be told any more.
    pub(super) fn is_full(&self) -> bool {
        let batch = self.session.batch();
        self.session.read(|pages| pages.booked(batch, true)).len() >= BATCH_MAX
    }
}

fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn number_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Batches for CardHost {
    fn open(&self) -> Option<OpenBatch> {
        let batch = self.session.batch();
        let (first_ms, orders) = self.session.read(|pages| pages.open_batch(batch))?;
        let begun = self.session.read(|pages| pages.settling.is_some());
        let is_full = number_of(orders) >= self.settlement.transactions_max;
        Some(OpenBatch {
            since: Timestamp::from_unix_ms(first_ms),
            due: match begun || is_full {
                true => Due::Now,
                false => Due::WithDay,
            },
        })
    }

    fn settle(&self) -> Reply<'_, Result<(), NoAnswer>> {
        Box::pin(self.settle_batch())
    }

    fn settled(&self) -> Vec<Settlement> {
        let settled = self.session.read(|pages| pages.settled.clone());
        settled.iter().filter_map(|one| self.written(one)).collect()
    }
}
