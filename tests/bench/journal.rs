//! How fast the journal is, beside what else one could do, in one run on one disk.
//!
//! Writers wait for their record to be on stable storage before they write the next one, as
//! counters do; what they will write next is made while the disk works. The limit is a raw append
//! to a preallocated file with one fdatasync per group; the rival is SQLite (WAL, FULL) with group
//! commit, keeping the same as we do. All write the same number of bytes per record.
//! Rounds alternate between the ways, so that a noisy neighbour hits all of them; the median round
//! counts, and the waits of all rounds together. Ratios mean more than rates.
//!
//! `cargo bench --bench journal -- payments` measures only the ways with that word in their name,
//! beside the limit.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench that can't go on ends, and prints what it measured"
)]

#[path = "journal/gathering.rs"]
mod gathering;
#[path = "journal/measure.rs"]
mod measure;
#[path = "journal/ours.rs"]
mod ours;
#[path = "payments.rs"]
#[allow(dead_code, reason = "shared with the other benches")]
mod payments;
#[path = "report.rs"]
mod report;

use std::{path::Path, time::Duration};

use measure::{Measured, measure, median};
use ours::Ours;
use report::{Row, publish};

type Measure = fn(&Path, usize, Duration) -> Measured;

struct Compared {
    name: &'static str,
    measure: Measure,
    /// Which of the ways does the same with SQLite.
    rival: Option<usize>,
}

/// The limit comes first.
const WAYS: [Compared; 6] = [
    Compared {
        name: "raw append, preallocated",
        measure: |place, writers, round| measure(gathering::raw, place, writers, round),
        rival: None,
    },
    Compared {
        name: "journal, payments",
        measure: |place, writers, round| measure(|dir| Ours::new(dir, true), place, writers, round),
        rival: Some(3),
    },
    Compared {
        name: "journal, other facts",
        measure: |place, writers, round| {
            measure(|dir| Ours::new(dir, false), place, writers, round)
        },
        rival: Some(4),
    },
    Compared {
        name: "SQLite WAL FULL, payments",
        measure: |place, writers, round| measure(gathering::sqlite_payments, place, writers, round),
        rival: None,
    },
    Compared {
        name: "SQLite WAL FULL, other facts",
        measure: |place, writers, round| measure(gathering::sqlite_facts, place, writers, round),
        rival: None,
    },
    Compared {
        name: "raw append of chained payments",
        measure: |place, writers, round| measure(gathering::raw_payments, place, writers, round),
        rival: None,
    },
];

/// So many writers, rounds so long, so many of them.
type Extent = (usize, Duration, usize);

/// The journal's store may lag behind its guard log for longer.
const BURST: Duration = Duration::from_millis(250);
const USUAL: Duration = Duration::from_millis(1_500);
/// Everything must keep pace.
const LASTING: Duration = Duration::from_secs(10);

const FULL: [Extent; 6] = [
    (1, USUAL, 3),
    (16, USUAL, 3),
    (128, BURST, 5),
    (128, USUAL, 3),
    (128, LASTING, 1),
    (1_000, USUAL, 3),
];
const SMOKE: [Extent; 1] = [(16, Duration::from_millis(50), 1)];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_bench = args.iter().any(|arg| arg == "--bench");
    let extents = if is_bench { &FULL[..] } else { &SMOKE };
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let is_wanted = |name: &str| words.iter().all(|word| name.contains(word.as_str()));
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (writers, round, times) in extents {
        let mut rounds = vec![Vec::new(); WAYS.len()];
        for _ in 0..*times {
            for (nth, way) in WAYS.iter().enumerate() {
                if nth == 0 || is_wanted(way.name) {
                    rounds[nth].push((way.measure)(place.path(), *writers, *round));
                }
            }
        }
        let medians: Vec<Option<Measured>> = rounds.into_iter().map(median).collect();
        let how = match *round {
            BURST | LASTING => format!("{writers} writers for {round:?}"),
            _ => format!("{writers} writers"),
        };
        if is_bench {
            publish(&rows_of(&how, &medians));
        }
    }
}

/// Rates beside both peers, waits beside the limit's own.
fn rows_of(how: &str, medians: &[Option<Measured>]) -> Vec<Row> {
    let mut rows = Vec::new();
    let Some(limit) = &medians[0] else {
        return rows;
    };
    let peer = WAYS[0].name;
    for (way, found) in WAYS.iter().zip(medians).skip(1) {
        let Some(found) = found else { continue };
        let mut row = |what: &str, value, unit, peer, peer_value| {
            let name = format!("{}: {what}, {how}", way.name);
            rows.push(Row::new(name, value, unit, peer, peer_value));
        };
        let rate = found.per_second;
        row("appends", rate, "1/s", peer, limit.per_second);
        if let Some((rival, beside)) = way
            .rival
            .and_then(|at| Some((&WAYS[at], medians[at].as_ref()?)))
        {
            row(
                "appends beside SQLite",
                rate,
                "1/s",
                rival.name,
                beside.per_second,
            );
        }
        for (what, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let (ours, limits) = (found.wait_ms(share), limit.wait_ms(share));
            row(&format!("wait {what}"), ours, "ms", peer, limits);
        }
    }
    rows
}
