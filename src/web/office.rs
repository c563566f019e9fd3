//! The back office: statements, shifts, the closing of days, and differences with bills.
//!
//! Statements are read from the ledger of movements; everything else is asked of the office, which
//! writes it down before it answers. Nobody signs in here yet: names in requests are what the
//! client says.

mod api;
pub(super) mod days;
pub(super) mod differences;
pub(super) mod shifts;
pub(super) mod statement;

pub use api::OfficeApi;

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

fn day(name: &str, text: &str) -> Result<Day, Problem> {
    let wrong = || input::invalid(format!("{name}: a day such as 2026-11-22"));
    Day::parse(text).ok_or_else(wrong)
}

/// As `input::money`, and nothing is an amount too.
fn amount(shared: &Shared, name: &str, text: &str) -> Result<Money, Problem> {
    let money = Money::parse(text, shared.parts.office.currency);
    money.map_err(|why| Problem::new(Kind::InvalidAmount, format!("{name}: {why}")))
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
