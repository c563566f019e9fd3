//! Programs that nobody here wrote, as judges of what we say: nexo messages, metrics, alert rules.
//!
//! `make peers` installs what Debian doesn't have; a peer that is missing fails its test.

use std::{path::PathBuf, process::Command};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a peer to its end and gives what it said; it must be content.
fn content(command: &mut Command) -> String {
    let ran = command.output();
    let ran = ran.unwrap_or_else(|cause| panic!("{command:?}: {cause}; `make test` installs it"));
    let said = [ran.stdout, ran.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(ran.status.success(), "{command:?}: {said}");
    said
}

#[test]
fn the_golden_nexo_messages_pass_through_another_vendors_models_unchanged() {
    let peer = repository().join("tests/peers/nexo");
    assert!(
        peer.join("node_modules").is_dir(),
        "`make peers` installs the models"
    );
    let golden = repository().join("actors/src/wire/nexo/golden");
    let messages = std::fs::read_dir(&golden).unwrap().count();
    let said = content(
        Command::new("node")
            .arg(peer.join("check.mjs"))
            .arg(&golden),
    );
    assert!(
        said.contains(&format!("{messages} of {messages} messages agree")),
        "{said}"
    );
}

#[test]
fn alerts_fire_when_they_should_and_stay_silent_otherwise() {
    let dashboards = repository().join("dashboards");
    let mut promtool = Command::new("promtool");
    let said = content(
        promtool
            .args(["test", "rules", "alerts.test.yml"])
            .current_dir(dashboards),
    );
    assert!(said.contains("SUCCESS"), "{said}");
}

#[test]
fn every_alert_is_tested_and_explained() {
    let read =
        |name: &str| std::fs::read_to_string(repository().join("dashboards").join(name)).unwrap();
    let (rules, tests, readme) = (
        read("alerts.yml"),
        read("alerts.test.yml"),
        read("README.md"),
    );
    let alerts: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() >= 10, "{alerts:?}");
    for alert in alerts {
        assert!(tests.contains(alert), "{alert} has no test");
        assert!(readme.contains(alert), "{alert} is not explained");
    }
}
