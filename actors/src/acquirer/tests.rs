//! The desk in front of an acquirer, on paused time with a scripted driver.

use super::*;
use crate::{
    domain::{
        money::Currency,
        payment::{AcquirerClock, Answered},
    },
    supervisor::{ChildSpec, Handle, Supervision, Supervisor, SupervisorDeps},
    testing::{ScriptedAcquirer, SeededEntropy, TestClock, Told, until},
};

const BOUND: Duration = Duration::from_secs(60);
const ORDER: PaymentId = PaymentId::from_bytes([1; 16]);

struct Bench {
    port: Arc<ScriptedAcquirer>,
    desk: Handle<AcquirerDesk>,
    status: watch::Receiver<AcquirerStatus>,
    signals: Signals,
    _supervision: Supervision,
}

fn bench() -> Bench {
    tokio::time::pause();
    let (signals, clock) = (Signals::default(), Arc::new(TestClock::default()));
    let supervision = Supervisor::start(SupervisorDeps {
        signals: signals.clone(),
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(1)),
    });
    let port = Arc::new(ScriptedAcquirer::default());
    let deps = AcquirerDeps::new(port.clone(), signals.clone(), clock);
    let status = deps.status.subscribe();
    let desk = supervision.child(ChildSpec::new("desk"), move || {
        AcquirerDesk::new(deps.clone())
    });
    Bench {
        port,
        desk,
        status,
        signals,
        _supervision: supervision,
    }
}

#[actix::test]
async fn silence_is_told_as_silence_within_the_acquirers_own_time() {
    let bench = bench();
    bench.port.tell(Operation::Query, Told::Hang);
    let begun = Instant::now();
    let answer = bench.desk.ask(AskQuery(ORDER), BOUND).await.unwrap();
    assert_eq!(answer, Err(NoAnswer::TimedOut));
    let limit = Duration::from_millis(AcquirerClock::USUAL.answer_timeout_ms) + MARGIN;
    assert!(
        begun.elapsed() <= limit + Duration::from_millis(10),
        "{:?}",
        begun.elapsed()
    );
}

#[actix::test]
async fn it_is_unreachable_after_two_silences_and_back_after_three_good_probes() {
    let bench = bench();
    let begun = Instant::now();
    for _ in 0..2 {
        assert!(bench.status.borrow().reachable);
        bench
            .port
            .tell(Operation::Query, Told::Fail(NoAnswer::TimedOut));
        bench
            .desk
            .ask(AskQuery(ORDER), BOUND)
            .await
            .unwrap()
            .unwrap_err();
    }
    assert!(!bench.status.borrow().reachable);
    let shown = bench
        .signals
        .board()
        .acquirers
        .into_values()
        .next()
        .unwrap();
    assert_eq!(shown.why.as_deref(), Some("no answer in time"));
    let answered: Answered = bench
        .desk
        .ask(AskQuery(ORDER), BOUND)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answered.order, ORDER);
    assert!(!bench.status.borrow().reachable, "one word opens nothing");
    let reachable = || bench.status.borrow().reachable.then_some(());
    until("it is back", reachable).await;
    let probes = begun.elapsed().as_millis() / 5_000;
    assert!(
        (2..=3).contains(&probes),
        "after {probes} pauses between probes"
    );
    assert_eq!(bench.status.borrow().why, None);
}

#[actix::test]
async fn the_probe_alone_finds_a_dead_and_a_slow_way_without_sales() {
    let bench = bench();
    bench.port.cut_off(true);
    let judged = |up: bool| {
        let status = bench.status.clone();
        move || (status.borrow().reachable == up).then(|| status.borrow().why.clone())
    };
    let why = until("it is down", judged(false)).await;
    assert_eq!(why.as_deref(), Some("could not be sent: no route to host"));
    bench.port.cut_off(false);
    until("it is up", judged(true)).await;
    bench.port.slow_down(Duration::from_millis(4_500));
    let why = until("it is too slow", judged(false)).await;
    assert_eq!(why.as_deref(), Some("answers take longer than 4000 ms"));
    bench.port.slow_down(Duration::ZERO);
    until("it is up", judged(true)).await;
    assert_eq!(bench.port.heard_times(Operation::Charge), 0);
}

#[actix::test]
async fn a_restarted_desk_does_not_take_a_dead_link_for_a_living_one() {
    let bench = bench();
    bench.port.cut_off(true);
    let status = bench.status.clone();
    until("it is down", || (!status.borrow().reachable).then_some(())).await;
    bench.desk.try_send(Panic).unwrap();
    let restarted = || (bench.desk.is_present()).then_some(());
    until("the desk is back", restarted).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(!status.borrow().reachable);
    bench.port.cut_off(false);
    until("it is up", || status.borrow().reachable.then_some(())).await;
}

/// Kills the desk by a panic, as a defect would.
#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

impl Handler<Panic> for AcquirerDesk {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("a defect in a handler");
    }
}

#[actix::test]
async fn a_refused_or_forged_answer_says_nothing_against_the_link() {
    let bench = bench();
    for _ in 0..3 {
        bench
            .port
            .tell(Operation::Query, Told::Fail(NoAnswer::Forged));
        bench
            .desk
            .ask(AskQuery(ORDER), BOUND)
            .await
            .unwrap()
            .unwrap_err();
    }
    assert!(bench.status.borrow().reachable);
}

fn charge() -> Charge {
    Charge {
        order: ORDER,
        counter: "01".parse().unwrap(),
        money: Money::parse("1.00", Currency::Cny).unwrap(),
        instrument: crate::ports::Instrument::MerchantQr,
        reference: None,
    }
}

impl Bench {
    async fn charges_at_once(&self) {
        let begun = Instant::now();
        let answered = self.desk.ask(AskCharge(charge()), BOUND).await.unwrap();
        assert!(answered.is_ok());
        assert!(
            begun.elapsed() < Duration::from_millis(100),
            "the charge waited {:?}",
            begun.elapsed()
        );
    }
}

/// Twice as many as the background takes at once are asked, of which no answer comes; the customer
/// at the counter is answered at once all the same.
async fn leave_room_for_a_charge<M>(operation: Operation, question: impl Fn() -> M)
where
    M: Message<Result = Answer> + Send + 'static,
    AcquirerDesk: Handler<M>,
{
    let bench = bench();
    for _ in 0..BACKGROUND_AT_ONCE {
        bench.port.tell(operation, Told::Hang);
    }
    for _ in 0..BACKGROUND_AT_ONCE * 2 {
        let (desk, question) = (bench.desk.clone(), question());
        actix::spawn(async move { desk.ask(question, BOUND).await });
    }
    let asked = || bench.port.heard_times(operation);
    until("the background is full", || {
        (asked() == BACKGROUND_AT_ONCE).then_some(())
    })
    .await;
    bench.charges_at_once().await;
    let of_background = asked() - usize::from(operation == Operation::Charge);
    assert_eq!(of_background, BACKGROUND_AT_ONCE);
}

#[actix::test]
async fn questions_in_the_background_leave_room_for_a_charge() {
    leave_room_for_a_charge(Operation::Query, || AskQuery(ORDER)).await;
}

#[actix::test]
async fn cards_accepted_offline_leave_room_for_a_charge() {
    leave_room_for_a_charge(Operation::Charge, || AskForward(charge())).await;
}
