//! A supervisor's approval in place: for one action, its very amount, once, and not for long.
//!
//! It is used for the request of one idempotency key: the same request repeated, after a lost
//! answer, is the same action.

use thiserror::Error;

use super::{
    Role,
    access::{Grant, Permission},
};
use crate::domain::{ids::PaymentId, money::Money, timestamp::Timestamp};

/// How long an approval waits to be used, milliseconds.
pub const HOLDS_MS: u64 = 2 * 60_000;

/// What is approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Refund { payment: PaymentId, money: Money },
}

impl Action {
    pub const fn needs(self) -> Permission {
        match self {
            Action::Refund { .. } => Permission::GiveBack,
        }
    }

    /// Whether somebody of this role may do it alone, and so approve it for others.
    pub const fn may_be_approved_by(self, role: Role) -> bool {
        matches!(self.needs().of_role(role), Grant::Yes)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub action: Action,
    /// Who asked for it: it is nobody else's.
    pub asked_by: String,
    pub given_by: String,
    pub given_at: Timestamp,
    /// The idempotency key that it was used with.
    pub used_for: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ApprovalRefused {
    #[error("this approval is too old; ask again")]
    TooOld,
    #[error("this approval was given for something else")]
    AnotherAction,
    #[error("this approval was given to somebody else")]
    AnotherPerson,
    #[error("this approval has been used")]
    Used,
}

impl Approval {
    /// Uses it for this action of `person`, under this key.
    ///
    /// # Errors
    /// It was not given for that, or is used or old.
    pub fn use_for(
        &mut self,
        action: Action,
        person: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<(), ApprovalRefused> {
        if self.action != action {
            return Err(ApprovalRefused::AnotherAction);
        }
        if self.asked_by != person {
            return Err(ApprovalRefused::AnotherPerson);
        }
        match &self.used_for {
            Some(used) if used == key => return Ok(()),
            Some(_) => return Err(ApprovalRefused::Used),
            None => {}
        }
        if !self.is_fresh(now) {
            return Err(ApprovalRefused::TooOld);
        }
        self.used_for = Some(key.to_owned());
        Ok(())
    }

    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.since_ms(self.given_at);
        age <= HOLDS_MS && self.given_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::office::statement::tests::yuan;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000).plus_ms(ms)
    }

    #[test]
    fn it_is_good_for_one_thing_once() {
        let payment = PaymentId::new(at(0), [7; 10]);
        let refund = |text| Action::Refund {
            payment,
            money: yuan(text),
        };
        let mut approval = Approval {
            action: refund("5.00"),
            asked_by: "cashier".into(),
            given_by: "supervisor".into(),
            given_at: at(0),
            used_for: None,
        };
        let mut try_it =
            |action, person: &str, key: &str, ms| approval.use_for(action, person, key, at(ms));
        let five = refund("5.00");
        assert_eq!(
            try_it(refund("5.01"), "cashier", "k", 1),
            Err(ApprovalRefused::AnotherAction)
        );
        let other = Action::Refund {
            payment: PaymentId::new(at(1), [7; 10]),
            money: yuan("5.00"),
        };
        assert_eq!(
            try_it(other, "cashier", "k", 1),
            Err(ApprovalRefused::AnotherAction)
        );
        assert_eq!(
            try_it(five, "somebody", "k", 1),
            Err(ApprovalRefused::AnotherPerson)
        );
        assert_eq!(
            try_it(five, "cashier", "k", HOLDS_MS + 1),
            Err(ApprovalRefused::TooOld)
        );
        assert_eq!(try_it(five, "cashier", "k", HOLDS_MS), Ok(()));
        assert_eq!(
            try_it(five, "cashier", "k", HOLDS_MS * 2),
            Ok(()),
            "the same request again"
        );
        assert_eq!(try_it(five, "cashier", "k2", 2), Err(ApprovalRefused::Used));
    }

    #[test]
    fn who_needs_approval_gives_none() {
        let action = Action::Refund {
            payment: PaymentId::new(at(0), [7; 10]),
            money: yuan("5.00"),
        };
        let may = Role::ALL
            .into_iter()
            .filter(|role| action.may_be_approved_by(*role));
        assert_eq!(may.collect::<Vec<_>>(), [Role::Supervisor, Role::Manager]);
    }
}
