//! Chance from a seed (SplitMix64), the same on every machine.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use store_actors::ports::Entropy;

/// Clones throw the same dice.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `below`, exclusive.
    pub fn below(&self, below: u64) -> u64 {
        self.next() % below.max(1)
    }

    pub fn between(&self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in so many of a hundred throws.
    pub fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn ms(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }
}

impl Entropy for Dice {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            *byte = self.next().to_be_bytes()[0];
        }
    }
}
