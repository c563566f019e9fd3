//! What is known of each charge: facts, and the pages that they add up to. Pure.
//!
//! A fact is written before the message that it is about leaves, or when its answer has come. The
//! protocol has no query, so these pages are all that can be said of an order without asking for
//! its reversal.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use store_actors::{
    domain::ids::{PaymentId, RefundId},
    wire::iso8583::{Kind, Totals, Trace},
};

use super::batch::{Settled, Settling};

/// Trace numbers have six digits and begin again at 1.
pub(super) const STAN_MAX: u32 = 999_999;

/// One line of the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Fact {
    /// The book was begun: of orders before this time it knows nothing.
    Begun {
        at_ms: i64,
    },
    /// Trace numbers up to here may have been used.
    Reserved {
        through: u32,
    },
    /// The host's batch.
    Batch {
        number: u32,
    },
    Charged {
        order: PaymentId,
        stan: u32,
        batch: u32,
        at_ms: i64,
        minor: u64,
        currency: u16,
        /// 071 and 072 differ, and a reversal says it as the charge did.
        with_pin: bool,
        /// Told as an advice, which is repeated and never reversed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        advice: bool,
        /// Of a pre-authorised sale.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<Part>,
        card: String,
    },
    /// Not a byte of it left, as is known now.
    Unsent {
        order: PaymentId,
    },
    Answered {
        order: PaymentId,
        outcome: Outcome,
    },
    Voiding {
        order: PaymentId,
        stan: u32,
        batch: u32,
    },
    /// The void came to nothing: it was refused, or was itself undone.
    NotVoided {
        order: PaymentId,
    },
    Refunding {
        order: PaymentId,
        refund: RefundId,
        stan: u32,
        batch: u32,
        minor: u64,
    },
    Refunded {
        order: PaymentId,
        refund: RefundId,
        outcome: Outcome,
    },
    /// Undone before it was sent: it never will be.
    Buried {
        order: PaymentId,
        at_ms: i64,
    },
    /// The batch takes nothing more: these are its totals.
    Settling {
        batch: u32,
        stan: u32,
        totals: Totals,
    },
    /// The host has held its own totals against them.
    Compared {
        balanced: bool,
    },
    /// Details from this one on are sent under this trace number.
    Uploading {
        stan: u32,
        from: u32,
    },
    Uploaded {
        through: u32,
    },
    Ending {
        stan: u32,
    },
    /// The host will not settle it now: it goes on.
    NotSettled,
    /// The batch has ended, and the next one has begun.
    Settled(Settled),
}

/// Which part of a pre-authorised sale an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    PreAuthorisation,
    /// Of this pre-authorisation.
    Completion {
        of: PaymentId,
    },
}

/// The host's verified word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Approved(Approval),
    Declined { code: String, text: String },
    Reversed,
}

/// What a later message needs of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Approval {
    /// Field 37.
    pub reference: String,
    /// Field 38.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<String>,
    /// Field 13, MMDD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Field 4: the host may approve another amount than was asked for.
    pub minor: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub trace: Trace,
    pub at_ms: i64,
    pub minor: u64,
    pub currency: u16,
    pub with_pin: bool,
    pub advice: bool,
    pub part: Option<Part>,
    /// Sealed.
    pub card: String,
    /// `None`: sent, and nobody knows.
    pub outcome: Option<Outcome>,
    /// A void that was sent and has no answer.
    pub void: Option<Trace>,
    /// What was approved and voided, and by which message.
    pub voided: Option<(Approval, Trace)>,
    pub refunds: BTreeMap<RefundId, RefundPage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RefundPage {
    pub trace: Trace,
    pub minor: u64,
    pub outcome: Option<Outcome>,
}

/// All that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pages {
    pub begun_ms: i64,
    /// The last trace number that may have been used.
    pub stan: u32,
    pub batch: Option<u32>,
    pub orders: HashMap<PaymentId, Page>,
    /// Undone before they were sent, and when.
    pub buried: HashMap<PaymentId, i64>,
    /// How far the batch's settlement has come; `None` while it is open.
    pub settling: Option<Settling>,
    /// The last ones, oldest first.
    pub settled: Vec<Settled>,
}

impl Pages {
    /// Adds a fact. One about an order that is not here says nothing: its page was too old to keep.
    pub(super) fn add(&mut self, fact: Fact) {
        match fact {
            Fact::Begun { at_ms } => self.begun_ms = at_ms,
            Fact::Reserved { through } => self.stan = through,
            Fact::Batch { number } => self.batch = Some(number),
            Fact::Charged {
                order,
                stan,
                batch,
                at_ms,
                minor,
                currency,
                with_pin,
                advice,
                part,
                card,
            } => {
                let page = Page {
                    trace: Trace { stan, batch },
                    at_ms,
                    minor,
                    currency,
                    with_pin,
                    advice,
                    part,
                    card,
                    outcome: None,
                    void: None,
                    voided: None,
                    refunds: BTreeMap::new(),
                };
                self.orders.insert(order, page);
            }
            Fact::Unsent { order } => {
                self.orders.remove(&order);
            }
            Fact::Buried { order, at_ms } => {
                self.buried.insert(order, at_ms);
            }
            Fact::Answered { order, outcome } => self.page(order, |page| {
                if let (Some(Outcome::Approved(approval)), Outcome::Reversed, Some(void)) =
                    (&page.outcome, &outcome, page.void)
                {
                    page.voided = Some((approval.clone(), void));
                }
                page.outcome = Some(outcome);
                page.void = None;
            }),
            Fact::Voiding { order, stan, batch } => {
                self.page(order, |page| page.void = Some(Trace { stan, batch }));
            }
            Fact::NotVoided { order } => self.page(order, |page| page.void = None),
            Fact::Refunding {
                order,
                refund,
                stan,
                batch,
                minor,
            } => self.page(order, |page| {
                let trace = Trace { stan, batch };
                let begun = RefundPage {
                    trace,
                    minor,
                    outcome: None,
                };
                page.refunds.insert(refund, begun);
            }),
            Fact::Refunded {
                order,
                refund,
                outcome,
            } => self.page(order, |page| {
                if let Some(refund) = page.refunds.get_mut(&refund) {
                    refund.outcome = Some(outcome);
                }
            }),
            about_a_batch => self.add_of_batch(about_a_batch),
        }
    }

    /// The facts that make these pages anew, without what is older than `keep_from_ms` and has an
    /// outcome: one whose outcome nobody knows, and one that holds money, is kept for as long as it
    /// takes.
    pub(super) fn facts(&self, keep_from_ms: i64) -> Vec<Fact> {
        let begun_ms = self.begun_ms.max(keep_from_ms);
        let mut facts = vec![
            Fact::Begun { at_ms: begun_ms },
            Fact::Reserved { through: self.stan },
        ];
        let buried = self
            .buried
            .iter()
            .filter(|(_, at_ms)| **at_ms >= keep_from_ms);
        facts.extend(buried.map(|(order, at_ms)| Fact::Buried {
            order: *order,
            at_ms: *at_ms,
        }));
        facts.extend(self.batch_facts());
        let taken: HashSet<PaymentId> = self.orders.values().filter_map(Page::taken).collect();
        for (order, page) in &self.orders {
            let still_holds = page.holds() && !taken.contains(order);
            if page.at_ms >= keep_from_ms || page.is_open() || still_holds {
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
    /// What it was sent as.
    pub(super) const fn kind(&self) -> Kind {
        match self.part {
            Some(Part::PreAuthorisation) => Kind::PreAuthorisation,
            Some(Part::Completion { .. }) => Kind::Completion,
            None if self.advice => Kind::OfflineAdvice,
            None => Kind::Purchase,
        }
    }

    /// What undoes it once it was approved.
    pub(super) const fn void_kind(&self) -> Kind {
        match self.part {
            Some(Part::PreAuthorisation) => Kind::PreAuthorisationCancel,
            Some(Part::Completion { .. }) => Kind::CompletionVoid,
            None => Kind::PurchaseVoid,
        }
    }

    /// Money is held by it, and may yet be taken or let go of: days later, too.
    pub(super) const fn holds(&self) -> bool {
        matches!(self.part, Some(Part::PreAuthorisation))
            && matches!(self.outcome, Some(Outcome::Approved(_)))
    }

    /// The pre-authorisation whose money it has taken.
    fn taken(&self) -> Option<PaymentId> {
        match (self.part, &self.outcome) {
            (Some(Part::Completion { of }), Some(Outcome::Approved(_))) => Some(of),
            _ => None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        let is_refunding = self.refunds.values().any(|refund| refund.outcome.is_none());
        self.outcome.is_none() || self.void.is_some() || is_refunding
    }

    fn facts(&self, order: PaymentId) -> Vec<Fact> {
        let Trace { stan, batch } = self.trace;
        let mut facts = vec![Fact::Charged {
            order,
            stan,
            batch,
            at_ms: self.at_ms,
            minor: self.minor,
            currency: self.currency,
            with_pin: self.with_pin,
            advice: self.advice,
            part: self.part,
            card: self.card.clone(),
        }];
        if let Some((approval, Trace { stan, batch })) = self.voided.clone() {
            let outcome = Outcome::Approved(approval);
            facts.push(Fact::Answered { order, outcome });
            facts.push(Fact::Voiding { order, stan, batch });
        }
        let outcome = self.outcome.clone();
        facts.extend(outcome.map(|outcome| Fact::Answered { order, outcome }));
        let void = self.void;
        facts.extend(void.map(|Trace { stan, batch }| Fact::Voiding { order, stan, batch }));
        for (refund, page) in &self.refunds {
            let Trace { stan, batch } = page.trace;
            facts.push(Fact::Refunding {
                order,
                refund: *refund,
                stan,
                batch,
                minor: page.minor,
            });
            let outcome = page.outcome.clone();
            facts.extend(outcome.map(|outcome| Fact::Refunded {
                order,
                refund: *refund,
                outcome,
            }));
        }
        facts
    }
}
