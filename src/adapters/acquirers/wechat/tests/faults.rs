//! What is no answer: silence, 5xx, SYSTEMERROR, forgeries, other orders, nonsense. None of it is
//! an outcome, and the ledger shows why: the money may have moved or not.

use store_actors::domain::payment::{NoAnswer, Verdict};
use store_sim::acquirer::{Connection, Delivery, Operation, Rule};

use super::{both, shop, v2, v3};
use crate::adapters::acquirers::testing::{approved, order};

fn silence(money_moved: bool, connection: Connection) -> Delivery {
    Delivery::Silence {
        money_moved,
        connection,
    }
}

#[tokio::test]
async fn wechat_silence_and_failures_are_no_outcome() {
    type Check = fn(&NoAnswer) -> bool;
    let broken: Check = |e| matches!(e, NoAnswer::Broken(_));
    let timed_out: Check = |e| *e == NoAnswer::TimedOut;
    let unavailable: Check = |e| {
        *e == NoAnswer::ServerFailed(500)
            || matches!(e, NoAnswer::Refused(why) if why.starts_with("SYSTEMERROR"))
    };
    let failed = Delivery::Error {
        status: 502,
        money_moved: true,
    };
    let cases: [(Delivery, Check, bool); 11] = [
        (silence(true, Connection::Drop), broken, true),
        (silence(false, Connection::Drop), broken, false),
        (silence(true, Connection::Hold), timed_out, true),
        (silence(false, Connection::Hold), timed_out, false),
        (failed, |e| *e == NoAnswer::ServerFailed(502), true),
        (
            Delivery::Unavailable { money_moved: true },
            unavailable,
            true,
        ),
        (
            Delivery::Unavailable { money_moved: false },
            unavailable,
            false,
        ),
        (Delivery::Slow { ms: 60_000 }, timed_out, true),
        (Delivery::WrongSignature, |e| *e == NoAnswer::Forged, true),
        (Delivery::OtherOrder, |e| *e == NoAnswer::AnotherOrder, true),
        (
            Delivery::Garbage,
            |e| matches!(e, NoAnswer::Unintelligible(_)),
            true,
        ),
    ];
    for (delivery, is_expected, has_moved) in cases {
        let rule = Rule::on(Operation::Charge).delivery(delivery.clone());
        for shop in both(&[rule.times(1)]) {
            let said = shop.charge(order(1), "1.00").await.unwrap_err();
            assert!(is_expected(&said), "{delivery:?}: {said:?}");
            let truth = match has_moved {
                true => Ok(approved(1, "1.00")),
                false => Ok(Verdict::NotFound),
            };
            assert_eq!(shop.query(order(1)).await, truth, "{delivery:?}");
        }
    }
}

#[tokio::test]
async fn wechat_answers_that_come_twice_settle_once_and_nothing_else() {
    for shop in both(&[Rule::on(Operation::Charge).delivery(Delivery::Duplicate)]) {
        // each request has a connection of its own: the second copy reaches nobody
        for n in 1..=4 {
            assert!(shop.charge(order(n), "1.00").await.is_ok(), "{n}");
            assert_eq!(shop.moved(order(n)), ["1", "0", "0"]);
        }
    }
}

#[tokio::test]
async fn wechat_charges_that_arrive_late_are_answered_like_any_other() {
    for interface in [v3(), v2()] {
        let late = Rule::on(Operation::Charge).delivery(Delivery::Late { ms: 50 });
        let shop = shop(interface, vec![late]);
        assert_eq!(shop.charge(order(1), "1.00").await, Ok(approved(1, "1.00")));
    }
}
