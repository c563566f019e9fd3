//! What a run came to, as other people's scripts read it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{faults::Outage, guard_log::GuardLog, opening::Openings};

#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub seed: u64,
    pub counters: u8,
    pub crashes: Crashes,
    pub guard_log: GuardLog,
    pub payments: Payments,
    pub told: Told,
    pub acquirer: Acquirer,
    pub head_office: HeadOffice,
    pub settlements: Settlements,
    pub own_terminals: OwnTerminals,
    pub invariants: Invariants,
    pub devices: Devices,
    /// Milliseconds from the till's question to the known outcome, per tender.
    pub timing_ms: BTreeMap<&'static str, Timing>,
    pub wall_clock_s: f64,
}

/// What was made to die, and how it came back.
#[derive(Debug, Default, Serialize)]
pub struct Crashes {
    pub power_cuts: usize,
    pub kills: usize,
    /// Power cuts after which the disk came back spoiled, by how.
    pub spoils: BTreeMap<&'static str, usize>,
    /// Each point where a program was killed, and how many passes it had lived through each time.
    pub points: BTreeMap<&'static str, Vec<u64>>,
    pub openings: Openings,
    /// Crashes that could not be made, and programs that did not come back.
    pub failed: Vec<String>,
}

impl Crashes {
    pub fn made(&mut self, outage: Outage) {
        match outage {
            Outage::PowerCut => self.power_cuts += 1,
            Outage::ControllerKilled => self.kills += 1,
            Outage::Spoiled(spoil) => *self.spoils.entry(spoil.name()).or_default() += 1,
            Outage::Killed(point, passes) => {
                self.points.entry(point.name).or_default().push(passes);
            }
            Outage::Broker | Outage::HeadOfficeKilled | Outage::Acquirer => {}
        }
    }

    pub fn count(&self) -> usize {
        self.power_cuts
            + self.kills
            + self.spoils.values().sum::<usize>()
            + self.points.values().map(Vec::len).sum::<usize>()
    }
}

/// What the store's API told a till, against the journal at the end.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    pub payments: usize,
    /// Told of and not in the journal.
    pub lost: usize,
    /// Told a final state, and the journal has another.
    pub taken_back: usize,
}

/// By final state; `refunded` counts refunds, automatic ones included.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Payments {
    pub approved: usize,
    pub declined: usize,
    pub cancelled: usize,
    pub reversed: usize,
    /// Pre-authorisations that hold money, and those whose money was taken.
    pub authorised: usize,
    pub completed: usize,
    /// Cards that were accepted while the acquirer was cut off, and charged afterwards, or refused.
    pub confirmed: usize,
    pub refused_later: usize,
    pub unknown: usize,
    pub refunded: usize,
}

/// The acquirer's ledger, as decimal strings, and how many orders it does not tell as the journal
/// does.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Acquirer {
    pub charged: String,
    pub refunded: String,
    pub mismatched: usize,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct HeadOffice {
    pub records: u64,
    pub missing: u64,
    pub duplicated: u64,
}

/// Terminals that authorise by themselves: what they booked, and how many of them and of their
/// payments do not tell the same.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct OwnTerminals {
    pub bookings: usize,
    pub payments: usize,
    pub mismatched: usize,
}

/// The card host's batches, and how many of them the store's records do not tell as the host does.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settlements {
    pub batches: usize,
    pub transactions: usize,
    pub mismatched: usize,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Invariants {
    pub violations: u64,
    /// What was broken, for people.
    pub what: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Devices {
    pub restarts: u64,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timing {
    pub p50: u64,
    pub p99: u64,
    pub count: usize,
}

impl Invariants {
    pub fn broken(&mut self, what: String) {
        self.violations += 1;
        self.what.push(what);
    }
}

impl Report {
    /// Whether the books agree.
    pub fn is_clean(&self) -> bool {
        let Self {
            payments,
            acquirer,
            head_office,
            invariants,
            told,
            crashes,
            guard_log,
            settlements,
            own_terminals,
            ..
        } = self;
        payments.unknown == 0
            && acquirer.mismatched == 0
            && settlements.mismatched == 0
            && own_terminals.mismatched == 0
            && head_office.missing == 0
            && head_office.duplicated == 0
            && invariants.violations == 0
            && told.lost == 0
            && told.taken_back == 0
            && crashes.failed.is_empty()
            && guard_log.broken == 0
    }
}

/// The value that `share` percent of the sorted values do not exceed (nearest rank).
pub fn percentile(sorted: &[u64], share: usize) -> u64 {
    let rank = (sorted.len() * share).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99)), (50, 99));
        assert_eq!((percentile(&[7], 99), percentile(&[], 50)), (7, 0));
    }

    #[test]
    fn one_unknown_payment_is_not_clean() {
        let clean = Report::default();
        assert!(clean.is_clean());
        let payments = Payments {
            unknown: 1,
            ..Payments::default()
        };
        assert!(
            !Report {
                payments,
                ..Report::default()
            }
            .is_clean()
        );
    }
}
