//! Each operation against the sandbox's gateway, and the money in its ledger; and what is no
//! answer.

use store_actors::{
    domain::{
        code,
        ids::RefundId,
        payment::{NoAnswer, Verdict, answer::RefundVerdict},
    },
    ports::{Acquirer as _, Charge, Instrument},
};
use store_sim::acquirer::{Connection, Delivery, Operation, Rule, Then, Verdict as Decides};

use super::{coded, config, driver, order, refund, shop, shop_with};
use crate::adapters::acquirers::testing::{approved, charge, cny, profile};

fn verifying() -> Decides {
    Decides::Verifying {
        for_ms: 60_000,
        then: Then::Never,
    }
}

#[tokio::test]
async fn unionpay_takes_a_code_on_and_the_query_tells_what_became_of_it() {
    let shop = shop(vec![]);
    let id = order(1);
    assert_eq!(shop.pay(id, "12.50").await, Ok(Verdict::Verifying));
    assert_eq!(shop.query(id).await, Ok(approved(1, "12.50")));
    assert_eq!(shop.moved(id), ["12.5", "0", "0"]);
    shop.driver.probe().await.unwrap();
}

#[tokio::test]
async fn unionpay_waits_for_a_customer_who_must_confirm() {
    let soon = Decides::Verifying {
        for_ms: 50,
        then: Then::Approve,
    };
    let shop = shop(vec![Rule::on(Operation::Charge).verdict(soon)]);
    let id = order(1);
    assert_eq!(shop.pay(id, "1.00").await, Ok(Verdict::Verifying));
    shop.until(id, &approved(1, "1.00")).await;
}

#[tokio::test]
async fn unionpay_refuses_in_its_own_words_at_once_or_later() {
    let no = |code: &str| Decides::Decline {
        code: code.to_owned(),
    };
    let shop = shop(vec![
        Rule::on(Operation::Charge).verdict(no("64")).times(1),
        Rule::on(Operation::Charge).verdict(Decides::Verifying {
            for_ms: 0,
            then: Then::Decline { code: "64".into() },
        }),
    ]);
    let [first, second] = [order(1), order(2)];
    let said = shop.pay(first, "1.00").await.unwrap();
    assert!(
        matches!(&said, Verdict::Declined { code, .. } if code == "64"),
        "{said:?}"
    );
    shop.pay(second, "1.00").await.unwrap();
    let said = shop.query(second).await.unwrap();
    assert!(
        matches!(&said, Verdict::Declined { code, .. } if code == "64"),
        "{said:?}"
    );
    assert_eq!(shop.moved(first), ["0", "0", "0"]);
}

#[tokio::test]
async fn unionpay_shows_a_qr_that_is_paid_or_dies_by_itself() {
    let shop = shop_with(vec![], |config| {
        config.profile.clock.qr_expiry_ms = 1_000;
    });
    let [paid, left] = [order(1), order(2)];
    for id in [paid, left] {
        let said = shop.qr(id, "8.80").await.unwrap();
        let Verdict::Pending { qr: Some(qr) } = said else {
            panic!("{said:?}");
        };
        assert_eq!(shop.query(id).await, Ok(Verdict::Pending { qr: None }));
        // not reversible, and not dead yet
        assert_eq!(shop.reverse(id).await, Ok(Verdict::Pending { qr: None }));
        if id == paid {
            shop.acquirer.customers().pay(&qr, "w1").unwrap();
        }
    }
    assert_eq!(shop.query(paid).await, Ok(approved(1, "8.80")));
    let too_late = Verdict::NotReversible {
        acquirer_ref: "SBX000000000001".into(),
        money: cny("8.80"),
    };
    assert_eq!(shop.reverse(paid).await, Ok(too_late));
    let died = async {
        while shop.reverse(left).await != Ok(Verdict::Reversed) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(10), died).await;
    waited.expect("in time");
    assert_eq!(shop.moved(left), ["0", "0", "0"]);
}

#[tokio::test]
async fn unionpay_reverses_a_code_without_an_outcome_under_its_own_number() {
    let shop = shop(vec![Rule::on(Operation::Charge).verdict(verifying())]);
    let id = order(1);
    shop.pay(id, "1.00").await.unwrap();
    for _ in 0..2 {
        assert_eq!(shop.reverse(id).await, Ok(Verdict::Reversed));
    }
    assert_eq!(shop.moved(id), ["0", "0", "0"]);
    let unheard = order(2);
    assert_eq!(shop.query(unheard).await, Ok(Verdict::NotFound));
    assert_eq!(shop.reverse(unheard).await, Ok(Verdict::NotFound));
}

/// Trap 8 of scan-pay.
#[tokio::test]
async fn unionpay_user_pays_between_last_query_and_reversal() {
    let shop = shop(vec![
        Rule::on(Operation::Charge).verdict(verifying()),
        Rule::on(Operation::Reverse).verdict(Decides::CustomerPaysFirst),
    ]);
    let id = order(1);
    shop.pay(id, "1.00").await.unwrap();
    assert_eq!(shop.query(id).await, Ok(Verdict::Verifying));
    assert_eq!(shop.reverse(id).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(id), ["1", "0", "1"]);
}

#[tokio::test]
async fn unionpay_does_not_reverse_what_is_paid() {
    let shop = shop(vec![]);
    let id = order(1);
    shop.pay(id, "3.00").await.unwrap();
    let said = shop.reverse(id).await;
    assert!(
        matches!(&said, Ok(Verdict::NotReversible { money, .. }) if *money == cny("3.00")),
        "{said:?}"
    );
    // the core's own way back then: whole, under an id that tells no time
    let ask = || shop.driver.refund(id, RefundId::automatic(id), cny("3.00"));
    assert_eq!(ask().await, Ok(RefundVerdict::InProgress));
    assert!(matches!(ask().await, Ok(RefundVerdict::Refunded { .. })));
    assert_eq!(shop.moved(id), ["3", "3", "0"]);
}

#[tokio::test]
async fn a_unionpay_refund_moves_money_once_however_often_it_is_asked() {
    for voids in [true, false] {
        let shop = shop_with(vec![], |config| config.voids = voids);
        let id = order(1);
        shop.pay(id, "10.00").await.unwrap();
        let [part, rest] = [refund(1), refund(2)];
        let ask = || shop.driver.refund(id, part, cny("4.00"));
        assert_eq!(ask().await, Ok(RefundVerdict::InProgress));
        for _ in 0..2 {
            let said = ask().await;
            assert!(
                matches!(&said, Ok(RefundVerdict::Refunded { money, .. }) if *money == cny("4.00")),
                "{said:?}"
            );
        }
        let too_much = shop.driver.refund(id, rest, cny("6.01")).await;
        assert!(
            matches!(&too_much, Ok(RefundVerdict::Refused { .. })),
            "{too_much:?}"
        );
        assert_eq!(shop.moved(id), ["10", "4", "0"]);
    }
}

/// Trap 3 of scan-pay: 03 and silence are asked after, never failed.
#[tokio::test]
async fn unionpay_code_03_and_time_outs_are_unknown() {
    let silence = |money_moved, connection| Delivery::Silence {
        money_moved,
        connection,
    };
    type Check = fn(&NoAnswer) -> bool;
    let broken: Check = |e| matches!(e, NoAnswer::Broken(_));
    let timed_out: Check = |e| *e == NoAnswer::TimedOut;
    let unavailable: Check = |e| matches!(e, NoAnswer::Refused(why) if why.starts_with("03"));
    let unavailably = |money_moved| Delivery::Unavailable { money_moved };
    let cases: [(Delivery, Check, bool); 10] = [
        (unavailably(true), unavailable, true),
        (unavailably(false), unavailable, false),
        (silence(true, Connection::Drop), broken, true),
        (silence(false, Connection::Drop), broken, false),
        (silence(true, Connection::Hold), timed_out, true),
        (silence(false, Connection::Hold), timed_out, false),
        (Delivery::Slow { ms: 60_000 }, timed_out, true),
        (Delivery::WrongSignature, |e| *e == NoAnswer::Forged, true),
        (Delivery::OtherOrder, |e| *e == NoAnswer::AnotherOrder, true),
        (
            Delivery::Garbage,
            |e| matches!(e, NoAnswer::Forged | NoAnswer::Unintelligible(_)),
            true,
        ),
    ];
    for (delivery, is_expected, has_moved) in cases {
        let rule = Rule::on(Operation::Charge).delivery(delivery.clone());
        let shop = shop(vec![rule.times(1)]);
        let id = order(1);
        let said = shop.pay(id, "1.00").await.unwrap_err();
        assert!(is_expected(&said), "{delivery:?}: {said:?}");
        let truth = match has_moved {
            true => Ok(approved(1, "1.00")),
            false => Ok(Verdict::NotFound),
        };
        assert_eq!(shop.query(id).await, truth, "{delivery:?}");
    }
}

#[tokio::test]
async fn a_unionpay_answer_that_comes_twice_settles_once() {
    let shop = shop(vec![
        Rule::on(Operation::Charge).delivery(Delivery::Duplicate),
    ]);
    let [first, second] = [order(1), order(2)];
    assert_eq!(shop.pay(first, "1.00").await, Ok(Verdict::Verifying));
    // the second copy lies on the connection: it is no answer to what is asked next
    let next = shop.pay(second, "2.00").await;
    assert!(next == Ok(Verdict::Verifying) || next.is_err(), "{next:?}");
    assert_eq!(shop.moved(first), ["1", "0", "0"]);
}

#[tokio::test]
async fn what_unionpay_cannot_take_is_not_sent() {
    let driver = driver(config("http://127.0.0.1:9", profile(2_000)));
    let said = driver.charge(coded(order(1), "1.00")).await.unwrap_err();
    assert!(matches!(said, NoAnswer::NotSent(_)), "{said:?}");
    assert!(driver.probe().await.is_err());
}

/// The sandbox, as the provider, knows a charge only by a time that is now.
#[tokio::test]
async fn a_unionpay_time_that_is_not_now_is_refused_and_says_nothing_of_the_order() {
    let shop = shop(vec![]);
    let old = crate::adapters::acquirers::testing::order(1);
    let said = shop.driver.charge(charge(old, "1.00")).await;
    assert!(
        matches!(&said, Err(NoAnswer::Refused(why)) if why.contains("txnTime")),
        "{said:?}"
    );
    assert_eq!(shop.moved(old), ["0", "0", "0"]);
}

/// EMVCo's own example (CPM 1.1, annex B), and one with UnionPay's debit application; the second
/// without padding, as some wallets show it.
const ANOTHERS_CPM: &str = "hQVDUFYwMWEaTwegAAAAVVVVVw8SNFZ4kBI0WNGRIgESNF8=";
const UNION_PAYS_CPM: &str = "hQVDUFYwMWEKTwigAAADMwEBAQ";

#[tokio::test]
async fn unionpay_takes_an_emvco_code_whole_if_its_application_is_in_it() {
    let shop = shop(vec![]);
    let shown = |n, text: &str| Charge {
        instrument: Instrument::Code(code::classify(text).unwrap()),
        ..charge(order(n), "12.50")
    };
    let said = shop.driver.charge(shown(1, ANOTHERS_CPM)).await;
    assert!(matches!(said, Err(NoAnswer::NotSent(_))), "{said:?}");
    let taken = shown(2, UNION_PAYS_CPM);
    let id = taken.order;
    let said = shop.driver.charge(taken).await.unwrap();
    assert_eq!(said.verdict, Verdict::Verifying);
    assert_eq!(shop.query(id).await, Ok(approved(1, "12.50")));
    assert_eq!(shop.moved(id), ["12.5", "0", "0"]);
}
