//! Undoing an order: `cancel` closes it unpaid or pays it back, `close` closes what waits for its
//! buyer and nothing else.
//!
//! Who was shown a QR and has scanned it may pay at any moment. `close` never moves money: an order
//! that is not paid ends there, and one that was paid after all is seen to be, by `query`, before
//! `cancel` pays it back at once behind it.

use store_actors::domain::{
    ids::PaymentId,
    payment::{Answer, Answered, Verdict},
};

use super::{Alipay, words};

impl Alipay {
    pub(super) async fn cancelled(&self, order: PaymentId) -> Answer {
        let number = words::number(order);
        let said = self.call("alipay.trade.cancel", &number).await?;
        if said.can_not_be_cancelled() {
            return Ok(as_it_is(self.standing(order).await?));
        }
        said.of_cancel(order)
    }

    pub(super) async fn closed(&self, order: PaymentId) -> Answer {
        let number = words::number(order);
        let said = self.call("alipay.trade.close", &number).await?;
        if !said.waits_for_no_buyer() {
            return said.of_close(order);
        }
        // paid at the last moment, or closed an earlier time whose answer was lost
        let standing = self.standing(order).await?;
        match standing.verdict {
            Verdict::Reversed => Ok(standing),
            _ => self.cancelled(order).await,
        }
    }
}

/// What is paid and can't be cancelled any more is refunded.
fn as_it_is(standing: Answered) -> Answered {
    let verdict = match standing.verdict {
        Verdict::Approved {
            acquirer_ref,
            money,
            ..
        } => Verdict::NotReversible {
            acquirer_ref,
            money,
        },
        other => other,
    };
    Answered {
        verdict,
        ..standing
    }
}
