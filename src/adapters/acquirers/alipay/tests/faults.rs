//! What is no answer: silence, 20000, forgeries, other orders, nonsense. None of it is an outcome,
//! and the ledger shows why: the money may have moved or not.

use store_actors::{
    domain::payment::{NoAnswer, Verdict},
    ports::Acquirer as _,
};
use store_sim::acquirer::{Connection, Delivery, Operation, Rule};

use super::{config, driver, shop};
use crate::adapters::acquirers::testing::{approved, charge, order, profile};

/// Trap 3 of scan-pay.
#[tokio::test]
async fn trap_3_code_20000_and_time_outs_are_queried_never_failed() {
    let silence = |money_moved, connection| Delivery::Silence {
        money_moved,
        connection,
    };
    type Check = fn(&NoAnswer) -> bool;
    let broken: Check = |e| matches!(e, NoAnswer::Broken(_));
    let unavailable: Check = |e| matches!(e, NoAnswer::Refused(why) if why.starts_with("20000"));
    let timed_out: Check = |e| *e == NoAnswer::TimedOut;
    let cases: [(Delivery, Check, bool); 11] = [
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
        (silence(true, Connection::Drop), broken, true),
        (silence(false, Connection::Drop), broken, false),
        (silence(true, Connection::Hold), timed_out, true),
        (silence(false, Connection::Hold), timed_out, false),
        (
            Delivery::Error {
                status: 502,
                money_moved: true,
            },
            |e| *e == NoAnswer::ServerFailed(502),
            true,
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
        let shop = shop(vec![
            Rule::on(Operation::Charge)
                .delivery(delivery.clone())
                .times(1),
        ]);
        let said = shop.charge(order(1), "1.00").await.unwrap_err();
        assert!(is_expected(&said), "{delivery:?}: {said:?}");
        let truth = match has_moved {
            true => Ok(approved(1, "1.00")),
            false => Ok(Verdict::NotFound),
        };
        assert_eq!(shop.query(order(1)).await, truth, "{delivery:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_twice_settles_once() {
    let shop = shop(vec![
        Rule::on(Operation::Charge).delivery(Delivery::Duplicate),
    ]);
    assert_eq!(shop.charge(order(1), "1.00").await, Ok(approved(1, "1.00")));
    // the second copy lies on the connection: it is no answer to what is asked next
    let next = shop.charge(order(2), "2.00").await;
    assert!(next == Ok(approved(2, "2.00")) || next.is_err(), "{next:?}");
    assert_eq!(shop.moved(order(1)), ["1", "0", "0"]);
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let driver = driver(config("http://127.0.0.1:9", profile(2_000)), 0);
    let said = driver.charge(charge(order(1), "1.00")).await.unwrap_err();
    assert!(matches!(said, NoAnswer::NotSent(_)), "{said:?}");
    assert!(driver.probe().await.is_err());
}
