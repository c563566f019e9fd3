//! Golden bytes of every message that is sent, and its signature beside OpenSSL's.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::SecretString;
use store_actors::domain::timestamp::Timestamp;
use store_sim::acquirer::alipay;

use crate::adapters::acquirers::{
    alipay::{
        certificates::{Numbers, serial_number},
        sign::{self, Parameters},
        words::{self, Order, Refund},
    },
    rsa::PrivateKey,
    testing::{WECHAT, charge, cny, order, refund},
};

fn content(method: &str) -> String {
    let charge = charge(order(1), "8.8");
    let (store, subject) = ("s1".parse().unwrap(), "Nanjing \"Road\"");
    let new = || Order::of(&charge, &store, subject).unwrap();
    let text = match method {
        "alipay.trade.pay" => words::json(&new().paid_by(WECHAT)),
        "alipay.trade.precreate" => words::json(&new().shown_for_ms(90_000)),
        "alipay.trade.refund" => words::json(&Refund::of(order(1), refund(1), cny("4")).unwrap()),
        "alipay.trade.fastpay.refund.query" => words::json(&Refund::query(order(1), refund(1))),
        _ => words::json(&words::number(order(1))),
    };
    text.unwrap().to_string()
}

#[test]
fn trap_6_alipays_money_is_yuan_with_two_decimals() {
    for (amount, told) in [
        ("0.01", "0.01"),
        ("8.8", "8.80"),
        ("100", "100.00"),
        ("1234567.89", "1234567.89"),
    ] {
        let store = "s1".parse().unwrap();
        let charge = charge(order(1), amount);
        let order = Order::of(&charge, &store, "s").unwrap();
        let text = words::json(&order.paid_by(WECHAT)).unwrap().to_string();
        let wanted = format!(r#""total_amount":"{told}""#);
        assert!(text.contains(&wanted), "{amount}: {text}");
    }
}

#[test]
fn every_content_has_these_bytes() {
    let number = order(1).to_string();
    let back = refund(1).to_string();
    let new = format!(
        r#""out_trade_no":"{number}","total_amount":"8.80","subject":"Nanjing \"Road\"","store_id":"s1","terminal_id":"01""#
    );
    for (method, golden) in [
        (
            "alipay.trade.pay",
            format!(r#"{{{new},"scene":"bar_code","auth_code":"{WECHAT}"}}"#),
        ),
        (
            "alipay.trade.precreate",
            format!(r#"{{{new},"qr_code_timeout_express":"2m"}}"#),
        ),
        (
            "alipay.trade.query",
            format!(r#"{{"out_trade_no":"{number}"}}"#),
        ),
        (
            "alipay.trade.close",
            format!(r#"{{"out_trade_no":"{number}"}}"#),
        ),
        (
            "alipay.trade.refund",
            format!(
                r#"{{"out_trade_no":"{number}","out_request_no":"{back}","refund_amount":"4.00"}}"#
            ),
        ),
        (
            "alipay.trade.fastpay.refund.query",
            format!(r#"{{"out_trade_no":"{number}","out_request_no":"{back}"}}"#),
        ),
    ] {
        assert_eq!(content(method), golden, "{method}");
    }
}

#[test]
fn the_signed_text_and_the_wire_have_these_bytes() {
    let mut parameters = Parameters::new(
        "2021",
        "alipay.trade.query",
        // 2025-11-26 01:30:00 UTC
        Timestamp::from_unix_ms(1_764_120_600_000),
    );
    let text = r#"{"out_trade_no":"最&="}"#;
    assert_eq!(
        parameters.signed(text).as_str(),
        "app_id=2021&biz_content={\"out_trade_no\":\"最&=\"}&charset=utf-8&format=JSON&\
         method=alipay.trade.query&sign_type=RSA2&timestamp=2025-11-26 09:30:00&version=1.0"
    );
    assert_eq!(
        parameters.query("a+b/c="),
        "app_id=2021&charset=utf-8&format=JSON&method=alipay.trade.query&sign_type=RSA2&\
         version=1.0&timestamp=2025-11-26+09%3A30%3A00&sign=a%2Bb%2Fc%3D"
    );
    assert_eq!(
        sign::body(text).as_slice(),
        b"biz_content=%7B%22out_trade_no%22%3A%22%E6%9C%80%26%3D%22%7D"
    );
    parameters.name_certificates(&Numbers {
        app: "a".into(),
        root: "b_c".into(),
    });
    assert!(
        parameters
            .signed("{}")
            .starts_with("alipay_root_cert_sn=b_c&app_cert_sn=a&app_id=2021&")
    );
}

#[test]
fn a_signature_is_openssls_byte_for_byte() {
    let text = "app_id=2021&biz_content={\"subject\":\"最佳运输\"}";
    let key = PrivateKey::parse("a key", &SecretString::from(alipay::APP_KEY)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, alipay::APP_KEY).unwrap();
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign"])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = openssl.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let theirs = openssl.wait_with_output().unwrap().stdout;
    assert_eq!(theirs.len(), 256);
    assert_eq!(key.sign(text.as_bytes()).unwrap(), STANDARD.encode(theirs));
    // as Alipay's own tool gives a key: its bare base64
    let bare: String = alipay::APP_KEY
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let bare = PrivateKey::parse("a key", &SecretString::from(bare)).unwrap();
    assert_eq!(bare.sign(b"x").unwrap(), key.sign(b"x").unwrap());
}

#[test]
fn certificates_are_called_as_the_platforms_own_sdk_calls_them() {
    let named = |file: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim/keys/");
        let text = std::fs::read_to_string(format!("{folder}{file}")).unwrap();
        text.trim().to_owned()
    };
    let numbers = Numbers::of(alipay::APP_CERTIFICATE, alipay::ROOT_CERTIFICATES).unwrap();
    assert_eq!(numbers.app, named("alipay-app.sn"));
    assert_eq!(
        numbers.root,
        named("alipay-roots.sn"),
        "a root of another kind than RSA is not named"
    );
    assert_eq!(
        serial_number(alipay::GATEWAY_CERTIFICATE).unwrap(),
        named("alipay-gateway.sn")
    );
}

#[test]
fn what_is_no_key_is_refused_without_a_word_of_it() {
    for text in ["", "c2VjcmV0", "secret!", alipay::GATEWAY_PUBLIC_KEY] {
        let refused = PrivateKey::parse("the key", &SecretString::from(text)).unwrap_err();
        assert!(refused.to_string().starts_with("the key is not usable: "));
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}
