//! When the way to the acquirer is cut, thrown beforehand: requests are refused at once, or vanish.

use super::dice::Dice;

#[derive(Clone, Debug, Default)]
pub struct Outages(Vec<Outage>);

#[derive(Clone, Copy, Debug)]
struct Outage {
    from_ms: u64,
    to_ms: u64,
    cut: Cut,
}

/// What becomes of a request meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It provably doesn't leave.
    Refused,
    /// Nobody says anything.
    Vanishes,
}

impl Outages {
    /// Up to two, each of twenty seconds to two minutes.
    pub fn thrown(dice: &Dice) -> Self {
        let outage = |_| {
            let from_ms = dice.below(20_000) * dice.between(1, 6);
            let cut = match dice.percent(60) {
                true => Cut::Refused,
                false => Cut::Vanishes,
            };
            Outage {
                from_ms,
                to_ms: from_ms + dice.between(20_000, 120_000),
                cut,
            }
        };
        Self((0..dice.below(3)).map(outage).collect())
    }

    /// One, from here to there.
    pub fn one(from_ms: u64, to_ms: u64) -> Self {
        let cut = Cut::Refused;
        Self(vec![Outage {
            from_ms,
            to_ms,
            cut,
        }])
    }

    /// Whether the way is cut now, so long after the storm began.
    pub fn at(&self, elapsed_ms: u64) -> Option<Cut> {
        let is_on = |outage: &&Outage| (outage.from_ms..outage.to_ms).contains(&elapsed_ms);
        self.0.iter().find(is_on).map(|outage| outage.cut)
    }
}
