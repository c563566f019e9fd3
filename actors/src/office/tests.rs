//! The office over a journal in memory.

use std::time::Duration;

use super::*;
use crate::{
    acquirer::{AcquirerDeps, AcquirerDesk},
    counter::AcquirerRoute,
    domain::{
        office::{
            bill::{Bill, BillKind, BillLine},
            books::Obstacle,
            difference::{Class, DifferenceState, Move},
            shift::{CashKind, CashMoved},
            statement::tests::{decimal, rule, some_payment, yuan},
        },
        payment::{Answered, NoAnswer, Operation, Payment, State, Verdict},
    },
    journal::memory::MemoryDisk,
    office::{
        matching::{Matching, MatchingDeps},
        requests::{TakeAnswers, TakeBill},
    },
    ports::{Acquirer as _, BooksDisk as _},
    signal::Signals,
    supervisor::{ChildSpec, Supervision, Supervisor, SupervisorDeps},
    testing::{ScriptedAcquirer, SeededEntropy, TestClock, Told, approved, journal_on, until},
};

struct Desk {
    clock: Arc<dyn WallClock>,
    signals: Signals,
    disk: MemoryDisk,
    journal: Handle<Journal>,
    office: Handle<Office>,
    supervision: Supervision,
}

const ASKED: Duration = Duration::from_secs(30);

impl Desk {
    fn open() -> Self {
        tokio::time::pause();
        let disk = MemoryDisk::default();
        let clock: Arc<dyn WallClock> = Arc::new(TestClock::default());
        let signals = Signals::default();
        let supervision = Supervisor::start(SupervisorDeps {
            signals: signals.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
        });
        let journal = journal_on(&disk, &supervision, &clock, &signals);
        let deps = OfficeDeps {
            disk: Arc::new(disk.clone()),
            journal: journal.clone(),
            clock: clock.clone(),
            settings: OfficeSettings {
                offset_minutes: 0,
                counters: vec!["01".parse().unwrap(), "02".parse().unwrap()],
                fees: Arc::new(FeeTable {
                    rules: vec![rule("a", "0.006")],
                }),
                owner: "manager".into(),
                cut_off_ms: 60_000,
            },
        };
        let office = supervision.child(ChildSpec::new("office"), move || Office::new(deps.clone()));
        Self {
            clock,
            signals,
            disk,
            journal,
            office,
            supervision,
        }
    }

    async fn ask<M, T>(&self, message: M) -> Result<T, OfficeRefused>
    where
        M: Message<Result = Result<T, OfficeRefused>> + Send + 'static,
        Office: Handler<M>,
        T: Send + 'static,
    {
        self.office.ask(message, ASKED).await.unwrap()
    }

    async fn journal(&self, payments: &[Payment]) {
        for payment in payments {
            let bodies = vec![Body::Payment {
                payment: Box::new(payment.clone()),
            }];
            self.journal
                .ask(Append { bodies }, ASKED)
                .await
                .unwrap()
                .unwrap();
        }
    }

    async fn differences(&self) -> Vec<Difference> {
        let entries = self.disk.entries(entry::DIFFERENCES, 100).await.unwrap();
        entries.into_iter().filter_map(difference).collect()
    }
}

fn open_shift(counter: &str) -> OpenShift {
    OpenShift {
        counter: counter.parse().unwrap(),
        cashier: None,
        float: yuan("100.00"),
    }
}

fn close_shift(counter: &str, counted: &str) -> CloseShift {
    CloseShift {
        counter: counter.parse().unwrap(),
        counted: yuan(counted),
    }
}

/// A payment that was confirmed at the clock's time and so many seconds later.
fn paid(now: Timestamp, seconds: u64, amount: &str) -> Payment {
    let mut payment = some_payment(seconds, amount, &[]);
    payment.ended_at = Some(now.plus_ms(seconds * 1_000));
    payment.opened_at = now;
    payment
}

#[actix::test]
async fn shifts_are_numbered_without_gaps_whoever_asks_at_the_same_time() {
    let desk = Desk::open();
    let (one, other) = tokio::join!(desk.ask(open_shift("01")), desk.ask(open_shift("01")));
    let (opened, refused) = if one.is_ok() {
        (one, other)
    } else {
        (other, one)
    };
    let opened = opened.unwrap();
    assert_eq!(opened.number, 1);
    assert!(matches!(
        refused,
        Err(OfficeRefused::Shift(ShiftRefused::StillOpen(1)))
    ));
    assert!(matches!(
        desk.ask(open_shift("09")).await,
        Err(OfficeRefused::NoSuchCounter(_))
    ));

    let start = opened.opened_at;
    desk.journal(&[paid(start, 10, "12.50"), paid(start, 5_000, "99.00")])
        .await;
    let cash = MoveCash {
        counter: "01".parse().unwrap(),
        cash: CashMoved {
            kind: CashKind::Sale,
            money: yuan("20.00"),
            note: None,
        },
        key: "k1".into(),
    };
    desk.ask(cash.clone()).await.unwrap();
    desk.ask(cash).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let x = desk
        .ask(GetShift {
            counter: "01".parse().unwrap(),
            number: None,
        })
        .await
        .unwrap();
    let report = x.report.unwrap();
    assert_eq!(
        (report.lines[0].gross, report.expected),
        (decimal("12.50"), decimal("120.00"))
    );

    let closed = desk.ask(close_shift("01", "119.00")).await.unwrap();
    let z = closed.report.clone().unwrap();
    assert_eq!((z.difference, z.lines.len()), (Some(decimal("-1.00")), 1));
    let again = desk.ask(close_shift("01", "119.00")).await;
    assert!(matches!(
        again,
        Err(OfficeRefused::Shift(ShiftRefused::NoneOpen))
    ));
    let kept = desk
        .ask(GetShift {
            counter: "01".parse().unwrap(),
            number: Some(1),
        })
        .await
        .unwrap();
    assert_eq!(kept, closed);
    assert_eq!(desk.ask(open_shift("01")).await.unwrap().number, 2);
    // the other counter has numbers of its own
    assert_eq!(desk.ask(open_shift("02")).await.unwrap().number, 1);
}

#[actix::test]
async fn a_day_is_closed_when_nothing_of_it_is_open() {
    let desk = Desk::open();
    let shift = desk.ask(open_shift("01")).await.unwrap();
    let (start, today) = (shift.opened_at, Day::of(shift.opened_at, 0));
    let mut unknown = paid(start, 20, "7.50");
    unknown.state = State::Unknown;
    desk.journal(&[paid(start, 10, "12.50"), unknown.clone()])
        .await;
    let close = |day| CloseDay {
        day,
        by: Some("王".into()),
    };
    let refused = |outcome: Result<Books, OfficeRefused>| match outcome {
        Err(OfficeRefused::DayNotClosable(obstacles)) => obstacles,
        other => panic!("{other:?}"),
    };
    let open = Obstacle::OpenShift {
        counter: "01".parse().unwrap(),
        number: 1,
    };
    let unsettled = Obstacle::Unsettled(unknown.id.to_string());
    let found = refused(desk.ask(close(today)).await);
    assert_eq!(found, [Obstacle::NotOver, open, unsettled.clone()]);
    desk.ask(close_shift("01", "100.00")).await.unwrap();
    tokio::time::advance(Duration::from_secs(86_400)).await;
    assert_eq!(refused(desk.ask(close(today)).await), [unsettled]);
    unknown.state = State::Reversed;
    desk.journal(&[unknown]).await;
    let books = desk.ask(close(today)).await.unwrap();
    assert_eq!((books.number, books.lines[0].gross), (1, decimal("12.50")));
    assert_eq!(books.shifts.len(), 1);
    assert_eq!(
        refused(desk.ask(close(today)).await),
        [Obstacle::ClosedAlready]
    );
}

#[actix::test]
async fn a_bill_is_compared_once_and_explains_what_was_open() {
    let desk = Desk::open();
    let shift = desk.ask(open_shift("01")).await.unwrap();
    let noon = Day::of(shift.opened_at, 0)
        .begins_at(0)
        .plus_ms(12 * 3_600_000);
    let (one, two) = (paid(noon, 10, "12.50"), paid(noon, 20, "7.50"));
    desk.journal(&[one.clone(), two.clone()]).await;
    let line = |payment: &Payment, amount: &str| BillLine {
        line: 2,
        kind: BillKind::Payment,
        order: payment.id.to_string(),
        refund: None,
        acquirer_ref: None,
        at: payment.ended_at.unwrap(),
        amount: decimal(amount),
        fee: Some(decimal("0.08")),
    };
    let bill = |sha256: &str, lines| TakeBill {
        acquirer: "a".parse().unwrap(),
        name: format!("{sha256}.csv"),
        sha256: sha256.into(),
        named_day: None,
        bill: Bill {
            lines,
            ..Bill::default()
        },
    };
    let nothing = desk.ask(bill("s0", Vec::new())).await;
    assert!(matches!(nothing, Err(OfficeRefused::BillOfNoDay)));
    let read = desk
        .ask(bill("s1", vec![line(&one, "12.05")]))
        .await
        .unwrap();
    assert_eq!((read.lines, read.matched, read.differences), (1, 0, 2));
    let tip = desk.disk.tip();
    assert_eq!(desk.ask(bill("s1", Vec::new())).await.unwrap(), read);
    assert_eq!(desk.disk.tip(), tip);
    let mut classes: Vec<_> = desk
        .differences()
        .await
        .iter()
        .map(|one| one.class)
        .collect();
    classes.sort();
    assert_eq!(classes, [Class::MissingThere, Class::Amount]);

    // the acquirer sends it anew, mended: what was missing is explained, and nothing is found twice
    let mended = vec![
        line(&one, "12.05"),
        BillLine {
            fee: None,
            ..line(&two, "7.50")
        },
    ];
    let read = desk.ask(bill("s2", mended)).await.unwrap();
    assert_eq!((read.matched, read.differences), (1, 1));
    let open: Vec<_> = desk
        .differences()
        .await
        .into_iter()
        .filter(Difference::is_open)
        .collect();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (open[0].class, open[0].owner.as_str()),
        (Class::Amount, "manager")
    );

    // a person explains the other one, in words, on record
    let settle = |note: Option<&str>| MoveDifference {
        id: open[0].id.clone(),
        to: Move {
            by: "王".into(),
            state: DifferenceState::Settled,
            owner: None,
            note: note.map(str::to_owned),
        },
    };
    assert!(matches!(
        desk.ask(settle(None)).await,
        Err(OfficeRefused::Difference(_))
    ));
    let settled = desk
        .ask(settle(Some("typed wrongly at the terminal")))
        .await
        .unwrap();
    assert_eq!((settled.steps.len(), settled.is_open()), (2, false));
    let unknown = MoveDifference {
        id: String::new(),
        ..settle(Some("?"))
    };
    assert!(matches!(
        desk.ask(unknown).await,
        Err(OfficeRefused::NoSuchDifference)
    ));
}

#[actix::test]
async fn what_an_acquirer_says_otherwise_when_asked_is_a_difference_once() {
    let desk = Desk::open();
    let now = desk.clock.now();
    let payment = paid(now, 1, "10.00");
    desk.journal(std::slice::from_ref(&payment)).await;
    let take = |answer| TakeAnswers {
        acquirer: "a".parse().unwrap(),
        answers: vec![(payment.id, answer)],
    };
    let says = |verdict| {
        let order = payment.id;
        take(Ok(Answered { order, verdict }))
    };
    assert_eq!(desk.ask(take(Err(NoAnswer::TimedOut))).await.unwrap(), 0);
    assert_eq!(desk.ask(says(approved(yuan("10.00")))).await.unwrap(), 0);
    assert_eq!(desk.differences().await, []);
    for found in [1, 0] {
        let less = says(approved(yuan("9.00")));
        assert_eq!(desk.ask(less).await.unwrap(), found);
    }
    let known = desk.differences().await.pop().unwrap();
    assert_eq!((known.class, known.is_open()), (Class::Amount, true));
    assert_eq!(
        (known.source.as_str(), known.owner.as_str()),
        ("query", "manager")
    );
    assert_eq!(known.theirs, Some(decimal("9.00")));
    // it takes its word back: that is on record, too
    assert_eq!(desk.ask(says(approved(yuan("10.00")))).await.unwrap(), 0);
    let explained = desk.differences().await.pop().unwrap();
    assert!(
        !explained.is_open() && explained.steps.len() == 2,
        "{explained:?}"
    );
}

#[actix::test]
async fn each_payment_of_the_day_is_asked_about_once_some_while_after_it_was_confirmed() {
    let desk = Desk::open();
    let now = desk.clock.now();
    let acquirer = Arc::new(ScriptedAcquirer::named("a".parse().unwrap()));
    for told in [
        Told::Fail(NoAnswer::TimedOut),
        Told::Say(approved(yuan("10.00"))),
        Told::Say(Verdict::NotFound),
    ] {
        acquirer.tell(Operation::Query, told);
    }
    desk.journal(&[paid(now, 1, "10.00"), paid(now, 2, "10.00")])
        .await;
    let deps = AcquirerDeps::new(acquirer.clone(), desk.signals.clone(), desk.clock.clone());
    let status = deps.status.subscribe();
    let spec = ChildSpec::new("a");
    let route = AcquirerRoute {
        profile: acquirer.profile().clone(),
        desk: desk
            .supervision
            .child(spec, move || AcquirerDesk::new(deps.clone())),
        status,
    };
    let deps = MatchingDeps {
        disk: Arc::new(desk.disk.clone()),
        office: desk.office.clone(),
        acquirers: vec![route],
        clock: desk.clock.clone(),
        offset_minutes: 0,
        after_ms: 15 * 60_000,
    };
    let spec = ChildSpec::new("matching");
    desk.supervision
        .child(spec, move || Matching::new(deps.clone()));
    tokio::time::sleep(Duration::from_secs(14 * 60)).await;
    assert_eq!(acquirer.heard_times(Operation::Query), 0, "not yet");
    until("it is asked, and asked again after silence", || {
        (acquirer.heard_times(Operation::Query) == 3).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(30 * 60)).await;
    assert_eq!(acquirer.heard_times(Operation::Query), 3, "once each");
    let found = desk.differences().await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].class, Class::MissingThere);
}
