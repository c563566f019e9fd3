//! The sandbox's WeChat Pay, judged by two clients that nobody here wrote: both interfaces, both
//! kinds of platform key, both signatures of the second interface.

use std::process::Command;

use secrecy::SecretString;
use serde_json::json;
use store_controller::adapters::acquirers::rsa::PrivateKey;
use store_sim::acquirer::{Acquirer, AcquirerConfig, AcquirerHandle, wechat};
use tempfile::TempDir;

use super::peers::{content, repository};

fn platform(folder: &TempDir) -> AcquirerHandle {
    Acquirer::start(AcquirerConfig::new(folder.path().join("ledger.jsonl"))).unwrap()
}

#[test]
fn wechatpay_axios_plugin_buys_by_both_interfaces_and_signs_as_the_driver_does() {
    let folder = tempfile::tempdir().unwrap();
    let platform = platform(&folder);
    let text = "POST\n/v3/pay/transactions/codepay\n1764120600\n0A0B\n{\"a\":\"最佳\"}\n";
    let key = SecretString::from(wechat::MERCHANT_KEY);
    let key = PrivateKey::parse("the merchant's private key", &key).unwrap();
    let told = wechat::notification(&"e".repeat(32), 880, true);
    let constants = json!({
        "appid": wechat::APPID,
        "mchid": wechat::MCHID,
        "serial": wechat::MERCHANT_SERIAL,
        "platformSerial": wechat::PLATFORM_SERIAL,
        "publicKeyId": wechat::PLATFORM_PUBLIC_KEY_ID,
        "apiV2Key": wechat::API_V2_KEY,
        "apiV3Key": wechat::API_V3_KEY,
        "notification": { "headers": told.headers, "body": told.body },
        "signed": { "text": text, "signature": key.sign(text.as_bytes()).unwrap() },
    });
    let said = content(
        Command::new("node")
            .arg(repository().join("tests/peers/wechat/drive.mjs"))
            .arg(platform.url())
            .arg(repository().join("tests/sim/keys"))
            .arg(constants.to_string()),
    );
    assert_eq!(said, "v3: content\nv2: content\n");
    platform.ledger().audit().unwrap();
}

#[test]
fn wechatpy_buys_refunds_and_reverses_by_the_second_interface() {
    let folder = tempfile::tempdir().unwrap();
    let platform = platform(&folder);
    let said = content(
        Command::new(repository().join("tests/peers/.venv/bin/python"))
            .arg(repository().join("tests/peers/wechat/drive.py"))
            .arg(platform.url())
            .arg(repository().join("tests/sim/keys"))
            .args([wechat::APPID, wechat::MCHID, wechat::API_V2_KEY]),
    );
    assert_eq!(said, "content\n");
    platform.ledger().audit().unwrap();
}
