//! What was sent and has no answer is found out before anything else is sent.
//!
//! The terminal tells of its last booking alone: a charge, a reversal and a refund all cover the
//! trail of what came before. So there is one question without an answer at most, and who asks the
//! next one, for whatever payment, clears it first. What can't be told then never will be: it is
//! kept as that, with the reason, and holds up nothing.

use super::{NoAnswer, Outcome, OwnTerminal, Pages, Question, TerminalFact, Whose};

const TAKEN: &str = "the terminal's last receipt is another payment's";

impl OwnTerminal {
    /// Finds out what became of the question without an answer, if there is one.
    pub(super) async fn clear(&self) -> Result<(), NoAnswer> {
        while let Some((question, asked)) = self.read(Pages::open) {
            let (whose, last) = self.judged(&asked).await?;
            let whose = match whose {
                Whose::Ours(one) if self.read(|pages| pages.is_taken(one.receipt, one.trace)) => {
                    Whose::Unproven(TAKEN)
                }
                whose => whose,
            };
            if let (Question::Charge(order), Whose::Ours(_)) = (question, &whose) {
                self.signs(order, last.as_ref()).await?;
            }
            self.write(found(question, whose)).await?;
        }
        Ok(())
    }
}

fn found(question: Question, whose: Whose) -> TerminalFact {
    let outcome = match whose {
        Whose::Ours(booking) => Outcome::Booked {
            receipt: booking.receipt,
            trace: booking.trace,
        },
        Whose::NothingNew => Outcome::Nothing,
        Whose::Unproven(why) => Outcome::Unproven { why: why.into() },
    };
    match (question, outcome) {
        (Question::Charge(order), outcome) => TerminalFact::Answered { order, outcome },
        (Question::Undoing(order), Outcome::Booked { .. }) => TerminalFact::Answered {
            order,
            outcome: Outcome::Reversed,
        },
        (Question::Undoing(order), Outcome::Nothing) => TerminalFact::NotUndone { order },
        // whether the money is back can't be told
        (Question::Undoing(order), outcome) => TerminalFact::Answered { order, outcome },
        (Question::Refund(order, refund), outcome) => TerminalFact::Refunded {
            order,
            refund,
            outcome,
        },
    }
}
