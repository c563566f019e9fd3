//! Clients that each begin the next one when the last has ended.

use std::time::Duration;

use tokio::time::Instant;

use crate::world::{Spread, rate};

/// How long it is done.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    warm: Duration,
    measured: Duration,
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
        }
    }

    /// `once` gives how long it took.
    pub async fn run<F>(
        self,
        clients: usize,
        once: impl Fn(usize) -> F + Clone + Send + 'static,
    ) -> Measured
    where
        F: Future<Output = Duration> + Send,
    {
        let begin = Instant::now() + self.warm;
        let end = begin + self.measured;
        let clients: Vec<_> = (0..clients)
            .map(|nth| {
                let once = once.clone();
                tokio::spawn(async move {
                    let (mut took, mut all) = (Vec::new(), 0);
                    while Instant::now() < end {
                        let one = once(nth).await;
                        all += 1;
                        let now = Instant::now();
                        if now >= begin && now < end {
                            took.push(one);
                        }
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
