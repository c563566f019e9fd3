//! What the benches found, in one form: a printed table, and rows in `target/bench.json`.
//!
//! Each row is measured beside its peer in the same run, so its ratio says something on any
//! machine. A bench run alone replaces its own rows and leaves the others.

use std::{fs, path::PathBuf};

use serde::{Deserialize, Serialize};

/// One figure and its peer's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    pub value: f64,
    pub unit: String,
    /// What it was measured beside.
    pub peer: String,
    pub peer_value: f64,
    /// `value` divided by `peer_value`.
    pub ratio: f64,
}

impl Row {
    pub fn new(
        name: impl Into<String>,
        value: f64,
        unit: &str,
        peer: &str,
        peer_value: f64,
    ) -> Self {
        Self {
            name: name.into(),
            value,
            unit: unit.into(),
            peer: peer.into(),
            peer_value,
            ratio: value / peer_value,
        }
    }
}

/// Prints `rows` as a table.
pub fn print(rows: &[Row]) {
    println!(
        "{:<68} {:>12} {:<10} {:>12} {:>7}  beside",
        "", "value", "unit", "peer", "ratio"
    );
    for row in rows {
        println!(
            "{:<68} {:>12} {:<10} {:>12} {:>7.2}  {}",
            row.name,
            figure(row.value),
            row.unit,
            figure(row.peer_value),
            row.ratio,
            row.peer
        );
    }
}

/// Prints `rows` and puts them into `target/bench.json`, in place of older rows with the same
/// names.
pub fn publish(rows: &[Row]) {
    print(rows);
    let path = file();
    let mut all = known();
    all.retain(|old| rows.iter().all(|new| new.name != old.name));
    all.extend_from_slice(rows);
    let text = serde_json::to_string_pretty(&all).unwrap();
    fs::write(&path, format!("{text}\n")).unwrap();
    println!("{}: {} rows", path.display(), all.len());
}

/// What is in `target/bench.json`.
pub fn known() -> Vec<Row> {
    let known = fs::read_to_string(file()).unwrap_or_else(|_| "[]".into());
    serde_json::from_str(&known).unwrap_or_default()
}

fn file() -> PathBuf {
    let tmp = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().unwrap_or(&tmp).join("bench.json")
}

/// Three digits that mean something.
fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
