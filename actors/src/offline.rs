//! Cards accepted without the acquirer's word: who lends out the risk, and who brings the charges
//! to the acquirer afterwards.
//!
//! The rules are `domain/offline`'s; the counter accepts (`counter/offline`), within what the
//! `Lender` has lent it. The `Forwarder` gives each accepted payment its turn, in the order of
//! acceptance, once an acquirer can be reached.

mod forwarder;
mod lender;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use crate::{counter::Counter, domain::ids::CounterId, supervisor::Handle};

pub use forwarder::{Forwarder, ForwarderDeps};
pub use lender::{Claim, Lender, LenderDeps, Release};

/// The store's counters, which are made after those who need them here.
#[derive(Clone, Default)]
pub struct Counters(Arc<OnceLock<BTreeMap<CounterId, Handle<Counter>>>>);

impl Counters {
    /// Said once, when the store is wired.
    pub fn are(&self, counters: BTreeMap<CounterId, Handle<Counter>>) {
        self.0.get_or_init(|| counters);
    }

    pub(crate) fn get(&self, id: &CounterId) -> Option<Handle<Counter>> {
        self.0.get()?.get(id).cloned()
    }

    /// Who looks after the payments of this counter: itself, or the first one if the configuration
    /// has it no longer.
    pub(crate) fn holder(&self, id: &CounterId) -> Option<Handle<Counter>> {
        let all = self.0.get()?;
        all.get(id).or_else(|| all.values().next()).cloned()
    }
}
