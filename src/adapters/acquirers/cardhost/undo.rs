//! Reversals, voids and refunds: what is sent about a charge that the book holds.

use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        money::Money,
        payment::{Answer, Answered, NoAnswer, Verdict, answer::RefundVerdict},
    },
    wire::{
        emv::CardRead,
        iso8583::{Amount, Card, Kind, Message, Original, Response, Trace},
    },
};

use super::{
    CardHost, card_data, money_of,
    pages::{Approval, Fact, Outcome, Page, RefundPage},
    says,
    session::{Reply, unsendable},
    step, step_of, yymm,
};

/// Field 39 of a reversal: no answer came in time.
const NO_ANSWER: &str = "98";

impl CardHost {
    /// Undoes the order: by a reversal while nobody knows what became of it, by a void once it was
    /// approved. Each call sends one message about it at most.
    pub(super) async fn undo(&self, order: PaymentId) -> Answer {
        let Some(page) = self.session.read(|pages| pages.orders.get(&order).cloned()) else {
            return self.bury(order).await;
        };
        let open = self.unsettled().await?;
        let verdict = match &page.outcome {
            Some(Outcome::Declined { .. } | Outcome::Reversed) => Verdict::Reversed,
            None if page.advice => {
                drop(open);
                return self.find_out(order).await;
            }
            None => {
                self.reverse(order, &page, page.kind(), page.trace).await?;
                let outcome = Outcome::Reversed;
                self.session
                    .write(vec![Fact::Answered { order, outcome }])
                    .await?;
                Verdict::Reversed
            }
            Some(Outcome::Approved(approval)) => match page.void {
                Some(void) => {
                    self.reverse(order, &page, page.void_kind(), void).await?;
                    self.session.write(vec![Fact::NotVoided { order }]).await?;
                    let why = "a void without an answer was undone; it is sent again".into();
                    return Err(NoAnswer::Refused(why));
                }
                None => self.void(order, &page, approval).await?,
            },
        };
        Ok(Answered { order, verdict })
    }

    /// Nothing was ever sent of it, and nothing will be.
    async fn bury(&self, order: PaymentId) -> Answer {
        let known = self.known(order)?;
        if known.verdict == Verdict::NotFound {
            let at_ms = self.session.clock.now().unix_ms();
            self.session
                .write(vec![Fact::Buried { order, at_ms }])
                .await?;
        }
        let verdict = Verdict::Reversed;
        Ok(Answered { order, verdict })
    }

    /// The 0400 of `original`, under its own trace number; ends well when the host says that it is
    /// undone.
    async fn reverse(
        &self,
        order: PaymentId,
        page: &Page,
        kind: Kind,
        original: Trace,
    ) -> Result<(), NoAnswer> {
        let card = self.card(order, page)?;
        let expiry = yymm(&card);
        let data = kept_data(&card, &expiry, page);
        let about = Original {
            trace: original,
            date: None,
            reference: None,
            authorisation: None,
        };
        let station = &self.session.station;
        let message = station.reversal(kind, amount(page, page.minor), &data, &about, NO_ANSWER);
        let message = message.map_err(unsendable)?;
        let reply = step("reversal", self.send(order, message, original)).await?;
        match Response::is_undone(&reply.code) {
            true => Ok(()),
            false => Err(says(&reply.code, "the host did not reverse it")),
        }
    }

    async fn void(
        &self,
        order: PaymentId,
        page: &Page,
        approval: &Approval,
    ) -> Result<Verdict, NoAnswer> {
        let kept = Verdict::NotReversible {
            acquirer_ref: approval.reference.clone(),
            money: money_of(approval.minor, page.currency)?,
        };
        // a sign-in names the batch
        self.session.keys().await?;
        let trace = self.session.next_trace().await?;
        // a void is of the same batch; what was settled is refunded instead, and what is held is in
        // no batch
        if trace.batch != page.trace.batch && !page.holds() {
            return Ok(kept);
        }
        let card = self.card(order, page)?;
        let expiry = yymm(&card);
        let data = kept_data(&card, &expiry, page);
        let about = original(page, approval);
        let (station, minor) = (&self.session.station, approval.minor);
        let message = station
            .financial(
                page.void_kind(),
                trace,
                amount(page, minor),
                &data,
                Some(&about),
            )
            .map_err(unsendable)?;
        let Trace { stan, batch } = trace;
        self.session
            .write(vec![Fact::Voiding { order, stan, batch }])
            .await?;
        let sent = step(step_of(page.void_kind()), self.send(order, message, trace)).await;
        if matches!(sent, Err(NoAnswer::NotSent(_))) {
            self.session.write(vec![Fact::NotVoided { order }]).await?;
        }
        let reply = sent?;
        let (fact, verdict) = match Response::of(&reply.code) {
            Response::Approved => {
                let outcome = Outcome::Reversed;
                (Fact::Answered { order, outcome }, Verdict::Reversed)
            }
            Response::Declined(_) => (Fact::NotVoided { order }, kept),
            Response::Unknown(why) => return Err(says(&reply.code, why)),
            Response::SignInAgain => return Err(says(&reply.code, "sign in again")),
        };
        self.session.write(vec![fact]).await?;
        Ok(verdict)
    }

    /// The 0220 of a refund, under the same trace number however often it is sent.
    pub(super) async fn pay_back(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Result<RefundVerdict, NoAnswer> {
        let _open = self.unsettled().await?;
        let page = self.session.read(|pages| pages.orders.get(&order).cloned());
        let lost = || NoAnswer::Refused("the data of this charge is not kept any longer".into());
        let page = page.ok_or_else(lost)?;
        let Some(Outcome::Approved(approval)) = page.outcome.as_ref().filter(|_| !page.holds())
        else {
            return Err(NoAnswer::Refused("this order holds no money".into()));
        };
        let trace = match page.refunds.get(&refund) {
            Some(known) if known.outcome.is_some() => return refund_verdict(known, &page),
            Some(known) if known.minor != money.minor_units() => {
                let why = "this refund was begun with another amount".into();
                return Err(NoAnswer::Refused(why));
            }
            Some(known) => known.trace,
            None => {
                self.session.keys().await?;
                self.session.next_trace().await?
            }
        };
        let card = self.card(order, &page)?;
        let expiry = yymm(&card);
        let data = kept_data(&card, &expiry, &page);
        let about = original(&page, approval);
        let (station, minor) = (&self.session.station, money.minor_units());
        let message = station
            .financial(
                Kind::Refund,
                trace,
                amount(&page, minor),
                &data,
                Some(&about),
            )
            .map_err(unsendable)?;
        if !page.refunds.contains_key(&refund) {
            let Trace { stan, batch } = trace;
            let begun = Fact::Refunding {
                order,
                refund,
                stan,
                batch,
                minor,
            };
            self.session.write(vec![begun]).await?;
        }
        let reply = step(step_of(Kind::Refund), self.send(order, message, trace)).await?;
        let outcome = match Response::of(&reply.code) {
            Response::Approved => Outcome::Approved(Approval {
                minor,
                ..reply.approval
            }),
            Response::Declined(text) => Outcome::Declined {
                code: reply.code,
                text: text.into(),
            },
            // 94, a repeated transaction, is one of these: it does not say what became of the first
            Response::Unknown(why) => return Err(says(&reply.code, why)),
            Response::SignInAgain => return Err(says(&reply.code, "sign in again")),
        };
        let known = RefundPage {
            trace,
            minor,
            outcome: Some(outcome.clone()),
        };
        self.session
            .write(vec![Fact::Refunded {
                order,
                refund,
                outcome,
            }])
            .await?;
        refund_verdict(&known, &page)
    }

    pub(super) async fn send(
        &self,
        order: PaymentId,
        message: Message,
        trace: Trace,
    ) -> Result<Reply, NoAnswer> {
        let message = self.named(message, order)?;
        let keys = self.session.keys().await.map_err(|why| match why {
            NoAnswer::NotSent(why) => NoAnswer::NotSent(why),
            other => NoAnswer::NotSent(format!("before the message: {other}")),
        })?;
        let frame = self.session.sealed(&message, &keys)?;
        let stream = self.session.line.connect().await?;
        self.session
            .ask(stream, &frame, &message, trace, &keys)
            .await
    }

    pub(super) fn card(&self, order: PaymentId, page: &Page) -> Result<CardRead, NoAnswer> {
        let lost = || NoAnswer::Refused("what was kept of the card can't be opened".into());
        self.seal.unseal(order, &page.card).ok_or_else(lost)
    }
}

pub(super) fn kept_data<'a>(card: &'a CardRead, expiry: &'a str, page: &Page) -> Card<'a> {
    Card {
        with_pin: page.with_pin,
        ..card_data(card, expiry, None)
    }
}

fn amount(page: &Page, minor: u64) -> Amount {
    Amount {
        minor,
        currency: page.currency,
    }
}

pub(super) fn original<'a>(page: &Page, approval: &'a Approval) -> Original<'a> {
    Original {
        trace: page.trace,
        date: approval.date.as_deref(),
        reference: Some(&approval.reference),
        authorisation: approval.authorisation.as_deref(),
    }
}

fn refund_verdict(refund: &RefundPage, page: &Page) -> Result<RefundVerdict, NoAnswer> {
    match &refund.outcome {
        Some(Outcome::Approved(approval)) => Ok(RefundVerdict::Refunded {
            acquirer_ref: approval.reference.clone(),
            money: money_of(refund.minor, page.currency)?,
        }),
        Some(Outcome::Declined { code, text }) => Ok(RefundVerdict::Refused {
            code: code.clone(),
            text: text.clone(),
        }),
        Some(Outcome::Reversed) | None => Ok(RefundVerdict::InProgress),
    }
}
