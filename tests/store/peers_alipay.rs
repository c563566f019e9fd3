//! The sandbox's Alipay gateway, judged by the official SDK and by another one.
//!
//! The driver is believed because the gateway is, and the gateway because these are content with
//! it.

use std::{ffi::OsStr, process::Command};

use rust_decimal::Decimal;
use store_sim::acquirer::{
    Acquirer, AcquirerConfig, AcquirerHandle, Operation, Rule, Then, Verdict, alipay,
};
use tempfile::TempDir;

use super::peers::{content, repository};

/// Who is to pay 4.04 thinks about it.
fn gateway(folder: &TempDir) -> AcquirerHandle {
    let mut config = AcquirerConfig::new(folder.path().join("ledger.jsonl"));
    let mut thinks = Rule::on(Operation::Charge).verdict(Verdict::Verifying {
        for_ms: 600_000,
        then: Then::Never,
    });
    let amount = Some(Decimal::new(404, 2));
    (thinks.when.amount_from, thinks.when.amount_to) = (amount, amount);
    config.rules.push(thinks);
    Acquirer::start(config).unwrap()
}

/// The gateway's clock is Beijing's, and these take the machine's own for it: `zone` makes it so.
fn drives(
    program: impl AsRef<OsStr>,
    script: &str,
    zone: &str,
    gateway: &AcquirerHandle,
) -> String {
    let repository = repository();
    content(
        Command::new(program)
            .arg(repository.join("tests/peers/alipay").join(script))
            .arg(gateway.url())
            .arg(repository.join("tests/sim/keys"))
            .arg(alipay::APP_ID)
            .arg(alipay::notification("S7", 880, Some("01-7K3QF9ZD")))
            .env("TZ", zone),
    )
}

#[test]
fn the_official_sdk_pays_queries_refunds_cancels_and_closes_in_both_modes() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder);
    let said = drives("node", "drive.mjs", "Asia/Shanghai", &gateway);
    assert_eq!(said, "key: content\ncertificates: content\n");
    gateway.ledger().audit().unwrap();
}

#[test]
fn another_sdk_that_signs_in_its_own_way_is_content() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder);
    let python = repository().join("tests/peers/.venv/bin/python");
    let said = drives(python, "drive.py", "CST-8", &gateway);
    assert_eq!(said, "content\n");
    gateway.ledger().audit().unwrap();
}
