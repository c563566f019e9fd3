//! Refunds: all or part of an approved payment back, each with an id of its own.
//!
//! A refund is kept with its payment, so that no sum of refunds can ever exceed it. It is repeated
//! under one id until the acquirer says refunded or refused; acquirers move money once per id, so
//! repeating is how an unknown refund is resolved.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    ids::{PaymentId, RefundId},
    money::{Money, MoneyRefused},
    payment::{
        Effect, Evidence, Fingerprint, NoAnswer, Notice, Operation, Payment, REFUNDS_MAX, State,
        Timer, answer::RefundVerdict, machine::Times, resolver::masked,
    },
    timestamp::Timestamp,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// On disk and asked for.
    Submitted,
    /// Asked for without an answer; it is being repeated under the same id.
    Unknown,
    Refunded,
    /// The acquirer's own word.
    Refused,
}

impl RefundState {
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Refunded | Self::Refused)
    }
}

/// Who asked for a refund and who allowed it, where people sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByWhom {
    pub by: Option<String>,
    pub approved_by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub id: RefundId,
    pub money: Money,
    pub state: RefundState,
    pub requested_at: Timestamp,
    pub changed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fingerprint: Option<Fingerprint>,
    /// The person or the program's token that asked for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    /// Who allowed it, where the one who asked may not alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approved_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acquirer_ref: Option<String>,
    /// The acquirer's code and words where it refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_word: Option<Evidence>,
    /// How often it was asked for.
    #[serde(default)]
    pub attempts: u32,
    /// When it may be asked for again, while there is no outcome.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
}

/// Why a refund can't be begun.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RefundRefused {
    #[error("only an approved payment can be refunded; this one is {}", .0.as_str())]
    NotApproved(State),
    #[error("at most {remaining} of this payment can still be refunded")]
    ExceedsPayment { remaining: Money },
    #[error("a refund must be more than zero")]
    Zero,
    #[error("a payment has at most {REFUNDS_MAX} refunds")]
    TooMany,
    #[error("the refund's amount is refused")]
    Money(#[from] MoneyRefused),
}

impl RefundId {
    /// The id of the refund that the store makes by itself: one per payment, the same after every
    /// restart.
    pub fn automatic(payment: PaymentId) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::new()
            .chain_update(b"automatic refund of ")
            .chain_update(payment.to_bytes())
            .finalize();
        let mut bytes = [0; 16];
        bytes
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        Self::from_bytes(bytes)
    }
}

impl Payment {
    /// What refunds have taken or may still take: all but the refused ones.
    pub fn refunded_or_pending(&self) -> Result<Money, MoneyRefused> {
        let live = self
            .refunds
            .iter()
            .filter(|refund| refund.state != RefundState::Refused);
        live.map(|refund| refund.money)
            .try_fold(Money::zero(self.money.currency()), Money::checked_add)
    }

    /// Whether a refund of `money` may begin.
    pub fn check_refund(&self, money: Money) -> Result<(), RefundRefused> {
        if !self.state.is_paid() {
            return Err(RefundRefused::NotApproved(self.state));
        }
        if money.is_zero() {
            return Err(RefundRefused::Zero);
        }
        if self.refunds.len() >= REFUNDS_MAX {
            return Err(RefundRefused::TooMany);
        }
        let remaining = self.money.checked_sub(self.refunded_or_pending()?)?;
        if money.exceeds(remaining)? {
            return Err(RefundRefused::ExceedsPayment { remaining });
        }
        Ok(())
    }

    pub(super) fn begin_refund(
        &mut self,
        id: RefundId,
        money: Money,
        reason: Option<String>,
        fingerprint: Option<Fingerprint>,
        by_whom: ByWhom,
        times: &Times,
    ) -> Vec<Effect> {
        if self.refund(id).is_some() || self.check_refund(money).is_err() {
            return Vec::new();
        }
        self.push_refund(id, money, reason, (fingerprint, by_whom), times)
    }

    /// All that is left of the payment, whatever its state: the acquirer said that it holds money
    /// which is not the store's to keep. Once, whoever asks.
    pub(super) fn begin_automatic_refund(
        &mut self,
        id: RefundId,
        why: &str,
        times: &Times,
    ) -> Vec<Effect> {
        let gone = self.refunded_or_pending();
        let rest = gone.and_then(|gone| self.money.checked_sub(gone));
        let has_place = self.refunds.len() < REFUNDS_MAX + 1;
        match rest {
            Ok(rest) if !rest.is_zero() && has_place && self.refund(id).is_none() => {
                let of_nobody = (None, ByWhom::default());
                self.push_refund(id, rest, Some(why.to_owned()), of_nobody, times)
            }
            _ => vec![Effect::Record],
        }
    }

    fn push_refund(
        &mut self,
        id: RefundId,
        money: Money,
        reason: Option<String>,
        (fingerprint, by_whom): (Option<Fingerprint>, ByWhom),
        times: &Times,
    ) -> Vec<Effect> {
        let now = times.now;
        let mut refund = Refund {
            id,
            money,
            state: RefundState::Submitted,
            requested_at: now,
            changed_at: now,
            reason,
            fingerprint,
            by: by_whom.by,
            approved_by: by_whom.approved_by,
            acquirer_ref: None,
            refusal: None,
            last_word: None,
            attempts: 0,
            due: None,
        };
        refund.asked(times);
        self.refunds.push(refund);
        vec![Effect::Record, Effect::Refund(id)]
    }

    pub(super) fn refund_answered(
        &mut self,
        id: RefundId,
        answer: Result<RefundVerdict, NoAnswer>,
        times: &Times,
    ) -> Vec<Effect> {
        let Some(refund) = self.refunds.iter_mut().find(|refund| refund.id == id) else {
            return Vec::new();
        };
        if refund.state.is_final() {
            return Vec::new();
        }
        refund.answered(answer, times)
    }

    /// Asks once more under the same id; the asking is on disk first.
    pub(super) fn refund_due(&mut self, id: RefundId, times: &Times) -> Vec<Effect> {
        let mut refunds = self.refunds.iter_mut();
        match refunds.find(|refund| refund.id == id && !refund.state.is_final()) {
            Some(refund) => {
                refund.asked(times);
                vec![Effect::Record, Effect::Refund(id)]
            }
            None => Vec::new(),
        }
    }

    /// After a restart: repeats what was due, waits for what was not.
    pub(super) fn take_up_refunds(&mut self, times: &Times) -> Vec<Effect> {
        let mut effects = Vec::new();
        let open = |refund: &&mut Refund| !refund.state.is_final();
        for refund in self.refunds.iter_mut().filter(open) {
            let wait_ms = refund.due.map_or(0, |due| due.since_ms(times.now));
            if wait_ms > 0 {
                let wait_ms = wait_ms.min(times.acquirer.longest_pause_ms());
                effects.push(Effect::Schedule(Timer::Refund(refund.id), wait_ms));
                continue;
            }
            refund.asked(times);
            effects.extend([Effect::Record, Effect::Refund(refund.id)]);
        }
        effects
    }
}

impl Refund {
    fn asked(&mut self, times: &Times) {
        self.attempts = self.attempts.saturating_add(1);
        self.due = Some(times.now.plus_ms(self.pause_ms(times)));
        self.last_word = Some(Evidence::sent(Operation::Refund, times.now));
    }

    fn pause_ms(&self, times: &Times) -> u64 {
        let clock = &times.acquirer;
        clock.doubled_ms(clock.refund_interval_ms, self.attempts)
    }

    fn answered(&mut self, answer: Result<RefundVerdict, NoAnswer>, times: &Times) -> Vec<Effect> {
        let now = times.now;
        let said = match &answer {
            Ok(RefundVerdict::Refunded { .. }) => "refunded".into(),
            Ok(RefundVerdict::Refused { code, .. }) => format!("refused: {code}"),
            Ok(RefundVerdict::InProgress) => "in progress".into(),
            Err(no_answer) => no_answer.to_string(),
        };
        let heard = Evidence::sent(Operation::Refund, now);
        self.last_word.get_or_insert(heard).answered(&said, now);
        let pause_ms = self.pause_ms(times);
        let again = Effect::Schedule(Timer::Refund(self.id), pause_ms);
        match answer {
            Ok(RefundVerdict::Refunded {
                acquirer_ref,
                money,
            }) if money == self.money => {
                self.acquirer_ref = Some(acquirer_ref);
                self.become_state(RefundState::Refunded, now);
                vec![Effect::Record, Effect::Show(Notice::Refunded { money })]
            }
            Ok(RefundVerdict::Refused { code, text }) => {
                self.refusal = Some(masked(&format!("{code}: {text}")));
                self.become_state(RefundState::Refused, now);
                vec![Effect::Record]
            }
            _ => {
                self.due = Some(now.plus_ms(pause_ms));
                if self.state != RefundState::Unknown {
                    self.become_state(RefundState::Unknown, now);
                }
                // what was said last is shown to whoever asks why
                vec![Effect::Record, again]
            }
        }
    }

    fn become_state(&mut self, state: RefundState, now: Timestamp) {
        if state.is_final() {
            self.due = None;
        }
        self.state = state;
        self.changed_at = now;
    }
}
