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
        Timer, answer::RefundVerdict, machine::Times,
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
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acquirer_ref: Option<String>,
    /// The acquirer's code and words where it refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_word: Option<Evidence>,
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
        if self.state != State::Approved {
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
        now: Timestamp,
    ) -> Vec<Effect> {
        if self.refund(id).is_some() || self.check_refund(money).is_err() {
            return Vec::new();
        }
        self.refunds.push(Refund {
            id,
            money,
            state: RefundState::Submitted,
            requested_at: now,
            changed_at: now,
            reason,
            fingerprint,
            acquirer_ref: None,
            refusal: None,
            last_word: None,
        });
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
        let again = Effect::Schedule(Timer::Refund(id), times.acquirer.refund_interval_ms);
        refund.answered(answer, times.now, again)
    }

    pub(super) fn refund_due(&self, id: RefundId) -> Vec<Effect> {
        let is_open = self
            .refund(id)
            .is_some_and(|refund| !refund.state.is_final());
        if is_open {
            vec![Effect::Refund(id)]
        } else {
            Vec::new()
        }
    }
}

impl Refund {
    fn answered(
        &mut self,
        answer: Result<RefundVerdict, NoAnswer>,
        now: Timestamp,
        again: Effect,
    ) -> Vec<Effect> {
        let said = match &answer {
            Ok(RefundVerdict::Refunded { .. }) => "refunded".into(),
            Ok(RefundVerdict::Refused { code, .. }) => format!("refused: {code}"),
            Ok(RefundVerdict::InProgress) => "in progress".into(),
            Err(no_answer) => no_answer.to_string(),
        };
        self.last_word = Some(Evidence {
            at: now,
            operation: Operation::Refund,
            said,
        });
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
                self.refusal = Some(format!("{code}: {text}"));
                self.become_state(RefundState::Refused, now);
                vec![Effect::Record]
            }
            _ if self.state == RefundState::Unknown => vec![again],
            _ => {
                self.become_state(RefundState::Unknown, now);
                vec![Effect::Record, again]
            }
        }
    }

    fn become_state(&mut self, state: RefundState, now: Timestamp) {
        self.state = state;
        self.changed_at = now;
    }
}
