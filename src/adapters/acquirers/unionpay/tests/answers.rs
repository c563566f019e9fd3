//! Opening answers: whose they are, and what the codes say.

use proptest::prelude::*;
use secrecy::SecretString;
use store_actors::{
    domain::payment::{NoAnswer, Verdict},
    ports::WallClock as _,
};
use store_sim::acquirer::{alipay, unionpay};

use super::order;
use crate::adapters::acquirers::{
    rsa::PrivateKey,
    testing::{Moved, cny},
    unionpay::{
        certificates::Authority,
        sign::{Answered, digest_of, opened},
        words::{Named, Said},
    },
};

const COMPANY: &str = "中国银联股份有限公司";

fn authority(signer: &str) -> Authority {
    let [root, middle] = [unionpay::ROOT_CERTIFICATE, unionpay::MIDDLE_CERTIFICATE];
    Authority::new(root, middle, signer.to_owned()).unwrap()
}

/// Signed by the merchant's key, under the merchant's certificate: of the same authority.
fn signed(pairs: &[(&str, &str)], certificate: &str) -> Vec<u8> {
    let mut fields: Vec<(&str, &str)> = pairs.to_vec();
    fields.push(("signPubKeyCert", certificate));
    fields.sort_unstable();
    let key = PrivateKey::parse("a key", &SecretString::from(unionpay::MERCHANT_KEY)).unwrap();
    let signature = key
        .sign(digest_of(fields.iter().copied()).as_bytes())
        .unwrap();
    fields.push(("signature", &signature));
    let joined: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={v}")).collect();
    joined.join("&").into_bytes()
}

fn open(body: &[u8], signer: &str) -> Result<Answered, NoAnswer> {
    opened(body, &authority(signer), Moved(0).now())
}

const OWN: &str = unionpay::MERCHANT_CERTIFICATE;
/// The third part of the merchant certificate's common name.
const MERCHANT_NAME: &str = "Nanjing Road";

#[test]
fn an_answer_is_taken_apart_as_it_came() {
    let reserved = "{a=1&b=2}";
    let body = signed(&[("respCode", "00"), ("reserved", reserved)], OWN);
    let fields = open(&body, MERCHANT_NAME).unwrap();
    assert_eq!(fields.get("reserved").map(String::as_str), Some(reserved));
    assert_eq!(fields.get("respCode").map(String::as_str), Some("00"));
}

#[test]
fn only_unionpays_own_certificate_under_the_configured_authority_counts() {
    let body = signed(&[("respCode", "00")], OWN);
    // rightly signed, but the certificate bears the merchant's name
    assert_eq!(open(&body, COMPANY), Err(NoAnswer::Forged));
    // under the same name, by an authority of its own
    let body = signed(&[("respCode", "00")], alipay::APP_CERTIFICATE);
    assert_eq!(open(&body, MERCHANT_NAME), Err(NoAnswer::Forged));
    let unsigned = b"respCode=00&orderId=1".as_slice();
    assert_eq!(open(unsigned, COMPANY), Err(NoAnswer::Forged));
    // not yet valid, and no longer
    let body = signed(&[("respCode", "00")], OWN);
    for years in [-100, 200] {
        let then = Moved(years * 31_557_600).now();
        let said = opened(&body, &authority(MERCHANT_NAME), then);
        assert_eq!(said, Err(NoAnswer::Forged));
    }
    let [root, middle] = [unionpay::ROOT_CERTIFICATE, unionpay::MIDDLE_CERTIFICATE];
    for (root, middle) in [
        (middle, root),
        (root, alipay::GATEWAY_CERTIFICATE),
        ("no", middle),
    ] {
        assert!(Authority::new(root, middle, COMPANY.to_owned()).is_err());
    }
}

#[test]
fn a_unionpay_answer_changed_in_one_bit_is_refused() {
    let body = signed(
        &[("orderId", "1"), ("respCode", "00"), ("txnAmt", "100")],
        OWN,
    );
    let own = authority(MERCHANT_NAME);
    let now = Moved(0).now();
    assert!(opened(&body, &own, now).is_ok());
    for at in 0..body.len() {
        let mut changed = body.clone();
        changed[at] ^= 1 << (at % 8);
        // white space within a certificate's PEM may be one sign or another
        if body[at].is_ascii_whitespace() && changed[at].is_ascii_whitespace() {
            continue;
        }
        assert!(opened(&changed, &own, now).is_err(), "byte {at}");
    }
}

fn said(pairs: &[(&str, &str)]) -> Result<Said, NoAnswer> {
    let named = Named::payment(order(1));
    let mut fields: Answered = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    fields
        .entry("orderId".to_owned())
        .or_insert_with(|| named.order_id.clone());
    Said::about(fields, &named, unionpay::MERCHANT)
}

/// By UnionPay's published list of codes.
#[test]
fn only_a_known_refusal_is_one() {
    for code in ["01", "30", "33", "60", "64", "77"] {
        let verdict = said(&[("respCode", code)]).unwrap().of_consume();
        assert!(matches!(verdict, Ok(Verdict::Declined { .. })), "{code}");
    }
    for code in [
        "02", "03", "04", "05", "06", "10", "11", "12", "13", "34", "35", "36", "37", "39", "42",
        "45", "99", "XX", "600",
    ] {
        let verdict = said(&[("respCode", code)]).unwrap().of_consume();
        assert!(matches!(verdict, Err(NoAnswer::Refused(_))), "{code}");
    }
    let of_order = |code| {
        let found = [
            ("respCode", "00"),
            ("origRespCode", code),
            ("txnAmt", "100"),
            ("queryId", "Q1"),
        ];
        said(&found).unwrap().of_query()
    };
    let paid = Verdict::Approved {
        acquirer_ref: "Q1".into(),
        money: cny("1.00"),
        signature: false,
    };
    assert_eq!(of_order("00"), Ok(paid));
    assert_eq!(of_order("05"), Ok(Verdict::Verifying));
    assert_eq!(of_order("45"), Ok(Verdict::Reversed));
    // the money was taken, and too late: nobody knows what of it stays
    assert!(of_order("42").is_err());
}

#[test]
fn a_unionpay_answer_for_another_order_or_merchant_settles_nothing() {
    for pair in [
        ("orderId", "0192f0c0"),
        ("merId", "777290058110049"),
        ("txnTime", "20010101000000"),
    ] {
        let refused = said(&[("respCode", "00"), pair]).unwrap_err();
        assert_eq!(refused, NoAnswer::AnotherOrder, "{pair:?}");
    }
    let unnamed = [("respCode", "00"), ("orderId", "")];
    let verdict = said(&unnamed).map(|said| said.of_consume());
    assert!(!matches!(verdict, Ok(Ok(_))), "{verdict:?}");
}

proptest! {
    #[test]
    fn any_bytes_of_unionpay_are_read_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        text in "[a-z=&{}]{0,60}",
    ) {
        prop_assert!(open(&bytes, COMPANY).is_err());
        prop_assert!(open(text.as_bytes(), COMPANY).is_err());
        let pairs: Answered = [("respCode".to_owned(), text)].into();
        let named = Named::payment(order(1));
        if let Ok(said) = Said::about(pairs, &named, unionpay::MERCHANT) {
            let _ = (said.of_consume(), said.of_query(), said.of_reversal());
        }
    }
}
