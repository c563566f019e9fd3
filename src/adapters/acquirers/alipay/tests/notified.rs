//! Notifications: whose they are, for whom, of when, and what they say.

use store_actors::domain::sticker::Notification;
use store_sim::acquirer::alipay;

use super::*;
use crate::adapters::acquirers::{
    notifier::{Notifier as _, Opened, Posted, Untrue},
    testing::cny,
};

fn opened_by(driver: &Alipay, body: &str) -> Result<Opened, Untrue> {
    driver.open(&Posted {
        headers: &[],
        body: body.as_bytes(),
    })
}

fn opened(body: &str) -> Result<Opened, Untrue> {
    opened_by(&driver(config("http://127.0.0.1:9", profile(1)), 0), body)
}

fn told(body: &str) -> Notification {
    match opened(body) {
        Ok(Opened::Payment(told)) => told,
        other => panic!("{other:?}"),
    }
}

#[test]
fn alipay_notifications_say_what_was_paid_and_at_which_sticker() {
    let told = told(&alipay::notification("S7", 880, Some("01-7K3QF9ZD")));
    assert_eq!(
        (told.order.as_str(), told.transaction.as_str()),
        ("S7", "SBX1")
    );
    assert_eq!((told.money, told.is_paid), (cny("8.80"), true));
    assert_eq!(told.labels, ["01-7K3QF9ZD"]);
}

#[test]
fn alipay_notifications_changed_in_one_field_are_refused() {
    let body = alipay::notification("S7", 880, Some("01"));
    for (from, to) in [
        ("total_amount=8.80", "total_amount=8.81"),
        ("out_trade_no=S7", "out_trade_no=S8"),
        ("passback_params=01", "passback_params=02"),
        ("sign_type=RSA2", "sign_type=RSA"),
        ("trade_status=TRADE_SUCCESS", "trade_status=TRADE_FINISHED"),
        ("&sign=", "&sing="),
    ] {
        let changed = body.replace(from, to);
        assert_ne!(changed, body, "{from}");
        assert_eq!(opened(&changed), Err(Untrue::Forged), "{from}");
    }
    // what Alipay signs is not what another of its merchants may replay here
    let mut other = config("http://127.0.0.1:9", profile(1));
    other.app_id = "2021000000000001".to_owned();
    let other = driver(other, 0);
    assert_eq!(opened_by(&other, &body), Err(Untrue::AnotherMerchant));
    for garbage in ["", "x", "a=1&a=2", "%ff=%ff"] {
        assert!(opened(garbage).is_err(), "{garbage:?}");
    }
}

#[test]
fn alipay_notifications_are_taken_for_as_long_as_alipay_repeats_them() {
    let body = alipay::notification("S7", 880, None);
    for (moved_s, is_taken) in [
        (25 * 3_600, true),
        (27 * 3_600, false),
        (-200, true),
        (-600, false),
    ] {
        let driver = driver(config("http://127.0.0.1:9", profile(1)), moved_s);
        let said = opened_by(&driver, &body);
        assert_eq!(said.is_ok(), is_taken, "{moved_s}: {said:?}");
        assert!(is_taken || said == Err(Untrue::Stale));
    }
}
