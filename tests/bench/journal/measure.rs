//! Writers that each wait for their last record, on the one thread of an actix system, as a store
//! has it.

use std::{
    cell::RefCell,
    future::Future,
    path::Path,
    pin::Pin,
    time::{Duration, Instant},
};

use actix::System;
use futures_util::future::join_all;

pub type Written<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What is measured.
pub trait Way {
    /// What is to be written: making it is the writer's own business, and not measured.
    type Fact;

    /// Record `n` of `writer`.
    fn make(&self, writer: usize, n: usize) -> Self::Fact;

    /// Sends it at once; what it gives ends when the record is durable.
    fn write(&self, fact: Self::Fact) -> Written<'_>;
}

/// What a round gave.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    pub per_second: f64,
    /// Sorted.
    waits: Vec<Duration>,
}

impl Measured {
    /// The wait that this share of all writes did not exceed, in milliseconds.
    pub fn wait_ms(&self, share: f64) -> f64 {
        let last = self.waits.len().saturating_sub(1);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length"
        )]
        let at = (last as f64 * share).round() as usize;
        self.waits
            .get(at)
            .map_or(f64::NAN, |wait| wait.as_secs_f64() * 1_000.0)
    }
}

/// What is written stays in `place`: the disk discards freed blocks, which would slow the next
/// round.
#[allow(
    clippy::disallowed_methods,
    reason = "it is real time that is measured"
)]
pub fn measure<W: Way>(
    way: impl FnOnce(&Path) -> W,
    place: &Path,
    writers: usize,
    round: Duration,
) -> Measured {
    let dir = tempfile::tempdir_in(place).unwrap().keep();
    System::new().block_on(async {
        let way = way(&dir);
        way.write(way.make(0, 0)).await;
        let waits = RefCell::new(Vec::with_capacity(1 << 18));
        let began = Instant::now();
        let writing = (0..writers).map(|writer| {
            let (way, waits) = (&way, &waits);
            async move {
                let mut next = way.make(writer, 1);
                for n in 2.. {
                    let asked = Instant::now();
                    let written = way.write(next);
                    // while the disk works
                    next = way.make(writer, n);
                    written.await;
                    waits.borrow_mut().push(asked.elapsed());
                    if began.elapsed() >= round {
                        return;
                    }
                }
            }
        });
        join_all(writing).await;
        let took = began.elapsed().as_secs_f64();
        let mut waits = waits.into_inner();
        waits.sort_unstable();
        Measured {
            per_second: waits.len() as f64 / took,
            waits,
        }
    })
}

/// The round in the middle by its rate, with the waits of all rounds; `None` of no rounds.
pub fn median(mut rounds: Vec<Measured>) -> Option<Measured> {
    rounds.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    let per_second = rounds.get(rounds.len() / 2)?.per_second;
    let mut waits: Vec<Duration> = rounds.into_iter().flat_map(|round| round.waits).collect();
    waits.sort_unstable();
    Some(Measured { per_second, waits })
}
