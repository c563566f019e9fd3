//! Charges, QR codes, queries, refunds, bills.

use std::time::Duration;

use store_actors::{
    domain::payment::{NoAnswer, Verdict, answer::RefundVerdict},
    ports::Acquirer as _,
};
use store_sim::acquirer::{Delivery, Operation, Rule, Then, Verdict as Decides, wechat};

use super::{both, config, driver, shop, v2, v3, v3_with};
use crate::adapters::acquirers::{
    testing::{Shop, approved, charge, cny, order, profile, refund},
    wechat::{PlatformKey, words::fen},
};

#[tokio::test]
async fn wechat_charges_a_code_once_and_a_query_says_the_same() {
    for shop in both(&[]) {
        let paid = Ok(approved(1, "12.50"));
        assert_eq!(shop.charge(order(1), "12.50").await, paid);
        assert_eq!(shop.query(order(1)).await, paid);
        assert_eq!(shop.moved(order(1)), ["12.5", "0", "0"]);
        shop.driver.probe().await.unwrap();
    }
}

#[test]
fn trap_6_wechat_pays_money_is_whole_fen() {
    for (amount, told) in [
        ("0.01", 1),
        ("8.8", 880),
        ("100", 10_000),
        ("1234567.89", 123_456_789),
    ] {
        assert_eq!(fen(cny(amount)), Ok(told), "{amount}");
    }
}

/// Trap 1 of scan-pay; the second interface says it as a failure that is none.
#[tokio::test]
async fn trap_1_wechat_codepay_202_userpaying_is_waited_for() {
    let verifying = Decides::Verifying {
        for_ms: 100,
        then: Then::Approve,
    };
    for shop in both(&[Rule::on(Operation::Charge).verdict(verifying)]) {
        assert_eq!(shop.charge(order(1), "1.00").await, Ok(Verdict::Verifying));
        shop.until(order(1), &approved(1, "1.00")).await;
    }
}

#[tokio::test]
async fn wechat_declines_with_its_own_code_and_a_query_says_payerror() {
    let no = Decides::Decline {
        code: "NOT_ENOUGH".to_owned(),
    };
    for shop in both(&[Rule::on(Operation::Charge).verdict(no)]) {
        let said = shop.charge(order(1), "1.00").await.unwrap();
        let text = "the issuer declined".to_owned();
        let code = "NOT_ENOUGH".to_owned();
        assert_eq!(said, Verdict::Declined { code, text });
        let found = shop.query(order(1)).await.unwrap();
        assert!(matches!(&found, Verdict::Declined { code, .. } if code == "PAYERROR"));
        assert_eq!(shop.moved(order(1)), ["0", "0", "0"]);
    }
}

#[tokio::test]
async fn wechat_shows_a_qr_and_waits_until_somebody_pays_it() {
    for shop in both(&[]) {
        let said = shop.qr(order(1), "8.80").await.unwrap();
        let Verdict::Pending { qr: Some(qr) } = said else {
            panic!("{said:?}");
        };
        assert_eq!(
            shop.query(order(1)).await,
            Ok(Verdict::Pending { qr: None })
        );
        shop.acquirer.customers().pay(&qr, "w1").unwrap();
        assert_eq!(shop.query(order(1)).await, Ok(approved(1, "8.80")));
        assert_eq!(shop.query(order(2)).await, Ok(Verdict::NotFound));
    }
}

#[tokio::test]
async fn wechat_moves_a_refund_once_however_often_it_is_asked() {
    for shop in both(&[]) {
        shop.charge(order(1), "10.00").await.unwrap();
        let ask = || shop.driver.refund(order(1), refund(1), cny("4.00"));
        let first = ask().await.unwrap();
        assert!(matches!(first, RefundVerdict::Refunded { money, .. } if money == cny("4.00")));
        assert_eq!(ask().await.unwrap(), first);
        assert_eq!(shop.moved(order(1)), ["10", "4", "0"]);
        // REFUND: it was paid; what went back is the refund's own story
        assert_eq!(shop.query(order(1)).await, Ok(approved(1, "10.00")));
        let other = shop.driver.refund(order(1), refund(2), cny("6.01")).await;
        assert!(
            matches!(&other, Ok(RefundVerdict::Refused { .. })),
            "{other:?}"
        );
        let unknown = shop.driver.refund(order(9), refund(3), cny("1")).await;
        assert!(matches!(unknown, Err(NoAnswer::Refused(_))), "{unknown:?}");
    }
}

#[tokio::test]
async fn wechat_refunds_that_are_worked_on_are_in_progress_until_they_are_done() {
    let slow = Decides::Verifying {
        for_ms: 200,
        then: Then::Approve,
    };
    for shop in both(&[Rule::on(Operation::Refund).verdict(slow).times(1)]) {
        shop.charge(order(1), "10.00").await.unwrap();
        let ask = || shop.driver.refund(order(1), refund(1), cny("4.00"));
        assert_eq!(ask().await, Ok(RefundVerdict::InProgress));
        let done = async {
            while ask().await == Ok(RefundVerdict::InProgress) {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), done).await;
        waited.expect("in time");
        assert_eq!(shop.moved(order(1)), ["10", "4", "0"]);
    }
}

/// Trap 11.
#[tokio::test]
async fn trap_11_wechat_two_keys_live_during_migration() {
    let certificate = || PlatformKey::Certificate(wechat::PLATFORM_CERTIFICATE.to_owned());
    let public_key = || PlatformKey::PublicKey {
        id: wechat::PLATFORM_PUBLIC_KEY_ID.to_owned(),
        key: wechat::PLATFORM_PUBLIC_KEY.to_owned(),
    };
    let other = || vec![Rule::on(Operation::Query).delivery(Delivery::OtherKey)];
    // asked under one key, answered under the other: both are known
    for keys in [
        vec![certificate(), public_key()],
        vec![public_key(), certificate()],
    ] {
        let shop = shop(v3_with(keys), other());
        let paid = Ok(approved(1, "1.00"));
        assert_eq!(shop.charge(order(1), "1.00").await, paid);
        assert_eq!(shop.query(order(1)).await, paid);
    }
    // a key that is not loaded is nobody's
    for key in [certificate(), public_key()] {
        let shop = shop(v3_with(vec![key]), other());
        assert_eq!(shop.charge(order(1), "1.00").await, Ok(approved(1, "1.00")));
        assert_eq!(shop.query(order(1)).await, Err(NoAnswer::Forged));
    }
}

#[tokio::test]
async fn wechat_bills_are_checked_by_their_sum() {
    let today = jiff::tz::Offset::constant(8).to_datetime(jiff::Timestamp::now());
    let today = today.strftime("%Y-%m-%d").to_string();
    let mut bills = Vec::new();
    for shop in both(&[]) {
        shop.charge(order(1), "10.00").await.unwrap();
        let bill = shop.driver.bill(&today).await.unwrap();
        let bill = String::from_utf8(bill).unwrap();
        assert!(bill.starts_with("\u{feff}交易时间,公众账号ID,"), "{bill}");
        assert!(bill.contains(&format!("`{},", order(1))), "{bill}");
        bills.push(bill.lines().count());
        for no_day in ["../x?y=1", "2026-13-01", "20261126", ""] {
            let said = shop.driver.bill(no_day).await;
            assert!(matches!(said, Err(NoAnswer::NotSent(_))), "{no_day}");
        }
    }
    assert_eq!(bills, [4, 4]);
}

#[tokio::test]
async fn wechat_takes_no_cards_and_no_other_currency_and_sends_nothing() {
    for interface in [v3(), v2()] {
        let driver = driver(config("http://127.0.0.1:9", interface, profile(2_000)), 0);
        let said = driver.charge(charge(order(1), "1.00")).await.unwrap_err();
        assert!(matches!(said, NoAnswer::NotSent(_)), "{said:?}");
        assert!(driver.probe().await.is_err());
        let mut dollars = charge(order(1), "1.00");
        let usd = store_actors::domain::money::Currency::Usd;
        dollars.money = store_actors::domain::money::Money::parse("1", usd).unwrap();
        let said = driver.charge(dollars).await.unwrap_err();
        assert!(
            matches!(&said, NoAnswer::NotSent(why) if why.contains("CNY")),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn wechat_refuses_a_clock_that_is_far_off_and_nothing_is_charged() {
    let shop = Shop::spoken_by(|_| {}, |url| driver(config(url, v3(), profile(2_000)), 400));
    let said = shop.charge(order(1), "1.00").await;
    assert!(
        matches!(&said, Err(NoAnswer::Refused(why)) if why.starts_with("SIGN_ERROR")),
        "{said:?}"
    );
    assert_eq!(shop.moved(order(1)), ["0", "0", "0"]);
}
