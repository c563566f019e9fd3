//! Every transition, named by it; then properties over long random lives.

use std::{collections::BTreeSet, num::NonZeroU64, time::Duration};

use proptest::prelude::*;
use tokio::time::Instant;

use super::{
    OutboxSettings,
    machine::{Effect, Event, LIVE_FOR, Machine, Moment, State},
};
use crate::ports::PublishRefused;

const BUSY: Event = Event::Refused {
    why: PublishRefused::Busy,
    records: 1,
};

/// A machine with its clock and journal.
struct Bench {
    machine: Machine,
    now: Instant,
    tip: u64,
}

impl Bench {
    /// Offline, with records 1 to `tip` waiting.
    fn offline(tip: u64) -> Self {
        let now = Instant::now();
        let settings = OutboxSettings {
            window_records: 400,
            ..OutboxSettings::default()
        };
        let machine = Machine::new(
            settings,
            0,
            BTreeSet::new(),
            Moment {
                now,
                tip,
                chance: 0,
            },
        );
        Self { machine, now, tip }
    }

    /// The head office has said that it holds nothing.
    fn up(tip: u64) -> Self {
        let mut bench = Self::offline(tip);
        bench.on(Event::Up);
        bench.receipt(0);
        bench
    }

    fn on(&mut self, event: Event) -> Vec<Effect> {
        self.machine.on(
            event,
            Moment {
                now: self.now,
                tip: self.tip,
                chance: 0,
            },
        )
    }

    fn write(&mut self, records: u64) {
        self.tip += records;
        self.on(Event::Wrote);
    }

    /// Publishes all that the machine wants to have published now; gives the ranges.
    fn publish(&mut self) -> Vec<(u64, u64)> {
        let mut sent = Vec::new();
        while let Some(fetch) = self.machine.fetch(self.now) {
            let through = fetch.from + fetch.records as u64 - 1;
            self.on(Event::Published {
                first: fetch.from,
                through,
                bytes: 1_000 * fetch.records,
            });
            sent.push((fetch.from, through));
        }
        sent
    }

    fn receipt(&mut self, through: u64) -> Vec<Effect> {
        self.on(Event::Receipt { through })
    }

    /// Lets time pass in ticks of a second.
    fn pass(&mut self, seconds: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            effects.extend(self.on(Event::Tick));
        }
        effects
    }

    fn state(&self) -> State {
        self.machine.state()
    }

    fn slow() -> Self {
        let mut bench = Self::up(10);
        bench.publish();
        bench.pass(2);
        assert_eq!(bench.state(), State::Slow);
        bench
    }

    fn stuck() -> Self {
        let mut bench = Self::slow();
        let mut effects = Vec::new();
        for _ in 0..18 {
            effects.extend(bench.pass(1));
            bench.publish();
        }
        assert!(
            matches!(effects.as_slice(), [Effect::Rebuild(_)]),
            "{effects:?}"
        );
        assert_eq!(bench.state(), State::Stuck);
        bench
    }
}

#[test]
fn offline_to_online_when_the_link_comes_up() {
    let mut bench = Bench::offline(10);
    assert_eq!(bench.publish(), []);
    bench.on(Event::Up);
    assert_eq!(bench.state(), State::Online);
    assert_eq!(bench.publish(), [(1, 10)]);
}

#[test]
fn offline_to_draining_when_the_link_comes_up_with_a_backlog() {
    let mut bench = Bench::up(1_000);
    assert_eq!(bench.state(), State::Draining);
    assert!(!bench.machine.fetch(bench.now).unwrap().pause.is_zero());
    assert_eq!(
        bench.publish(),
        [(1, 100), (101, 200), (201, 300), (301, 400)]
    );
}

#[test]
fn online_to_draining_when_a_backlog_grows() {
    let mut bench = Bench::up(0);
    bench.write(200);
    assert_eq!(bench.state(), State::Online);
    bench.write(1);
    assert_eq!(bench.state(), State::Draining);
}

#[test]
fn draining_to_online_when_the_backlog_is_gone() {
    let mut bench = Bench::up(1_000);
    for through in (100..=900).step_by(100) {
        bench.publish();
        assert_eq!(bench.state(), State::Draining, "{through}");
        assert_eq!(bench.receipt(through), [Effect::Retire(through)]);
    }
    assert_eq!(bench.state(), State::Online);
    assert_eq!(bench.publish(), []);
    assert_eq!(bench.machine.depth(), 100);
}

#[test]
fn online_to_slow_when_a_receipt_is_late() {
    let mut bench = Bench::up(10);
    bench.publish();
    bench.pass(1);
    assert_eq!(bench.state(), State::Online);
    bench.pass(1);
    assert_eq!(bench.state(), State::Slow);
}

#[test]
fn online_to_slow_when_the_link_has_no_room() {
    let mut bench = Bench::up(10);
    bench.on(BUSY);
    assert_eq!(bench.state(), State::Slow);
    assert_eq!(bench.publish(), [], "not before something has changed");
    bench.pass(1);
    assert_eq!(bench.publish(), [(1, 10)]);
}

#[test]
fn draining_to_slow_when_a_receipt_is_late_and_then_one_small_batch_at_a_time() {
    let mut bench = Bench::up(1_000);
    bench.publish();
    bench.pass(2);
    assert_eq!(bench.state(), State::Slow);
    assert_eq!(bench.publish(), [], "the window is full");
    bench.pass(3);
    assert_eq!(bench.publish(), [(1, 20)], "published again after 5 s");
}

#[test]
fn slow_to_online_when_a_receipt_is_in_time() {
    let mut bench = Bench::slow();
    bench.write(5);
    for through in [5, 10] {
        bench.receipt(through);
        assert_eq!(bench.state(), State::Slow, "1 to 10 came late");
    }
    assert_eq!(bench.publish(), [(11, 15)]);
    bench.receipt(15);
    assert_eq!(bench.state(), State::Online);
}

#[test]
fn slow_to_online_when_nothing_is_left_to_wait_for() {
    let mut bench = Bench::slow();
    bench.receipt(10);
    assert_eq!(bench.state(), State::Online);
}

#[test]
fn slow_sends_again_ever_more_rarely() {
    let mut bench = Bench::slow();
    let mut at = Vec::new();
    for second in 3..20 {
        assert_eq!(bench.pass(1), []);
        if bench.publish() == [(1, 10)] {
            at.push(second);
        }
    }
    assert_eq!(at, [5, 15]);
}

#[test]
fn slow_to_stuck_when_nothing_is_receipted_and_the_link_is_rebuilt() {
    let mut bench = Bench::stuck();
    assert_eq!(bench.machine.status().rebuilds, 1);
    assert_eq!(bench.publish(), [], "the last batch is still under way");
}

#[test]
fn stuck_to_stuck_rebuilds_ever_more_rarely() {
    let mut bench = Bench::stuck();
    let mut at = Vec::new();
    for second in 1..=1_000 {
        if !bench.pass(1).is_empty() {
            at.push(second);
        }
        bench.publish();
    }
    assert_eq!(at, [20, 60, 140, 300, 620, 940]);
}

#[test]
fn stuck_sends_a_small_batch_now_and_then() {
    let mut bench = Bench::stuck();
    bench.write(500);
    let sent: Vec<_> = (0..60)
        .flat_map(|_| {
            bench.pass(1);
            bench.publish()
        })
        .collect();
    assert_eq!(sent, [(1, 20); 3]);
}

#[test]
fn stuck_to_online_when_a_receipt_comes() {
    let mut bench = Bench::stuck();
    assert_eq!(bench.receipt(10), [Effect::Retire(10)]);
    assert_eq!(bench.state(), State::Online);
    bench.write(1);
    assert_eq!(bench.publish(), [(11, 11)]);
}

#[test]
fn stuck_to_offline_to_stuck_while_the_link_is_rebuilt() {
    let mut bench = Bench::stuck();
    bench.on(Event::Down);
    assert_eq!(bench.state(), State::Offline);
    bench.pass(100);
    bench.on(Event::Up);
    assert_eq!(
        bench.state(),
        State::Stuck,
        "a link is not believed before a receipt"
    );
    assert_eq!(bench.publish(), [(1, 10)]);
    assert_eq!(bench.pass(19), [], "the new link gets its time");
    assert!(matches!(bench.pass(1).as_slice(), [Effect::Rebuild(_)]));
    bench.receipt(10);
    assert_eq!(bench.state(), State::Online);
}

#[test]
fn any_state_to_offline_when_the_link_goes_and_all_is_sent_again_when_it_is_back() {
    for mut bench in [
        Bench::up(10),
        Bench::up(1_000),
        Bench::slow(),
        Bench::stuck(),
    ] {
        bench.publish();
        let before = bench.state();
        bench.on(Event::Down);
        assert_eq!(bench.state(), State::Offline, "{before:?}");
        assert_eq!(bench.publish(), []);
        bench.on(Event::Up);
        assert_eq!(bench.publish()[0].0, 1, "{before:?}");
    }
}

#[test]
fn a_link_that_comes_up_twice_starts_over() {
    let mut bench = Bench::up(10);
    assert_eq!(bench.publish(), [(1, 10)]);
    bench.on(Event::Up);
    assert_eq!(bench.publish(), [(1, 10)]);
}

#[test]
fn an_idle_outbox_is_never_slow_or_stuck() {
    let mut bench = Bench::up(10);
    bench.publish();
    bench.receipt(10);
    assert_eq!(bench.pass(1_000), []);
    assert_eq!(bench.state(), State::Online);
    bench.write(1);
    bench.pass(1);
    assert_eq!(
        bench.state(),
        State::Online,
        "it waits since now, not since ever"
    );
}

#[test]
fn a_receipt_beyond_what_exists_is_ignored() {
    let mut bench = Bench::up(10);
    bench.publish();
    assert_eq!(
        bench.receipt(11),
        [Effect::Ignored {
            through: 11,
            beyond: true
        }]
    );
    assert_eq!(
        (
            bench.machine.receipted(),
            bench.machine.status().receipts_ignored
        ),
        (0, 1)
    );
    assert_eq!(bench.receipt(10), [Effect::Retire(10)]);
}

#[test]
fn a_receipt_that_goes_backwards_is_ignored_and_one_that_is_repeated_means_nothing() {
    let mut bench = Bench::up(10);
    bench.publish();
    bench.receipt(8);
    assert_eq!(bench.receipt(8), []);
    assert_eq!(
        bench.receipt(7),
        [Effect::Ignored {
            through: 7,
            beyond: false
        }]
    );
    assert_eq!(
        (
            bench.machine.receipted(),
            bench.machine.status().receipts_ignored
        ),
        (8, 1)
    );
}

#[test]
fn a_receipt_for_what_was_sent_before_a_restart_moves_on_without_sending_it() {
    let mut bench = Bench::up(10);
    bench.receipt(6);
    assert_eq!(bench.publish(), [(7, 10)]);
}

#[test]
fn what_the_head_office_misses_is_sent_again_once() {
    let mut bench = Bench::up(10);
    bench.publish();
    bench.receipt(10);
    bench.pass(60);
    bench.on(Event::Missing { after: 4 });
    assert_eq!(bench.publish(), [(5, 10)]);
    bench.on(Event::Missing { after: 4 });
    assert_eq!(bench.publish(), [], "an answer can't have arrived yet");
    assert_eq!(bench.machine.receipted(), 10, "what is retired stays so");
    bench.on(Event::Missing { after: 10 });
    bench.on(Event::Missing { after: 99 });
    assert_eq!(bench.publish(), [], "nothing is there to send");
}

#[test]
fn where_the_head_office_stands_is_heard_before_a_backlog_goes_out() {
    let mut bench = Bench::offline(1_000);
    bench.on(Event::Up);
    assert_eq!(bench.state(), State::Draining);
    assert_eq!(bench.publish(), [(1, 20)], "one small batch");
    // before the store died it had far more receipts than it could write down
    assert_eq!(bench.receipt(700), [Effect::Retire(700)]);
    assert_eq!(bench.publish().first(), Some(&(701, 800)));
    bench.on(Event::Down);
    bench.on(Event::Up);
    assert_eq!(bench.publish(), [(701, 720)], "asked anew");
    bench.receipt(700);
    assert_eq!(bench.publish().first(), Some(&(721, 820)));
}

#[test]
fn what_is_on_its_way_is_not_missing_yet() {
    let mut bench = Bench::up(1_000);
    bench.publish();
    bench.write(2);
    assert_eq!(bench.publish(), [(1_001, 1_002)], "ahead of the backlog");
    // the head office holds these two and the first hundred
    bench.receipt(100);
    bench.on(Event::Missing { after: 100 });
    let sent = bench.publish();
    assert!(sent.iter().all(|(first, _)| *first > 200), "{sent:?}");
    bench.now += Duration::from_secs(6);
    bench.on(Event::Missing { after: 100 });
    assert_eq!(bench.publish().first(), Some(&(101, 200)), "it is lost");
}

#[test]
fn a_receipt_that_was_overtaken_brings_nothing_back() {
    let mut bench = Bench::up(1_000);
    bench.publish();
    bench.receipt(300);
    bench.receipt(100);
    bench.on(Event::Missing { after: 100 });
    let sent = bench.publish();
    assert_eq!(sent.first(), Some(&(401, 500)), "it goes on where it was");
    bench.pass(2);
    bench.on(Event::Missing { after: 100 });
    assert_eq!(bench.publish().first().map(|(first, _)| *first), Some(101));
}

#[test]
fn where_no_head_office_is_little_is_sent_and_soon_again() {
    let mut bench = Bench::up(1_000);
    assert_eq!(bench.publish().len(), 4);
    bench.on(Event::Unheard);
    bench.on(Event::Unheard);
    assert_eq!((bench.state(), bench.publish()), (State::Slow, vec![]));
    for pause_ms in [20, 40, 80] {
        let pause = Duration::from_millis(pause_ms);
        assert_eq!(bench.machine.waits_for(bench.now), Some(pause));
        bench.now += pause;
        bench.on(Event::Tick);
        assert_eq!(
            bench.publish(),
            [(1, 20)],
            "one small batch, long before it is late"
        );
        bench.on(Event::Unheard);
    }
    bench.pass(1);
    assert_eq!(bench.publish(), [(1, 20)]);
    bench.receipt(20);
    assert_eq!(bench.state(), State::Draining);
    assert_eq!(bench.publish().first(), Some(&(21, 120)));
}

#[test]
fn a_batch_that_is_too_large_is_halved_until_it_goes() {
    let mut bench = Bench::up(100);
    let mut tried = Vec::new();
    loop {
        let records = bench.machine.fetch(bench.now).unwrap().records;
        tried.push(records);
        if records <= 12 {
            break;
        }
        let why = PublishRefused::TooLarge;
        assert_eq!(bench.on(Event::Refused { why, records }), []);
    }
    assert_eq!(tried, [100, 50, 25, 12]);
    bench.on(Event::Published {
        first: 1,
        through: 12,
        bytes: 0,
    });
    bench.receipt(12);
    assert_eq!(
        bench.machine.fetch(bench.now).unwrap().records,
        24,
        "and grows again"
    );
}

#[test]
fn one_record_that_is_too_large_is_reported_and_tried_again_at_a_tick() {
    let mut bench = Bench::up(1);
    let refused = Event::Refused {
        why: PublishRefused::TooLarge,
        records: 1,
    };
    assert!(matches!(
        bench.on(refused).as_slice(),
        [Effect::Park { seq: 1, .. }]
    ));
    assert_eq!(bench.publish(), []);
    bench.pass(1);
    assert_eq!(bench.publish(), [(1, 1)]);
}

#[test]
fn jitter_spreads_rebuilds() {
    let due = |chance| {
        let mut bench = Bench::slow();
        bench.now += Duration::from_secs(18);
        let at = Moment {
            now: bench.now,
            tip: bench.tip,
            chance,
        };
        assert_eq!(bench.machine.on(Event::Tick, at).len(), 1);
        (1..).find(|_| !bench.pass(1).is_empty()).unwrap()
    };
    assert_eq!((due(0), due(255)), (20, 25));
}

#[derive(Clone, Debug)]
enum Act {
    Up,
    Down,
    Write(u64),
    Publish,
    Deliver,
    Lose,
    Wait(u64),
    Refuse(PublishRefused),
    Nonsense(u64),
    Missing(u64),
    Unheard,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    use PublishRefused::{Busy, Down, TooLarge};
    let act = prop_oneof![
        Just(Act::Up),
        Just(Act::Down),
        (1u64..300).prop_map(Act::Write),
        Just(Act::Publish),
        Just(Act::Deliver),
        Just(Act::Lose),
        (1u64..40).prop_map(Act::Wait),
        prop::sample::select(vec![Busy, Down, TooLarge]).prop_map(Act::Refuse),
        (0u64..5_000).prop_map(Act::Nonsense),
        (0u64..5_000).prop_map(Act::Missing),
        Just(Act::Unheard),
    ];
    prop::collection::vec(act, 0..60)
}

proptest! {
    /// OUT-1: whatever happened, once the world is well again the head office gets everything, each
    /// batch continues what it holds, and nothing is retired that it does not hold.
    #[test]
    fn whatever_happens_everything_arrives_in_order(acts in acts()) {
        let mut bench = Bench::offline(0);
        let mut wire: Vec<(u64, u64)> = Vec::new();
        let mut held = 0u64;
        let deliver = |bench: &mut Bench, wire: &mut Vec<(u64, u64)>, held: &mut u64| {
            for (first, through) in wire.drain(..) {
                if first <= *held + 1 {
                    *held = through.max(*held);
                }
            }
            bench.receipt(*held);
        };
        for act in acts {
            match act {
                Act::Up => drop(bench.on(Event::Up)),
                Act::Down => drop(bench.on(Event::Down)),
                Act::Write(records) => bench.write(records),
                Act::Publish => wire.extend(bench.publish()),
                Act::Deliver => deliver(&mut bench, &mut wire, &mut held),
                Act::Lose => wire.clear(),
                Act::Wait(seconds) => drop(bench.pass(seconds)),
                Act::Refuse(why) => drop(bench.on(Event::Refused { why, records: 1 })),
                Act::Nonsense(through) if through > bench.tip || through <= held => {
                    drop(bench.receipt(through));
                }
                Act::Nonsense(_) => {}
                Act::Missing(after) => drop(bench.on(Event::Missing { after })),
                Act::Unheard => drop(bench.on(Event::Unheard)),
            }
            prop_assert!(bench.machine.receipted() <= held);
        }
        bench.on(Event::Up);
        for _ in 0..500 {
            bench.pass(1);
            wire.extend(bench.publish());
            deliver(&mut bench, &mut wire, &mut held);
        }
        prop_assert_eq!(held, bench.tip);
        prop_assert_eq!(bench.machine.receipted(), bench.tip);
        prop_assert_eq!(bench.state(), State::Online);
    }
}

#[test]
fn what_happens_during_a_drain_goes_ahead_of_the_backlog_and_is_receipted_with_it() {
    let mut bench = Bench::up(1_000);
    assert_eq!(bench.publish().last(), Some(&(301, 400)));
    bench.write(3);
    assert_eq!(
        bench.publish(),
        [(1_001, 1_003)],
        "ahead, though the window is full"
    );
    bench.write(1);
    assert_eq!(bench.publish(), [(1_004, 1_004)]);
    bench.now += Duration::from_secs(1); // nobody pays any more
    assert_eq!(bench.receipt(400), [Effect::Retire(400)]);
    assert_eq!(bench.publish().last(), Some(&(701, 800)));
    bench.receipt(800);
    assert_eq!(
        bench.publish(),
        [(801, 900), (901, 1_000)],
        "the backlog ends where the lane began"
    );
    assert_eq!(bench.receipt(1_004), [Effect::Retire(1_004)]);
    bench.write(2);
    assert_eq!(
        bench.publish(),
        [(1_005, 1_006)],
        "nothing twice, nothing left out"
    );
}

#[test]
fn a_link_lost_in_mid_drain_sends_the_lane_again_too() {
    let mut bench = Bench::up(1_000);
    bench.publish();
    bench.write(5);
    bench.publish();
    bench.on(Event::Down);
    bench.on(Event::Up);
    let mut sent = 0;
    while sent < 1_005 {
        for (first, through) in bench.publish() {
            assert_eq!(first, sent + 1);
            sent = through;
        }
        bench.receipt(sent);
    }
    assert_eq!(bench.state(), State::Online);
}

#[test]
fn a_cap_on_the_line_holds_the_backlog_back_and_never_what_happens_now() {
    let mut bench = Bench::offline(1_000);
    let settings = OutboxSettings {
        bytes_per_s: NonZeroU64::new(50_000),
        window_records: 400,
        ..OutboxSettings::default()
    };
    let at = Moment {
        now: bench.now,
        tip: bench.tip,
        chance: 0,
    };
    bench.machine = Machine::new(settings, 0, BTreeSet::new(), at);
    bench.on(Event::Up);
    bench.receipt(0);
    // a batch of a hundred has 100,000 bytes here: two seconds of the line
    assert_eq!(bench.publish(), [(1, 100)]);
    bench.receipt(100);
    assert_eq!(bench.publish(), []);
    assert_eq!(
        bench.machine.waits_for(bench.now),
        Some(Duration::from_secs(2))
    );
    bench.write(2);
    assert_eq!(
        bench.publish(),
        [(1_001, 1_002)],
        "a live payment waits for nobody"
    );
    bench.now += Duration::from_millis(2_040);
    assert_eq!(bench.publish(), [(101, 200)], "what went ahead was counted");
}

#[test]
fn a_record_that_is_refused_twice_is_parked_once() {
    let refuses = |seq| Event::HeadOfficeRefuses {
        seq,
        why: "no".into(),
    };
    let mut bench = Bench::up(10);
    bench.publish();
    assert_eq!(bench.on(refuses(4)), []);
    assert_eq!(bench.publish(), [(1, 10)], "perhaps the line was at fault");
    assert_eq!(
        bench.on(refuses(4)),
        [],
        "it may be about the first one still"
    );
    bench.now += Duration::from_secs(5);
    let park = Effect::Park {
        seq: 4,
        why: "the head office: no".into(),
    };
    assert_eq!(bench.on(refuses(4)), [park]);
    assert_eq!(bench.on(refuses(4)), [], "it is being written down");
    assert_eq!(bench.on(refuses(99)), [], "there is no such record");
    bench.on(Event::Parked { seq: 4 });
    assert_eq!(bench.machine.status().parked, 1);
    assert_eq!(bench.publish(), [(1, 10)], "now with its stub");
    assert_eq!(bench.on(refuses(4)), []);
    bench.on(Event::Unparked { seq: 4 });
    assert_eq!(bench.machine.status().parked, 0);
}

#[test]
fn a_backlog_gives_way_while_people_pay_and_for_nothing_else() {
    let mut bench = Bench::up(1_000);
    let batch = |bench: &Bench| {
        let fetch = bench.machine.fetch(bench.now).unwrap();
        (fetch.records, fetch.pause.as_millis())
    };
    let (full, small) = ((100, 1), (64, 20));
    assert_eq!(batch(&bench), full);
    let lane = |bench: &mut Bench, event| {
        bench.tip += 1;
        bench.on(event);
        assert_eq!(batch(bench).0, 1, "what was just written goes first");
        let only = bench.machine.fetch(bench.now).unwrap().from;
        let published = Event::Published {
            first: only,
            through: only,
            bytes: 1,
        };
        bench.on(published);
    };
    lane(&mut bench, Event::Wrote);
    assert_eq!(batch(&bench), full, "a device's word is no payment");
    lane(&mut bench, Event::PaymentMoved);
    assert_eq!(batch(&bench), small);
    bench.now += LIVE_FOR;
    assert_eq!(batch(&bench), full);
}
