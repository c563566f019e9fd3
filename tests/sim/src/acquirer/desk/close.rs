//! Closing: an order that nobody has paid is closed; a paid one stays as it is.

use super::{Desk, Failure, approved, now_ms, order_answer};
use crate::acquirer::answer::{Answer, State};
use crate::acquirer::ledger::{Fact, Ledger};
use crate::acquirer::rules::Verdict;

impl Desk {
    pub(super) fn close(
        &self,
        ledger: &mut Ledger,
        id: &str,
        verdict: Option<Verdict>,
    ) -> Result<Answer, Failure> {
        let Some(order) = ledger.order(id) else {
            return Ok(Answer::bare(id, None, State::NotFound));
        };
        if !order.state.is_open() {
            return Ok(Answer::of_order(order));
        }
        let fact = match verdict {
            Some(Verdict::CustomerPaysFirst) => approved(&order.opened, None),
            Some(Verdict::Decline { code }) => {
                let text = "closing was refused";
                return Ok(Answer::of_order(order).with_code(&code, text));
            }
            Some(Verdict::Verifying { .. }) => {
                return Ok(Answer {
                    state: State::Verifying,
                    ..Answer::of_order(order)
                });
            }
            _ => Fact::Closed {
                order: id.to_owned(),
            },
        };
        ledger.commit(now_ms(), vec![fact])?;
        order_answer(ledger, id)
    }
}
