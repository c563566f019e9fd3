//! A counter with a journal, an acquirer and a store in front of it, on paused time; devices' facts
//! are sent by hand.

mod claims;
mod holds;
mod offline;
mod routing;
mod signing;
mod unknown;

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::prelude::*;

use super::*;
use crate::{
    acquirer::{AcquirerDeps, AcquirerDesk},
    device::{Fact, FactKind},
    domain::{
        code::Secret,
        enabling::Enabling,
        offline::OfflineLimits,
        payment::{
            Fingerprint, NoAnswer, Operation, Origin, Reason, State, Verdict, answer::RefundVerdict,
        },
        readiness::Obstacle,
        record::Body,
        refund::{ByWhom, RefundRefused, RefundState},
        routing::Preference,
    },
    journal::{Append, Journal, memory::MemoryDisk},
    offline::{Counters, Forwarder, ForwarderDeps, Lender, LenderDeps},
    ports::{Acquirer, JournalFailed},
    signal::Signal,
    store::{
        Store, StoreDeps,
        requests::{CancelPayment, GetCounters, OpenPayment, RefundPayment},
    },
    supervisor::{ChildSpec, Supervision, Supervisor, SupervisorDeps},
    testing::{
        MemoryVault, ScriptedAcquirer, SeededEntropy, TestClock, Told, approved, journal_on, until,
    },
};

const BOUND: Duration = Duration::from_secs(30);
const ALIPAY: &str = "289431869362714645";

/// Kills the counter by a panic, as a defect would.
#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

impl Handler<Panic> for Counter {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("a defect in a handler");
    }
}

struct Shop {
    disk: MemoryDisk,
    acquirer: Arc<ScriptedAcquirer>,
    counter: Handle<Counter>,
    journal: Handle<Journal>,
    store: Handle<Store>,
    signals: Signals,
    vault: MemoryVault,
    _supervision: Supervision,
}

/// Who lends the offline budget.
enum Lending {
    Nobody,
    Lender(OfflineLimits),
    /// Whoever lends can't be reached.
    Away(OfflineLimits),
}

fn shop() -> Shop {
    tokio::time::pause();
    shop_on(MemoryDisk::default(), Lending::Nobody)
}

fn shop_on(disk: MemoryDisk, lending: Lending) -> Shop {
    shop_with(disk, lending, ScriptedAcquirer::default(), None)
}

/// With a second acquirer, which is asked after the first.
fn shop_with(
    disk: MemoryDisk,
    lending: Lending,
    acquirer: ScriptedAcquirer,
    second: Option<Arc<ScriptedAcquirer>>,
) -> Shop {
    shop_taking(disk, lending, acquirer, second, Enabling::default())
}

fn shop_taking(
    disk: MemoryDisk,
    lending: Lending,
    acquirer: ScriptedAcquirer,
    second: Option<Arc<ScriptedAcquirer>>,
    enabling: Enabling,
) -> Shop {
    shop_preferring(
        disk,
        lending,
        (acquirer, second),
        enabling,
        Preference::default(),
    )
}

fn shop_preferring(
    disk: MemoryDisk,
    lending: Lending,
    (mut acquirer, second): (ScriptedAcquirer, Option<Arc<ScriptedAcquirer>>),
    enabling: Enabling,
    prefer: Preference,
) -> Shop {
    let signals = Signals::default();
    let clock: Arc<dyn WallClock> = Arc::new(TestClock::default());
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
    let supervision = Supervisor::start(SupervisorDeps {
        signals: signals.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
    });
    let seen = disk.clone();
    acquirer.at_charge = Box::new(move |charge| {
        let durable = seen.durable();
        let intent = durable
            .iter()
            .rev()
            .find_map(|record| match record.decode_body().unwrap() {
                Body::Payment { payment } if payment.id == charge.order => Some(payment),
                _ => None,
            });
        let is_on_disk = |payment: Box<Payment>| {
            payment.state == State::Submitted
                || payment.state.is_accepted_offline() && payment.resolving.is_some()
        };
        assert_eq!(intent.map(is_on_disk), Some(true), "PAY-2");
    });
    let acquirer = Arc::new(acquirer);
    let journal = journal_on(&disk, &supervision, &clock, &signals);
    let route = |acquirer: Arc<ScriptedAcquirer>| {
        let desk_deps = AcquirerDeps::new(acquirer.clone(), signals.clone(), clock.clone());
        let status = desk_deps.status.subscribe();
        let spec = ChildSpec::new(acquirer.profile().id.as_str());
        let desk = supervision.child(spec, move || AcquirerDesk::new(desk_deps.clone()));
        AcquirerRoute {
            profile: acquirer.profile().clone(),
            desk,
            status,
        }
    };
    let routes: Vec<_> = [Some(acquirer.clone()), second]
        .into_iter()
        .flatten()
        .map(route)
        .collect();
    let vault = MemoryVault::default();
    let counters = Counters::default();
    let lending = match lending {
        Lending::Nobody => None,
        Lending::Away(limits) => Some((limits, Handle::absent())),
        Lending::Lender(limits) => {
            let deps = LenderDeps::new(
                limits.clone(),
                Arc::new(disk.clone()),
                Arc::new(vault.clone()),
                counters.clone(),
                signals.clone(),
                clock.clone(),
            );
            let spec = ChildSpec::new("lender");
            let lender = supervision.child(spec, move || Lender::new(deps.clone()));
            Some((limits, lender))
        }
    };
    let clocks = routes
        .iter()
        .map(|route| (route.profile.id.clone(), route.profile.clock))
        .collect();
    let forwarder = ForwarderDeps {
        disk: Arc::new(disk.clone()),
        counters: counters.clone(),
        acquirers: routes.clone(),
    };
    supervision.child(ChildSpec::new("forwarder"), move || {
        Forwarder::new(forwarder.clone())
    });
    let deps = CounterDeps {
        offline: OfflineDeps {
            vault: Arc::new(vault.clone()),
            lending,
        },
        id: "01".parse().unwrap(),
        settings: CounterSettings {
            enabling,
            prefer,
            cards: Arc::default(),
            currency: Currency::Cny,
            collect_timeout_ms: 90_000,
            terminal_entry: false,
            pin_above: Some(cny("500")),
            signature_above: Some(cny("100")),
            print_slips: false,
            letterhead: Letterhead::default(),
            linger_ms: 3_000,
        },
        journal: journal.clone(),
        disk: Arc::new(disk.clone()),
        acquirers: routes,
        fosters: Some(BTreeSet::from(["01".parse().unwrap()])),
        devices: Devices {
            scanner: Some(("01-scanner".parse().unwrap(), Handle::absent())),
            reader: Some(("01-nfc".parse().unwrap(), Handle::absent())),
            ..Devices::default()
        },
        signals: signals.clone(),
        clock,
        entropy: entropy.clone(),
    };
    let (clock, entropy) = (deps.clock.clone(), entropy);
    let counter = supervision.child(ChildSpec::new("01"), move || Counter::new(deps.clone()));
    let all = BTreeMap::from([("01".parse().unwrap(), counter.clone())]);
    counters.are(all.clone());
    let store_deps = StoreDeps {
        counters: all,
        disk: Arc::new(disk.clone()),
        acquirers: clocks,
        clock,
        entropy,
    };
    let store = supervision.child(ChildSpec::new("store"), move || {
        Store::new(store_deps.clone())
    });
    Shop {
        disk,
        acquirer,
        counter,
        journal,
        store,
        signals,
        vault,
        _supervision: supervision,
    }
}

fn cny(text: &str) -> Money {
    Money::parse(text, Currency::Cny).unwrap()
}

fn key(key: &str, body: &str) -> Option<Fingerprint> {
    Some(Fingerprint {
        key: key.into(),
        body: body.into(),
    })
}

impl Shop {
    fn fact(&self, kind: FactKind) {
        self.counter
            .try_send(Fact {
                device: "01-scanner".parse().unwrap(),
                kind,
            })
            .unwrap();
    }

    async fn ready(&self) {
        self.fact(FactKind::HealthChanged(Health::Ready));
        let counter = self.counter.clone();
        for _ in 0..1_000 {
            let status = counter.ask(requests::GetStatus, BOUND).await.unwrap();
            if status
                .tenders
                .iter()
                .any(|tender| tender.tender == Tender::CustomerCode && tender.ready)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the counter never got ready");
    }

    fn open_message(&self, fingerprint: Option<Fingerprint>) -> OpenPayment {
        OpenPayment {
            counter: "01".parse().unwrap(),
            money: cny("12.50"),
            tender: Tender::CustomerCode,
            origin: Origin::Till,
            reference: None,
            fingerprint,
            by: None,
            pre_authorise: false,
        }
    }

    async fn open(&self) -> PaymentId {
        let opened = self
            .store
            .ask(self.open_message(None), BOUND)
            .await
            .unwrap()
            .unwrap();
        let id = opened.payment.id;
        self.reaches(id, State::Collecting).await;
        id
    }

    fn scan(&self, payment: PaymentId, code: &str) {
        self.fact(FactKind::CodeScanned {
            payment,
            code: Secret::new(code.into()),
        });
    }

    fn payment(&self, id: PaymentId) -> Option<Payment> {
        self.history(id).pop()
    }

    fn history(&self, id: PaymentId) -> Vec<Payment> {
        let bodies = self
            .disk
            .durable()
            .into_iter()
            .map(|record| record.decode_body().unwrap());
        bodies
            .filter_map(|body| match body {
                Body::Payment { payment } if payment.id == id => Some(*payment),
                _ => None,
            })
            .collect()
    }

    async fn reaches(&self, id: PaymentId, state: State) -> Payment {
        let what = format!("{id} {}", state.as_str());
        until(&what, || {
            self.payment(id).filter(|payment| payment.state == state)
        })
        .await
    }
}

#[actix::test]
async fn a_code_is_scanned_and_approved_with_every_step_on_disk() {
    let shop = shop();
    shop.ready().await;
    let id = shop.open().await;
    shop.scan(id, ALIPAY);
    shop.reaches(id, State::Approved).await;
    let states: Vec<State> = shop
        .history(id)
        .iter()
        .map(|payment| payment.state)
        .collect();
    assert_eq!(
        states,
        [
            State::Opened,
            State::Collecting,
            State::Submitted,
            State::Approved
        ]
    );
    assert_eq!(shop.acquirer.heard(), [(Operation::Charge, id)]);
    let text: String = shop
        .disk
        .durable()
        .into_iter()
        .map(|record| record.body)
        .collect();
    assert!(!text.contains(ALIPAY), "SEC-1: the code is in the journal");
}

#[actix::test]
async fn a_scan_for_another_payment_or_of_no_code_pays_nothing() {
    let shop = shop();
    shop.ready().await;
    let id = shop.open().await;
    let mut heard = shop.signals.listen();
    shop.scan(PaymentId::from_bytes([9; 16]), ALIPAY);
    shop.scan(id, "6901234567892");
    let ignored = |signal: Signal| matches!(signal, Signal::Ignored { .. }).then_some(());
    until("the stale scan is signalled", || {
        heard.try_recv().ok().and_then(ignored)
    })
    .await;
    until("the product's barcode is signalled", || {
        heard.try_recv().ok().and_then(ignored)
    })
    .await;
    assert_eq!(shop.acquirer.heard_times(Operation::Charge), 0);
    shop.scan(id, ALIPAY);
    shop.scan(id, ALIPAY);
    shop.reaches(id, State::Approved).await;
    assert_eq!(
        shop.acquirer.heard_times(Operation::Charge),
        1,
        "the second scan found nothing to pay"
    );
}

#[actix::test]
async fn silence_is_asked_for_until_it_speaks() {
    let shop = shop();
    shop.ready().await;
    shop.acquirer.tell(Operation::Charge, Told::Hang);
    shop.acquirer
        .tell(Operation::Query, Told::Fail(NoAnswer::ServerFailed(503)));
    shop.acquirer
        .tell(Operation::Query, Told::Say(approved(cny("12.50"))));
    let id = shop.open().await;
    shop.scan(id, ALIPAY);
    shop.reaches(id, State::Unknown).await;
    shop.reaches(id, State::Approved).await;
    let asked: Vec<Operation> = shop
        .acquirer
        .heard()
        .into_iter()
        .map(|(operation, _)| operation)
        .collect();
    assert_eq!(
        asked,
        [Operation::Charge, Operation::Query, Operation::Query]
    );
}

#[actix::test]
async fn a_cancelled_verification_is_undone_and_the_stand_is_free_at_once() {
    let shop = shop();
    shop.ready().await;
    shop.acquirer
        .tell(Operation::Charge, Told::Say(Verdict::Verifying));
    shop.acquirer
        .tell(Operation::Reverse, Told::Fail(NoAnswer::TimedOut));
    let id = shop.open().await;
    shop.scan(id, ALIPAY);
    shop.reaches(id, State::Verifying).await;
    let payment = shop
        .store
        .ask(CancelPayment(id), BOUND)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(payment.state, State::Reversing);
    let next = shop.open().await;
    shop.reaches(id, State::Reversed).await;
    assert_eq!(shop.payment(next).unwrap().state, State::Collecting);
    assert!(
        shop.store
            .ask(CancelPayment(id), BOUND)
            .await
            .unwrap()
            .is_ok(),
        "cancelling twice is no error"
    );
}

#[actix::test]
async fn a_stopped_journal_stops_the_taking_of_money() {
    let shop = shop();
    shop.ready().await;
    let id = shop.open().await;
    shop.disk
        .fail_next(JournalFailed::Stopped("fsync failed".into()));
    shop.scan(id, ALIPAY);
    until("the journal stops", || shop.signals.board().journal_stopped).await;
    let refused = shop
        .store
        .ask(shop.open_message(None), BOUND)
        .await
        .unwrap();
    assert!(matches!(refused, Err(Refused::NotReady(_))), "{refused:?}");
    assert_eq!(
        shop.acquirer.heard_times(Operation::Charge),
        0,
        "nothing left the house"
    );
}

#[actix::test]
async fn a_disk_that_fills_up_stops_new_payments_before_it_is_full_and_those_begun_end() {
    let shop = shop();
    shop.ready().await;
    let id = shop.open().await;
    shop.disk.set_nearly_full(true);
    until("it is seen", || {
        (!shop.signals.board().disk.has_room).then_some(())
    })
    .await;
    shop.scan(id, ALIPAY);
    shop.reaches(id, State::Approved).await;
    let refused = shop
        .store
        .ask(shop.open_message(None), BOUND)
        .await
        .unwrap();
    let Err(Refused::NotReady(obstacles)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(obstacles, [Obstacle::DiskNearlyFull]);
    shop.disk.set_nearly_full(false);
    shop.ready().await;
    shop.open().await;
}

#[actix::test]
async fn a_disk_that_fails_is_seen_before_the_next_payment() {
    let shop = shop();
    shop.ready().await;
    shop.disk.break_down("the disk is gone");
    until("the journal stops by itself", || {
        shop.signals.board().journal_stopped
    })
    .await;
    let counter = shop.counter.clone();
    let status = counter.ask(requests::GetStatus, BOUND).await.unwrap();
    let says_so = |obstacle: &Obstacle| matches!(obstacle, Obstacle::JournalStopped { .. });
    assert!(
        status.tenders[0].obstacles.iter().any(says_so),
        "{status:?}"
    );
}

#[actix::test]
async fn a_panic_in_the_counter_is_survived_without_a_second_charge() {
    let shop = shop();
    shop.ready().await;
    shop.acquirer.tell(Operation::Charge, Told::Hang);
    shop.acquirer
        .tell(Operation::Query, Told::Say(approved(cny("12.50"))));
    let id = shop.open().await;
    shop.scan(id, ALIPAY);
    until("the charge leaves", || {
        (shop.acquirer.heard_times(Operation::Charge) == 1).then_some(())
    })
    .await;
    shop.counter.try_send(Panic).unwrap();
    shop.reaches(id, State::Approved).await;
    assert_eq!(shop.acquirer.heard_times(Operation::Charge), 1);
}

#[actix::test]
async fn a_restart_takes_up_what_the_journal_says_was_under_way() {
    let before = shop();
    before.ready().await;
    before.acquirer.tell(Operation::Charge, Told::Hang);
    let submitted = before.open().await;
    before.scan(submitted, ALIPAY);
    before.reaches(submitted, State::Submitted).await;
    let after = shop_on(before.disk.after_crash(true), Lending::Nobody);
    // this acquirer has never heard of the order: it is undone, not forgotten
    after.reaches(submitted, State::Reversed).await;
    let states: Vec<State> = after
        .history(submitted)
        .iter()
        .map(|step| step.state)
        .collect();
    assert!(states.contains(&State::Unknown), "{states:?}");
    assert_eq!(after.acquirer.heard_times(Operation::Charge), 0);
}

#[actix::test]
async fn one_key_is_one_payment_even_at_the_same_moment() {
    let shop = shop();
    shop.ready().await;
    let open = || shop.store.ask(shop.open_message(key("k1", "b1")), BOUND);
    let (one, two) = futures_util::future::join(open(), open()).await;
    let (one, two) = (one.unwrap().unwrap(), two.unwrap().unwrap());
    assert_eq!(one.payment.id, two.payment.id);
    assert!(one.repeated != two.repeated);
    let other_body = shop
        .store
        .ask(shop.open_message(key("k1", "b2")), BOUND)
        .await
        .unwrap();
    assert!(
        matches!(other_body, Err(Refused::KeyReused)),
        "{other_body:?}"
    );
    let busy = shop
        .store
        .ask(shop.open_message(key("k2", "b1")), BOUND)
        .await
        .unwrap();
    assert!(matches!(busy, Err(Refused::NotReady(_))), "{busy:?}");
}

#[actix::test]
async fn refunds_at_the_same_moment_never_exceed_the_payment() {
    let shop = shop();
    shop.ready().await;
    let id = shop.open().await;
    shop.scan(id, ALIPAY);
    shop.reaches(id, State::Approved).await;
    shop.acquirer
        .tell(Operation::Refund, Told::Fail(NoAnswer::TimedOut));
    shop.acquirer
        .tell(Operation::Refund, Told::Refund(RefundVerdict::InProgress));
    let refund = |k: &str, amount: &str| {
        let refund = RefundPayment {
            payment: id,
            money: cny(amount),
            reason: None,
            fingerprint: key(k, amount),
            by_whom: ByWhom::default(),
        };
        shop.store.ask(refund, BOUND)
    };
    let (one, two) = futures_util::future::join(refund("r1", "10.00"), refund("r2", "5.00")).await;
    let one = one.unwrap().unwrap();
    assert!(matches!(
        two.unwrap(),
        Err(Refused::Refund(RefundRefused::ExceedsPayment { .. }))
    ));
    until("the refund comes through", || {
        let refund = shop.payment(id)?.refund(one.refund)?.clone();
        (refund.state == RefundState::Refunded).then_some(())
    })
    .await;
    assert_eq!(
        shop.acquirer.heard_times(Operation::Refund),
        3,
        "repeated under one id"
    );
    let again = refund("r1", "10.00").await.unwrap().unwrap();
    assert!(again.repeated && again.refund == one.refund);
    assert!(matches!(
        refund("r1", "9.00").await.unwrap(),
        Err(Refused::KeyReused)
    ));
}

#[actix::test]
async fn nothing_presented_in_time_ends_the_payment() {
    let shop = shop();
    shop.ready().await;
    let id = shop.open().await;
    let ended = shop.reaches(id, State::Cancelled).await;
    assert_eq!(ended.reason, Some(Reason::NothingPresented));
    let counters = shop.store.ask(GetCounters, BOUND).await.unwrap();
    assert_eq!(counters.first().and_then(|counter| counter.at_stand), None);
}

#[actix::test]
async fn what_the_stand_lacks_is_refused_in_words() {
    let shop = Rc::new(shop());
    shop.ready().await;
    let card = OpenPayment {
        tender: Tender::Card,
        ..shop.open_message(None)
    };
    let Err(Refused::NotReady(obstacles)) = shop.store.ask(card, BOUND).await.unwrap() else {
        panic!("a stand without a reader took a card");
    };
    assert_eq!(obstacles.len(), 1);
    let zero = OpenPayment {
        money: Money::zero(Currency::Cny),
        ..shop.open_message(None)
    };
    assert!(matches!(
        shop.store.ask(zero, BOUND).await.unwrap(),
        Err(Refused::ZeroAmount)
    ));
    let yen = OpenPayment {
        money: Money::parse("1", Currency::Jpy).unwrap(),
        ..shop.open_message(None)
    };
    assert!(matches!(
        shop.store.ask(yen, BOUND).await.unwrap(),
        Err(Refused::ForeignCurrency(_))
    ));
}
