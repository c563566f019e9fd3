//! Opening answers: what is signed is what came, byte for byte.

use proptest::prelude::*;
use secrecy::SecretString;
use store_actors::domain::payment::NoAnswer;
use store_sim::acquirer::alipay;

use crate::adapters::acquirers::{alipay::open::AnswerKey, rsa::PrivateKey};

const METHOD: &str = "alipay.trade.pay";

/// Signed with the application's key, of which the reader has the certificate: any key will do.
fn signed(object: &str) -> String {
    let key = PrivateKey::parse("a key", &SecretString::from(alipay::APP_KEY)).unwrap();
    let signature = key.sign(object.as_bytes()).unwrap();
    format!(r#"{{"alipay_trade_pay_response":{object},"sign":"{signature}"}}"#)
}

fn open(body: &str) -> Result<String, NoAnswer> {
    let key = AnswerKey::bare(alipay::APP_CERTIFICATE).unwrap();
    key.open(body.as_bytes(), METHOD)
}

/// Trap 7 of scan-pay.
#[test]
fn trap_7_brace_quote_and_escaped_slash_in_response_strings() {
    for object in [
        r#"{"code":"10000","subject":"a}b{\"c"}"#,
        r#"{"code":"10000","url":"https:\/\/qr.alipay.com\/bax"}"#,
        r#"{ "code" : "10000" , "nested" : { "sign" : "x" } }"#,
        r#"{"code":"10000","subject":"\\\"},\"sign\":\"no"}"#,
        "{\"code\":\"10000\",\n\t\"subject\":\"最佳运输\"}",
    ] {
        assert_eq!(open(&signed(object)).as_deref(), Ok(object), "{object}");
    }
}

#[test]
fn an_answer_changed_in_one_bit_is_refused() {
    let object = r#"{"code":"10000","out_trade_no":"1","total_amount":"1.00"}"#;
    let body = signed(object);
    let from = body.find(object).unwrap();
    for at in from..from + object.len() {
        for bit in 0..8 {
            let mut changed = body.clone().into_bytes();
            changed[at] ^= 1 << bit;
            let key = AnswerKey::bare(alipay::APP_CERTIFICATE).unwrap();
            assert!(key.open(&changed, METHOD).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn only_the_methods_own_object_counts_and_an_unsigned_one_never() {
    let other = signed("{}").replace("trade_pay", "trade_query");
    assert!(matches!(open(&other), Err(NoAnswer::Unintelligible(_))));
    let unsigned = r#"{"alipay_trade_pay_response":{"code":"10000"}}"#;
    assert_eq!(open(unsigned), Err(NoAnswer::Forged));
    let complaint = r#"{"error_response":{"code":"40002","msg":"Invalid Arguments",
        "sub_code":"isv.invalid-signature","sub_msg":"wrong"}}"#;
    assert_eq!(
        open(complaint),
        Err(NoAnswer::Refused(
            "40002 Invalid Arguments, isv.invalid-signature: wrong".into()
        ))
    );
}

#[test]
fn in_certificate_mode_an_answer_under_another_certificate_is_forged() {
    let key = AnswerKey::certified(alipay::APP_CERTIFICATE, "0a1b".to_owned()).unwrap();
    let body = signed(r#"{"code":"10000"}"#);
    assert_eq!(
        key.open(body.as_bytes(), METHOD),
        Err(NoAnswer::Forged),
        "it names none"
    );
    let named = |number: &str| body.replacen('{', &format!(r#"{{"alipay_cert_sn":"{number}","#), 1);
    assert_eq!(
        key.open(named("0a1c").as_bytes(), METHOD),
        Err(NoAnswer::Forged)
    );
    assert!(key.open(named("0a1b").as_bytes(), METHOD).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let key = AnswerKey::bare(alipay::APP_CERTIFICATE).unwrap();
        prop_assert!(key.open(&bytes, METHOD).is_err());
        let _ = super::super::words::said(&String::from_utf8_lossy(&bytes));
    }
}
