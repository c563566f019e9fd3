//! A batch in the book: what is in it, and how far its settlement has come. Pure.

use serde::{Deserialize, Serialize};
use store_actors::{
    domain::ids::PaymentId,
    wire::iso8583::{Sides, Totals, Trace},
};

use super::pages::{Fact, Outcome, Page, Pages, Part};

/// Settled batches that the book remembers: until the journal has them.
const SETTLED_KEPT: usize = 20;
/// Batch numbers have six digits and begin again at 1.
const BATCH_MAX: u32 = 999_999;

/// A settlement that was begun and has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settling {
    pub trace: Trace,
    pub totals: Totals,
    /// Whether the host counted the same; `None` until it has said so.
    pub balanced: Option<bool>,
    /// Details that the host has.
    pub uploaded: u32,
    /// The message of details without an answer: its trace number, and where it begins.
    pub uploading: Option<(u32, u32)>,
    /// The trace number of the end.
    pub ending: Option<u32>,
}

/// A batch that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settled {
    pub batch: u32,
    pub next: u32,
    pub at_ms: i64,
    pub currency: u16,
    pub sides: Sides,
    pub balanced: bool,
    pub uploaded: u32,
}

/// One transaction of a batch, as the host has booked it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Booked {
    pub order: PaymentId,
    pub stan: u32,
    pub minor: u64,
    pub is_credit: bool,
}

/// The number behind `batch`.
pub(super) const fn after(batch: u32) -> u32 {
    batch % BATCH_MAX + 1
}

impl Pages {
    pub(super) fn add_of_batch(&mut self, fact: Fact) {
        match fact {
            Fact::Settling {
                batch,
                stan,
                totals,
            } => {
                self.settling = Some(Settling {
                    trace: Trace { stan, batch },
                    totals,
                    balanced: None,
                    uploaded: 0,
                    uploading: None,
                    ending: None,
                });
            }
            Fact::NotSettled => self.settling = None,
            Fact::Settled(settled) => {
                self.settling = None;
                // the facts of a book written anew are no news of the batch
                if self.batch.is_none_or(|now| now == settled.batch) {
                    self.batch = Some(settled.next);
                }
                self.settled.push(settled);
                let too_many = self.settled.len().saturating_sub(SETTLED_KEPT);
                self.settled.drain(..too_many);
            }
            step => {
                if let Some(settling) = &mut self.settling {
                    settling.add(&step);
                }
            }
        }
    }

    /// The facts that make what is known of batches anew, but for the number of the open one.
    pub(super) fn batch_facts(&self) -> Vec<Fact> {
        let mut facts: Vec<Fact> = self.settled.iter().cloned().map(Fact::Settled).collect();
        // after those, which would move it on
        facts.extend(self.batch.map(|number| Fact::Batch { number }));
        if let Some(settling) = &self.settling {
            facts.extend(settling.facts());
        }
        facts
    }

    /// What is booked in a batch, in the order of the trace numbers. With voids as credits, or
    /// without both them and what they voided.
    pub(super) fn booked(&self, batch: u32, with_voids: bool) -> Vec<Booked> {
        let mut booked: Vec<Booked> = self
            .orders
            .iter()
            .flat_map(|(order, page)| page.booked(*order, with_voids))
            .filter(|(trace, _)| trace.batch == batch)
            .map(|(_, booked)| booked)
            .collect();
        booked.sort_unstable_by_key(|one| one.stan);
        booked
    }

    /// How many transactions of the batch have no outcome.
    pub(super) fn undecided(&self, batch: u32) -> usize {
        let orders = self.orders.values();
        orders
            .filter(|page| page.open_traces().any(|trace| trace.batch == batch))
            .count()
    }

    /// When the batch had its first charge, or began if it has refunds alone; and how many orders
    /// are in it. `None` if it is empty.
    pub(super) fn open_batch(&self, batch: u32) -> Option<(i64, usize)> {
        let inside = || {
            let pages = self.orders.values();
            pages.filter(|page| page.is_in(batch))
        };
        let charges = inside().filter(|page| page.trace.batch == batch);
        let first = charges.map(|page| page.at_ms).min();
        let begun = self.settled.last().map_or(self.begun_ms, |last| last.at_ms);
        match inside().count() {
            0 => None,
            orders => Some((first.unwrap_or(begun), orders)),
        }
    }
}

impl Settling {
    fn add(&mut self, step: &Fact) {
        match *step {
            Fact::Compared { balanced } => self.balanced = Some(balanced),
            Fact::Uploading { stan, from } => self.uploading = Some((stan, from)),
            Fact::Uploaded { through } => {
                self.uploaded = through;
                self.uploading = None;
            }
            Fact::Ending { stan } => self.ending = Some(stan),
            _ => {}
        }
    }

    fn facts(&self) -> Vec<Fact> {
        let Trace { stan, batch } = self.trace;
        let totals = self.totals;
        let begun = Fact::Settling {
            batch,
            stan,
            totals,
        };
        let uploaded = (self.uploaded > 0).then_some(Fact::Uploaded {
            through: self.uploaded,
        });
        [
            Some(begun),
            self.balanced.map(|balanced| Fact::Compared { balanced }),
            uploaded,
            self.uploading
                .map(|(stan, from)| Fact::Uploading { stan, from }),
            self.ending.map(|stan| Fact::Ending { stan }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Page {
    /// Whether something of it is in the batch.
    fn is_in(&self, batch: u32) -> bool {
        // it moves no money: its completion is in a batch
        if self.part == Some(Part::PreAuthorisation) {
            return false;
        }
        let voided = self.voided.as_ref().map(|(_, trace)| trace.batch);
        let refunds = self.refunds.values().map(|refund| refund.trace.batch);
        let mut batches = [self.trace.batch].into_iter().chain(voided).chain(refunds);
        let is_nothing = matches!(
            self.outcome,
            Some(Outcome::Declined { .. } | Outcome::Reversed)
        ) && self.voided.is_none();
        !is_nothing && batches.any(|other| other == batch)
    }

    fn open_traces(&self) -> impl Iterator<Item = Trace> {
        let charge = self.outcome.is_none().then_some(self.trace);
        let refunds = self.refunds.values();
        let refunds = refunds
            .filter(|refund| refund.outcome.is_none())
            .map(|refund| refund.trace);
        charge.into_iter().chain(self.void).chain(refunds)
    }

    fn booked(&self, order: PaymentId, with_voids: bool) -> Vec<(Trace, Booked)> {
        if self.part == Some(Part::PreAuthorisation) {
            return Vec::new();
        }
        let one = |trace: Trace, minor, is_credit| {
            let stan = trace.stan;
            let booked = Booked {
                order,
                stan,
                minor,
                is_credit,
            };
            (trace, booked)
        };
        let mut booked = Vec::new();
        if let Some(Outcome::Approved(approval)) = &self.outcome {
            booked.push(one(self.trace, approval.minor, false));
        }
        if let Some((approval, void)) = self.voided.as_ref().filter(|_| with_voids) {
            booked.push(one(self.trace, approval.minor, false));
            booked.push(one(*void, approval.minor, true));
        }
        let refunds = self.refunds.values();
        let done = refunds.filter(|refund| matches!(refund.outcome, Some(Outcome::Approved(_))));
        booked.extend(done.map(|refund| one(refund.trace, refund.minor, true)));
        booked
    }
}
