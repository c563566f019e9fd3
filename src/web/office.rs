//! The back office: statements, shifts, the closing of days, and differences with bills.
//!
//! Statements are read from the ledger of movements; everything else is asked of the office, which
//! writes it down before it answers. Whoever is signed in is named by that; a program's word for
//! who it was is taken.

mod api;
pub(super) mod days;
pub(super) mod differences;
pub(super) mod settlements;
pub(super) mod shifts;
pub(super) mod statement;

pub use api::OfficeApi;
pub use settlements::SettlingApi;

use store_actors::{
    domain::{day::Day, money::Money, office::shift::ShiftRefused},
    office::requests::OfficeRefused,
};

use super::{
    Shared, input,
    problem::{Kind, Problem},
};

/// Longest name of a person.
const NAME_CHARACTERS_MAX: usize = 64;
/// Entries on one list.
const LISTED_MAX: usize = 500;

pub(super) fn day(name: &str, text: &str) -> Result<Day, Problem> {
    let wrong = || input::invalid(format!("{name}: a day such as 2026-11-22"));
    Day::parse(text).ok_or_else(wrong)
}

/// As `input::money`, and nothing is an amount too.
fn amount(shared: &Shared, name: &str, text: &str) -> Result<Money, Problem> {
    let money = Money::parse(text, shared.parts.office.currency);
    money.map_err(|why| Problem::new(Kind::InvalidAmount, format!("{name}: {why}")))
}

/// Why the office did not do it.
#[derive(Debug)]
pub(super) enum Undone {
    /// What was asked for is not what it should be.
    Input(Problem),
    Refused(OfficeRefused),
}

impl From<Problem> for Undone {
    fn from(problem: Problem) -> Self {
        Self::Input(problem)
    }
}

impl From<OfficeRefused> for Undone {
    fn from(refused: OfficeRefused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Undone> for Problem {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Input(problem) => problem,
            Undone::Refused(refused) => refused.into(),
        }
    }
}

impl From<OfficeRefused> for Problem {
    fn from(refused: OfficeRefused) -> Self {
        let detail = refused.to_string();
        let kind = match refused {
            OfficeRefused::NoSuchCounter(_) => Kind::NoSuchCounter,
            OfficeRefused::NoSuchShift => Kind::NoSuchShift,
            OfficeRefused::NoSuchDifference => Kind::NoSuchDifference,
            OfficeRefused::Shift(ShiftRefused::NoneOpen) => Kind::NoOpenShift,
            OfficeRefused::Shift(ShiftRefused::StillOpen(_) | ShiftRefused::Closing) => {
                Kind::ShiftOpen
            }
            OfficeRefused::Shift(ShiftRefused::KeyReused) => Kind::KeyReused,
            OfficeRefused::Shift(ShiftRefused::Money(_)) => Kind::InvalidAmount,
            OfficeRefused::DayNotClosable(obstacles) => {
                let words: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
                return Self::new(Kind::DayNotClosable, words.join("; "));
            }
            OfficeRefused::Difference(_) => Kind::NotMovable,
            OfficeRefused::BillOfNoDay => Kind::InvalidRequest,
            OfficeRefused::Journal(failed) => return failed.into(),
            OfficeRefused::NoAnswer(_) => Kind::NoAnswer,
        };
        Self::new(kind, detail)
    }
}
