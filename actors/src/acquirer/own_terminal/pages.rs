//! What is known of each charge at the terminal: facts, and the pages they add up to. Pure.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{
    batches::{ENDED_KEPT, EndedDay, is_booked},
    proof::{Asked, Before},
};
use crate::domain::ids::{PaymentId, RefundId};

/// One entry of a terminal's book. One that begins something is on disk before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case", deny_unknown_fields)]
pub enum TerminalFact {
    /// The terminal's last booking, as it said itself.
    Last {
        booked: Before,
    },
    Charged {
        order: PaymentId,
        asked: Asked,
    },
    /// What came of the charge, of its undoing, or of the search for it.
    Answered {
        order: PaymentId,
        outcome: Outcome,
    },
    /// What the terminal has booked for it is to be signed for.
    Signs {
        order: PaymentId,
    },
    Undoing {
        order: PaymentId,
        asked: Asked,
    },
    NotUndone {
        order: PaymentId,
    },
    /// Undone before it was sent: it never will be.
    Buried {
        order: PaymentId,
        at_ms: i64,
    },
    Refunding {
        order: PaymentId,
        refund: RefundId,
        asked: Asked,
        /// By a reversal of the whole, without the card.
        whole: bool,
    },
    Refunded {
        order: PaymentId,
        refund: RefundId,
        outcome: Outcome,
    },
    /// The terminal is told to end its day.
    Ending {
        at_ms: i64,
    },
    /// It would not.
    NotEnded,
    Ended(EndedDay),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Booked {
        receipt: u16,
        trace: u32,
    },
    Declined {
        code: u8,
    },
    /// The terminal has booked nothing since before it was sent.
    Nothing,
    Reversed,
    /// What it booked last may be another's: only a person can tell.
    Unproven {
        why: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundPage {
    pub asked: Asked,
    pub whole: bool,
    pub outcome: Option<Outcome>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub asked: Asked,
    /// `None`: sent, and nobody knows.
    pub outcome: Option<Outcome>,
    /// An undoing that was sent and has no answer.
    pub undoing: Option<Asked>,
    /// The customer is to sign for it.
    pub signature: bool,
    pub refunds: BTreeMap<RefundId, RefundPage>,
}

/// A question that was sent and has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Charge(PaymentId),
    Undoing(PaymentId),
    Refund(PaymentId, RefundId),
}

/// All that is known of one terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    pub last: Option<Before>,
    pub orders: HashMap<PaymentId, Page>,
    pub buried: HashMap<PaymentId, i64>,
    /// When the end of a day without an answer was asked for, first and last.
    pub ending: Option<(i64, i64)>,
    /// The last ones, oldest first.
    pub ended: Vec<EndedDay>,
}

impl Pages {
    pub fn of(facts: impl IntoIterator<Item = TerminalFact>) -> Self {
        let mut pages = Self::default();
        facts.into_iter().for_each(|fact| pages.add(fact));
        pages
    }

    /// Adds a fact. One about an order that is not here says nothing: its page was too old to keep.
    pub fn add(&mut self, fact: TerminalFact) {
        match fact {
            TerminalFact::Last { booked } => self.last = Some(booked),
            TerminalFact::Charged { order, asked } => {
                let page = Page {
                    asked,
                    outcome: None,
                    undoing: None,
                    signature: false,
                    refunds: BTreeMap::new(),
                };
                self.orders.insert(order, page);
            }
            TerminalFact::Answered { order, outcome } => self.page(order, |page| {
                page.outcome = Some(outcome);
                page.undoing = None;
            }),
            TerminalFact::Signs { order } => self.page(order, |page| page.signature = true),
            TerminalFact::Undoing { order, asked } => {
                self.page(order, |page| page.undoing = Some(asked));
            }
            TerminalFact::NotUndone { order } => self.page(order, |page| page.undoing = None),
            TerminalFact::Buried { order, at_ms } => {
                self.buried.insert(order, at_ms);
            }
            TerminalFact::Refunding {
                order,
                refund,
                asked,
                whole,
            } => self.page(order, |page| {
                let begun = RefundPage {
                    asked,
                    whole,
                    outcome: None,
                };
                page.refunds.insert(refund, begun);
            }),
            TerminalFact::Refunded {
                order,
                refund,
                outcome,
            } => self.page(order, |page| {
                if let Some(refund) = page.refunds.get_mut(&refund) {
                    refund.outcome = Some(outcome);
                }
            }),
            TerminalFact::Ending { at_ms } => {
                let first_ms = self.ending.map_or(at_ms, |(first_ms, _)| first_ms);
                self.ending = Some((first_ms, at_ms));
            }
            TerminalFact::NotEnded => self.ending = None,
            TerminalFact::Ended(day) => {
                self.ending = None;
                self.ended.push(day);
                let too_many = self.ended.len().saturating_sub(ENDED_KEPT);
                self.ended.drain(..too_many);
            }
        }
    }

    /// What was booked since the last end of a day: whether money went back, and how much.
    pub fn in_batch(&self) -> impl Iterator<Item = (bool, Asked)> + '_ {
        let after_ms = self.ended.last().map_or(i64::MIN, |last| last.begun_ms);
        let booked = self.orders.values().flat_map(Page::booked);
        booked.filter(move |(_, asked)| asked.at_ms > after_ms)
    }

    /// The question that was sent and has no answer, if there is one. At most one: the next is not
    /// sent before.
    pub fn open(&self) -> Option<(Question, Asked)> {
        let pages = self.orders.iter();
        let open = pages.flat_map(|(order, page)| page.open(*order));
        open.max_by_key(|(_, asked)| asked.at_ms)
    }

    /// Whether this booking is known to be of another question.
    pub fn is_taken(&self, receipt: u16, trace: u32) -> bool {
        let booked = Outcome::Booked { receipt, trace };
        let is_it = |outcome: Option<&Outcome>| outcome == Some(&booked);
        let mut pages = self.orders.values();
        pages.any(|page| {
            let mut refunds = page.refunds.values();
            is_it(page.outcome.as_ref()) || refunds.any(|one| is_it(one.outcome.as_ref()))
        })
    }

    /// The facts that make these pages anew, without what is settled and older than `keep_from_ms`.
    pub fn facts(&self, keep_from_ms: i64) -> Vec<TerminalFact> {
        let mut facts: Vec<_> = self
            .last
            .map(|booked| TerminalFact::Last { booked })
            .into_iter()
            .collect();
        let buried = self
            .buried
            .iter()
            .filter(|(_, at_ms)| **at_ms >= keep_from_ms);
        facts.extend(buried.map(|(order, at_ms)| TerminalFact::Buried {
            order: *order,
            at_ms: *at_ms,
        }));
        facts.extend(self.ended.iter().copied().map(TerminalFact::Ended));
        let ending = self.ending.map(|(first_ms, last_ms)| [first_ms, last_ms]);
        let ending = ending.into_iter().flatten();
        facts.extend(ending.map(|at_ms| TerminalFact::Ending { at_ms }));
        for (order, page) in &self.orders {
            if page.asked.at_ms >= keep_from_ms || page.is_open() {
                facts.extend(page.facts(*order));
            }
        }
        facts
    }

    fn page(&mut self, order: PaymentId, change: impl FnOnce(&mut Page)) {
        if let Some(page) = self.orders.get_mut(&order) {
            change(page);
        }
    }
}

impl Page {
    fn is_open(&self) -> bool {
        let is_refunding = self.refunds.values().any(|refund| refund.outcome.is_none());
        self.outcome.is_none() || self.undoing.is_some() || is_refunding
    }

    fn open(&self, order: PaymentId) -> Vec<(Question, Asked)> {
        let charge = self.outcome.is_none();
        let charge = charge.then_some((Question::Charge(order), self.asked));
        let undoing = self.undoing.map(|asked| (Question::Undoing(order), asked));
        let refunds = self.refunds.iter();
        let refunds = refunds.filter(|(_, refund)| refund.outcome.is_none());
        let refunds = refunds.map(|(refund, page)| (Question::Refund(order, *refund), page.asked));
        charge.into_iter().chain(undoing).chain(refunds).collect()
    }

    /// Whether a refund but this one has moved money, or may have.
    pub(super) fn has_refunds_but(&self, refund: Option<RefundId>) -> bool {
        let mut others = self.refunds.iter().filter(|(id, _)| Some(**id) != refund);
        others.any(|(_, other)| {
            !matches!(
                other.outcome,
                Some(Outcome::Nothing | Outcome::Declined { .. })
            )
        })
    }

    fn booked(&self) -> Vec<(bool, Asked)> {
        let charge = is_booked(self.outcome.as_ref()).then_some((false, self.asked));
        let refunds = self.refunds.values();
        let refunds = refunds.filter(|refund| is_booked(refund.outcome.as_ref()));
        let refunds = refunds.map(|refund| (true, refund.asked));
        charge.into_iter().chain(refunds).collect()
    }

    fn facts(&self, order: PaymentId) -> Vec<TerminalFact> {
        let asked = self.asked;
        let mut facts = vec![TerminalFact::Charged { order, asked }];
        facts.extend(self.signature.then_some(TerminalFact::Signs { order }));
        let outcome = self.outcome.clone();
        facts.extend(outcome.map(|outcome| TerminalFact::Answered { order, outcome }));
        facts.extend(
            self.undoing
                .map(|asked| TerminalFact::Undoing { order, asked }),
        );
        for (refund, page) in &self.refunds {
            facts.push(TerminalFact::Refunding {
                order,
                refund: *refund,
                asked: page.asked,
                whole: page.whole,
            });
            let outcome = page.outcome.clone();
            facts.extend(outcome.map(|outcome| TerminalFact::Refunded {
                order,
                refund: *refund,
                outcome,
            }));
        }
        facts
    }
}
