//! Money that goes back: a charge undone by its receipt's number, and refunds.
//!
//! A reversal needs no card and is of the terminal's own day; a refund needs the card again. Each
//! is in the book before it is sent, and after a lost answer the terminal's last booking is judged
//! as it is for a charge, before anything else is sent.

use super::{
    Asked, Outcome, OwnTerminal, Page, TerminalFact, money_of, no_answer, outcome_of, reference,
};
use crate::{
    device::zvt::{Failed, Job, StopAsking},
    domain::{
        ids::{PaymentId, RefundId},
        money::Money,
        payment::{Answer, Answered, NoAnswer, Verdict, answer::RefundVerdict},
    },
    wire::zvt::words,
};

impl OwnTerminal {
    pub(super) async fn undo(&self, order: PaymentId) -> Answer {
        if self.is_asking_for(order) {
            // whoever waits for the card's turn hears of it; one that is away is asked later
            let _ = self.deps.terminal.try_send(StopAsking);
        }
        let _mine = self.turn().await?;
        self.clear().await?;
        let page = self.read(|pages| pages.orders.get(&order).cloned());
        let Some(page) = page else {
            let at_ms = self.deps.clock.now().unix_ms();
            self.write(TerminalFact::Buried { order, at_ms }).await?;
            return self.known(order);
        };
        let verdict = match page.outcome.clone() {
            Some(Outcome::Booked { receipt, trace }) => {
                self.undo_booked(order, &page, receipt, trace).await?
            }
            None | Some(Outcome::Unproven { .. }) => return self.known(order),
            Some(Outcome::Declined { .. } | Outcome::Nothing | Outcome::Reversed) => {
                Verdict::Reversed
            }
        };
        Ok(Answered { order, verdict })
    }

    async fn undo_booked(
        &self,
        order: PaymentId,
        page: &Page,
        receipt: u16,
        trace: u32,
    ) -> Result<Verdict, NoAnswer> {
        let kept = Verdict::NotReversible {
            acquirer_ref: reference(receipt, trace),
            money: money_of(&page.asked)?,
        };
        if page.has_refunds_but(None) {
            return Ok(kept);
        }
        let Asked {
            minor, currency, ..
        } = page.asked;
        let asked = self.asked(minor, currency).await?;
        self.write(TerminalFact::Undoing { order, asked }).await?;
        match self.perform(Job::Reverse { receipt }).await {
            Ok(done) => {
                self.seen(done.status.as_ref()).await?;
                match outcome_of(&done, &asked)? {
                    Outcome::Booked { .. } => self.undone(order).await,
                    _ => {
                        self.write(TerminalFact::NotUndone { order }).await?;
                        Ok(kept)
                    }
                }
            }
            Err(failed @ (Failed::NotSent(_) | Failed::Refused(_))) => {
                self.write(TerminalFact::NotUndone { order }).await?;
                Err(no_answer(failed))
            }
            Err(failed) => Err(no_answer(failed)),
        }
    }

    async fn undone(&self, order: PaymentId) -> Result<Verdict, NoAnswer> {
        let outcome = Outcome::Reversed;
        self.write(TerminalFact::Answered { order, outcome })
            .await?;
        Ok(Verdict::Reversed)
    }

    pub(super) async fn pay_back(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Result<RefundVerdict, NoAnswer> {
        let _mine = self.turn().await?;
        self.clear().await?;
        let page = self.read(|pages| pages.orders.get(&order).cloned());
        let not_kept = || NoAnswer::Refused("the terminal's book has it no longer".into());
        let page = page.ok_or_else(not_kept)?;
        let Some(Outcome::Booked { receipt, .. }) = page.outcome else {
            return Err(NoAnswer::Refused("this order holds no money".into()));
        };
        let is_whole = page.asked.minor == money.minor_units();
        let mut may_reverse = is_whole && !page.has_refunds_but(Some(refund));
        if let Some(begun) = page.refunds.get(&refund) {
            match &begun.outcome {
                // it came to nothing: once more
                None | Some(Outcome::Nothing) => may_reverse = begun.whole,
                Some(outcome) => return refund_verdict(outcome, money),
            }
        }
        let currency = money.currency().numeric();
        if may_reverse {
            let job = Job::Reverse { receipt };
            let outcome = self.send_refund(order, refund, money, job, true).await?;
            if matches!(outcome, Outcome::Booked { .. }) {
                return self.paid_back(order, refund, outcome, money).await;
            }
        }
        // of another day, or in part: the terminal needs the card again
        let minor = money.minor_units();
        let job = Job::Refund { minor, currency };
        let outcome = self.send_refund(order, refund, money, job, false).await?;
        self.paid_back(order, refund, outcome, money).await
    }

    async fn send_refund(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
        job: Job,
        whole: bool,
    ) -> Result<Outcome, NoAnswer> {
        let currency = money.currency().numeric();
        let asked = self.asked(money.minor_units(), currency).await?;
        let begun = TerminalFact::Refunding {
            order,
            refund,
            asked,
            whole,
        };
        self.write(begun).await?;
        let done = self.perform(job).await.map_err(no_answer)?;
        self.seen(done.status.as_ref()).await?;
        outcome_of(&done, &asked)
    }

    async fn paid_back(
        &self,
        order: PaymentId,
        refund: RefundId,
        outcome: Outcome,
        money: Money,
    ) -> Result<RefundVerdict, NoAnswer> {
        let verdict = refund_verdict(&outcome, money);
        self.write(TerminalFact::Refunded {
            order,
            refund,
            outcome,
        })
        .await?;
        verdict
    }
}

fn refund_verdict(outcome: &Outcome, money: Money) -> Result<RefundVerdict, NoAnswer> {
    match outcome {
        Outcome::Booked { receipt, trace } => Ok(RefundVerdict::Refunded {
            acquirer_ref: reference(*receipt, *trace),
            money,
        }),
        Outcome::Declined { code } => Ok(RefundVerdict::Refused {
            code: format!("{code:02X}"),
            text: words(*code).into(),
        }),
        Outcome::Unproven { why } => Err(NoAnswer::Refused(why.clone())),
        Outcome::Nothing | Outcome::Reversed => Ok(RefundVerdict::InProgress),
    }
}
