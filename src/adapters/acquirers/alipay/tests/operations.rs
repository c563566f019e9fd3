//! Each operation against the sandbox's gateway, and the money in its ledger.

use store_actors::{
    domain::payment::{NoAnswer, Verdict, answer::RefundVerdict},
    ports::Acquirer as _,
};
use store_sim::acquirer::{Operation, Rule, Then, Verdict as Decides};

use super::{certificates, config, driver, shop};
use crate::adapters::acquirers::{
    alipay::AlipayConfig,
    testing::{Shop, approved, cny, order, profile, refund},
};

#[tokio::test]
async fn a_code_is_charged_once_and_a_query_says_the_same() {
    let shop = shop(vec![]);
    let paid = Ok(approved(1, "12.50"));
    assert_eq!(shop.charge(order(1), "12.50").await, paid);
    assert_eq!(shop.query(order(1)).await, paid);
    assert_eq!(shop.moved(order(1)), ["12.5", "0", "0"]);
    shop.driver.probe().await.unwrap();
}

#[tokio::test]
async fn in_certificate_mode_both_sides_name_their_certificates() {
    let shop = Shop::spoken_by(
        |_| {},
        |url| {
            let trust = certificates();
            let config = config(url, profile(2_000));
            driver(AlipayConfig { trust, ..config }, 0)
        },
    );
    assert_eq!(
        shop.charge(order(1), "12.50").await,
        Ok(approved(1, "12.50"))
    );
}

#[tokio::test]
async fn a_customer_who_must_confirm_is_waited_for() {
    let verifying = Decides::Verifying {
        for_ms: 50,
        then: Then::Approve,
    };
    let shop = shop(vec![Rule::on(Operation::Charge).verdict(verifying)]);
    assert_eq!(shop.charge(order(1), "1.00").await, Ok(Verdict::Verifying));
    shop.until(order(1), &approved(1, "1.00")).await;
}

#[tokio::test]
async fn a_refusal_is_one_with_its_code() {
    let no = Decides::Decline {
        code: "BUYER_BALANCE_NOT_ENOUGH".to_owned(),
    };
    let shop = shop(vec![Rule::on(Operation::Charge).verdict(no)]);
    let said = shop.charge(order(1), "1.00").await.unwrap();
    assert_eq!(
        said,
        Verdict::Declined {
            code: "ACQ.BUYER_BALANCE_NOT_ENOUGH".into(),
            text: "the issuer declined".into(),
        }
    );
    assert_eq!(shop.moved(order(1)), ["0", "0", "0"]);
}

/// Trap 4 of scan-pay: `TRADE_NOT_EXIST` is no failure.
#[tokio::test]
async fn trap_4_trade_not_exist_while_qr_unscanned() {
    let shop = shop(vec![]);
    let said = shop.qr(order(1), "8.80").await.unwrap();
    let Verdict::Pending { qr: Some(qr) } = said else {
        panic!("{said:?}");
    };
    assert_eq!(shop.query(order(1)).await, Ok(Verdict::NotFound));
    shop.acquirer.customers().pay(&qr, "w1").unwrap();
    assert_eq!(shop.query(order(1)).await, Ok(approved(1, "8.80")));
    assert_eq!(shop.moved(order(1)), ["8.8", "0", "0"]);
}

#[tokio::test]
async fn a_refund_moves_money_once_however_often_it_is_asked() {
    let shop = shop(vec![]);
    shop.charge(order(1), "10.00").await.unwrap();
    let ask = || shop.driver.refund(order(1), refund(1), cny("4.00"));
    let first = ask().await.unwrap();
    assert!(matches!(first, RefundVerdict::Refunded { money, .. } if money == cny("4.00")));
    // fund_change=N, and the refund itself tells
    assert_eq!(ask().await.unwrap(), first);
    assert_eq!(shop.moved(order(1)), ["10", "4", "0"]);
    let other = shop.driver.refund(order(1), refund(2), cny("6.01")).await;
    assert!(
        matches!(&other, Ok(RefundVerdict::Refused { code, .. }) if code.starts_with("ACQ.")),
        "{other:?}"
    );
}

#[tokio::test]
async fn a_refund_that_is_worked_on_is_in_progress_until_it_is_done() {
    let slow = Decides::Verifying {
        for_ms: 100,
        then: Then::Approve,
    };
    let shop = shop(vec![Rule::on(Operation::Refund).verdict(slow).times(1)]);
    shop.charge(order(1), "10.00").await.unwrap();
    let ask = || shop.driver.refund(order(1), refund(1), cny("4.00"));
    assert_eq!(ask().await, Ok(RefundVerdict::InProgress));
    let done = async {
        while ask().await == Ok(RefundVerdict::InProgress) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(10), done).await;
    waited.expect("in time");
    assert!(matches!(ask().await, Ok(RefundVerdict::Refunded { .. })));
    assert_eq!(shop.moved(order(1)), ["10", "4", "0"]);
}

#[tokio::test]
async fn a_clock_that_is_far_off_is_told_so_and_nothing_is_charged() {
    let shop = Shop::spoken_by(|_| {}, |url| driver(config(url, profile(2_000)), 400));
    let said = shop.charge(order(1), "1.00").await;
    assert!(
        matches!(&said, Err(NoAnswer::Refused(why)) if why.contains("isv.invalid-timestamp")),
        "{said:?}"
    );
    assert_eq!(shop.moved(order(1)), ["0", "0", "0"]);
    let ahead_s = shop.driver.clock_ahead_s();
    assert!(
        ahead_s.is_some_and(|ahead_s| (398..=400).contains(&ahead_s)),
        "{ahead_s:?}"
    );
}
