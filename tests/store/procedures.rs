//! `kill -9` at each step of each acquirer's procedure: between a message and its answer, between
//! the answer and what is made of it, and on both sides of what a driver writes into a book of its
//! own.
//! Whatever the store died of, at the end the acquirer's ledger and the journal hold the same.
//!
//! Which steps there are is the lab's table (`store_sim::lab::crashes::procedures`); which of the
//! providers is spoken with in which way, and whose QRs are shown, the seed decides.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;
use store_sim::lab::crashes::procedures::PROCEDURES;

fn dies_at_each_step(acquirer: &str, arguments: &[&str]) -> Value {
    let lab = Path::new(env!("CARGO_BIN_EXE_store-controller")).with_file_name("lab");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let run = Command::new(lab)
        .args(["--kill-at", acquirer, "--payments", "40"])
        .args(["--listen", "127.0.0.1:0"])
        .args(["--head-office-listen", "127.0.0.1:0"])
        .args(arguments)
        .arg("--report")
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{said}\n{complained}");
    let report: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let points = &report["crashes"]["points"];
    let procedure = PROCEDURES.iter().find(|one| one.acquirer == acquirer);
    for step in procedure.expect("it is in the table").points {
        let died = points[step].as_array().map(Vec::len);
        assert_eq!(died, Some(1), "{step}: {points:#}");
    }
    for zero in [
        "/payments/unknown",
        "/acquirer/mismatched",
        "/own_terminals/mismatched",
        "/settlements/mismatched",
        "/head_office/missing",
        "/head_office/duplicated",
        "/told/lost",
        "/told/taken_back",
        "/invariants/violations",
    ] {
        assert_eq!(
            report.pointer(zero),
            Some(&Value::from(0)),
            "{zero}: {report:#}"
        );
    }
    report
}

/// The providers' own protocols, without card readers.
fn provider_dies_at_each_step(acquirer: &str, seed: &str) {
    let real = ["--acquirers", "real", "--no-readers", "--counters", "6"];
    dies_at_each_step(acquirer, &[&real[..], &["--seed", seed]].concat());
}

#[test]
fn alipay() {
    provider_dies_at_each_step("alipay", "7");
}

#[test]
fn wechat_pay_v2() {
    provider_dies_at_each_step("wechat-v2", "8");
}

#[test]
fn wechat_pay_v3() {
    provider_dies_at_each_step("wechat-v3", "5");
}

#[test]
fn unionpay_qr() {
    provider_dies_at_each_step("unionpay-qr", "6");
}

/// With readers on a private pcscd.
#[test]
fn unionpay_card_host() {
    let arguments = ["--acquirers", "real", "--counters", "4", "--seed", "3"];
    let report = dies_at_each_step("card-host", &arguments);
    // how many payments its points take to be reached is the machine's pace, not the seed's
    let settled = report["settlements"]["transactions"].as_u64();
    assert!(settled > Some(0), "{report:#}");
}

/// Cards that were accepted while the line was cut are told to the host afterwards.
#[test]
fn unionpay_card_host_by_advice() {
    let arguments = ["--acquirers", "real", "--counters", "8", "--seed", "4"];
    let report = dies_at_each_step("card-host-advice", &arguments);
    let confirmed = report["payments"]["confirmed"].as_u64();
    assert!(confirmed > Some(0), "{report:#}");
}

#[test]
fn terminals_that_authorise_by_themselves() {
    let arguments = [
        "--no-readers",
        "--counters",
        "4",
        "--zvt",
        "4",
        "--seed",
        "4",
    ];
    let report = dies_at_each_step("zvt", &arguments);
    // the audit had books to compare; how many is the machine's pace again
    let booked = report["own_terminals"]["bookings"].as_u64();
    assert!(booked > Some(0), "{report:#}");
}

/// A driver that is not in the table would never be killed.
#[test]
fn every_driver_has_its_procedure_in_the_table() {
    let wiring = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wiring");
    let mut drivers = BTreeSet::new();
    for file in ["acquirers.rs", "terminal.rs"] {
        let text = fs::read_to_string(Path::new(wiring).join(file)).unwrap();
        let names = text.match_indices("Pointed::new(").map(|(at, _)| {
            let rest = &text[at..];
            let end = rest.find("))").expect("an end");
            let mut words = rest[..end].split(',').map(str::trim);
            let name = words.rfind(|word| !word.is_empty());
            name.expect("a name").trim_matches('"').to_owned()
        });
        drivers.extend(names);
    }
    // by its interface
    assert!(drivers.remove("name"), "{drivers:?}");
    drivers.extend(["wechat-v2", "wechat-v3"].map(str::to_owned));
    // the sandbox's own way is no provider's
    assert!(drivers.remove("sandbox"), "{drivers:?}");
    let tables = PROCEDURES.iter().flat_map(|one| one.points);
    let killed: BTreeSet<String> = tables
        .map(|point| point.rsplit('@').next().unwrap().to_owned())
        .collect();
    assert_eq!(drivers, killed);
}
