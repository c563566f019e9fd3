//! Refunds: idempotent by refund number, in parts, never beyond the payment.

use super::{Desk, Failure, held, merchant, now_ms, order_answer, payer, refund_answer, reversed};
use crate::acquirer::answer::{Answer, State};
use crate::acquirer::ledger::{Fact, Ledger, Posting};
use crate::acquirer::order::{
    CURRENCY_MISMATCH, Fate, ORDER_NOT_PAID, ORDER_REVERSED, Order, OrderState,
    REFUND_EXCEEDS_PAYMENT, RefundOpened, Refusal,
};
use crate::acquirer::request::{Ask, NewRefund};
use crate::acquirer::rules::Verdict;

impl Desk {
    pub(super) fn refund(
        &self,
        ledger: &mut Ledger,
        ask: &Ask,
        (id, refund): (&str, &str),
        body: &NewRefund,
        verdict: Option<Verdict>,
    ) -> Result<Answer, Failure> {
        let fingerprint = self.fingerprint(ask)?;
        let Some(order) = ledger.order(id) else {
            return Ok(Answer::bare(id, Some(refund), State::NotFound));
        };
        if let Some(known) = order.refunds.get(refund) {
            return match known.opened.fingerprint == fingerprint {
                true => Ok(Answer::of_refund(order, known)),
                false => Err(Failure::Conflict),
            };
        }
        let now = now_ms();
        let mut opened = RefundOpened {
            refund: refund.to_owned(),
            reference: format!("SBR{:012}", ledger.next_seq()),
            fingerprint,
            amount: body.amount,
            plan: None,
        };
        let end = match (check(order, body), verdict) {
            (Err(refusal), _) => Some(declined(order, refund, refusal)),
            (Ok(()), Some(Verdict::Decline { code })) => {
                let refusal = Refusal::new(code, "the refund was refused");
                Some(declined(order, refund, refusal))
            }
            (Ok(()), Some(Verdict::Verifying { for_ms, then })) => {
                opened.plan = self.plan(now, for_ms, then, order.opened.tender);
                None
            }
            (Ok(()), _) => Some(paid(order, &opened)),
        };
        let open = Fact::RefundOpened {
            order: id.to_owned(),
            refund: opened,
        };
        ledger.commit(now, std::iter::once(open).chain(end).collect())?;
        Ok(refund_answer(ledger, id, refund))
    }
}

fn check(order: &Order, body: &NewRefund) -> Result<(), Refusal> {
    match order.state {
        OrderState::Approved => {}
        OrderState::Reversed => {
            return Err(Refusal::new(ORDER_REVERSED, "the order was reversed"));
        }
        _ => return Err(Refusal::new(ORDER_NOT_PAID, "the order is not paid")),
    }
    if body.currency != order.opened.currency {
        return Err(Refusal::new(
            CURRENCY_MISMATCH,
            "the order is in another currency",
        ));
    }
    if body.amount > order.opened.amount - order.reserved() {
        let text = "more than what is left of the payment";
        return Err(Refusal::new(REFUND_EXCEEDS_PAYMENT, text));
    }
    Ok(())
}

fn paid(order: &Order, refund: &RefundOpened) -> Fact {
    let customer = payer(&order.opened, None);
    let postings = Posting::pair(&merchant(&order.opened), &customer, refund.amount);
    let [order, refund] = [order.opened.order.clone(), refund.refund.clone()];
    Fact::RefundPaid {
        order,
        refund,
        postings,
    }
}

fn declined(order: &Order, refund: &str, refusal: Refusal) -> Fact {
    let [order, refund] = [order.opened.order.clone(), refund.to_owned()];
    Fact::RefundDeclined {
        order,
        refund,
        refusal,
    }
}

/// What a refund's plan has come to.
pub(super) fn settle(order: &Order, refund: &str) -> Option<Fact> {
    let refund = order.refunds.get(refund)?;
    match &refund.opened.plan.as_ref()?.then {
        Fate::Approve => Some(paid(order, &refund.opened)),
        Fate::Decline(refusal) => Some(declined(order, &refund.opened.refund, refusal.clone())),
        Fate::Close => None,
    }
}

/// What was paid and reversed stands again, what was held and let go of is held again.
pub(super) fn reinstate(ledger: &mut Ledger, id: &str) -> Result<Answer, Failure> {
    let Some(order) = ledger.order(id) else {
        return Ok(Answer::bare(id, None, State::NotFound));
    };
    let rest = order.opened.amount - order.reserved();
    if order.state == OrderState::Reversed && !rest.is_zero() {
        let customer = payer(&order.opened, None);
        let again = Fact::Reinstated {
            order: id.to_owned(),
            postings: Posting::pair(&customer, &merchant(&order.opened), rest),
        };
        ledger.commit(now_ms(), vec![again])?;
    } else if order.opened.hold && order.state == OrderState::Closed {
        let again = held(&order.opened);
        ledger.commit(now_ms(), vec![again])?;
    }
    order_answer(ledger, id)
}

/// A paid order is reversed: refunds under way are off, and the rest goes back.
pub(super) fn reverse_paid(order: &Order) -> Vec<Fact> {
    let off = || Refusal::new(ORDER_REVERSED, "the order was reversed meanwhile");
    let open = order
        .refunds
        .values()
        .filter(|refund| refund.state.is_open());
    let off = open.map(|refund| declined(order, &refund.opened.refund, off()));
    off.chain([reversed(order, &payer(&order.opened, None))])
        .collect()
}
