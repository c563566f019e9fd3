//! The store's offline budget: one total, lent in slices to the counters.
//!
//! What all counters have been lent together never exceeds the total, and what a counter has
//! accepted never exceeds what it was lent. So no two counters can spend the same money, and a
//! counter may go on within its lease while whoever lends can't be reached. A lease is a ceiling on
//! what the counter has outstanding: as payments are confirmed, there is room in it again. What a
//! counter does not need is asked back when another one needs it.
//!
//! Pure: the clock, the journal and the counters are the caller's.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{CardToken, OfflineLimits, OfflineRefused, OfflineTotal};
use crate::domain::{
    ids::{CounterId, PaymentId},
    money::{Currency, Money},
    timestamp::Timestamp,
};
use crate::mutants::{self, Mutant};

/// A claim that the journal does not know after so long came to nothing, milliseconds.
pub const CLAIM_MAX_AGE_MS: u64 = 60_000;

/// One payment's risk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    pub counter: CounterId,
    pub money: Money,
    pub card: CardToken,
    pub at: Timestamp,
}

/// A sum in minor units and a count: how much is lent, or outstanding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    pub minor_units: u64,
    pub count: u32,
}

impl Share {
    pub fn of(money: Money) -> Self {
        Self {
            minor_units: money.minor_units(),
            count: 1,
        }
    }

    pub fn plus(self, other: Share) -> Self {
        Self {
            minor_units: self.minor_units.saturating_add(other.minor_units),
            count: self.count.saturating_add(other.count),
        }
    }

    pub fn minus(self, other: Share) -> Self {
        Self {
            minor_units: self.minor_units.saturating_sub(other.minor_units),
            count: self.count.saturating_sub(other.count),
        }
    }

    pub const fn covers(self, other: Share) -> bool {
        self.minor_units >= other.minor_units && self.count >= other.count
    }

    fn least(self, other: Share) -> Self {
        Self {
            minor_units: self.minor_units.min(other.minor_units),
            count: self.count.min(other.count),
        }
    }

    fn most(self, other: Share) -> Self {
        Self {
            minor_units: self.minor_units.max(other.minor_units),
            count: self.count.max(other.count),
        }
    }
}

impl From<OfflineTotal> for Share {
    fn from(total: OfflineTotal) -> Self {
        Self {
            minor_units: total.sum.minor_units(),
            count: total.count,
        }
    }
}

/// Why a claim is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotGranted {
    Refused(OfflineRefused),
    /// It would be, if these counters gave back what they don't need.
    AskBack(Vec<CounterId>),
}

/// The budget, its leases and what is at risk.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: OfflineLimits,
    total: Share,
    leases: BTreeMap<CounterId, Share>,
    exposures: BTreeMap<PaymentId, Exposure>,
    /// Known to the journal, so that a claim that came to nothing can be told.
    booked: BTreeSet<PaymentId>,
}

impl Budget {
    pub fn new(limits: OfflineLimits) -> Self {
        Self {
            total: limits.total.into(),
            limits,
            leases: BTreeMap::new(),
            exposures: BTreeMap::new(),
            booked: BTreeSet::new(),
        }
    }

    /// The head office's word wins over the configuration. Leases that are out stay valid: the
    /// caller asks back what the counters don't need.
    pub fn set_total(&mut self, total: OfflineTotal) {
        self.total = total.into();
    }

    /// Grants `claim` under its payment's id, with the counter's lease as it then is.
    ///
    /// # Errors
    /// Why not, or whom to ask first. Nothing is changed then.
    pub fn claim(
        &mut self,
        id: PaymentId,
        claim: Exposure,
        now: Timestamp,
    ) -> Result<Share, NotGranted> {
        self.check(id, &claim, now).map_err(NotGranted::Refused)?;
        let counter = claim.counter.clone();
        let lease = self.leases.get(&counter).copied().unwrap_or_default();
        let needed = self.outstanding(&counter).plus(Share::of(claim.money));
        let lease = if lease.covers(needed) {
            lease
        } else {
            self.extended(&counter, lease, needed)?
        };
        self.leases.insert(counter, lease);
        self.exposures.insert(id, claim);
        Ok(lease)
    }

    /// A larger lease, if the total has room for it: a slice at a time, less if less is left.
    fn extended(
        &self,
        counter: &CounterId,
        lease: Share,
        needed: Share,
    ) -> Result<Share, NotGranted> {
        let others: Vec<_> = self
            .leases
            .iter()
            .filter(|(id, _)| *id != counter)
            .collect();
        let lent = others
            .iter()
            .fold(Share::default(), |sum, (_, lease)| sum.plus(**lease));
        let room = match mutants::is_planted(Mutant::LentTwice) {
            true => self.total,
            false => self.total.minus(lent),
        };
        let wish = lease.plus(self.limits.slice.into()).most(needed);
        let granted = wish.least(room).most(lease);
        if granted.covers(needed) {
            return Ok(granted);
        }
        // what the others have in use can't come back; what they only hold can
        let in_use = |id: &CounterId| self.outstanding(id);
        let used = others
            .iter()
            .fold(Share::default(), |sum, (id, _)| sum.plus(in_use(id)));
        if self.total.minus(used).covers(needed) {
            let idle = others
                .into_iter()
                .filter(|(id, lease)| **lease != in_use(id));
            return Err(NotGranted::AskBack(
                idle.map(|(id, _)| id.clone()).collect(),
            ));
        }
        Err(NotGranted::Refused(OfflineRefused::BudgetUsedUp))
    }

    fn check(&self, id: PaymentId, claim: &Exposure, now: Timestamp) -> Result<(), OfflineRefused> {
        if self.is_too_old(now) {
            return Err(OfflineRefused::TooOld);
        }
        let same_card = self
            .exposures
            .iter()
            .filter(|(known, exposure)| **known != id && exposure.card == claim.card);
        card_has_room(
            &self.limits,
            same_card.map(|(_, exposure)| exposure.money),
            claim.money,
        )
    }

    fn is_too_old(&self, now: Timestamp) -> bool {
        let oldest = self.exposures.values().map(|exposure| exposure.at).min();
        oldest.is_some_and(|at| now.since_ms(at) > self.limits.max_age_ms)
    }

    /// What a counter has claimed and not been relieved of.
    pub fn outstanding(&self, counter: &CounterId) -> Share {
        let own = self
            .exposures
            .values()
            .filter(|exposure| exposure.counter == *counter);
        own.fold(Share::default(), |sum, exposure| {
            sum.plus(Share::of(exposure.money))
        })
    }

    /// A counter keeps this much of its lease and gives the rest back.
    pub fn gave_back(&mut self, counter: &CounterId, keeps: Share) {
        let keeps = keeps.most(self.outstanding(counter));
        if let Some(lease) = self.leases.get_mut(counter) {
            *lease = lease.least(keeps);
        }
    }

    /// The claim came to nothing, or its payment has ended.
    pub fn release(&mut self, id: PaymentId) {
        self.exposures.remove(&id);
        self.booked.remove(&id);
    }

    /// What the journal says is at risk, whoever accepted it; claims that are too young to be in it
    /// stay. A counter that accepted within its lease on its own account is heard of here.
    pub fn reconcile(
        &mut self,
        journal: impl IntoIterator<Item = (PaymentId, Exposure)>,
        now: Timestamp,
    ) {
        let journal: BTreeMap<_, _> = journal.into_iter().collect();
        let booked = std::mem::take(&mut self.booked);
        self.exposures
            .retain(|id, claim| !booked.contains(id) && now.since_ms(claim.at) < CLAIM_MAX_AGE_MS);
        self.booked = journal.keys().copied().collect();
        self.exposures.extend(journal);
        let counters: BTreeSet<_> = self
            .exposures
            .values()
            .map(|exposure| exposure.counter.clone())
            .collect();
        for counter in counters {
            let outstanding = self.outstanding(&counter);
            let lease = self.leases.entry(counter).or_default();
            *lease = lease.most(outstanding);
        }
    }

    /// Claims that the journal does not show yet.
    pub fn has_claims(&self) -> bool {
        self.exposures.len() > self.booked.len()
    }

    pub fn status(&self, now: Timestamp) -> OfflineStatus {
        let used = self
            .exposures
            .values()
            .fold(Share::default(), |sum, exposure| {
                sum.plus(Share::of(exposure.money))
            });
        let (is_full, is_too_old) = (!self.total.covers(used.plus(ONE)), self.is_too_old(now));
        let closed = match (is_full, is_too_old) {
            (true, _) => Some(OfflineRefused::BudgetUsedUp),
            (_, true) => Some(OfflineRefused::TooOld),
            _ => None,
        };
        OfflineStatus {
            currency: self.limits.total.sum.currency(),
            total: self.total,
            used,
            oldest_at: self.exposures.values().map(|exposure| exposure.at).min(),
            leases: self.leases.clone(),
            closed,
        }
    }
}

/// The least that can be accepted.
const ONE: Share = Share {
    minor_units: 1,
    count: 1,
};

/// The budget as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineStatus {
    pub currency: Currency,
    pub total: Share,
    pub used: Share,
    pub oldest_at: Option<Timestamp>,
    pub leases: BTreeMap<CounterId, Share>,
    /// Why nothing more is accepted, if nothing is.
    pub closed: Option<OfflineRefused>,
}

/// Whether a card that has already paid `paid` offline may pay `money` more.
///
/// # Errors
/// It may not.
pub fn card_has_room(
    limits: &OfflineLimits,
    paid: impl Iterator<Item = Money>,
    money: Money,
) -> Result<(), OfflineRefused> {
    let used = paid
        .chain([money])
        .fold(Share::default(), |sum, money| sum.plus(Share::of(money)));
    if Share::from(limits.per_card).covers(used) {
        Ok(())
    } else {
        Err(OfflineRefused::CardUsedUp)
    }
}

#[cfg(test)]
mod tests;
