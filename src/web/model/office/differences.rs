//! Differences and bills as they are shown.

use serde::{Deserialize, Serialize};
use store_actors::domain::office::{
    difference::{Difference, DifferenceState},
    entry::BillRead,
};
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DifferenceState)]
pub enum DifferenceStateModel {
    Open,
    InWork,
    /// Explained, by a person or by a later bill.
    Settled,
}

impl From<DifferenceState> for DifferenceStateModel {
    fn from(state: DifferenceState) -> Self {
        match state {
            DifferenceState::Open => Self::Open,
            DifferenceState::InWork => Self::InWork,
            DifferenceState::Settled => Self::Settled,
        }
    }
}

impl From<DifferenceStateModel> for DifferenceState {
    fn from(state: DifferenceStateModel) -> Self {
        match state {
            DifferenceStateModel::Open => Self::Open,
            DifferenceStateModel::InWork => Self::InWork,
            DifferenceStateModel::Settled => Self::Settled,
        }
    }
}

/// What somebody does about a difference.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MoveDifference)]
pub struct MoveDifferenceModel {
    pub state: DifferenceStateModel,
    /// Who does it, 1 to 64 characters.
    pub by: String,
    /// Whose it is from here on, 1 to 64 characters; without it as before.
    #[serde(default)]
    pub owner: Option<String>,
    /// 1 to 256 characters. Needed where it is settled, or opened again.
    #[serde(default)]
    pub note: Option<String>,
}

/// A difference between a bill and the store's records.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Difference)]
pub struct DifferenceModel {
    pub id: String,
    pub acquirer: String,
    pub day: String,
    /// `missing_here`, `missing_there`, `amount`, `fee`, `paid_then_reversed`, `day_cut_off`.
    pub class: &'static str,
    /// The order's number: the payment's id, if it is one of the store's.
    pub order: String,
    /// The refund's number, or what kind of further line it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Below zero for a refund; absent where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theirs: Option<String>,
    /// The bill's SHA-256, or `query`.
    pub source: String,
    /// The bill's line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    pub owner: String,
    pub state: DifferenceStateModel,
    pub steps: Vec<StepModel>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DifferenceStep)]
pub struct StepModel {
    #[schema(format = DateTime)]
    pub at: String,
    pub by: String,
    pub state: DifferenceStateModel,
    pub owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl From<&Difference> for DifferenceModel {
    fn from(one: &Difference) -> Self {
        let steps = one.steps.iter().map(|step| StepModel {
            at: step.at.to_string(),
            by: step.by.clone(),
            state: step.state.into(),
            owner: step.owner.clone(),
            note: step.note.clone(),
        });
        Self {
            id: one.id.clone(),
            acquirer: one.acquirer.to_string(),
            day: one.day.to_string(),
            class: one.class.as_str(),
            order: one.order.clone(),
            part: one.part.clone(),
            ours: one.ours.map(|amount| amount.to_string()),
            theirs: one.theirs.map(|amount| amount.to_string()),
            source: one.source.clone(),
            line: one.line,
            owner: one.owner.clone(),
            state: one.state.into(),
            steps: steps.collect(),
        }
    }
}

/// Differences, and the bills that were read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reconciliation)]
pub struct ReconciliationModel {
    pub differences: Vec<DifferenceModel>,
    pub bills: Vec<BillModel>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bill)]
pub struct BillModel {
    pub name: String,
    pub sha256: String,
    pub acquirer: String,
    pub from: String,
    pub to: String,
    #[schema(format = DateTime)]
    pub read_at: String,
    pub lines: u64,
    /// Lines that could not be read; the log has their numbers.
    pub bad_lines: u64,
    pub matched: u64,
    pub differences: u64,
}

impl From<&BillRead> for BillModel {
    fn from(bill: &BillRead) -> Self {
        Self {
            name: bill.name.clone(),
            sha256: bill.sha256.clone(),
            acquirer: bill.acquirer.to_string(),
            from: bill.from.to_string(),
            to: bill.until.to_string(),
            read_at: bill.read_at.to_string(),
            lines: bill.lines,
            bad_lines: bill.bad_lines,
            matched: bill.matched,
            differences: bill.differences,
        }
    }
}
