//! Submitted, Verifying and Unknown: the acquirer has been asked, or may have been.
//!
//! Money may have moved from here on. Only the acquirer's own word ends it; no answer leads to
//! another question, and past the acquirer's clock to a reversal.

use super::masked;
use crate::domain::payment::{
    NoAnswer, Notice, Operation, Payment, Reason, State, Verdict,
    machine::{Effect, Event, Timer, Times},
};

impl Payment {
    /// Submitted, Verifying and Unknown: the acquirer has been asked, or may have been.
    pub(in crate::domain::payment) fn on_asked(
        &mut self,
        event: Event,
        times: &Times,
    ) -> Vec<Effect> {
        match event {
            Event::Answer {
                operation: Operation::Reverse | Operation::Refund,
                ..
            } => Vec::new(),
            Event::Answer { operation, answer } => {
                self.remember(times.now, operation, &answer);
                match self.checked(answer) {
                    Ok(verdict) => self.told(verdict, times),
                    Err(NoAnswer::NotSent(_))
                        if operation == Operation::Charge && self.state == State::Submitted =>
                    {
                        self.cancel(Reason::AcquirerUnreachable, times.now)
                    }
                    Err(_) => self.learned_nothing(times),
                }
            }
            Event::Reroute { acquirer, why }
                if self.state == State::Submitted && matches!(why, NoAnswer::NotSent(_)) =>
            {
                self.remember(times.now, Operation::Charge, &Err(why));
                self.submit_to(acquirer, times);
                vec![Effect::Record, Effect::Charge]
            }
            Event::Timer(Timer::Query) | Event::Notified { .. } => {
                self.put_question(Operation::Query, times)
            }
            Event::Cancel(reason) => self.reverse(reason, times),
            _ => Vec::new(),
        }
    }

    fn told(&mut self, verdict: Verdict, times: &Times) -> Vec<Effect> {
        match verdict {
            Verdict::Approved {
                acquirer_ref,
                signature,
                ..
            } => {
                self.signature_asked(signature);
                self.approve(acquirer_ref, times.now)
            }
            Verdict::NotReversible { acquirer_ref, .. } => self.approve(acquirer_ref, times.now),
            Verdict::Declined { code, text } => {
                self.reason = Some(Reason::Acquirer {
                    acquirer_code: code,
                    text: masked(&text),
                });
                self.end(
                    State::Declined,
                    Notice::Declined {
                        reason: self.reason.clone(),
                    },
                    times.now,
                )
            }
            Verdict::Reversed => self.end(State::Reversed, Notice::Reversed, times.now),
            Verdict::Verifying => {
                if self.past_give_up(times) {
                    return self.reverse(Reason::CustomerTooSlow, times);
                }
                let is_news = self.state != State::Verifying;
                self.wait_in(State::Verifying, is_news, Notice::Verifying, times)
            }
            Verdict::Pending { qr } => self.told_pending(qr, times),
            // with some acquirers an order comes into being when the customer scans its QR
            Verdict::NotFound if self.qr.is_some() => self.told_pending(None, times),
            // the request may still be on its way: only a reversal makes sure that it comes to
            // nothing
            Verdict::NotFound if self.elapsed_ms(times) >= times.acquirer.reverse_not_before_ms => {
                self.reverse(Reason::NoOutcomeInTime, times)
            }
            Verdict::NotFound => self.learned_nothing(times),
        }
    }

    /// A merchant QR that nobody has paid yet. Without its text there is nothing to show: undo it.
    fn told_pending(&mut self, qr: Option<String>, times: &Times) -> Vec<Effect> {
        let Some(text) = qr.or_else(|| self.qr.clone()) else {
            return self.reverse(Reason::NoOutcomeInTime, times);
        };
        if self.elapsed_ms(times) >= times.acquirer.qr_expiry_ms {
            return self.reverse(Reason::CustomerTooSlow, times);
        }
        let is_news = self.qr.is_none() || self.state != State::Submitted;
        self.qr = Some(text.clone());
        let notice = Notice::ScanThis {
            money: self.money,
            qr: text,
        };
        self.wait_in(State::Submitted, is_news, notice, times)
    }

    fn learned_nothing(&mut self, times: &Times) -> Vec<Effect> {
        if self.past_give_up(times) {
            return self.reverse(Reason::NoOutcomeInTime, times);
        }
        // a QR on display stays there while one query fails: it can still be paid
        let state = match (&self.qr, self.state) {
            (Some(_), State::Submitted) => State::Submitted,
            _ => State::Unknown,
        };
        self.wait_in(state, self.state != state, Notice::Unknown, times)
    }

    /// Waits in `state` until the next query; recorded and shown only when it is news.
    fn wait_in(
        &mut self,
        state: State,
        is_news: bool,
        notice: Notice,
        times: &Times,
    ) -> Vec<Effect> {
        self.state = state;
        let again = self.again(Timer::Query, Operation::Query, times);
        if is_news {
            vec![Effect::Record, Effect::Show(notice), again]
        } else {
            vec![again]
        }
    }

    fn past_give_up(&self, times: &Times) -> bool {
        let limit_ms = match self.qr {
            Some(_) => times.acquirer.qr_expiry_ms,
            None => times.acquirer.give_up_ms,
        };
        self.elapsed_ms(times) >= limit_ms
    }
}
