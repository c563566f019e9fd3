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
async fn it_is_unreachable_after_two_silences_and_back_at_the_first_word() {
    let bench = bench();
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
    assert!(bench.status.borrow().reachable);
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

#[actix::test]
async fn questions_in_the_background_leave_room_for_a_charge() {
    let bench = bench();
    let mut background = Vec::new();
    for _ in 0..BACKGROUND_AT_ONCE * 2 {
        bench.port.tell(Operation::Query, Told::Hang);
        let desk = bench.desk.clone();
        background.push(actix::spawn(async move {
            desk.ask(AskQuery(ORDER), BOUND).await
        }));
    }
    let asked = || bench.port.heard_times(Operation::Query);
    until("the background is full", || {
        (asked() == BACKGROUND_AT_ONCE).then_some(())
    })
    .await;
    let charge = Charge {
        order: ORDER,
        counter: "01".parse().unwrap(),
        money: Money::parse("1.00", Currency::Cny).unwrap(),
        instrument: crate::ports::Instrument::MerchantQr,
        reference: None,
    };
    let begun = Instant::now();
    assert!(
        bench
            .desk
            .ask(AskCharge(charge), BOUND)
            .await
            .unwrap()
            .is_ok()
    );
    assert!(
        begun.elapsed() < Duration::from_millis(100),
        "the charge waited {:?}",
        begun.elapsed()
    );
}
