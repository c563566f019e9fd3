//! Golden bytes of every message that is sent. Signatures beside others' are the peers' business
//! (`tests/store/peers_unionpay.rs`).

use secrecy::SecretString;
use store_actors::{domain::timestamp::Timestamp, ports::Instrument};
use store_sim::acquirer::unionpay;

use super::{CODE, coded};
use crate::adapters::acquirers::{
    rsa::PrivateKey,
    testing::{cny, order, refund},
    unionpay::{
        certificates,
        sign::{Fields, digest_of, sealed},
        words::{Account, Kind, Named, within_the_day},
    },
};

fn account() -> Account {
    Account {
        merchant: unionpay::MERCHANT.to_owned(),
        certificate: certificates::number(unionpay::MERCHANT_CERTIFICATE).unwrap(),
        terminal: unionpay::TERMINAL.to_owned(),
        notify_url: "https://pay.example.com/u".to_owned(),
    }
}

fn text(fields: &Fields) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(n, v)| format!("{n}={}", v.as_str()))
        .collect();
    pairs.join("&")
}

/// 2025-10-09 08:53:20 UTC, which both ids tell.
const AT: &str = "20251009165320";

#[test]
fn every_unionpay_message_has_these_fields() {
    let account = account();
    let charge = coded(order(1), "8.8");
    let qr = store_actors::ports::Charge {
        instrument: Instrument::MerchantQr,
        ..charge.clone()
    };
    let (id, back) = (order(1).to_string(), refund(2).to_string());
    let head = "accessType=0&";
    let merchant = "merId=777290058110048&";
    let url = "backUrl=https://pay.example.com/u&bizType=000000&certId=68759663125&channelType=08&";
    let asks = "bizType=000000&certId=68759663125&";
    for (fields, golden) in [
        (
            account.consume(&charge, CODE).unwrap(),
            format!(
                "{head}{url}currencyCode=156&encoding=UTF-8&{merchant}orderId={id}&qrNo={CODE}&\
                 signMethod=01&termId=49000002&txnAmt=880&txnSubType=06&txnTime={AT}&txnType=01&\
                 version=5.1.0"
            ),
        ),
        (
            account.apply_qr(&qr, 90_000).unwrap(),
            format!(
                "{head}{url}currencyCode=156&encoding=UTF-8&{merchant}orderId={id}&\
                 payTimeout=20251009165450&signMethod=01&termId=49000002&txnAmt=880&\
                 txnSubType=07&txnTime={AT}&txnType=01&version=5.1.0"
            ),
        ),
        (
            account.query(&Named::payment(order(1))),
            format!(
                "{head}{asks}encoding=UTF-8&{merchant}orderId={id}&signMethod=01&txnSubType=00&\
                 txnTime={AT}&txnType=00&version=5.1.0"
            ),
        ),
        (
            account.reversal(order(1)),
            format!(
                "{head}{asks}channelType=08&encoding=UTF-8&{merchant}orderId={id}&signMethod=01&\
                 txnSubType=01&txnTime={AT}&txnType=99&version=5.1.0"
            ),
        ),
        (
            account
                .give_back(
                    Kind::Void,
                    Named::payment(order(1)),
                    &Named::refund(order(1), refund(2)),
                    cny("8.80"),
                )
                .unwrap(),
            format!(
                "{head}{url}encoding=UTF-8&{merchant}orderId={back}&origOrderId={id}&\
                 origTxnTime={AT}&signMethod=01&termId=49000002&txnAmt=880&txnSubType=00&\
                 txnTime={AT}&txnType=31&version=5.1.0"
            ),
        ),
        (
            account
                .give_back(
                    Kind::Refund,
                    Named::payment(order(1)),
                    &Named::refund(order(1), refund(2)),
                    cny("4"),
                )
                .unwrap(),
            format!(
                "{head}{url}encoding=UTF-8&{merchant}orderId={back}&origOrderId={id}&\
                 origTxnTime={AT}&signMethod=01&termId=49000002&txnAmt=400&txnSubType=00&\
                 txnTime={AT}&txnType=04&version=5.1.0"
            ),
        ),
    ] {
        assert_eq!(text(&fields), golden);
    }
}

#[test]
fn the_digest_and_the_wire_have_these_bytes() {
    let pairs = [("a", "1"), ("b", "最&="), ("empty", ""), ("signature", "x")];
    // sha256sum of `a=1&b=最&=`
    assert_eq!(
        digest_of(pairs.into_iter()),
        "8337788cb5e68bfae687e8b5b754bbbdd4ccc2a35884f450e417d9c66b9f0e49"
    );
    let key = SecretString::from(unionpay::MERCHANT_KEY);
    let key = PrivateKey::parse("a key", &key).unwrap();
    let fields = Fields::from([
        ("a", "1".to_owned().into()),
        ("b", "最 &".to_owned().into()),
    ]);
    let body = sealed(fields, &key).unwrap();
    let body = std::str::from_utf8(&body).unwrap();
    let signature = body.strip_prefix("a=1&b=%E6%9C%80+%26&signature=").unwrap();
    assert_eq!(signature.matches("%3D").count(), 2, "{signature}");
    assert!(!signature.contains(['+', '/', '=']), "{signature}");
}

/// UnionPay's day ends at eleven in the evening in Beijing, 15:00 UTC.
#[test]
fn a_settlement_day_ends_at_eleven_in_the_evening() {
    let paid = order(1); // 2025-10-09 08:53:20 UTC
    let at = |text: &str| Timestamp::parse(text).unwrap();
    assert!(within_the_day(paid, at("2025-10-09T14:59:59Z")));
    assert!(!within_the_day(paid, at("2025-10-09T15:00:00Z")));
    assert!(within_the_day(paid, at("2025-10-08T15:00:00Z")));
    assert!(!within_the_day(paid, at("2025-10-08T14:59:59Z")));
}
