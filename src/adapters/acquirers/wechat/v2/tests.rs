//! The second interface byte for byte: what is sent, what is signed, and what of an answer is
//! believed.

mod certified;

use std::sync::Arc;

use md5::{Digest as _, Md5};
use proptest::prelude::*;
use secrecy::SecretString;
use store_actors::domain::payment::NoAnswer;
use store_sim::acquirer::wechat;

use super::{
    V2, bodies, identity,
    sign::{Fields, Key},
    xml,
};
use crate::adapters::{
    acquirers::{
        Way,
        testing::{Moved, WECHAT, charge, cny, order, refund},
        transport::Route,
        wechat::tests::merchant_shop as shop,
    },
    clock::OsEntropy,
};

fn fields(pairs: &[(&str, &str)]) -> Fields {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(own).collect()
}

fn interface() -> V2 {
    let _ = rustls::crypto::ring::default_provider().install_default(); // another test was first
    let route = Route {
        url: "http://127.0.0.1:9",
        timeout: std::time::Duration::from_secs(1),
        way: &Way::default(),
        identity: None,
        clock: Arc::new(Moved(0)),
    };
    let key = SecretString::from(wechat::MERCHANT_KEY);
    let certificate = SecretString::from(wechat::MERCHANT_CERTIFICATE);
    let api_key = SecretString::from(wechat::API_V2_KEY);
    let identity = identity(&key, &certificate);
    V2::new(shop(), &api_key, identity, route, Arc::new(OsEntropy)).unwrap()
}

/// WeChat Pay's own example: the signed text is proved by MD5, which is not spoken here.
#[test]
fn wechat_v2_signs_the_published_vector() {
    let key = Key::new(&SecretString::from("192006250b4c09247ec02edce69f6a2d"));
    let fields = fields(&[
        ("device_info", "1000"),
        ("mch_id", "10000100"),
        ("appid", "wxd930ea5d5a258f4f"),
        ("body", "test"),
        ("nonce_str", "ibuaiVcKdpRxkhJA"),
        ("empty", ""),
        ("sign", "is never part of it"),
    ]);
    let md5 = Md5::digest(key.text(&fields).as_bytes());
    let md5: String = md5.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(md5, "9A0A8659F005D6984697E2CA0A9CF3B7");
    assert_eq!(
        key.sign(&fields),
        "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"
    );
}

#[test]
fn wechat_v2_messages_have_these_bytes() {
    let (shop, charge) = (shop(), charge(order(1), "8.8"));
    let (number, back) = (order(1), refund(1));
    let text = |fields: &Fields| String::from_utf8(xml::write(fields).to_vec()).unwrap();
    let scene = "<scene_info>{&quot;store_info&quot;:{&quot;id&quot;:&quot;s1&quot;}}</scene_info>";
    let common = "<device_info>01</device_info><fee_type>CNY</fee_type>";
    let body = "<body>南京路 &quot;Road&quot;</body>";
    let ip = "<spbill_create_ip>10.0.0.7</spbill_create_ip><total_fee>880</total_fee>";
    assert_eq!(
        text(&bodies::order(&shop, &charge, Some(WECHAT)).unwrap()),
        format!(
            "<xml><auth_code>{WECHAT}</auth_code>{body}{common}\
             <out_trade_no>{number}</out_trade_no>{scene}{ip}</xml>"
        )
    );
    assert_eq!(
        text(&bodies::order(&shop, &charge, None).unwrap()),
        format!(
            "<xml>{body}{common}<notify_url>https://pay.example.com/wechat</notify_url>\
             <out_trade_no>{number}</out_trade_no><product_id>{number}</product_id>{scene}{ip}\
             <trade_type>NATIVE</trade_type></xml>"
        )
    );
    assert_eq!(
        text(&bodies::refund(order(1), refund(1), cny("8.8"), cny("4")).unwrap()),
        format!(
            "<xml><out_refund_no>{back}</out_refund_no><out_trade_no>{number}</out_trade_no>\
             <refund_fee>400</refund_fee><refund_fee_type>CNY</refund_fee_type>\
             <total_fee>880</total_fee></xml>"
        )
    );
    // query, close and reversal, as they leave
    let sent = interface().request("/pay/orderquery", bodies::named(order(1)));
    let sent = xml::read(&sent.body).unwrap();
    let names: Vec<_> = sent.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "appid",
            "mch_id",
            "nonce_str",
            "out_trade_no",
            "sign",
            "sign_type"
        ]
    );
    assert_eq!(sent["sign_type"], "HMAC-SHA256");
    assert!(Key::new(&SecretString::from(wechat::API_V2_KEY)).verifies(&sent));
    let sent = interface().request("/pay/refundquery", bodies::named_refund(refund(1)));
    assert_eq!(
        xml::read(&sent.body).unwrap()["out_refund_no"],
        back.to_string()
    );
}

fn answered(more: &[(&str, &str)]) -> Vec<u8> {
    let mut fields = fields(&[
        ("return_code", "SUCCESS"),
        ("appid", wechat::APPID),
        ("mch_id", wechat::MCHID),
        ("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"),
        ("result_code", "SUCCESS"),
    ]);
    fields.extend(self::fields(more));
    let sign = Key::new(&SecretString::from(wechat::API_V2_KEY)).sign(&fields);
    fields.insert("sign".to_owned(), sign);
    xml::write(&fields).to_vec()
}

#[test]
fn wechat_v2_answers_changed_in_one_bit_are_refused() {
    let interface = interface();
    let mut body = answered(&[("trade_state", "NOTPAY"), ("out_trade_no", "1")]);
    let truth = interface.heard(&body).unwrap();
    for bit in 0..body.len() * 8 {
        body[bit / 8] ^= 1 << (bit % 8);
        // a letter's case within the signature's own hexadecimal changes nothing
        let said = interface.heard(&body);
        let is_same = said.as_ref().is_ok_and(|said| {
            let mut said = said.clone();
            said.insert("sign".to_owned(), said["sign"].to_uppercase());
            said == truth
        });
        assert!(said.is_err() || is_same, "bit {bit}: {said:?}");
        body[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn wechat_v2_answers_that_are_not_ours_or_not_signed_are_refused() {
    let interface = interface();
    for name in ["appid", "mch_id"] {
        let said = interface.heard(&answered(&[(name, "another")]));
        assert_eq!(said, Err(NoAnswer::AnotherOrder), "{name}");
    }
    let unsigned =
        "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code></xml>";
    assert_eq!(interface.heard(unsigned.as_bytes()), Err(NoAnswer::Forged));
    let unheard = "<xml><return_code><![CDATA[FAIL]]></return_code>\
                   <return_msg><![CDATA[签名错误]]></return_msg></xml>";
    assert_eq!(
        interface.heard(unheard.as_bytes()),
        Err(NoAnswer::Refused("签名错误".into()))
    );
    // heard, and neither done nor refused: it stays open
    let said = interface.heard(&answered(&[("result_code", "")])).unwrap();
    assert!(super::refusal(&said).unwrap().is_open());
}

#[test]
fn wechat_v2_reads_flat_xml_and_nothing_richer() {
    let read = |text: &str| xml::read(text.as_bytes());
    let wanted = fields(&[("a", "1 < 2 & \"x\" 最"), ("b", ""), ("c", "x]y")]);
    let text = "<?xml version=\"1.0\"?>\n<xml>\n <a><![CDATA[1 < 2 & ]]>&quot;x&#34; &#x6700;</a>\n\
                <b/> <c><![CDATA[x]y]]></c></xml>\n";
    assert_eq!(read(text), Some(wanted.clone()));
    assert_eq!(xml::read(&xml::write(&wanted)), Some(wanted));
    for bad in [
        "",
        "<xml>",
        "<xml></xml>",
        "<xml><a>1</xml>",
        "<xml><a>1</a><a>2</a></xml>",
        "<xml><a><b>1</b></a></xml>",
        "<other><a>1</a></other>",
        "<xml>loose<a>1</a></xml>",
        "<xml><a>1</a></xml><xml><b>1</b></xml>",
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><xml><a>&e;</a></xml>",
        "<xml><a>&e;</a></xml>",
    ] {
        assert_eq!(read(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn wechat_v2_reads_any_bytes_without_panic(bytes: Vec<u8>, text in "[<>/xmlabc&;!\\[\\]CDAT# ]*") {
        for body in [bytes.as_slice(), text.as_bytes()] {
            prop_assert!(interface().heard(body).is_err());
        }
    }

    #[test]
    fn wechat_v2_reads_back_what_it_writes(value in "[^\\x00-\\x1f\\ufffe\\uffff]*") {
        let fields = fields(&[("a", &value), ("b", "1")]);
        prop_assert_eq!(xml::read(&xml::write(&fields)), Some(fields));
    }
}
