//! What can be asked of the office, and how it can refuse.

use actix::Message;
use thiserror::Error;

use crate::{
    domain::{
        day::Day,
        ids::{AcquirerId, CounterId, PaymentId},
        money::Money,
        office::{
            bill::Bill,
            books::{Books, Obstacle},
            difference::{Difference, DifferenceRefused, Move},
            entry::BillRead,
            shift::{CashMoved, Shift, ShiftRefused},
        },
        payment::Answer,
        sticker::Sticker,
    },
    ports::JournalFailed,
};

/// Why a request came to nothing.
#[derive(Debug, Error)]
pub enum OfficeRefused {
    #[error("there is no counter {0}")]
    NoSuchCounter(CounterId),
    #[error("there is no such shift")]
    NoSuchShift,
    #[error("there is no such difference")]
    NoSuchDifference,
    #[error(transparent)]
    Shift(#[from] ShiftRefused),
    #[error("the day can't be closed")]
    DayNotClosable(Vec<Obstacle>),
    #[error(transparent)]
    Difference(#[from] DifferenceRefused),
    #[error("the bill says nothing of its day, and has no line")]
    BillOfNoDay,
    #[error(transparent)]
    Journal(#[from] JournalFailed),
    /// Ask again; what is done already is not done twice.
    #[error("no answer in time from {0}")]
    NoAnswer(String),
}

/// Answers, as all of these, once it is on disk.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Shift, OfficeRefused>")]
pub struct OpenShift {
    pub counter: CounterId,
    pub cashier: Option<String>,
    pub float: Money,
}

/// The same key moves it once.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Shift, OfficeRefused>")]
pub struct MoveCash {
    pub counter: CounterId,
    pub cash: CashMoved,
    pub key: String,
}

/// Answers with the shift and its Z report.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Shift, OfficeRefused>")]
pub struct CloseShift {
    pub counter: CounterId,
    pub counted: Money,
}

/// `None`: the open one, with its X report.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Shift, OfficeRefused>")]
pub struct GetShift {
    pub counter: CounterId,
    pub number: Option<u64>,
}

#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Books, OfficeRefused>")]
pub struct CloseDay {
    pub day: Day,
    pub by: Option<String>,
}

#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Difference, OfficeRefused>")]
pub struct MoveDifference {
    pub id: String,
    pub to: Move,
}

/// Writes down stickers before anybody prints them.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Vec<Sticker>, OfficeRefused>")]
pub struct IssueStickers(pub Vec<Sticker>);

/// What an acquirer said when it was asked about payments. Answers with the number of differences
/// that were not known before.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<usize, OfficeRefused>")]
pub struct TakeAnswers {
    pub acquirer: AcquirerId,
    pub answers: Vec<(PaymentId, Answer)>,
}

/// A bill's file, read: it is compared once, however often it is taken.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<BillRead, OfficeRefused>")]
pub struct TakeBill {
    pub acquirer: AcquirerId,
    pub name: String,
    /// Of the file, hexadecimal.
    pub sha256: String,
    /// The day that the file's name says, for formats that do not.
    pub named_day: Option<Day>,
    pub bill: Bill,
}
