//! Approvals that were given and are not used up: in memory, since they hold for two minutes.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use store_actors::domain::people::{
    approval::{Action, Approval, ApprovalRefused},
    deed::{By, What},
};

use super::{People, PeopleRefused, proof};

/// Approvals that are kept; the oldest goes.
const KEPT_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Approvals(Mutex<BTreeMap<String, Approval>>);

/// What shall be approved, by whom, for whom.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    pub action: Action,
    /// Who wants to do it.
    pub asked_by: &'a str,
    /// Who approves, and the proof of it.
    pub name: &'a str,
    pub secret: &'a str,
    pub from: &'a str,
}

impl People {
    /// Takes a second person's word for one action: the value that the request of it carries.
    ///
    /// # Errors
    /// It is not who it says, has to wait, or may not approve that.
    pub async fn approve(&self, wanted: Wanted<'_>) -> Result<String, PeopleRefused> {
        let Wanted {
            name, secret, from, ..
        } = wanted;
        let person = self.prove(name, secret, from, What::ApprovalFailed).await?;
        if !wanted.action.may_be_approved_by(person.role) {
            let by = By::Person(person.name.clone());
            self.note(self.deed(by, What::ApprovalFailed, None, from))
                .await;
            return Err(PeopleRefused::MayNotApprove(person.name));
        }
        let Action::Refund { payment, money } = wanted.action;
        let by = By::Person(person.name.clone());
        let mut deed = self.deed(by, What::ApprovalGiven, Some(&payment.to_string()), from);
        deed.money = Some(money);
        (self.write)(deed).await?;
        let value = proof::random(&*self.entropy);
        let approval = Approval {
            action: wanted.action,
            asked_by: wanted.asked_by.to_owned(),
            given_by: person.name,
            given_at: self.clock.now(),
            used_for: None,
        };
        self.approvals.add(proof::sha256(&value), approval);
        Ok(value)
    }

    /// Uses an approval for the request of this idempotency key: who gave it.
    ///
    /// # Errors
    /// It is not one, or not for this.
    pub fn use_approval(
        &self,
        value: &str,
        action: Action,
        person: &str,
        key: &str,
    ) -> Result<String, ApprovalRefused> {
        let mut kept = self
            .approvals
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let approval = kept.get_mut(&proof::sha256(value));
        let approval = approval.ok_or(ApprovalRefused::TooOld)?;
        approval.use_for(action, person, key, self.clock.now())?;
        Ok(approval.given_by.clone())
    }
}

impl Approvals {
    fn add(&self, hash: String, approval: Approval) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            let oldest = kept.iter().min_by_key(|(_, approval)| approval.given_at);
            if let Some(oldest) = oldest.map(|(hash, _)| hash.clone()) {
                kept.remove(&oldest);
            }
        }
        kept.insert(hash, approval);
    }
}
