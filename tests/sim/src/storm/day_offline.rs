//! A day without the network: a hundred counters, twenty-four hours, cards alone. Then the way is
//! free again, and everything must be charged in the order in which it was accepted.
//!
//! As the storms it runs in paused time, with the whole core over simulated parts; nothing else
//! goes wrong here, so that order and caps can be told exactly.

use std::time::Duration;

use futures_util::future::join_all;
use store_actors::{
    domain::{
        ids::{CounterId, PaymentId},
        invariant,
        money::{Currency, Money},
        offline::{OfflineLimits, OfflineTotal},
        payment::{Origin, Payment, State},
        record::{Body, Record},
        tender::{Scheme, Tender},
    },
    store::{
        Store,
        requests::{GetPayment, OpenPayment, Refused},
    },
    supervisor::Handle,
};
use tokio::time::{Instant, sleep};

use super::{
    World, check,
    dice::Dice,
    fate::{Annals, Fate},
    outage::Outages,
    paused_runtime,
    reader::StormReader,
    watch,
};
use crate::device::card::ChipProfile;

const HOUR_MS: u64 = 3_600_000;

/// The network goes a minute after the opening.
const BEGIN_MS: u64 = 60_000;

const ASK: Duration = Duration::from_secs(20);

/// What came of the day.
#[derive(Clone, Debug, Default)]
pub struct Day {
    pub accepted: usize,
    /// Cards that the budget had no room for.
    pub refused: usize,
    pub confirmed: usize,
    pub refused_later: usize,
    pub records: usize,
    /// From the network's return to the last charge, simulated.
    pub drained_in: Duration,
    pub violations: Vec<String>,
}

impl Day {
    /// No rule was broken, and the day was one that could have broken some: cards were accepted and
    /// refused, and each that was accepted has ended.
    pub fn proves(&self) -> bool {
        let ended = self.confirmed + self.refused_later == self.accepted;
        self.violations.is_empty() && self.accepted > 0 && self.refused > 0 && ended
    }
}

/// So much that a little less than half of the day's cards find room.
fn limits(counters: usize) -> OfflineLimits {
    let per = counters as u64;
    let total = |units, count| OfflineTotal {
        sum: Money::from_minor_units(units, Currency::Cny)
            .unwrap_or_else(|_| unreachable!("small")),
        count,
    };
    OfflineLimits {
        total: total(
            60_000 * per,
            20 * u32::try_from(counters).unwrap_or(u32::MAX),
        ),
        max_age_ms: 30 * HOUR_MS,
        per_payment: total(10_000, 1).sum,
        per_card: total(60_000, 12),
        schemes: vec![Scheme::Visa],
        slice: total(60_000, 20),
    }
}

/// Runs it with so many counters for so many hours.
pub fn run(counters: usize, hours: u64) -> Day {
    let dice = Dice::new(24);
    let mut world = World::new(&dice, 0);
    world.limits = limits(counters);
    world.outages = Outages::one(BEGIN_MS, BEGIN_MS + hours * HOUR_MS);
    world.line_down_ms = BEGIN_MS + hours * HOUR_MS;
    let names: Vec<String> = (1..=counters).map(|n| format!("{n:03}")).collect();
    let mut day = Day::default();
    let system = actix::System::with_tokio_rt(paused_runtime);
    system.block_on(async {
        let fate = Fate::new(world.annals.clone(), 0, 0, true);
        let devices: Vec<_> = names
            .iter()
            .map(|_| (None, StormReader::new(fate.clone(), dice.clone())))
            .collect();
        let running = world.open(&fate, &names, &devices);
        actix::spawn(watch(running.signals.clone(), world.annals.clone()));
        let stands = names.iter().zip(&devices).map(|(name, (_, reader))| Stand {
            counter: super::counter_id(name),
            store: running.store.clone(),
            reader: reader.clone(),
            dice: dice.clone(),
            fate: fate.clone(),
            closes_ms: BEGIN_MS + hours * HOUR_MS - 60_000,
        });
        let sold = join_all(stands.map(Stand::work)).await;
        day.accepted = sold.iter().map(|stand| stand.0).sum();
        day.refused = sold.iter().map(|stand| stand.1).sum();
        let left_ms = (BEGIN_MS + hours * HOUR_MS).saturating_sub(fate.elapsed_ms());
        sleep(Duration::from_millis(left_ms)).await;
        let returned = Instant::now();
        world.until_settled(&fate).await;
        day.drained_in = returned.elapsed();
        // outside of its runtime the paused clock means nothing
        world.disk = world.disk.after_torn_crash(0);
    });
    let records = world.disk.durable();
    judge(&records, &mut day, &world.annals);
    let outcome = world.judge(24, 1);
    day.violations = outcome.violations;
    day.records = records.len();
    day
}

/// A till whose customers pay by card.
struct Stand {
    counter: CounterId,
    store: Handle<Store>,
    reader: StormReader,
    dice: Dice,
    fate: Fate,
    closes_ms: u64,
}

impl Stand {
    /// How many cards were accepted, and how many were not.
    async fn work(self) -> (usize, usize) {
        let (mut accepted, mut refused) = (0, 0);
        // not before the link is judged
        sleep(Duration::from_millis(BEGIN_MS + 30_000)).await;
        loop {
            sleep(self.dice.ms(600_000, 3_000_000)).await;
            if self.fate.elapsed_ms() >= self.closes_ms {
                return (accepted, refused);
            }
            match self.sell().await {
                Some(State::ApprovedOffline) => accepted += 1,
                _ => refused += 1,
            }
        }
    }

    async fn sell(&self) -> Option<State> {
        let units = self.dice.between(500, 6_000);
        let open = OpenPayment {
            counter: self.counter.clone(),
            money: Money::from_minor_units(units, Currency::Cny).ok()?,
            tender: Tender::Card,
            origin: Origin::Till,
            reference: None,
            fingerprint: None,
            by: None,
            pre_authorise: false,
        };
        let id = match self.store.ask(open, ASK).await.ok()? {
            Ok(opened) => opened.payment.id,
            Err(Refused::NotReady(_)) => return None,
            Err(failed) => {
                self.fate
                    .annals()
                    .broken(format!("a till was told: {failed}"));
                return None;
            }
        };
        self.reader.tap(self.card()).await;
        let until = Instant::now() + Duration::from_secs(90);
        while Instant::now() < until {
            let seen = self.store.ask(GetPayment(id), ASK).await.ok()?.ok()?;
            if !seen.state.holds_stand() {
                return Some(seen.state);
            }
            sleep(Duration::from_millis(200)).await;
        }
        self.fate
            .annals()
            .broken(format!("{id} hangs at the stand"));
        None
    }

    /// One of five hundred cards.
    fn card(&self) -> ChipProfile {
        let mut profile = ChipProfile::visa();
        profile.pan = with_check_digit(&format!("411111000{:06}", self.dice.below(500)));
        profile
    }
}

/// ISO/IEC 7812-1, annex B.
fn with_check_digit(digits: &str) -> String {
    let weigh = |(at, digit): (usize, u32)| match at % 2 {
        0 => digit * 2 / 10 + digit * 2 % 10,
        _ => digit,
    };
    let weighed = digits
        .chars()
        .rev()
        .filter_map(|c| c.to_digit(10))
        .enumerate();
    let sum: u32 = weighed.map(weigh).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// Order and caps, from the journal alone.
fn judge(records: &[Record], day: &mut Day, annals: &Annals) {
    let mut accepted: Vec<PaymentId> = Vec::new();
    let mut charged: Vec<PaymentId> = Vec::new();
    for record in records {
        let Ok(Body::Payment { payment }) = record.decode_body() else {
            continue;
        };
        let Some(offline) = payment.offline else {
            continue;
        };
        match payment.state {
            State::ApprovedOffline if offline.forwards == 0 => accepted.push(payment.id),
            State::ApprovedOffline
                if payment.resolving.is_some()
                    && offline.forwards == 1
                    && charged.last() != Some(&payment.id) =>
            {
                charged.push(payment.id);
            }
            State::Confirmed => day.confirmed += 1,
            State::RefusedLater => day.refused_later += 1,
            _ => {}
        }
    }
    if charged != accepted {
        annals.broken("it was not charged in the order in which it was accepted");
    }
    let books = check::latest(records);
    let open: Vec<&Payment> = books.values().filter(|one| !one.is_settled()).collect();
    for payment in open {
        annals.check(invariant::ended_or_listed(payment, &Default::default()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_offline_loses_nothing_exceeds_no_cap_and_drains_in_order() {
        // `storm --offline-hours 24` has a hundred counters
        let day = run(12, 24);
        assert_eq!(day.violations, Vec::<String>::new());
        assert!(day.proves(), "{day:?}");
        assert!(day.accepted > 150, "{day:?}");
        assert!(day.refused > 50, "the caps were never reached: {day:?}");
        assert_eq!(day.confirmed + day.refused_later, day.accepted, "{day:?}");
    }

    #[test]
    fn the_cards_of_the_day_have_right_check_digits() {
        assert_eq!(with_check_digit("411111111111111"), "4111111111111111");
    }
}
