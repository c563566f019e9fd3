//! What is known of each charge at the terminal: facts, and the pages they add up to. Pure.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::proof::{Asked, Before};
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
    pub refunds: BTreeMap<RefundId, RefundPage>,
}

/// All that is known of one terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    pub last: Option<Before>,
    pub orders: HashMap<PaymentId, Page>,
    pub buried: HashMap<PaymentId, i64>,
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
                    refunds: BTreeMap::new(),
                };
                self.orders.insert(order, page);
            }
            TerminalFact::Answered { order, outcome } => self.page(order, |page| {
                page.outcome = Some(outcome);
                page.undoing = None;
            }),
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
        }
    }

    /// The charge that was sent and has no answer, if there is one: at most one, since the next is
    /// not sent before.
    pub fn open(&self) -> Option<(PaymentId, Asked)> {
        let mut open = self
            .orders
            .iter()
            .filter(|(_, page)| page.outcome.is_none());
        open.next().map(|(order, page)| (*order, page.asked))
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

    fn facts(&self, order: PaymentId) -> Vec<TerminalFact> {
        let asked = self.asked;
        let mut facts = vec![TerminalFact::Charged { order, asked }];
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
