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

/// What is measured. `write` ends when record `n` of `writer` is durable.
pub trait Way {
    fn write(&self, writer: usize, n: usize) -> Written<'_>;
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
        way.write(0, 0).await;
        let waits = RefCell::new(Vec::with_capacity(1 << 18));
        let began = Instant::now();
        let writing = (0..writers).map(|writer| {
            let (way, waits) = (&way, &waits);
            async move {
                for n in 1.. {
                    let asked = Instant::now();
                    way.write(writer, n).await;
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
