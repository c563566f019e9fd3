//! The last day, in quarters of an hour, for the charts: payments, time to a known outcome, depth
//! of the outbox.
//!
//! It is fed by signals and lies in memory alone, as much whatever happens: what must not be lost
//! is in the journal, and what is watched for longer in Prometheus. After a start the payments of
//! the day are read from the journal (`fill`); how deep the outbox was then nobody knows.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use store_actors::{
    domain::{
        payment::{Payment, State},
        timestamp::Timestamp,
    },
    ports::PaymentFilter,
    signal::{Signal, Signals},
};
use tokio::{sync::broadcast::error::RecvError, time::sleep};

/// Length of a slot, milliseconds.
pub(super) const SLOT_MS: i64 = 15 * 60_000;
/// Slots of a day.
pub(super) const SLOTS: usize = 96;

/// Payments that are read for the charts at a start, and at once.
const FILLED_MAX: usize = 20_000;
const FILLED_PAGE: usize = 500;
/// Between two pages: nobody waits for a chart, and a store that starts has better to do.
const FILL_PAUSE: Duration = Duration::from_millis(250);

/// Upper bounds of times to a known outcome, milliseconds: what is longer than all is counted
/// beyond the last.
const BOUNDS_MS: [u64; 19] = [
    50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 30_000,
    60_000, 120_000, 300_000, 900_000,
];

/// A quarter of an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub begins: Timestamp,
    /// Payments that ended with money, and without.
    pub paid: u64,
    pub unpaid: u64,
    /// Times to a known outcome, by bound.
    outcomes: [u64; BOUNDS_MS.len() + 1],
    /// Records that the head office did not hold: the most. `None` before the program's start.
    pub depth: Option<u64>,
}

impl Slot {
    fn new(begins: i64, depth: Option<u64>) -> Self {
        Self {
            begins: Timestamp::from_unix_ms(begins),
            paid: 0,
            unpaid: 0,
            outcomes: [0; BOUNDS_MS.len() + 1],
            depth,
        }
    }

    fn count(&mut self, payment: &Payment) {
        match payment.state {
            // its completion is another payment
            State::Authorised | State::Completed => {}
            state if state.is_paid() => self.paid += 1,
            _ => self.unpaid += 1,
        }
        if let Some(took) = payment.outcome_after_ms() {
            let at = BOUNDS_MS.partition_point(|bound| *bound < took);
            if let Some(count) = self.outcomes.get_mut(at) {
                *count += 1;
            }
        }
    }

    /// Within which so many percent of the outcomes were known, milliseconds; `None` without one.
    pub(super) fn outcome_ms(&self, percent: u64) -> Option<u64> {
        let all: u64 = self.outcomes.iter().sum();
        let wanted = (all * percent).div_ceil(100);
        let mut seen = 0;
        let at = self.outcomes.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        let longest = BOUNDS_MS.last().copied();
        BOUNDS_MS.get(at).copied().or(longest).filter(|_| all > 0)
    }
}

/// What happened, and how deep the outbox is now.
#[derive(Debug, Default)]
struct Past {
    slots: VecDeque<Slot>,
    depth: u64,
    /// What ended before is read from the journal, what ends from then on is heard.
    begun: Timestamp,
}

impl Past {
    /// The slot of now; those that are older than a day are dropped.
    fn slot(&mut self, now: Timestamp) -> Option<&mut Slot> {
        let begins = now.unix_ms() - now.unix_ms().rem_euclid(SLOT_MS);
        let last = self.slots.back().map(|last| last.begins.unix_ms());
        let day = i64::try_from(SLOTS).unwrap_or(i64::MAX) * SLOT_MS;
        // a clock that was set back stays in the slot where it was
        let mut next = last.map_or(begins, |last| (last + SLOT_MS).max(begins - day));
        while next <= begins {
            self.slots.push_back(Slot::new(next, Some(self.depth)));
            next += SLOT_MS;
        }
        while self.slots.len() > SLOTS {
            self.slots.pop_front();
        }
        self.slots.back_mut()
    }

    fn note(&mut self, now: Timestamp, signal: &Signal) {
        match signal {
            Signal::PaymentMoved { payment, .. } if self.is_heard(payment) => {
                if let Some(slot) = self.slot(now) {
                    slot.count(payment);
                }
            }
            Signal::OutboxChanged(outbox) => {
                self.depth = outbox.depth;
                if let Some(slot) = self.slot(now) {
                    slot.depth = slot.depth.max(Some(outbox.depth));
                }
            }
            _ => {}
        }
    }
}

impl Past {
    /// It ended with this step, since the beginning; what moves later are its refunds.
    fn is_heard(&self, payment: &Payment) -> bool {
        let has_just_ended = payment.ended_at == Some(payment.changed_at);
        payment.state.is_final() && has_just_ended && payment.changed_at >= self.begun
    }

    /// The day before now, of which nothing is known yet.
    fn begin(&mut self, now: Timestamp) {
        self.begun = now;
        let last = now.unix_ms() - now.unix_ms().rem_euclid(SLOT_MS);
        let back = (1..SLOTS).rev().filter_map(|nth| i64::try_from(nth).ok());
        let days = back.map(|nth| Slot::new(last - nth * SLOT_MS, None));
        self.slots = days.chain([Slot::new(last, None)]).collect();
    }

    /// What ended before the beginning, as the journal has it.
    fn fill(&mut self, payments: &[Payment]) {
        for payment in payments.iter().filter(|one| one.state.is_final()) {
            let ended = payment.ended_at.filter(|ended| *ended < self.begun);
            let Some(ended) = ended else { continue };
            let begins = ended.unix_ms() - ended.unix_ms().rem_euclid(SLOT_MS);
            let mut slots = self.slots.iter_mut();
            if let Some(slot) = slots.find(|slot| slot.begins.unix_ms() == begins) {
                slot.count(payment);
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct History(Mutex<Past>);

impl History {
    /// From here on it is heard what happens.
    pub(super) fn begin(&self, now: Timestamp) {
        self.past().begin(now);
    }

    /// Reads the payments of the day before the beginning, a page at a time, the newest first. In a
    /// store with more than `FILLED_MAX` of them the charts begin where those end.
    pub(super) async fn fill<E: std::fmt::Display>(
        &self,
        find: impl AsyncFn(PaymentFilter) -> Result<Vec<Payment>, E>,
    ) {
        let day = u64::try_from(SLOT_MS).unwrap_or(0) * SLOTS as u64;
        let since = Timestamp::from_unix_ms(self.past().begun.unix_ms() - day.cast_signed());
        let (mut before, mut filled) = (None, 0);
        while filled < FILLED_MAX {
            let filter = PaymentFilter {
                since: Some(since),
                limit: FILLED_PAGE,
                before,
                ..PaymentFilter::default()
            };
            match find(filter).await {
                Ok(payments) => {
                    self.past().fill(&payments);
                    filled += payments.len();
                    before = payments.last().map(|last| last.id);
                    if payments.len() < FILLED_PAGE {
                        return;
                    }
                    sleep(FILL_PAUSE).await;
                }
                Err(cause) => {
                    return tracing::warn!(%cause, "the charts begin at the start: payments can't be read");
                }
            }
        }
    }

    /// Listens until the store is gone. What the channel dropped is missing in the charts alone.
    pub(super) async fn run(&self, signals: &Signals, now: impl Fn() -> Timestamp) {
        let mut heard = signals.listen();
        loop {
            match heard.recv().await {
                Ok(signal) => self.past().note(now(), &signal),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// The slots of the day up to now, the oldest first.
    pub(super) fn day(&self, now: Timestamp) -> Vec<Slot> {
        let mut past = self.past();
        past.slot(now);
        past.slots.iter().cloned().collect()
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use store_actors::{
        domain::{
            money::{Currency, Money},
            payment::{Opening, Origin},
            tender::Tender,
        },
        signal::OutboxStatus,
    };

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000 + minutes * 60_000)
    }

    fn ended(state: State, took_ms: u64, now: Timestamp) -> Signal {
        let opening = Opening {
            id: store_actors::domain::ids::PaymentId::from_bytes([1; 16]),
            counter: "01".parse().unwrap(),
            money: Money::parse("1.00", Currency::Cny).unwrap(),
            tender: Tender::CustomerCode,
            origin: Origin::Till,
            reference: None,
            fingerprint: None,
            number: 1,
            opened_by: None,
        };
        let mut payment = Payment::open(opening, now);
        payment.state = state;
        payment.submitted_at = Some(Timestamp::from_unix_ms(
            now.unix_ms() - i64::try_from(took_ms).unwrap(),
        ));
        (payment.changed_at, payment.ended_at) = (now, Some(now));
        let payment = Arc::new(payment);
        Signal::PaymentMoved { seq: 1, payment }
    }

    fn depth(depth: u64) -> Signal {
        Signal::OutboxChanged(OutboxStatus {
            depth,
            ..OutboxStatus::default()
        })
    }

    #[test]
    fn payments_and_outcomes_are_counted_in_their_quarter() {
        let mut past = Past::default();
        for took in [80, 90, 95, 4_000] {
            past.note(at(0), &ended(State::Approved, took, at(0)));
        }
        past.note(at(31), &ended(State::Declined, 700_000_000, at(31)));
        let slots: Vec<_> = past.slots.iter().collect();
        assert_eq!(slots.len(), 3);
        assert_eq!((slots[0].paid, slots[0].unpaid), (4, 0));
        assert_eq!((slots[2].paid, slots[2].unpaid), (0, 1));
        assert_eq!(slots[0].outcome_ms(50), Some(100));
        assert_eq!(slots[0].outcome_ms(95), Some(5_000));
        assert_eq!(slots[1].outcome_ms(50), None);
        assert_eq!(slots[2].outcome_ms(50), Some(900_000));
    }

    #[test]
    fn a_refund_later_is_not_another_payment() {
        let mut past = Past::default();
        let Signal::PaymentMoved { payment, .. } = ended(State::Approved, 10, at(0)) else {
            panic!("a payment moved")
        };
        let mut refunded = Payment::clone(&payment);
        refunded.changed_at = at(1);
        let payment = Arc::new(refunded);
        past.note(at(1), &Signal::PaymentMoved { seq: 2, payment });
        assert!(past.slots.is_empty());
    }

    #[test]
    fn the_outbox_stays_as_deep_until_it_says_otherwise() {
        let mut past = Past::default();
        past.note(at(0), &depth(7));
        past.note(at(1), &depth(3));
        past.slot(at(40));
        let depths: Vec<_> = past.slots.iter().map(|slot| slot.depth).collect();
        assert_eq!(depths, [Some(7), Some(3), Some(3)]);
    }

    #[test]
    fn a_day_is_kept_and_no_more_even_after_a_month_of_silence() {
        let history = History::default();
        history.past().note(at(0), &depth(7));
        assert_eq!(history.day(at(31 * 24 * 60)).len(), SLOTS);
        // a clock set back
        assert_eq!(history.day(at(0)).len(), SLOTS);
        history.past().note(at(0), &depth(9));
        assert_eq!(history.day(at(0)).last().unwrap().depth, Some(9));
    }

    /// What had ended before the start is read, what ends later is heard, and nothing is both.
    #[tokio::test]
    async fn the_day_before_a_start_is_read_from_the_journal() {
        let moved = |state, now| match ended(state, 80, now) {
            Signal::PaymentMoved { payment, .. } => Payment::clone(&payment),
            _ => panic!("a payment moved"),
        };
        let paid = [at(-1), at(-1), at(-40), at(-25 * 60)].map(|at| moved(State::Approved, at));
        let later = moved(State::Declined, at(1));
        let mut refunded = paid[2].clone();
        refunded.changed_at = at(2);
        let history = History::default();
        history.begin(at(0));
        let heard = |payment: &Payment| {
            let payment = Arc::new(payment.clone());
            let signal = Signal::PaymentMoved { seq: 1, payment };
            history.past().note(at(2), &signal);
        };
        [&later, &paid[0], &refunded].into_iter().for_each(heard);
        let all = [
            &paid[..2],
            &[refunded.clone(), paid[3].clone(), later.clone()],
        ]
        .concat();
        let asked = Mutex::new(0);
        history
            .fill(async |filter: PaymentFilter| {
                *asked.lock().unwrap() += 1;
                assert_eq!(filter.since, Some(at(-24 * 60)));
                Ok::<_, String>(all.clone())
            })
            .await;
        assert_eq!(asked.into_inner().unwrap(), 1);
        let slots = history.day(at(2));
        assert_eq!(slots.len(), SLOTS);
        let sums = |of: fn(&Slot) -> u64| slots.iter().map(of).sum::<u64>();
        assert_eq!((sums(|slot| slot.paid), sums(|slot| slot.unpaid)), (3, 1));
        assert_eq!(slots.last().unwrap().unpaid, 1);
        let known: Vec<_> = slots.iter().filter(|slot| slot.paid > 0).collect();
        assert_eq!(known.len(), 2, "by when they ended");
        assert_eq!(known[0].outcome_ms(95), Some(100));
        assert!(slots.iter().all(|slot| slot.depth.is_none()));
    }
}
