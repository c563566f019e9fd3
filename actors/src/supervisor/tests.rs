//! Supervision on paused time: every kind of death, the way back, and that siblings do not notice.

use std::{cell::Cell, rc::Rc};

use actix::{ActorContext, AsyncContext};
use tokio::{
    sync::broadcast,
    time::{Instant, pause, sleep},
};

use super::*;
use crate::signal::Signal;

struct Clock;
impl WallClock for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(0)
    }
}

struct NoJitter;
impl Entropy for NoJitter {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0x7f);
    }
}

/// An actor that dies in every way it is told to.
struct Subject {
    life: u32,
    mute: bool,
    dies_at_start: bool,
}

impl Actor for Subject {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        assert!(!self.dies_at_start, "cannot start");
    }
}

impl Handler<Heartbeat> for Subject {
    type Result = ();
    fn handle(&mut self, _: Heartbeat, ctx: &mut Self::Context) {
        if self.mute {
            // nothing more is handled: the mailbox waits for ever
            ctx.wait(actix::fut::wrap_future(std::future::pending::<()>()));
        }
    }
}

/// Which life it is.
#[derive(Message)]
#[rtype(result = "u32")]
struct Which;

impl Handler<Which> for Subject {
    type Result = u32;
    fn handle(&mut self, _: Which, _: &mut Self::Context) -> u32 {
        self.life
    }
}

#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
enum Die {
    Panic,
    PanicInFuture,
    Stop,
    Error,
    Freeze,
    FreezeAtNextHeartbeat,
}

impl Handler<Die> for Subject {
    type Result = ();
    fn handle(&mut self, how: Die, ctx: &mut Self::Context) {
        match how {
            Die::Panic => panic!("the handler broke"),
            Die::PanicInFuture => {
                let fut = actix::fut::wrap_future::<_, Self>(sleep(Duration::from_millis(1)));
                ctx.spawn(actix::ActorFutureExt::map(fut, |(), _, _| {
                    panic!("the future broke")
                }));
            }
            Die::Stop => ctx.stop(),
            Die::Error => fail(ctx, "the line is beyond hope"),
            Die::Freeze => ctx.wait(actix::fut::wrap_future(std::future::pending::<()>())),
            Die::FreezeAtNextHeartbeat => self.mute = true,
        }
    }
}

struct Stage {
    supervision: Supervision,
    signals: broadcast::Receiver<Signal>,
}

impl Stage {
    fn new() -> Self {
        pause();
        Self::on_paused_time()
    }

    fn on_paused_time() -> Self {
        let signals = Signals::default();
        let listener = signals.listen();
        let deps = SupervisorDeps {
            signals,
            clock: Arc::new(Clock),
            entropy: Arc::new(NoJitter),
        };
        Self {
            supervision: Supervisor::start(deps),
            signals: listener,
        }
    }

    fn subject(&self, name: &str) -> Handle<Subject> {
        self.subject_dying(name, |_| false)
    }

    fn subject_dying(&self, name: &str, dies: impl Fn(u32) -> bool + 'static) -> Handle<Subject> {
        let lives = Rc::new(Cell::new(0));
        let factory = move || {
            lives.set(lives.get() + 1);
            let life = lives.get();
            Subject {
                life,
                mute: false,
                dies_at_start: dies(life),
            }
        };
        self.supervision.child(
            ChildSpec {
                mailbox: 4,
                ..ChildSpec::new(name)
            },
            factory,
        )
    }

    async fn restarted(&mut self) -> (String, String) {
        loop {
            let signal = timeout(Duration::from_secs(600), self.signals.recv()).await;
            if let Signal::ActorRestarted { name, why } =
                signal.expect("a restart").expect("a signal")
            {
                return (name, why);
            }
        }
    }

    fn state(&self, name: &str) -> ChildState {
        let statuses = self.supervision.statuses();
        statuses
            .into_iter()
            .find(|status| status.name == name)
            .expect("the child")
            .state
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[actix::test]
async fn every_kind_of_death_is_seen_named_and_followed_by_a_new_actor_behind_the_same_handle() {
    pause();
    for (how, why, within_ms) in [
        (Die::Panic, "panic: the handler broke", 150),
        (Die::PanicInFuture, "panic: the future broke", 150),
        (Die::Stop, "stopped", 150),
        (Die::Error, "the line is beyond hope", 150),
        (
            Die::Freeze,
            "frozen: no answer to a heartbeat for 2000 ms",
            3_200,
        ),
        (
            Die::FreezeAtNextHeartbeat,
            "frozen: no answer to a heartbeat for 2000 ms",
            4_300,
        ),
    ] {
        let mut stage = Stage::on_paused_time();
        let subject = stage.subject("a");
        assert_eq!(subject.ask(Which, SECOND).await, Ok(1), "{how:?}");
        let began = Instant::now();
        subject.try_send(how).expect("room");
        assert_eq!(stage.restarted().await, ("a".into(), why.into()), "{how:?}");
        let took = began.elapsed();
        assert!(took <= Duration::from_millis(within_ms), "{how:?} {took:?}");
        assert_eq!(subject.ask(Which, SECOND).await, Ok(2), "{how:?}");
        assert_eq!(stage.supervision.restarts("a"), Some(1), "{how:?}");
    }
}

#[actix::test]
async fn a_death_is_no_matter_for_a_sibling() {
    let mut stage = Stage::new();
    let (a, b) = (stage.subject("a"), stage.subject("b"));
    for how in [
        Die::Panic,
        Die::PanicInFuture,
        Die::Stop,
        Die::Error,
        Die::Freeze,
    ] {
        a.try_send(how).expect("room");
        assert_eq!(b.ask(Which, SECOND).await, Ok(1), "{how:?}");
        assert_eq!(stage.restarted().await.0, "a");
    }
    assert_eq!(b.ask(Which, SECOND).await, Ok(1));
    assert_eq!(
        (
            stage.supervision.restarts("a"),
            stage.supervision.restarts("b")
        ),
        (Some(5), Some(0))
    );
}

#[actix::test]
async fn an_ask_in_flight_at_a_death_ends_as_died_and_one_after_it_as_absent() {
    let stage = Stage::new();
    let subject = stage.subject("a");
    assert_eq!(subject.ask(Die::Panic, SECOND).await, Err(AskFailed::Died));
    tokio::task::yield_now().await;
    assert_eq!(subject.ask(Which, SECOND).await, Err(AskFailed::Absent));
    assert_eq!(subject.try_send(Which), Err(SendFailed::Absent));
    assert!(!subject.is_present());
    assert!(matches!(stage.state("a"), ChildState::BackingOff(_)));
}

#[actix::test]
async fn a_full_mailbox_is_an_error_and_not_a_wait() {
    let stage = Stage::new();
    let subject = stage.subject("a");
    assert_eq!(subject.ask(Which, SECOND).await, Ok(1));
    subject.try_send(Die::Freeze).expect("room");
    tokio::task::yield_now().await;
    let began = Instant::now();
    let taken = (0..100)
        .take_while(|_| subject.clone().try_send(Which).is_ok())
        .count();
    assert_eq!(taken, 4);
    assert_eq!(subject.try_send(Which), Err(SendFailed::Full));
    assert_eq!(subject.ask(Which, SECOND).await, Err(AskFailed::Full));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[actix::test]
async fn an_unanswered_ask_times_out() {
    let stage = Stage::new();
    let subject = stage.subject("a");
    subject.try_send(Die::Freeze).expect("room");
    let began = Instant::now();
    assert_eq!(
        subject.ask(Which, SECOND / 2).await,
        Err(AskFailed::TimedOut)
    );
    assert!(
        (500..510).contains(&began.elapsed().as_millis()),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        Handle::<Subject>::absent().ask(Which, SECOND).await,
        Err(AskFailed::Absent)
    );
}

#[actix::test]
async fn a_child_that_cannot_start_is_quarantined_tried_slowly_and_comes_back() {
    let mut stage = Stage::new();
    // the first six lives die at once, which is one more than the budget; so does one attempt in
    // quarantine
    let subject = stage.subject_dying("a", |life| life <= 7);
    let began = Instant::now();
    let mut quarantined = 0;
    while quarantined < 2 {
        match timeout(SECOND * 600, stage.signals.recv())
            .await
            .expect("in time")
            .expect("a signal")
        {
            Signal::ActorQuarantined { name } => {
                assert_eq!(name, "a");
                quarantined += 1;
                assert_eq!(
                    stage.state("a"),
                    ChildState::Quarantined("panic: cannot start".into())
                );
            }
            Signal::ActorRestarted { why, .. } => assert_eq!(why, "panic: cannot start"),
            other => panic!("{other:?}"),
        }
    }
    // 100 + 200 + 400 + 800 + 1600 ms of back-off, then one wait of quarantine
    let took = began.elapsed().as_millis();
    assert!((33_000..34_000).contains(&took), "{took}");
    stage.restarted().await;
    assert_eq!(subject.ask(Which, SECOND).await, Ok(8));
    assert_eq!(stage.state("a"), ChildState::Running);
    // after a healthy time the record is clear: the next death is followed by the shortest wait
    sleep(SECOND * 61).await;
    let died = Instant::now();
    subject.try_send(Die::Panic).expect("room");
    stage.restarted().await;
    assert!(died.elapsed() < Duration::from_millis(150));
}

#[actix::test]
async fn a_factory_that_panics_is_a_death_too() {
    let mut stage = Stage::new();
    let lives = Rc::new(Cell::new(0));
    let factory = move || {
        lives.set(lives.get() + 1);
        assert!(lives.get() > 2, "no such thing");
        Subject {
            life: lives.get(),
            mute: false,
            dies_at_start: false,
        }
    };
    let subject = stage.supervision.child(ChildSpec::new("a"), factory);
    assert_eq!(subject.try_send(Which), Err(SendFailed::Absent));
    for _ in 0..2 {
        assert_eq!(stage.restarted().await.1, "panic: no such thing");
    }
    assert_eq!(subject.ask(Which, SECOND).await, Ok(3));
}

/// Notes when it stops.
struct Last(u32, Rc<std::cell::RefCell<Vec<u32>>>);
impl Actor for Last {
    type Context = Context<Self>;
    fn stopped(&mut self, _: &mut Self::Context) {
        self.1.borrow_mut().push(self.0);
        assert!(self.0 != 2, "a panic in the clean-up is contained");
    }
}
impl Handler<Heartbeat> for Last {
    type Result = ();
    fn handle(&mut self, _: Heartbeat, _: &mut Self::Context) {}
}
#[derive(Message)]
#[rtype(result = "()")]
struct Note(u32);
impl Handler<Note> for Last {
    type Result = ();
    fn handle(&mut self, note: Note, _: &mut Self::Context) {
        self.1.borrow_mut().push(note.0);
    }
}

#[actix::test]
async fn shutdown_ends_the_youngest_first_and_each_after_its_mailbox() {
    let stage = Stage::new();
    let notes = Rc::new(std::cell::RefCell::new(Vec::new()));
    let spawn = |n: u32| {
        let notes = notes.clone();
        stage
            .supervision
            .child(ChildSpec::new(n.to_string()), move || {
                Last(n, notes.clone())
            })
    };
    let (first, second, third) = (spawn(1), spawn(2), spawn(3));
    assert!(stage.supervision.retire("3").await);
    assert!(!stage.supervision.retire("3").await);
    second.try_send(Note(20)).expect("room");
    first.try_send(Note(10)).expect("room");
    stage.supervision.shutdown().await;
    let at = |note| {
        notes
            .borrow()
            .iter()
            .position(|noted| *noted == note)
            .expect("noted")
    };
    assert!(at(3) < at(2) && at(2) < at(1), "{notes:?}");
    assert!(at(20) < at(2) && at(10) < at(1), "{notes:?}");
    for handle in [first, second, third] {
        assert_eq!(handle.try_send(Note(0)), Err(SendFailed::Absent));
    }
    assert_eq!(stage.supervision.restarts("1"), None);
}

#[actix::test]
async fn a_frozen_child_does_not_hold_up_the_shutdown() {
    let stage = Stage::new();
    let subject = stage.subject("a");
    subject.try_send(Die::Freeze).expect("room");
    let began = Instant::now();
    stage.supervision.shutdown().await;
    assert!(began.elapsed() <= SECOND * 5, "{:?}", began.elapsed());
}

#[actix::test]
async fn an_observer_is_told_of_each_change_and_may_panic() {
    let mut stage = Stage::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let into = told.clone();
    let observer: Observer = Arc::new(move |state| {
        into.lock().expect("unpoisoned").push(state.clone());
        assert!(
            *state != ChildState::BackingOff("stopped".into()),
            "the observer breaks"
        );
    });
    let spec = ChildSpec {
        observer: Some(observer),
        ..ChildSpec::new("a")
    };
    let restarts = spec.restarts.clone();
    let subject = stage.supervision.child(spec, || Subject {
        life: 1,
        mute: false,
        dies_at_start: false,
    });
    for how in [Die::Error, Die::Stop] {
        subject.try_send(how).expect("room");
        stage.restarted().await;
    }
    stage.supervision.shutdown().await;
    let expected = [
        ChildState::BackingOff("the line is beyond hope".into()),
        ChildState::Running,
        ChildState::BackingOff("stopped".into()),
        ChildState::Running,
        ChildState::Stopped,
    ];
    assert_eq!(told.lock().expect("unpoisoned").as_slice(), expected);
    assert_eq!(restarts.get(), 2);
}

#[test]
fn a_handle_goes_to_other_threads_even_where_its_actor_cannot() {
    fn sendable<T: Send + Sync>() {}
    sendable::<Handle<Last>>();
    sendable::<Supervision>();
}
