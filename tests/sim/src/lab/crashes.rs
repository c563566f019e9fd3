//! Where the two programs can be made to die: between every two steps of the money's way.
//!
//! A point is armed through the environment of a program that is started anew under load, and the
//! program must then die there: a point that is never reached fails the run.

pub mod procedures;

use std::{io, os::unix::process::ExitStatusExt, time::Duration};

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep, timeout};

use super::{acquirers::CARD_HOST, random::Random, shop::Shop};

/// A settlement that was asked for is asked for again after so long.
const SETTLE_ASKED: Duration = Duration::from_secs(2);

/// How long the load may take to bring a program to its point.
const REACHED_WITHIN: Duration = Duration::from_secs(45);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Controller,
    HeadOffice,
}

impl Victim {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Controller => "the store controller",
            Self::HeadOffice => "the head office",
        }
    }
}

/// A place in a program where it can be made to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub name: &'static str,
    pub victim: Victim,
    /// It lives through at most so many passes first: by chance, so that not only the first one
    /// after a start is tried. 0 where passes are rare.
    passes_max: u64,
}

const fn controller(name: &'static str, passes_max: u64) -> Point {
    Point {
        name,
        victim: Victim::Controller,
        passes_max,
    }
}

const fn office(name: &'static str, passes_max: u64) -> Point {
    Point {
        name,
        victim: Victim::HeadOffice,
        passes_max,
    }
}

/// In the order in which a payment's records pass them. A test compares this with the programs.
pub const POINTS: [Point; 32] = [
    controller("store-opened", 0),
    controller("replayed", 0),
    // a group of records
    controller("guard-written", 120),
    controller("guard-synced", 120),
    controller("acknowledged", 120),
    controller("till-unanswered", 20),
    // the guard log's next segment, and the last one's end
    controller("segment-zeroed", 0),
    controller("segment-begun", 0),
    controller("segment-retired", 0),
    // the store behind it
    controller("transaction-planned", 60),
    controller("transaction-done", 60),
    controller("store-flushed", 4),
    controller("store-synced", 4),
    controller("marker-written", 1),
    controller("marker-renamed", 1),
    // the money
    controller("charge-unsent", 10),
    controller("charge-answered", 10),
    controller("query-unsent", 2),
    controller("query-answered", 2),
    controller("reversal-unsent", 0),
    controller("reversal-answered", 0),
    controller("refund-unsent", 0),
    controller("refund-answered", 0),
    // the report
    controller("unpublished", 20),
    controller("published", 20),
    controller("puback-received", 20),
    office("office-inserted", 10),
    office("office-committed", 10),
    office("office-receipted", 10),
    controller("receipt-received", 10),
    controller("receipt-unset", 10),
    controller("receipt-unwritten", 0),
];

/// Between two steps of the settlement of a card host's batch: only where cards are paid there, and
/// while the lab asks for it.
pub const SETTLEMENT: [Point; 5] = [
    controller("settlement-begun", 0),
    controller("settlement-compared", 0),
    controller("settlement-uploading", 0),
    controller("settlement-ending", 0),
    controller("settlement-ended", 0),
];

/// The points that `--kill-at` names.
///
/// # Errors
/// In words, with the names there are.
pub fn named(name: &str) -> Result<Vec<Point>, String> {
    match name {
        "all" => return Ok(POINTS.to_vec()),
        "settlement" => return Ok(SETTLEMENT.to_vec()),
        _ => {}
    }
    let step = || procedures::point(name).map(|point| vec![point]);
    if let Some(points) = procedures::named(name).or_else(step) {
        return Ok(points);
    }
    let every = || POINTS.iter().chain(&SETTLEMENT);
    let found = every().find(|point| point.name == name);
    found.map(|point| vec![*point]).ok_or_else(|| {
        let known: Vec<&str> = every().map(|point| point.name).collect();
        let known = known.join(", ");
        let acquirers: Vec<&str> = procedures::PROCEDURES
            .iter()
            .map(|one| one.acquirer)
            .collect();
        let acquirers = acquirers.join(", ");
        format!("no such point; there are: all, settlement, {acquirers}, {known}")
    })
}

impl Point {
    /// How many passes it shall live through this time.
    pub fn passes(&self, random: &mut Random) -> u64 {
        random.below(self.passes_max + 1)
    }
}

/// Ends the program, starts it with the point armed, waits until it has died there, and starts it
/// without. It is ended in order or, every other time, killed: then the point may also lie in what
/// it does about the first crash.
///
/// # Errors
/// It did not get there in time, or died of something else.
pub async fn kill_at(shop: &Shop, point: Point, passes: u64) -> io::Result<()> {
    let program = shop.program(point.victim);
    {
        let mut program = program.lock().await;
        match passes % 2 {
            0 => program.kill().await?,
            _ => program.end().await?,
        }
        program.start_armed(&format!("{}={passes}*off->return", point.name))?;
    }
    let deadline = Instant::now() + REACHED_WITHIN;
    let is_settlement = SETTLEMENT.contains(&point);
    let (ended, said) = loop {
        // not held while waiting: others look whether it lives
        if let Some(ended) = program.lock().await.ended()? {
            break ended;
        }
        if Instant::now() > deadline {
            let why = format!("{} was not reached within {REACHED_WITHIN:?}", point.name);
            return Err(io::Error::other(why));
        }
        match is_settlement {
            // what comes of it is seen by its death
            true => drop(timeout(SETTLE_ASKED, shop.till.settle(CARD_HOST)).await),
            false => sleep(Duration::from_millis(2)).await,
        }
    };
    let is_killed = ended.signal() == Some(Signal::SIGKILL as i32);
    let last_words = format!("crash point {}", point.name);
    if !is_killed || !said.lines().any(|line| line.ends_with(&last_words)) {
        let why = format!("not at {}, it ended with {ended}:\n{said}", point.name);
        return Err(io::Error::other(why));
    }
    program.lock().await.start()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own_and_can_be_asked_for() {
        let every = POINTS.iter().chain(&SETTLEMENT);
        let names: BTreeSet<&str> = every.map(|point| point.name).collect();
        assert_eq!(names.len(), POINTS.len() + SETTLEMENT.len());
        assert_eq!(named("all").unwrap().len(), POINTS.len());
        assert_eq!(named("settlement").unwrap().len(), SETTLEMENT.len());
        assert_eq!(named("settlement-begun").unwrap(), SETTLEMENT[..1]);
        assert_eq!(named("guard-written").unwrap()[0].name, "guard-written");
        assert!(named("elsewhere").unwrap_err().contains("guard-written"));
    }
}
