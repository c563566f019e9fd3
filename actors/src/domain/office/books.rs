//! The closing of a day's books: said once, in order, by a person, when nothing of the day is open.
//!
//! The day's certificate (`domain/certificate`) is counted by itself at midnight and proves that no
//! record is missing. This is another thing: somebody has looked at the day and it is in order. It
//! is refused, with every reason, while anything of the day may still change.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    difference::Difference,
    movement::Movement,
    shift::{ReportLine, Shift, ShiftState},
};
use crate::domain::{day::Day, ids::CounterId, payment::Payment, timestamp::Timestamp};

/// A day that was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    pub day: Day,
    /// From 1 without gaps.
    pub number: u64,
    pub closed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    pub lines: Vec<ReportLine>,
    /// Shifts that ended on the day.
    pub shifts: Vec<ShiftNumber>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftNumber {
    pub counter: CounterId,
    pub number: u64,
}

/// Why a day can't be closed: each is for somebody to mend.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Obstacle {
    #[error("the day is not over")]
    NotOver,
    #[error("the day is closed")]
    ClosedAlready,
    #[error("{0} comes first")]
    NotNext(Day),
    #[error("shift {number} of counter {counter} is open")]
    OpenShift { counter: CounterId, number: u64 },
    #[error("payment {0} has no outcome yet, or a refund of it")]
    Unsettled(String),
    #[error("difference {0} is not settled")]
    Difference(String),
}

/// All that may speak against closing a day.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    pub now: Timestamp,
    pub offset_minutes: i32,
    /// The books closed last.
    pub last: Option<&'a Books>,
    /// The latest of each counter.
    pub shifts: &'a [Shift],
    pub unsettled: &'a [Payment],
    /// Those that are not settled.
    pub differences: &'a [Difference],
}

impl Open<'_> {
    fn obstacles(&self, day: Day) -> Vec<Obstacle> {
        let day_of = |at| Day::of(at, self.offset_minutes);
        let mut found = Vec::new();
        if day_of(self.now) <= day {
            found.push(Obstacle::NotOver);
        }
        match self.last.map(|last| last.day) {
            Some(last) if day <= last => found.push(Obstacle::ClosedAlready),
            Some(last) if day > last.next() => found.push(Obstacle::NotNext(last.next())),
            _ => {}
        }
        let open = self
            .shifts
            .iter()
            .filter(|shift| shift.state != ShiftState::Closed && day_of(shift.opened_at) <= day);
        found.extend(open.map(|shift| Obstacle::OpenShift {
            counter: shift.counter.clone(),
            number: shift.number,
        }));
        let unsettled = self.unsettled.iter();
        let unsettled = unsettled.filter(|one| !one.is_settled() && day_of(one.opened_at) <= day);
        found.extend(unsettled.map(|one| Obstacle::Unsettled(one.id.to_string())));
        let differences = self.differences.iter();
        let differences = differences.filter(|one| one.is_open() && one.day <= day);
        found.extend(differences.map(|one| Obstacle::Difference(one.id.clone())));
        found
    }

    /// Closes `day`, whose movements these are.
    ///
    /// # Errors
    /// All that stands in the way.
    pub fn close(
        &self,
        day: Day,
        movements: &[Movement],
        ended: Vec<ShiftNumber>,
        by: Option<String>,
    ) -> Result<Books, Vec<Obstacle>> {
        let obstacles = self.obstacles(day);
        if !obstacles.is_empty() {
            return Err(obstacles);
        }
        let mut lines: BTreeMap<&str, ReportLine> = BTreeMap::new();
        for movement in movements.iter().filter(|one| one.day == day) {
            let tender = movement.tender.as_str();
            let line = lines.entry(tender).or_insert_with(|| ReportLine {
                tender: tender.to_owned(),
                scheme: String::new(),
                payments: 0,
                gross: Decimal::ZERO,
                refunds: 0,
                refunded: Decimal::ZERO,
            });
            line.count(movement);
        }
        Ok(Books {
            day,
            number: self.last.map_or(0, |last| last.number) + 1,
            closed_at: self.now,
            by,
            lines: lines.into_values().collect(),
            shifts: ended,
        })
    }
}

#[cfg(test)]
mod tests;
