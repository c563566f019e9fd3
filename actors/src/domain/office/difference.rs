//! A difference between the store's records and an acquirer's word: found once, owned by somebody,
//! and moved by records alone.
//!
//! There is one at most for each move of money, named by what it is about, so that the same bill
//! read twice, or a query after the bill, finds nothing new. Nothing is adjusted: a difference is
//! explained, by a person or by a later bill, and stays on the list with its story.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::domain::{day::Day, ids::AcquirerId, timestamp::Timestamp};

/// The source of a difference that was found by asking.
pub const BY_QUERY: &str = "query";

/// Steps that a difference can have.
pub const STEPS_MAX: usize = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The acquirer moved money that no record here tells of.
    MissingHere,
    /// A record tells of money that the acquirer did not move.
    MissingThere,
    Amount,
    /// The acquirer took another fee than the table says.
    Fee,
    /// Undone on one side, paid on the other.
    PaidThenReversed,
    /// On one side's day and the other's next.
    DayCutOff,
}

impl Class {
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::MissingHere => "missing_here",
            Class::MissingThere => "missing_there",
            Class::Amount => "amount",
            Class::Fee => "fee",
            Class::PaidThenReversed => "paid_then_reversed",
            Class::DayCutOff => "day_cut_off",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceState {
    Open,
    InWork,
    Settled,
}

/// What was found, before anybody looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub day: Day,
    pub class: Class,
    pub order: String,
    /// Of a refund, or of a further line for the same order.
    pub part: Option<String>,
    /// In whole units; below zero for a refund. `None`: nothing there.
    pub ours: Option<Decimal>,
    pub theirs: Option<Decimal>,
    /// The bill's line.
    pub line: Option<u64>,
    /// Both sides have it after all: it explains itself.
    pub explained: bool,
}

impl Found {
    /// The same for the same move of money, whatever is wrong with it.
    pub fn id(&self, acquirer: &AcquirerId) -> String {
        difference_id(acquirer, &self.order, self.part.as_deref())
    }
}

pub fn difference_id(acquirer: &AcquirerId, order: &str, part: Option<&str>) -> String {
    let name = format!("{acquirer}\n{order}\n{}", part.unwrap_or_default());
    let digest = Sha256::digest(name.as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A difference as it is after its last step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub id: String,
    pub acquirer: AcquirerId,
    pub day: Day,
    pub class: Class,
    pub order: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ours: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub theirs: Option<Decimal>,
    /// The bill's SHA-256, or `query`.
    pub source: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u64>,
    pub owner: String,
    pub state: DifferenceState,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub at: Timestamp,
    /// A person, `bill` or `query`.
    pub by: String,
    pub state: DifferenceState,
    pub owner: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

/// What somebody does about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    pub by: String,
    pub state: DifferenceState,
    /// `None`: as before.
    pub owner: Option<String>,
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DifferenceRefused {
    #[error("say in a note what explains it")]
    NoteMissing,
    #[error("it is so already")]
    NothingChanges,
    #[error("its story is full")]
    TooManySteps,
}

impl Difference {
    pub fn new(
        found: Found,
        acquirer: &AcquirerId,
        source: &str,
        owner: &str,
        now: Timestamp,
    ) -> Self {
        let state = if found.explained {
            DifferenceState::Settled
        } else {
            DifferenceState::Open
        };
        let step = Step {
            at: now,
            by: if source == BY_QUERY { BY_QUERY } else { "bill" }.to_owned(),
            state,
            owner: owner.to_owned(),
            note: found.explained.then(|| "both sides have it".to_owned()),
        };
        Self {
            id: found.id(acquirer),
            acquirer: acquirer.clone(),
            day: found.day,
            class: found.class,
            order: found.order,
            part: found.part,
            ours: found.ours,
            theirs: found.theirs,
            source: source.to_owned(),
            line: found.line,
            owner: owner.to_owned(),
            state,
            steps: vec![step],
        }
    }

    pub fn is_open(&self) -> bool {
        self.state != DifferenceState::Settled
    }

    /// The difference after this move.
    pub fn moved(&self, to: Move, now: Timestamp) -> Result<Self, DifferenceRefused> {
        let owner = to.owner.unwrap_or_else(|| self.owner.clone());
        if to.state == self.state && owner == self.owner && to.note.is_none() {
            return Err(DifferenceRefused::NothingChanges);
        }
        let is_judged = (to.state == DifferenceState::Settled) == self.is_open();
        if is_judged && to.note.is_none() {
            return Err(DifferenceRefused::NoteMissing);
        }
        if self.steps.len() >= STEPS_MAX {
            return Err(DifferenceRefused::TooManySteps);
        }
        let mut next = self.clone();
        next.state = to.state;
        next.owner.clone_from(&owner);
        next.steps.push(Step {
            at: now,
            by: to.by,
            state: to.state,
            owner,
            note: to.note,
        });
        Ok(next)
    }

    /// A later bill has what was missing.
    pub fn explained(&self, source: &str, now: Timestamp) -> Result<Self, DifferenceRefused> {
        let to = Move {
            by: "bill".to_owned(),
            state: DifferenceState::Settled,
            owner: None,
            note: Some(format!("both sides have it, by {source}")),
        };
        self.moved(to, now)
    }
}
