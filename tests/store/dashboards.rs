//! Boards, rules and alerts, judged by programs that nobody here wrote: Grafana's types, promtool,
//! and a real Prometheus on the lab.

mod lab;

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::Value;
use store_sim::boards;

use super::peers::{content, repository};

pub const BOARDS: [&str; 2] = ["store", "fleet"];

fn read(name: &str) -> String {
    fs::read_to_string(repository().join("dashboards").join(name)).unwrap()
}

pub fn board(name: &str) -> Value {
    serde_json::from_str(&read(&format!("{name}.json"))).unwrap()
}

/// promtool has nothing to say about a page of metrics.
pub fn check_metrics(page: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`make test` installs promtool");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(page.as_bytes()).unwrap();
    drop(stdin);
    let judged = promtool.wait_with_output().unwrap();
    let said = [judged.stderr, judged.stdout].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(judged.status.success() && said.is_empty(), "{said}\n{page}");
}

/// The program's own metrics that rules and alerts ask for.
pub fn metrics_of_rules() -> BTreeSet<String> {
    metrics_in(&[read("rules.yml"), read("alerts.yml")].concat())
}

fn metrics_in(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.trim().starts_with('#'));
    // a label's value is no metric, and a recorded name has colons
    let unquoted = lines.flat_map(|line| {
        let mut parts = line.split("=\"").flat_map(|part| part.split("~\""));
        let first = parts.next().into_iter();
        first.chain(parts.map(|part| part.split_once('"').map_or("", |(_, rest)| rest)))
    });
    let words = unquoted
        .flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric() && !"_:".contains(c)));
    let ours = words.filter(|word| word.starts_with("store_") || word.starts_with("head_office_"));
    ours.filter(|word| !word.contains(':'))
        .map(str::to_owned)
        .collect()
}

fn alerts() -> Vec<String> {
    let rules = read("alerts.yml");
    let named = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    named.map(str::to_owned).collect()
}

#[test]
fn the_boards_are_what_their_descriptions_make() {
    for name in BOARDS {
        let description = read(&format!("boards/{name}.toml"));
        let made = boards::make(&description, &read("README.md")).unwrap();
        assert!(
            made == read(&format!("{name}.json")),
            "{name}.json is not what boards/{name}.toml makes: run `make boards`"
        );
    }
}

#[test]
fn a_description_with_a_mistake_makes_no_board() {
    let (description, readme) = (read("boards/fleet.toml"), read("README.md"));
    let unknown_key = description.replacen("kind = ", "kinds = ", 1);
    let refused = boards::make(&unknown_key, &readme).unwrap_err();
    assert!(refused.to_string().contains("kinds"), "{refused}");
    let unexplained = description.replacen("\"StoreDown\"", "\"StoreOnFire\"", 1);
    let refused = boards::make(&unexplained, &readme).unwrap_err();
    assert!(refused.to_string().contains("StoreOnFire"), "{refused}");
}

#[test]
fn grafanas_own_types_know_every_word_of_the_boards() {
    let peer = repository().join("tests/peers/grafana");
    assert!(
        peer.join("node_modules").is_dir(),
        "`make peers` installs Grafana's types"
    );
    let boards = BOARDS.map(|name| repository().join(format!("dashboards/{name}.json")));
    let mut node = Command::new("node");
    let said = content(node.arg(peer.join("check.mjs")).args(boards));
    assert!(
        said.contains("2 boards are Grafana's, 20 defects noticed"),
        "{said}"
    );
}

#[test]
fn alerts_fire_when_they_should_and_stay_silent_otherwise() {
    let mut promtool = Command::new("promtool");
    let said = content(
        promtool
            .args(["test", "rules", "alerts.test.yml"])
            .current_dir(repository().join("dashboards")),
    );
    assert!(said.contains("SUCCESS"), "{said}");
}

#[test]
fn every_alert_is_tested_explained_and_on_a_board() {
    let (tests, readme) = (read("alerts.test.yml"), read("README.md"));
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.map(|row| row.split('|').collect::<Vec<_>>());
    // alert, means, do
    let runbook = cells.filter(|cells| cells.len() == 4 && cells[2].trim().len() > 5);
    let runbook: Vec<_> = runbook.map(|cells| cells[0].to_owned()).collect();
    let boards: String = BOARDS
        .map(|name| read(&format!("boards/{name}.toml")))
        .concat();
    let is_in = |list: &str, alert: &str| list.split(',').any(|name| name.trim() == alert);
    let alerts = alerts();
    assert!(alerts.len() >= 35, "{alerts:?}");
    for alert in &alerts {
        let tested = tests.contains(&format!("alertname=\"{alert}\""))
            || tests.contains(&format!("alertname: {alert}\n"));
        assert!(tested, "{alert} has no test");
        let explained = runbook.iter().any(|names| is_in(names, alert));
        assert!(explained, "{alert} has no line in the runbook");
        assert!(
            boards.contains(&format!("\"{alert}\"")),
            "{alert} is on no board"
        );
    }
    for names in runbook.iter().filter(|names| names.trim() != "alert") {
        for name in names.split(',').map(str::trim) {
            let exists = alerts.iter().any(|alert| alert == name);
            assert!(exists, "the runbook explains {name}, which is no alert");
        }
    }
}
