//! The third interface byte for byte: what is sent, what is signed, and what of an answer is
//! believed.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use store_actors::domain::payment::NoAnswer;
use store_sim::acquirer::wechat;

use super::{
    bodies, merchant,
    notification::NotificationKey,
    sign::{PlatformKeys, Signed},
};
use crate::adapters::acquirers::{
    Way,
    notifier::{Notifier as _, Opened, Posted, Untrue},
    testing::{Moved, WECHAT, charge, cny, order, profile, refund},
    transport::Raw,
    wechat::{
        PlatformKey, Wechat,
        tests::{config, driver, merchant_shop as shop, v3},
        words::Said,
    },
};

fn ours() -> Wechat {
    driver(config("http://127.0.0.1:9", v3(), profile(2_000)), 0)
}

fn keys() -> PlatformKeys {
    PlatformKeys::of(&[
        PlatformKey::Certificate(wechat::PLATFORM_CERTIFICATE.to_owned()),
        PlatformKey::PublicKey {
            id: wechat::PLATFORM_PUBLIC_KEY_ID.to_owned(),
            key: wechat::PLATFORM_PUBLIC_KEY.to_owned(),
        },
    ])
    .unwrap()
}

fn text(body: Result<zeroize::Zeroizing<Vec<u8>>, NoAnswer>) -> String {
    String::from_utf8(body.unwrap().to_vec()).unwrap()
}

#[test]
fn wechat_v3_bodies_have_these_bytes() {
    let (shop, charge) = (shop(), charge(order(1), "8.8"));
    let (number, back) = (order(1), refund(1));
    let merchant = r#""appid":"wxd678efh567hg6787","mchid":"1900000109""#;
    let new = format!(r#"{merchant},"description":"南京路 \"Road\"","out_trade_no":"{number}""#);
    let amount = r#""amount":{"total":880,"currency":"CNY"}"#;
    assert_eq!(
        text(bodies::order(&shop, &charge, Some(WECHAT))),
        format!(
            r#"{{{new},"payer":{{"auth_code":"{WECHAT}"}},{amount},"scene_info":{{"device_id":"01","device_ip":"10.0.0.7","store_info":{{"out_id":"s1"}}}}}}"#
        )
    );
    assert_eq!(
        text(bodies::order(&shop, &charge, None)),
        format!(
            r#"{{{new},"notify_url":"https://pay.example.com/wechat",{amount},"scene_info":{{"device_id":"01","payer_client_ip":"10.0.0.7","store_info":{{"id":"s1"}}}}}}"#
        )
    );
    assert_eq!(text(bodies::close(&shop)), r#"{"mchid":"1900000109"}"#);
    assert_eq!(text(bodies::reverse(&shop)), format!("{{{merchant}}}"));
    assert_eq!(
        text(bodies::refund(order(1), refund(1), cny("8.8"), cny("4"))),
        format!(
            r#"{{"out_trade_no":"{number}","out_refund_no":"{back}","amount":{{"refund":400,"total":880,"currency":"CNY"}}}}"#
        )
    );
}

#[test]
fn wechat_v3_authorization_is_openssls_byte_for_byte() {
    let key = SecretString::from(wechat::MERCHANT_KEY);
    let certificate = SecretString::from(wechat::MERCHANT_CERTIFICATE);
    let merchant = merchant(wechat::MCHID, &key, &certificate).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, wechat::MERCHANT_KEY).unwrap();
    for (method, path, body) in [
        ("POST", "/v3/pay/transactions/codepay", "{\"a\":\"最佳\"}"),
        (
            "GET",
            "/v3/pay/transactions/out-trade-no/1?mchid=1900000109",
            "",
        ),
    ] {
        let said = merchant
            .authorization(method, path, 1_764_120_600, "0A0B", body.as_bytes())
            .unwrap();
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha256", "-sign"])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = openssl.stdin.take().unwrap();
        write!(input, "{method}\n{path}\n1764120600\n0A0B\n{body}\n").unwrap();
        drop(input);
        let theirs = STANDARD.encode(openssl.wait_with_output().unwrap().stdout);
        assert_eq!(
            said,
            format!(
                "WECHATPAY2-SHA256-RSA2048 mchid=\"1900000109\",nonce_str=\"0A0B\",\
                 signature=\"{theirs}\",timestamp=\"1764120600\",\
                 serial_no=\"3775B6A45ACD588826D15E583A95F5DD00000001\""
            )
        );
    }
}

fn of(notification: &wechat::Notification) -> Signed<'_> {
    let [serial, timestamp, nonce, signature] = &notification.headers;
    Signed {
        serial,
        timestamp,
        nonce,
        signature,
    }
}

fn opened(signed: &Signed<'_>, body: &[u8]) -> Result<Opened, Untrue> {
    let headers = [
        ("wechatpay-serial", signed.serial),
        ("wechatpay-timestamp", signed.timestamp),
        ("wechatpay-nonce", signed.nonce),
        ("wechatpay-signature", signed.signature),
    ];
    let headers = &headers;
    ours().open(&Posted { headers, body })
}

#[test]
fn wechat_v3_notifications_are_opened_by_either_key() {
    let order = order(1);
    for by_public_key in [true, false] {
        let told = wechat::notification(&order.to_string(), 880, by_public_key);
        let Ok(Opened::Payment(said)) = opened(&of(&told), told.body.as_bytes()) else {
            panic!("{told:?}");
        };
        assert_eq!(said.order, order.to_string());
        assert_eq!((said.money, said.is_paid), (cny("8.80"), true));
        assert_eq!(said.transaction, "SBX1");
    }
}

/// Trap 10 of scan-pay: the signature would be right without the prefix.
#[test]
fn trap_10_wechat_notify_signature_probe_signtest_is_refused() {
    let told = wechat::notification(&order(1).to_string(), 880, true);
    let probe = format!("WECHATPAY/SIGNTEST/{}", told.headers[3]);
    let signed = Signed {
        signature: &probe,
        ..of(&told)
    };
    let said = opened(&signed, told.body.as_bytes());
    assert_eq!(said, Err(Untrue::Forged));
}

#[test]
fn wechat_v3_messages_of_another_time_or_key_or_of_no_key_are_refused() {
    let told = wechat::notification(&order(1).to_string(), 880, true);
    let body = told.body.as_bytes();
    let now_s: i64 = told.headers[1].parse().unwrap();
    let keys = keys();
    assert_eq!(keys.check(&of(&told), body, now_s), Ok(()));
    assert_eq!(keys.check(&of(&told), body, now_s + 300), Ok(()));
    for moved in [now_s + 301, now_s - 301] {
        let said = keys.check(&of(&told), body, moved);
        assert!(matches!(said, Err(NoAnswer::Unintelligible(_))), "{said:?}");
    }
    for serial in ["", "7132D72A03E93CDDF8C03BBD1F37EEDF00000002", "X"] {
        let signed = Signed {
            serial,
            ..of(&told)
        };
        assert_eq!(keys.check(&signed, body, now_s), Err(NoAnswer::Forged));
    }
    assert!(PlatformKeys::of(&[]).is_err());
}

#[test]
fn wechat_v3_messages_changed_in_one_bit_are_refused() {
    let told = wechat::notification(&order(1).to_string(), 880, false);
    let now_s: i64 = told.headers[1].parse().unwrap();
    let keys = keys();
    let mut body = told.body.clone().into_bytes();
    for bit in 0..body.len() * 8 {
        body[bit / 8] ^= 1 << (bit % 8);
        let said = keys.check(&of(&told), &body, now_s);
        assert_eq!(said, Err(NoAnswer::Forged), "bit {bit}");
        body[bit / 8] ^= 1 << (bit % 8);
    }
    // and within, whatever the signature: the tag is over every bit
    let key = NotificationKey::new(&SecretString::from(wechat::API_V3_KEY)).unwrap();
    assert!(key.open(&body).is_ok());
    let other = told
        .body
        .replace("\"associated_data\":\"tr", "\"associated_data\":\"tR");
    assert_eq!(key.open(other.as_bytes()), Err(NoAnswer::Forged));
    assert!(NotificationKey::new(&SecretString::from("short")).is_err());
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Raw {
    let named = |(name, value): &(&str, &str)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    Raw {
        status,
        headers: headers.iter().map(named).collect::<HeaderMap>(),
        body: body.as_bytes().to_vec(),
    }
}

fn interface() -> super::V3 {
    let _ = rustls::crypto::ring::default_provider().install_default(); // another test was first
    let key = SecretString::from(wechat::MERCHANT_KEY);
    let certificate = SecretString::from(wechat::MERCHANT_CERTIFICATE);
    let route = crate::adapters::acquirers::transport::Route {
        url: "http://127.0.0.1:9",
        timeout: std::time::Duration::from_secs(1),
        way: &Way::default(),
        identity: None,
        clock: Arc::new(Moved(0)),
    };
    let certificates = [PlatformKey::Certificate(
        wechat::PLATFORM_CERTIFICATE.to_owned(),
    )];
    super::V3::new(
        shop(),
        merchant(wechat::MCHID, &key, &certificate).unwrap(),
        (&SecretString::from(wechat::API_V3_KEY), &certificates),
        route,
        Arc::new(Moved(0)),
        Arc::new(crate::adapters::clock::OsEntropy),
    )
    .unwrap()
}

#[test]
fn wechat_v3_requests_carry_these_headers_and_a_connection_of_their_own() {
    let interface = interface();
    let path = "/v3/pay/transactions/out-trade-no/1/close";
    let body = bodies::close(&interface.shop).unwrap();
    let sent = interface.request(reqwest::Method::POST, path.to_owned(), body);
    let sent = sent.unwrap();
    let names: Vec<_> = sent.headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "authorization",
            "accept",
            "content-type",
            "user-agent",
            "connection"
        ],
        "a certificate is not asked for: only a public key is"
    );
    let value = |wanted: &str| {
        let found = sent.headers.iter().find(|(name, _)| *name == wanted);
        found.unwrap().1.as_str()
    };
    assert_eq!(value("connection"), "close");
    assert_eq!(
        (value("accept"), value("content-type")),
        ("application/json", "application/json")
    );
    let signed = value("authorization");
    assert!(signed.starts_with("WECHATPAY2-SHA256-RSA2048 mchid=\"1900000109\",nonce_str=\""));
    assert_eq!(sent.body.as_slice(), br#"{"mchid":"1900000109"}"#);
    assert_eq!(
        keys().preferred.as_deref(),
        Some(wechat::PLATFORM_PUBLIC_KEY_ID)
    );
}

#[test]
fn wechat_v3_success_without_a_signature_is_forged_and_a_refusal_without_one_is_none() {
    let interface = interface();
    for status in [200, 202, 204] {
        let said = interface.heard(answer(status, &[], "{}"));
        assert_eq!(said.unwrap_err(), NoAnswer::Forged, "{status}");
    }
    let problem = r#"{"code":"NOT_ENOUGH","message":"余额不足"}"#;
    let said = interface.heard(answer(403, &[], problem)).unwrap_err();
    assert_eq!(said, NoAnswer::Refused("NOT_ENOUGH: 余额不足".into()));
    let told = wechat::notification(&order(1).to_string(), 880, false);
    let [serial, timestamp, nonce, signature] = &told.headers;
    let headers = [
        ("wechatpay-serial", serial.as_str()),
        ("wechatpay-timestamp", timestamp),
        ("wechatpay-nonce", nonce),
        ("wechatpay-signature", signature),
    ];
    let signed = interface.heard(answer(400, &headers, &told.body)).unwrap();
    assert!(matches!(signed, Said::Refused(refusal) if refusal.is_open()));
    let said = interface.heard(answer(400, &headers, problem));
    assert_eq!(said.unwrap_err(), NoAnswer::Forged);
}

#[test]
fn wechat_v3_answers_must_name_order_merchant_and_amount() {
    let (number, other) = (order(1), order(2));
    let said = |merchant: &str, number: &str, rest: &str| {
        let body = format!(r#"{{"mchid":"{merchant}","out_trade_no":"{number}",{rest}}}"#);
        bodies::standing(&shop(), body.as_bytes(), order(1)).map(|standing| standing.verdict())
    };
    let paid = r#""trade_state":"SUCCESS","transaction_id":"4","amount":{"total":1}"#;
    let ours = wechat::MCHID;
    assert!(said(ours, &number.to_string(), paid).is_ok());
    let another = Err(NoAnswer::AnotherOrder);
    assert_eq!(said(ours, &other.to_string(), paid), another);
    assert_eq!(said("1", &number.to_string(), paid), another);
    for rest in [
        r#""trade_state":"SUCCESS","transaction_id":"4""#,
        r#""trade_state":"SUCCESS","amount":{"total":1}"#,
        r#""trade_state":"SUCCESS","transaction_id":"","amount":{"total":1}"#,
        r#""trade_state":"SUCCESS","transaction_id":"4","amount":{"total":-1}"#,
        r#""trade_state":"SUCCESS","transaction_id":"4","amount":{"total":1.5}"#,
        r#""trade_state":"SUCCESS","transaction_id":"4","amount":{"total":1,"currency":"USD"}"#,
        r#""trade_state":"ACCEPT""#,
        r#""trade_state":null"#,
    ] {
        let said = said(ours, &number.to_string(), rest);
        assert!(
            matches!(said, Err(NoAnswer::Unintelligible(_))),
            "{rest}: {said:?}"
        );
    }
}

#[test]
fn wechat_v3_shows_no_key_in_debug_output() {
    let shown = format!("{:?}{:?}", ours(), config("u", v3(), profile(1)));
    for secret in [wechat::API_V3_KEY, &wechat::MERCHANT_KEY[100..140]] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

proptest! {
    #[test]
    fn wechat_v3_reads_any_bytes_without_panic(bytes: Vec<u8>, text in ".*", status: u16) {
        let key = NotificationKey::new(&SecretString::from(wechat::API_V3_KEY)).unwrap();
        for body in [bytes.as_slice(), text.as_bytes()] {
            let _ = bodies::notified(&shop(), body);
            let _ = bodies::back(body, order(1), refund(1));
            let _ = bodies::code_url(body);
            let _ = bodies::refusal(status, body);
            let _ = key.open(body);
        }
        let signed = Signed { serial: &text, timestamp: &text, nonce: &text, signature: &text };
        prop_assert!(keys().check(&signed, &bytes, 0).is_err());
    }
}
