//! Statements, shifts, books and differences as they are shown.

use serde::{Deserialize, Serialize};
use store_actors::domain::office::{
    books::Books,
    difference::{Difference, DifferenceState},
    entry::BillRead,
    fee::FeeTable,
    shift::{CashKind, Report, ReportLine, Shift, ShiftState},
    statement::{Line, Statement},
};
use utoipa::ToSchema;

/// What a payment costs, by the table of fees. Absent where no rate fits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Costs)]
pub struct CostsModel {
    /// The rate's name.
    pub rule: String,
    /// Of the payment, less what was given back with refunds.
    pub fee: String,
    /// Paid, less refunded, less the fee.
    pub net: String,
}

/// Sums of the movements that the acquirers confirmed on the days asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Statement)]
pub struct StatementModel {
    pub from: String,
    pub to: String,
    /// By what the lines are divided.
    pub by: Vec<&'static str>,
    pub lines: Vec<StatementLineModel>,
    /// One for each currency.
    pub totals: Vec<StatementLineModel>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementLine)]
pub struct StatementLineModel {
    /// A text for each word of `by`; empty where there is none. Weeks by their Monday.
    pub of: Vec<String>,
    pub currency: String,
    pub payments: u64,
    pub gross: String,
    pub refunds: u64,
    pub refunded: String,
    pub fees: String,
    /// Gross less refunded less fees.
    pub net: String,
    /// Movements that no rate fits: their fee is not in `fees`.
    pub unpriced: u64,
}

impl StatementLineModel {
    pub fn of(line: &Line, table: &FeeTable) -> Self {
        let (sums, currency) = (&line.sums, line.currency);
        let places = usize::try_from(currency.exponent()).unwrap_or(2);
        let amount = |amount: rust_decimal::Decimal| format!("{amount:.places$}");
        Self {
            of: line.of.clone(),
            currency: currency.to_string(),
            payments: sums.payments,
            gross: amount(sums.gross),
            refunds: sums.refunds,
            refunded: amount(sums.refunded),
            fees: amount(sums.fees(table, currency)),
            net: amount(sums.net(table, currency)),
            unpriced: sums.unpriced,
        }
    }
}

impl StatementModel {
    pub fn of(statement: &Statement, table: &FeeTable, (from, to): (String, String)) -> Self {
        let lines = |lines: &[Line]| {
            lines
                .iter()
                .map(|line| StatementLineModel::of(line, table))
                .collect()
        };
        Self {
            from,
            to,
            by: statement.by.iter().map(|by| by.as_str()).collect(),
            lines: lines(&statement.lines),
            totals: lines(&statement.totals),
        }
    }
}

/// The same payments and refunds at each acquirer's rates.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Comparison)]
pub struct ComparisonModel {
    pub from: String,
    pub to: String,
    /// As they were.
    pub actual: Vec<StatementLineModel>,
    /// `of` is the acquirer. What it has no rate for is in `unpriced`.
    pub instead: Vec<StatementLineModel>,
}

/// A shift to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewShift)]
pub struct NewShift {
    #[schema(example = "01")]
    pub counter: String,
    /// 1 to 64 characters.
    #[serde(default)]
    pub cashier: Option<String>,
    /// What is in the drawer, in the store's currency.
    #[schema(example = "200.00")]
    pub float: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CashKind)]
pub enum CashKindModel {
    /// Taken for goods.
    Sale,
    /// Paid back for goods.
    Refund,
    /// Change brought to the drawer.
    PayIn,
    /// Taken out to the safe or the bank.
    PayOut,
}

impl From<CashKindModel> for CashKind {
    fn from(kind: CashKindModel) -> Self {
        match kind {
            CashKindModel::Sale => Self::Sale,
            CashKindModel::Refund => Self::Refund,
            CashKindModel::PayIn => Self::PayIn,
            CashKindModel::PayOut => Self::PayOut,
        }
    }
}

impl From<CashKind> for CashKindModel {
    fn from(kind: CashKind) -> Self {
        match kind {
            CashKind::Sale => Self::Sale,
            CashKind::Refund => Self::Refund,
            CashKind::PayIn => Self::PayIn,
            CashKind::PayOut => Self::PayOut,
        }
    }
}

/// Cash that moved in a drawer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCash)]
pub struct NewCash {
    pub kind: CashKindModel,
    #[schema(example = "20.00")]
    pub amount: String,
    /// 1 to 128 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// The end of a shift.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CloseShift)]
pub struct CloseShiftModel {
    /// What was counted in the drawer.
    #[schema(example = "219.00")]
    pub counted: String,
}

/// A counter's shift.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shift)]
pub struct ShiftModel {
    pub counter: String,
    /// From 1 without gaps; also the number of its Z report.
    pub number: u64,
    /// `open`, `closing` (counted, and broken off: close it again), `closed`.
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cashier: Option<String>,
    #[schema(format = DateTime)]
    pub opened_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub ends_at: Option<String>,
    pub currency: String,
    pub float: String,
    pub cash: Vec<CashModel>,
    /// The Z report of a closed shift, the X report of an open one that was asked for by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportModel>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cash)]
pub struct CashModel {
    pub kind: CashKindModel,
    pub count: u64,
    pub amount: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Report)]
pub struct ReportModel {
    #[schema(format = DateTime)]
    pub from: String,
    /// Not included.
    #[schema(format = DateTime)]
    pub until: String,
    pub lines: Vec<ReportLineModel>,
    /// Cash that should be in the drawer.
    pub expected: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<String>,
    /// Counted less expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReportLine)]
pub struct ReportLineModel {
    pub tender: String,
    pub scheme: String,
    pub payments: u64,
    pub gross: String,
    pub refunds: u64,
    pub refunded: String,
}

impl From<&ReportLine> for ReportLineModel {
    fn from(line: &ReportLine) -> Self {
        Self {
            tender: line.tender.clone(),
            scheme: line.scheme.clone(),
            payments: line.payments,
            gross: line.gross.to_string(),
            refunds: line.refunds,
            refunded: line.refunded.to_string(),
        }
    }
}

impl From<&Report> for ReportModel {
    fn from(report: &Report) -> Self {
        Self {
            from: report.from.to_string(),
            until: report.until.to_string(),
            lines: report.lines.iter().map(ReportLineModel::from).collect(),
            expected: report.expected.to_string(),
            counted: report.counted.map(|amount| amount.to_string()),
            difference: report.difference.map(|amount| amount.to_string()),
        }
    }
}

impl From<&Shift> for ShiftModel {
    fn from(shift: &Shift) -> Self {
        let cash = shift.cash.iter().map(|cash| CashModel {
            kind: cash.kind.into(),
            count: cash.count,
            amount: cash.money.amount().to_string(),
        });
        Self {
            counter: shift.counter.to_string(),
            number: shift.number,
            state: match shift.state {
                ShiftState::Open => "open",
                ShiftState::Closing => "closing",
                ShiftState::Closed => "closed",
            },
            cashier: shift.cashier.clone(),
            opened_at: shift.opened_at.to_string(),
            ends_at: shift.ends_at.map(|at| at.to_string()),
            currency: shift.float.currency().to_string(),
            float: shift.float.amount().to_string(),
            cash: cash.collect(),
            report: shift.report.as_ref().map(ReportModel::from),
        }
    }
}

/// Shifts, the latest of a counter first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shifts)]
pub struct ShiftsModel {
    pub shifts: Vec<ShiftModel>,
}

/// Who closes a day.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CloseDay)]
pub struct CloseDayModel {
    /// 1 to 64 characters.
    #[serde(default)]
    pub by: Option<String>,
}

/// A day whose books are closed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Books)]
pub struct BooksModel {
    pub day: String,
    /// From 1 without gaps.
    pub number: u64,
    #[schema(format = DateTime)]
    pub closed_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// By tender.
    pub lines: Vec<ReportLineModel>,
    /// Z reports of shifts that ended on the day, `counter/number`.
    pub shifts: Vec<String>,
}

impl From<&Books> for BooksModel {
    fn from(books: &Books) -> Self {
        let shifts = books.shifts.iter();
        Self {
            day: books.day.to_string(),
            number: books.number,
            closed_at: books.closed_at.to_string(),
            by: books.by.clone(),
            lines: books.lines.iter().map(ReportLineModel::from).collect(),
            shifts: shifts
                .map(|one| format!("{}/{}", one.counter, one.number))
                .collect(),
        }
    }
}

/// Closed days, the latest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Days)]
pub struct DaysModel {
    pub days: Vec<BooksModel>,
}

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
