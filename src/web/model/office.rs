//! Statements, shifts and books as they are shown.

mod differences;
mod fees;
mod settlements;

use serde::{Deserialize, Serialize};
use store_actors::domain::{
    day::Day,
    office::{
        books::Books,
        fee::FeeTable,
        shift::{CashKind, Report, ReportLine, Shift, ShiftState},
        statement::{Line, Statement},
    },
};
use utoipa::ToSchema;

pub use differences::{
    BillModel, DifferenceModel, DifferenceStateModel, MoveDifferenceModel, ReconciliationModel,
};
pub use fees::{FeeModel, FeesModel};
pub use settlements::{SettledModel, SettlementModel, SettlementsModel};

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
    pub fn of(statement: &Statement, table: &FeeTable, (from, to): (Day, Day)) -> Self {
        let lines = |lines: &[Line]| {
            lines
                .iter()
                .map(|line| StatementLineModel::of(line, table))
                .collect()
        };
        Self {
            from: from.to_string(),
            to: to.to_string(),
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
