//! Clients that each begin the next one some time after the last has ended. They do not begin in
//! one instant: the customers of a shop don't. Without a pause in between, an acquirer that always
//! takes as long brings them into step all the same: two that meet are served together, end
//! together, and never part again, until all of them come at once and then wait for the acquirer at
//! once.

use std::time::Duration;

use store_actors::ports::Entropy;
use store_controller::adapters::clock::OsEntropy;
use tokio::time::{Instant, sleep};

use crate::world::{Spread, rate};

/// The first ones begin within this time.
const BEGIN_WITHIN: Duration = Duration::from_millis(250);

/// How long it is done.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    warm: Duration,
    measured: Duration,
    /// The longest pause; each is as long as chance has it.
    pause: Duration,
}

#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub per_second: f64,
    pub took: Spread,
    /// Everything done, the warming up too.
    pub all: usize,
}

impl Load {
    pub fn of(is_measured: bool) -> Self {
        let (warm, measured) = if is_measured {
            (2_000, 6_000)
        } else {
            (100, 300)
        };
        Self {
            warm: Duration::from_millis(warm),
            measured: Duration::from_millis(measured),
            pause: Duration::ZERO,
        }
    }

    /// Independent customers: each comes up to so long after the one before.
    pub fn with_pauses(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// `once` gives how long it took.
    pub async fn run<F>(
        self,
        count: usize,
        once: impl Fn(usize) -> F + Clone + Send + 'static,
    ) -> Measured
    where
        F: Future<Output = Duration> + Send,
    {
        let begin = Instant::now() + self.warm;
        let end = begin + self.measured;
        let part = BEGIN_WITHIN / u32::try_from(count).unwrap();
        let clients: Vec<_> = (0..count)
            .map(|nth| {
                let once = once.clone();
                tokio::spawn(async move {
                    sleep(part * u32::try_from(nth).unwrap()).await;
                    let (mut took, mut all) = (Vec::new(), 0);
                    while Instant::now() < end {
                        let one = once(nth).await;
                        all += 1;
                        let now = Instant::now();
                        if now >= begin && now < end {
                            took.push(one);
                        }
                        sleep(at_random(self.pause)).await;
                    }
                    (took, all)
                })
            })
            .collect();
        let (mut took, mut all) = (Vec::new(), 0);
        for client in clients {
            let (own, done) = client.await.unwrap();
            took.extend(own);
            all += done;
        }
        Measured {
            per_second: rate(u64::try_from(took.len()).unwrap(), self.measured),
            took: Spread::of(took),
            all,
        }
    }
}

fn at_random(longest: Duration) -> Duration {
    let mut random = [0; 4];
    OsEntropy.fill(&mut random);
    longest.mul_f64(f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX))
}
