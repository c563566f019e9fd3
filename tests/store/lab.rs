//! A short bad hour in the lab, as a stranger would run it: with faults, with readers through a
//! real `pcscd`.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;
use store_sim::lab::{
    crashes::{POINTS, Point, SETTLEMENT},
    spoil::Spoil,
};

#[test]
fn after_a_bad_hour_the_three_books_agree() {
    let controller = Path::new(env!("CARGO_BIN_EXE_store-controller"));
    let lab = controller.with_file_name("lab");
    assert!(
        lab.exists(),
        "{} is missing: cargo build --workspace --bins",
        lab.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let run = Command::new(lab)
        .args(["--counters", "4", "--payments", "120", "--seed", "11"])
        .args([
            "--listen",
            "127.0.0.1:0",
            "--head-office-listen",
            "127.0.0.1:0",
        ])
        .arg("--report")
        .arg(&report)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{said}\n{complained}");

    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    for zero in [
        "/payments/unknown",
        "/acquirer/mismatched",
        "/head_office/missing",
        "/head_office/duplicated",
        "/invariants/violations",
    ] {
        assert_eq!(
            report.pointer(zero),
            Some(&Value::from(0)),
            "{zero}: {report:#}"
        );
    }
    let count = |what: &str| report.pointer(what).and_then(Value::as_u64).unwrap();
    assert!(count("/payments/approved") > 60, "{report:#}");
    assert!(count("/head_office/records") > 300, "{report:#}");
    for fault in [
        "the broker is gone",
        "the head office is killed",
        "controller is killed",
        "is cut",
    ] {
        assert!(
            said.contains(fault),
            "the run had no fault {fault:?}:\n{said}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_opens() {
    let lab = Path::new(env!("CARGO_BIN_EXE_store-controller")).with_file_name("lab");
    for arguments in [
        ["--counters", "65"],
        ["--kill-at", "nowhere"],
        ["--counters", "0"],
        ["--payments", "0"],
        ["--speed", "x"],
    ] {
        let refused = Command::new(&lab).args(arguments).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
    }
}

/// The real controller crashes under load: its journal's disk loses power, or it is killed. The
/// long form is `make powercut` and `make kills`.
fn crashes(arguments: &[&str], counters: &str, payments: &str) -> Option<Value> {
    let lab = Path::new(env!("CARGO_BIN_EXE_store-controller")).with_file_name("lab");
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let run = Command::new(lab)
        .args([
            "--counters",
            counters,
            "--payments",
            payments,
            "--no-readers",
        ])
        .args([
            "--listen",
            "127.0.0.1:0",
            "--head-office-listen",
            "127.0.0.1:0",
        ])
        .args(arguments)
        .arg("--report")
        .arg(&report)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    if complained.contains("no disk whose power can be cut") {
        println!("SKIPPED: {complained}");
        return None;
    }
    assert_eq!(run.status.code(), Some(0), "{said}\n{complained}");
    let report = std::fs::read_to_string(report).unwrap();
    Some(serde_json::from_str(&report).unwrap())
}

fn count(report: &Value, what: &str) -> u64 {
    let found = report.pointer(what).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("{what} in {report:#}"))
}

fn assert_nothing_lost(report: &Value) {
    for zero in [
        "/told/lost",
        "/told/taken_back",
        "/payments/unknown",
        "/acquirer/mismatched",
        "/head_office/missing",
        "/head_office/duplicated",
        "/guard_log/broken",
        "/invariants/violations",
    ] {
        assert_eq!(count(report, zero), 0, "{zero}: {report:#}");
    }
    assert_eq!(report["crashes"]["failed"], Value::Array(Vec::new()));
    assert!(count(report, "/told/payments") > 100, "{report:#}");
}

#[test]
fn when_the_power_fails_under_load_nothing_that_was_told_is_lost_or_doubled() {
    let Some(report) = crashes(&["--cuts", "4", "--seed", "5"], "32", "240") else {
        return;
    };
    assert_nothing_lost(&report);
    assert_eq!(count(&report, "/crashes/power_cuts"), 4);
    assert_eq!(count(&report, "/crashes/openings/count"), 4);
    // always the same database: from the second start on sled has left a snapshot in it
    assert!(
        count(&report, "/crashes/openings/with_snapshot") >= 3,
        "{report:#}"
    );
    // tills at work together share groups
    assert!(
        count(&report, "/guard_log/groups_of_several") > 10,
        "{report:#}"
    );
    assert_eq!(
        count(&report, "/guard_log/records"),
        count(&report, "/guard_log/last_seq"),
        "{report:#}"
    );
}

#[test]
fn a_disk_that_comes_back_spoiled_costs_nothing_either() {
    let spoils = ["--cuts", "1", "--spoils", "5", "--seed", "8"];
    let Some(report) = crashes(&spoils, "16", "240") else {
        return;
    };
    assert_nothing_lost(&report);
    for spoil in Spoil::ALL {
        let at = format!("/crashes/spoils/{}", spoil.name());
        assert_eq!(count(&report, &at), 1, "{report:#}");
    }
    let openings = |what: &str| count(&report, &format!("/crashes/openings/{what}"));
    // the controller says so itself: what was erased, at least, was made anew
    assert!(openings("store_rebuilt") >= 1, "{report:#}");
    assert!(openings("snapshots_aside") >= 1, "{report:#}");
    assert_eq!(openings("with_torn_tail"), 1, "{report:#}");
}

#[test]
fn killed_under_load_the_controller_loses_and_doubles_nothing_that_was_told() {
    let report = crashes(&["--kills", "8", "--seed", "6"], "8", "240").unwrap();
    assert_nothing_lost(&report);
    assert_eq!(count(&report, "/crashes/kills"), 8);
}

/// In two halves, which run side by side.
fn dying_at(points: &[Point], seed: &str) {
    let mut arguments = vec!["--seed", seed];
    for point in points {
        arguments.extend(["--kill-at", point.name]);
    }
    let report = crashes(&arguments, "16", "200").unwrap();
    assert_nothing_lost(&report);
    let reached = report["crashes"]["points"].as_object().unwrap();
    let reached: BTreeSet<&str> = reached.keys().map(String::as_str).collect();
    let wanted: BTreeSet<&str> = points.iter().map(|point| point.name).collect();
    assert_eq!(reached, wanted, "{report:#}");
}

#[test]
fn dying_between_any_two_steps_of_a_group_loses_and_doubles_nothing() {
    dying_at(&POINTS[..POINTS.len() / 2], "7");
}

#[test]
fn dying_between_any_two_steps_of_money_and_report_loses_and_doubles_nothing() {
    dying_at(&POINTS[POINTS.len() / 2..], "8");
}

/// The store's word and the terminals' own books, among lost answers, cut lines and kills.
#[test]
fn terminals_that_authorise_by_themselves_hold_what_the_journal_says() {
    let arguments = ["--zvt", "3", "--kills", "3", "--seed", "4"];
    let report = crashes(&arguments, "4", "90").unwrap();
    for zero in [
        "/own_terminals/mismatched",
        "/payments/unknown",
        "/told/taken_back",
    ] {
        assert_eq!(count(&report, zero), 0, "{zero}: {report:#}");
    }
    assert_eq!(count(&report, "/crashes/kills"), 3);
    assert!(
        count(&report, "/own_terminals/payments") >= 10,
        "{report:#}"
    );
    assert!(count(&report, "/own_terminals/bookings") >= 8, "{report:#}");
}

/// A point that is not in the lab's list would never be tried.
#[test]
fn the_lab_knows_every_crash_point_of_the_programs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .args(["grep", "-ohE", r#"crash::point\("[^"]+"\)"#, "--", "src"])
        .current_dir(root)
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let placed: Vec<&str> = listed
        .lines()
        .map(|call| call.split('"').nth(1).unwrap())
        .collect();
    let known = POINTS.iter().chain(&SETTLEMENT);
    let known: BTreeSet<&str> = known.map(|point| point.name).collect();
    assert_eq!(placed.iter().copied().collect::<BTreeSet<_>>(), known);
    assert_eq!(placed.len(), known.len(), "a name stands for one place");
}
