//! The journal actor on paused time, over a disk in memory that fails, lingers and forgets on
//! demand.

mod refused;

use std::{future::Future, sync::Arc, time::Duration};

use actix::{Actor, Addr, Handler, Message, System};
use tokio::{sync::broadcast, task::JoinHandle, time};

use super::{
    Append, Appended, Journal, JournalDeps, MAILBOX, WRITING_MAX, WRITTEN_FROM, memory::MemoryDisk,
};
use crate::{
    domain::{
        ids::PaymentId,
        invariant,
        money::{Currency, Money},
        payment::{Opening, Origin, Payment, State},
        record::Body,
        tender::Tender,
        timestamp::Timestamp,
    },
    ports::{
        GROUP_BYTES_MAX, GROUP_RECORDS_MAX, JournalDisk, JournalFailed, PaymentFilter, WallClock,
    },
    signal::{Signal, Signals},
};

struct Noon;

impl WallClock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_700_000_000_000)
    }
}

/// Runs on paused time.
fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    System::with_tokio_rt(runtime).block_on(test)
}

struct Bench {
    disk: MemoryDisk,
    signals: Signals,
    heard: broadcast::Receiver<Signal>,
    journal: Addr<Journal>,
}

impl Bench {
    fn new() -> Self {
        Self::on(MemoryDisk::default())
    }

    fn on(disk: MemoryDisk) -> Self {
        let signals = Signals::default();
        let heard = signals.listen();
        let journal = start(&disk, &signals);
        Self {
            disk,
            signals,
            heard,
            journal,
        }
    }

    fn append(&self, bodies: Vec<Body>) -> JoinHandle<Result<Appended, JournalFailed>> {
        let sent = self.journal.send(Append { bodies });
        tokio::task::spawn_local(async move { sent.await.unwrap() })
    }

    async fn settle(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    fn heard(&mut self) -> Vec<Signal> {
        let signals = std::iter::from_fn(|| self.heard.try_recv().ok());
        // how the disk does is told beside it
        signals
            .filter(|signal| !matches!(signal, Signal::DiskChanged(_)))
            .collect()
    }
}

fn start(disk: &MemoryDisk, signals: &Signals) -> Addr<Journal> {
    let deps = JournalDeps {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(Noon),
        signals: signals.clone(),
    };
    Journal::create(|ctx| {
        ctx.set_mailbox_capacity(MAILBOX);
        Journal::new(deps)
    })
}

fn payment(n: u8, state: State) -> Payment {
    let now = Noon.now().plus_ms(u64::from(n));
    let opening = Opening {
        id: PaymentId::new(now, [n; 10]),
        counter: "01".parse().unwrap(),
        money: Money::from_minor_units(100, Currency::Cny).unwrap(),
        tender: Tender::CustomerCode,
        origin: Origin::Till,
        reference: None,
        fingerprint: None,
        number: 0,
        opened_by: None,
    };
    let mut payment = Payment::open(opening, now);
    payment.state = state;
    payment
}

fn moved(n: u8, state: State) -> Body {
    Body::Payment {
        payment: Box::new(payment(n, state)),
    }
}

fn event(bytes: usize) -> Body {
    Body::Device {
        device: "01-scanner".into(),
        event: "x".repeat(bytes),
    }
}

#[test]
fn an_append_is_answered_when_its_group_is_durable_and_not_before() {
    run(async {
        let mut bench = Bench::new();
        bench.disk.set_delay(Duration::from_millis(80));
        let answer = bench.append(vec![moved(1, State::Opened), moved(1, State::Collecting)]);
        bench.settle().await;
        time::advance(Duration::from_millis(79)).await;
        bench.settle().await;
        assert!(!answer.is_finished());
        assert!(bench.heard().is_empty());
        assert_eq!(bench.disk.tip().seq, 0);

        time::advance(Duration::from_millis(1)).await;
        assert_eq!(
            answer.await.unwrap().unwrap(),
            Appended {
                first_seq: 1,
                last_seq: 2
            }
        );
        let heard = bench.heard();
        assert!(
            matches!(heard[0], Signal::JournalWrote { records: 2, took_us } if took_us >= 80_000)
        );
        let moves: Vec<_> = heard[1..]
            .iter()
            .map(|signal| match signal {
                Signal::PaymentMoved { seq, payment } => (*seq, payment.state),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(moves, [(1, State::Opened), (2, State::Collecting)]);
    });
}

#[test]
fn what_comes_at_the_same_time_shares_a_group_and_what_comes_meanwhile_the_next() {
    run(async {
        let bench = Bench::new();
        bench.disk.set_delay(Duration::from_millis(5));
        let mut answers: Vec<_> = (0..10).map(|n| bench.append(vec![event(n)])).collect();
        time::sleep(Duration::from_millis(1)).await;
        answers.extend((10..50).map(|n| bench.append(vec![event(n)])));
        for (n, answer) in (1..).zip(answers) {
            assert_eq!(
                answer.await.unwrap().unwrap(),
                Appended {
                    first_seq: n,
                    last_seq: n
                }
            );
        }
        assert_eq!(bench.disk.group_sizes(), [10, 40]);
        assert_eq!(invariant::is_chained(&bench.disk.durable()), Ok(()));
    });
}

#[test]
fn what_is_worth_a_flush_goes_to_the_disk_before_all_have_come() {
    run(async {
        let bench = Bench::new();
        bench.disk.set_delay(Duration::from_millis(5));
        let answers: Vec<_> = (0..2 * WRITTEN_FROM)
            .map(|n| bench.append(vec![event(n)]))
            .collect();
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
        assert_eq!(bench.disk.group_sizes(), [WRITTEN_FROM; 2]);
    });
}

#[test]
fn no_group_is_larger_than_its_limits_and_no_append_is_torn_apart() {
    run(async {
        let bench = Bench::new();
        bench.disk.set_delay(Duration::from_millis(5));
        let mut answers = vec![bench.append(vec![event(1)])];
        answers.extend((0..5).map(|_| bench.append(vec![event(1); 100])));
        answers.extend((0..5).map(|_| bench.append(vec![event(40_000)])));
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
        assert_eq!(bench.disk.group_sizes(), [101, 200, 202, 3]);
        assert!(
            bench
                .disk
                .group_sizes()
                .iter()
                .all(|size| *size <= GROUP_RECORDS_MAX)
        );
    });
}

#[test]
fn what_can_never_be_written_is_refused_alone() {
    run(async {
        let bench = Bench::new();
        let empty = bench.append(vec![]);
        let too_many = bench.append(vec![event(1); GROUP_RECORDS_MAX + 1]);
        let too_long = bench.append(vec![event(70_000)]);
        let too_much = bench.append(vec![event(GROUP_BYTES_MAX / 3); 3]);
        let good = bench.append(vec![event(1)]);
        for refused in [empty, too_many, too_long, too_much] {
            let refused = refused.await.unwrap();
            assert!(
                matches!(refused, Err(JournalFailed::Refused(_))),
                "{refused:?}"
            );
        }
        assert_eq!(
            good.await.unwrap().unwrap(),
            Appended {
                first_seq: 1,
                last_seq: 1
            }
        );
    });
}

#[test]
fn a_failed_write_stops_the_taking_of_money_for_ever() {
    run(async {
        let mut bench = Bench::new();
        bench.disk.set_delay(Duration::from_millis(5));
        bench.append(vec![event(1)]).await.unwrap().unwrap();
        bench.heard();

        bench.disk.fail_next(JournalFailed::Stopped("EIO".into()));
        let first = bench.append(vec![moved(1, State::Opened)]);
        let second = bench.append(vec![event(2)]);
        for answer in [first, second] {
            let answer = answer.await.unwrap();
            assert!(matches!(&answer, Err(JournalFailed::Stopped(why)) if why == "EIO"));
        }
        let stops = bench.heard();
        assert!(matches!(&stops[..], [Signal::JournalStopped { why }] if why == "EIO"));

        let later = bench.append(vec![event(3)]).await.unwrap();
        assert!(matches!(later, Err(JournalFailed::Stopped(_))));
        // nor does a new incarnation take anything
        bench.journal = start(&bench.disk, &bench.signals);
        let reborn = bench.append(vec![event(3)]).await.unwrap();
        assert!(matches!(reborn, Err(JournalFailed::Stopped(_))));
        assert_eq!(bench.disk.durable().len(), 1);
    });
}

#[test]
fn a_disk_that_never_answers_stops_the_journal_within_its_bound() {
    run(async {
        let bench = Bench::new();
        bench.disk.set_delay(Duration::from_secs(86_400));
        let began = time::Instant::now();
        let waiting = [bench.append(vec![event(1)]), bench.append(vec![event(2)])];
        for answer in waiting {
            assert!(matches!(
                answer.await.unwrap(),
                Err(JournalFailed::Stopped(_))
            ));
        }
        assert!(
            began.elapsed() <= super::ANSWER_WITHIN,
            "{:?}",
            began.elapsed()
        );
    });
}

#[test]
fn who_waits_behind_several_slow_groups_hears_in_time_that_nobody_can_say() {
    run(async {
        let bench = Bench::new();
        bench.disk.set_delay(Duration::from_secs(17));
        let began = time::Instant::now();
        let first = bench.append(vec![event(1)]);
        bench.settle().await;
        // the disk takes no more of them than one group for each delay
        let behind: Vec<_> = (0..2)
            .map(|_| bench.append(vec![event(1); GROUP_RECORDS_MAX]))
            .collect();
        first.await.unwrap().unwrap();
        for answer in behind {
            let answer = answer.await.unwrap();
            assert!(matches!(answer, Err(JournalFailed::NoAnswer)), "{answer:?}");
        }
        assert!(began.elapsed() <= super::ANSWER_WITHIN);
    });
}

/// A handler that panics, as a defect anywhere in the actor would.
#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

impl Handler<Panic> for Journal {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("on purpose");
    }
}

#[test]
fn a_panic_between_append_and_answer_loses_nothing_that_was_handed_to_the_disk() {
    run(async {
        let mut bench = Bench::new();
        bench.disk.set_delay(Duration::from_millis(50));
        bench.append(vec![event(1)]).await.unwrap().unwrap();
        let mut unanswered = Vec::new();
        // the last one finds no room at the disk
        for n in 2..=2 + WRITING_MAX {
            unanswered.push(bench.append(vec![event(n)]));
            bench.settle().await;
        }
        bench.journal.send(Panic).await.unwrap_err();
        for answer in unanswered {
            let answer = answer.await.unwrap();
            assert!(matches!(answer, Err(JournalFailed::NoAnswer)), "{answer:?}");
        }

        // the next incarnation starts while the old group is still being written
        bench.journal = start(&bench.disk, &bench.signals);
        let next = bench.append(vec![event(40)]).await.unwrap().unwrap();
        assert_eq!(next.first_seq, WRITING_MAX as u64 + 2);
        let records = bench.disk.durable();
        let bodies = records.iter().map(|record| record.decode_body().unwrap());
        let handed_over = 1..=WRITING_MAX + 1;
        let expected: Vec<Body> = handed_over.chain([40]).map(event).collect();
        assert_eq!(bodies.collect::<Vec<_>>(), expected);
        assert_eq!(invariant::is_chained(&records), Ok(()));
    });
}

#[test]
fn after_a_crash_what_was_acknowledged_is_there_and_the_chain_goes_on() {
    for unsynced_is_lost in [true, false] {
        run(async {
            let bench = Bench::new();
            bench.disk.set_delay(Duration::from_millis(50));
            bench
                .append(vec![moved(1, State::Opened)])
                .await
                .unwrap()
                .unwrap();
            let unanswered = bench.append(vec![moved(1, State::Collecting)]);
            bench.settle().await;
            let after = Bench::on(bench.disk.after_crash(unsynced_is_lost));
            assert!(!unanswered.is_finished());

            let (len, state) = if unsynced_is_lost {
                (1, State::Opened)
            } else {
                (2, State::Collecting)
            };
            let found = after
                .disk
                .payment(payment(1, State::Opened).id)
                .await
                .unwrap();
            assert_eq!(found.map(|payment| payment.state), Some(state));
            let next = after
                .append(vec![moved(1, State::Cancelled)])
                .await
                .unwrap()
                .unwrap();
            assert_eq!(next.first_seq, len + 1);
            assert_eq!(invariant::is_chained(&after.disk.durable()), Ok(()));
        });
    }
}

#[test]
fn the_memory_disk_reads_as_the_real_one_does() {
    run(async {
        let bench = Bench::new();
        for n in 1..=5 {
            let state = if n == 3 {
                State::Unknown
            } else {
                State::Approved
            };
            bench
                .append(vec![moved(n, State::Opened), moved(n, state)])
                .await
                .unwrap()
                .unwrap();
        }
        let disk = &bench.disk;
        let page = disk.records(4, 3, usize::MAX).await.unwrap();
        assert_eq!(
            page.iter().map(|record| record.seq).collect::<Vec<_>>(),
            [4, 5, 6]
        );
        assert_eq!(disk.records(4, 3, 1).await.unwrap().len(), 1);
        assert!(disk.records(11, 3, 1).await.unwrap().is_empty());

        let ids = |payments: Vec<Payment>| payments.into_iter().map(|p| p.id).collect::<Vec<_>>();
        let id = |n| payment(n, State::Opened).id;
        let approved = PaymentFilter {
            state: Some(State::Approved),
            limit: 2,
            ..Default::default()
        };
        let page = ids(disk.find(approved.clone()).await.unwrap());
        assert_eq!(page, [id(5), id(4)]);
        let rest = PaymentFilter {
            before: Some(id(4)),
            ..approved
        };
        assert_eq!(ids(disk.find(rest).await.unwrap()), [id(2), id(1)]);
        assert_eq!(ids(disk.unsettled().await.unwrap()), [id(3)]);

        disk.set_receipted(7).await.unwrap();
        disk.set_receipted(3).await.unwrap();
        assert_eq!(disk.receipted(), 7);
        assert!(matches!(
            disk.set_receipted(11).await,
            Err(JournalFailed::Refused(_))
        ));
    });
}
