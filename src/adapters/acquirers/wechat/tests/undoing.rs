//! Reversals: what undoes an order depends on how it is paid, and the driver remembers nothing.

use std::time::Duration;

use store_actors::{
    domain::payment::{NoAnswer, Verdict},
    ports::Acquirer as _,
};
use store_sim::acquirer::{Delivery, Operation, Rule, Then, Verdict as Decides};

use super::both;
use crate::adapters::acquirers::testing::{approved, cny, order};

fn verifying() -> Decides {
    Decides::Verifying {
        for_ms: 60_000,
        then: Then::Never,
    }
}

fn too_late(entry: u32, amount: &str) -> Verdict {
    Verdict::NotReversible {
        acquirer_ref: format!("SBX{entry:012}"),
        money: cny(amount),
    }
}

#[tokio::test]
async fn wechat_reverses_a_paid_code_and_pays_it_back() {
    for shop in both(&[]) {
        shop.charge(order(1), "1.00").await.unwrap();
        for _ in 0..2 {
            assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
        }
        assert_eq!(shop.query(order(1)).await, Ok(Verdict::Reversed));
        assert_eq!(shop.moved(order(1)), ["1", "0", "1"]);
    }
}

#[tokio::test]
async fn wechat_reverses_a_code_that_nobody_confirms_and_one_that_failed() {
    let no = Decides::Decline {
        code: "NOT_ENOUGH".to_owned(),
    };
    for shop in both(&[
        Rule::on(Operation::Charge).verdict(verifying()).times(1),
        Rule::on(Operation::Charge).verdict(no),
    ]) {
        for n in [1, 2] {
            shop.charge(order(n), "1.00").await.unwrap();
            assert_eq!(shop.reverse(order(n)).await, Ok(Verdict::Reversed));
            assert_eq!(shop.moved(order(n)), ["0", "0", "0"]);
        }
    }
}

/// Trap 2 of scan-pay; of the second interface, `recall=Y`, too.
#[tokio::test]
async fn trap_2_wechat_reverse_answered_userpaying_is_asked_again() {
    for charged in [None, Some(verifying())] {
        let put_off = Rule::on(Operation::Reverse).verdict(verifying()).times(1);
        let mut rules = vec![put_off];
        rules.extend(charged.map(|verdict| Rule::on(Operation::Charge).verdict(verdict)));
        for shop in both(&rules) {
            shop.charge(order(1), "1.00").await.unwrap();
            assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Verifying));
            assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
        }
    }
}

/// Trap 8.
#[tokio::test]
async fn trap_8_wechat_user_pays_between_last_query_and_reverse() {
    for shop in both(&[
        Rule::on(Operation::Charge).verdict(verifying()),
        Rule::on(Operation::Reverse).verdict(Decides::CustomerPaysFirst),
    ]) {
        assert_eq!(shop.charge(order(1), "1.00").await, Ok(Verdict::Verifying));
        assert_eq!(shop.query(order(1)).await, Ok(Verdict::Verifying));
        assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
        assert_eq!(shop.moved(order(1)), ["1", "0", "1"]);
    }
}

/// Trap 8, of a QR: it is closed only while it is unpaid.
#[tokio::test]
async fn trap_8_wechat_user_pays_between_last_query_and_close() {
    for shop in both(&[Rule::on(Operation::Reverse).verdict(Decides::CustomerPaysFirst)]) {
        shop.qr(order(1), "2.00").await.unwrap();
        assert_eq!(shop.reverse(order(1)).await, Ok(too_late(1, "2.00")));
        assert_eq!(shop.moved(order(1)), ["2", "0", "0"]);
    }
}

#[tokio::test]
async fn wechat_closes_a_qr_that_nobody_paid_and_keeps_one_that_is_paid() {
    for shop in both(&[]) {
        shop.qr(order(1), "2.00").await.unwrap();
        assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
        assert_eq!(shop.query(order(1)).await, Ok(Verdict::Reversed));
        let said = shop.qr(order(2), "3.00").await.unwrap();
        let Verdict::Pending { qr: Some(qr) } = said else {
            panic!("{said:?}");
        };
        shop.acquirer.customers().pay(&qr, "w1").unwrap();
        assert_eq!(shop.query(order(2)).await, Ok(approved(3, "3.00")));
        assert_eq!(shop.reverse(order(2)).await, Ok(too_late(3, "3.00")));
        assert_eq!(shop.moved(order(2)), ["3", "0", "0"]);
    }
}

#[tokio::test]
async fn wechat_refuses_a_charge_that_comes_after_its_reversal() {
    for shop in both(&[]) {
        assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::NotFound));
        assert_eq!(shop.charge(order(1), "1.00").await, Ok(Verdict::Reversed));
        assert_eq!(shop.moved(order(1)), ["0", "0", "0"]);
    }
}

#[tokio::test]
async fn wechat_reversals_that_are_refused_for_good_leave_the_money_to_a_refund() {
    let refused = Decides::Decline {
        code: "REVERSE_EXPIRE".to_owned(),
    };
    for shop in both(&[Rule::on(Operation::Reverse).verdict(refused)]) {
        shop.charge(order(1), "1.00").await.unwrap();
        assert_eq!(shop.reverse(order(1)).await, Ok(too_late(1, "1.00")));
        assert_eq!(shop.moved(order(1)), ["1", "0", "0"]);
    }
}

#[tokio::test]
async fn wechat_reversals_without_an_answer_are_none_whatever_happened() {
    for money_moved in [true, false] {
        let rule = Rule::on(Operation::Reverse).delivery(Delivery::Unavailable { money_moved });
        for shop in both(&[rule.times(1)]) {
            shop.charge(order(1), "1.00").await.unwrap();
            let said = shop.reverse(order(1)).await.unwrap_err();
            assert!(
                matches!(said, NoAnswer::Refused(_) | NoAnswer::ServerFailed(500)),
                "{said:?}"
            );
            assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
            assert_eq!(shop.moved(order(1)), ["1", "0", "1"]);
        }
    }
}

#[tokio::test]
async fn wechat_reversals_wait_no_longer_than_the_acquirers_time_out() {
    let slow = Delivery::Slow { ms: 60_000 };
    let [shop, _] = both(&[Rule::on(Operation::Reverse).delivery(slow)]);
    shop.charge(order(1), "1.00").await.unwrap();
    let said = tokio::time::timeout(Duration::from_secs(5), shop.driver.reverse(order(1))).await;
    assert_eq!(said.unwrap(), Err(NoAnswer::TimedOut));
}
