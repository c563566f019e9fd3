//! The sandbox's UnionPay, judged by Python's cryptography and by OpenSSL: no registry has a client
//! that signs as version 5.1.0 does. An RSA signature of this kind is the same whoever makes it.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use secrecy::SecretString;
use serde_json::json;
use store_controller::adapters::acquirers::rsa::PrivateKey;
use store_sim::acquirer::{Acquirer, AcquirerConfig, unionpay};

use super::peers::{content, repository};

/// What OpenSSL gives for `input`.
fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut openssl = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = openssl.stdin.take().unwrap();
    pipe.write_all(input).unwrap();
    drop(pipe);
    let ran = openssl.wait_with_output().unwrap();
    assert!(ran.status.success(), "{arguments:?}");
    ran.stdout
}

/// The hexadecimal digest that is signed, by OpenSSL.
fn digest(text: &str) -> String {
    let printed = openssl(&["dgst", "-sha256", "-r"], text.as_bytes());
    let printed = String::from_utf8(printed).unwrap();
    printed.split(' ').next().unwrap().to_owned()
}

#[test]
fn cryptography_buys_voids_and_signs_as_the_driver_does() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = AcquirerConfig::new(folder.path().join("ledger.jsonl"));
    let gateway = Acquirer::start(gateway).unwrap();
    let text = "merId=1&orderId=最佳&signMethod=01&version=5.1.0";
    let key = SecretString::from(unionpay::MERCHANT_KEY);
    let key = PrivateKey::parse("the merchant's private key", &key).unwrap();
    let constants = json!({
        "merchant": unionpay::MERCHANT,
        "terminal": unionpay::TERMINAL,
        "certificate": "68759663125",
        "signed": {
            "fields": { "version": "5.1.0", "signMethod": "01", "merId": "1", "orderId": "最佳" },
            "signature": key.sign(digest(text).as_bytes()).unwrap(),
        },
    });
    let said = content(
        Command::new(repository().join("tests/peers/.venv/bin/python"))
            .arg(repository().join("tests/peers/unionpay/drive.py"))
            .arg(gateway.url())
            .arg(repository().join("tests/sim/keys"))
            .arg(constants.to_string()),
    );
    assert_eq!(said, "content\n");
    gateway.ledger().audit().unwrap();
}

#[test]
fn openssl_names_the_certificate_and_walks_the_same_chain() {
    let keys = repository().join("tests/sim/keys");
    let file = |name: &str| keys.join(name).display().to_string();
    let merchant = file("unionpay-merchant.crt");
    let serial = openssl(&["x509", "-in", &merchant, "-noout", "-serial"], b"");
    let serial = String::from_utf8(serial).unwrap();
    let serial = serial.trim().strip_prefix("serial=").unwrap();
    let decimal = u128::from_str_radix(serial, 16).unwrap().to_string();
    assert_eq!(decimal, "68759663125");
    let (root, middle) = (file("unionpay-root.crt"), file("unionpay-middle.crt"));
    let gateway = file("unionpay-gateway.crt");
    let walked = openssl(
        &["verify", "-CAfile", &root, "-untrusted", &middle, &gateway],
        b"",
    );
    assert!(String::from_utf8(walked).unwrap().ends_with(": OK\n"));
}
