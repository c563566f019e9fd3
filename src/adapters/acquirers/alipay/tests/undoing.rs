//! Cancelling and closing, and where the money is afterwards.

use store_actors::domain::payment::{NoAnswer, Verdict};
use store_sim::acquirer::{Operation, Rule, Then, Verdict as Decides};

use super::shop;
use crate::adapters::acquirers::{
    alipay::{Alipay, words},
    testing::{Shop, order},
};

/// Trap 5.
#[tokio::test]
async fn trap_5_cancel_retry_flag_y_is_asked_again() {
    let put_off = Decides::Verifying {
        for_ms: 60_000,
        then: Then::Never,
    };
    let shop = shop(vec![Rule::on(Operation::Reverse).verdict(put_off).times(1)]);
    shop.charge(order(1), "1.00").await.unwrap();
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Verifying));
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order(1)), ["1", "0", "1"]);
}

/// Trap 8.
#[tokio::test]
async fn trap_8_user_pays_between_last_query_and_cancel() {
    let wait = Decides::Verifying {
        for_ms: 60_000,
        then: Then::Never,
    };
    let shop = shop(vec![
        Rule::on(Operation::Charge).verdict(wait),
        Rule::on(Operation::Reverse).verdict(Decides::CustomerPaysFirst),
    ]);
    assert_eq!(shop.charge(order(1), "1.00").await, Ok(Verdict::Verifying));
    assert_eq!(shop.query(order(1)).await, Ok(Verdict::Verifying));
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order(1)), ["1", "0", "1"]);
}

#[tokio::test]
async fn cancelling_what_alipay_has_never_heard_of_proves_nothing() {
    let shop = shop(vec![]);
    assert_eq!(shop.query(order(1)).await, Ok(Verdict::NotFound));
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::NotFound));
}

/// Cancelling is refused by these, and what is paid stays so: it is refunded.
#[tokio::test]
async fn what_can_not_be_cancelled_is_told_as_it_stands() {
    for code in ["TRADE_CANCEL_TIME_OUT", "CANCEL_NOT_ALLOWED"] {
        let answer = format!(
            r#"{{"code":"40004","sub_code":"ACQ.{code}","out_trade_no":"{}"}}"#,
            order(1)
        );
        assert!(words::said(&answer).unwrap().can_not_be_cancelled());
        let no = Decides::Decline { code: code.into() };
        let shop = shop(vec![Rule::on(Operation::Reverse).verdict(no)]);
        shop.charge(order(1), "2.00").await.unwrap();
        let kept = shop.reverse(order(1)).await;
        assert!(
            matches!(kept, Ok(Verdict::NotReversible { money, .. }) if money.minor_units() == 200),
            "{kept:?}"
        );
        assert_eq!(shop.moved(order(1)), ["2", "0", "0"]);
    }
}

async fn shown(shop: &Shop<Alipay>) -> String {
    match shop.qr(order(1), "8.80").await.unwrap() {
        Verdict::Pending { qr: Some(qr) } => qr,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_qr_that_somebody_scanned_and_did_not_pay_is_closed_and_can_not_be_paid() {
    let shop = shop(vec![]);
    let qr = shown(&shop).await;
    shop.acquirer.customers().scan(&qr).unwrap();
    assert_eq!(shop.query(order(1)).await, Ok(Verdict::Verifying));
    assert_eq!(shop.close(order(1)).await, Ok(Verdict::Reversed));
    // the phone says so, and closing it once more finds it closed
    shop.acquirer.customers().pay(&qr, "w1").unwrap_err();
    assert_eq!(shop.close(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order(1)), ["0", "0", "0"]);
}

#[tokio::test]
async fn a_qr_that_nobody_has_scanned_can_not_be_closed_yet() {
    let shop = shop(vec![]);
    let qr = shown(&shop).await;
    assert_eq!(shop.close(order(1)).await, Ok(Verdict::NotFound));
    // and that is why: it can still be paid
    shop.acquirer.customers().pay(&qr, "w1").unwrap();
    assert_eq!(shop.close(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order(1)), ["8.8", "0", "8.8"]);
}

#[tokio::test]
async fn a_qr_that_is_paid_while_it_is_closed_is_paid_back_at_once() {
    let first = Rule::on(Operation::Reverse).verdict(Decides::CustomerPaysFirst);
    let shop = shop(vec![first.times(1)]);
    let qr = shown(&shop).await;
    shop.acquirer.customers().scan(&qr).unwrap();
    assert_eq!(shop.close(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order(1)), ["8.8", "0", "8.8"]);
}

#[test]
fn closing_ends_an_order_by_its_own_word_alone() {
    let said = |code: &str, sub: &str, id: u8| {
        let object = format!(
            r#"{{"code":"{code}","sub_code":"{sub}","out_trade_no":"{}"}}"#,
            order(id)
        );
        let said = words::said(&object).unwrap();
        (
            said.waits_for_no_buyer(),
            said.of_close(order(1)).map(|answer| answer.verdict),
        )
    };
    assert_eq!(said("10000", "", 1), (false, Ok(Verdict::Reversed)));
    assert_eq!(said("10000", "", 2), (false, Err(NoAnswer::AnotherOrder)));
    let unborn = said("40004", "ACQ.TRADE_NOT_EXIST", 1);
    assert_eq!(unborn, (false, Ok(Verdict::NotFound)));
    for code in [
        "TRADE_STATUS_ERROR",
        "REASON_ILLEGAL_STATUS",
        "REASON_TRADE_STATUS_INVALID",
    ] {
        let (waits_for_nobody, answer) = said("40004", &format!("ACQ.{code}"), 1);
        assert!(waits_for_nobody && answer.is_err(), "{code}");
    }
    for (code, sub) in [
        ("40004", "ACQ.SYSTEM_ERROR"),
        ("20000", "isp.unknow-error"),
        ("40004", "isp.TRADE_NOT_EXIST"),
    ] {
        let (waits_for_nobody, answer) = said(code, sub, 1);
        assert!(!waits_for_nobody && answer.is_err(), "{code} {sub}");
    }
}
