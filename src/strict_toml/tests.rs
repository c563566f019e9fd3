//! Faults of all kinds at once, sorted by line, with a guess at what was meant.

use std::time::Duration;

use proptest::prelude::*;

use super::{section::distance, *};

const BUILT_IN: &str = r#"
name = "store"
[broker]
port = 1883
keep_alive_ms = 30000
tls = false
tags = ["a", "b"]
[[counters]]
id = "01"
"#;

#[derive(Debug, PartialEq)]
struct Read {
    name: String,
    port: u16,
    keep_alive: Duration,
    tls: bool,
    ca: Option<std::path::PathBuf>,
    tags: Vec<String>,
    counters: Vec<(String, u64)>,
}

fn read_it(text: &str) -> Result<Read, Faults> {
    read("x.toml", text, BUILT_IN, |root| {
        let name = root.one_of("name", &[("store", "store"), ("shop", "shop")]);
        let mut broker = root.section("broker");
        let port = broker.u16_in("port", 1..=65535);
        let keep_alive = broker.duration_ms("keep_alive_ms", 1_000..=60_000);
        let tls = broker.bool("tls");
        let ca = broker.optional("ca_file", Section::path);
        let tags = broker.list("tags");
        let counters = root.sections("counters").into_iter();
        let counters = counters
            .map(|mut counter| {
                let limit = counter
                    .optional("limit", |s, key| s.u64_in(key, 1..=10))
                    .unwrap_or(3);
                (counter.string("id"), limit)
            })
            .collect();
        Some(Read {
            name: name?.into(),
            port,
            keep_alive,
            tls,
            ca,
            tags,
            counters,
        })
    })
}

fn faults(text: &str) -> String {
    read_it(text).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_the_built_in_one() {
    let read = read_it("").unwrap();
    assert_eq!(read, read_it(BUILT_IN).unwrap());
    assert_eq!(
        (read.port, read.keep_alive),
        (1883, Duration::from_secs(30))
    );
    assert_eq!(read.counters, [("01".into(), 3)]);
}

#[test]
fn a_key_in_the_file_wins_and_the_others_stay() {
    let read = read_it("[broker]\nport = 0x22b3\nca_file = 'ca.pem'\ntls = true").unwrap();
    assert_eq!(
        (read.port, read.tls, read.ca),
        (8883, true, Some("ca.pem".into()))
    );
    assert_eq!(read.tags, ["a", "b"]);
}

#[test]
fn an_array_of_tables_replaces_the_built_in_one() {
    let read = read_it("[[counters]]\nid = 'a'\nlimit = 1\n[[counters]]\nid = 'b'\n").unwrap();
    assert_eq!(read.counters, [("a".into(), 1), ("b".into(), 3)]);
}

#[test]
fn all_faults_come_at_once_with_line_key_and_what_is_allowed() {
    let text = "name = 'kiosk'\n[broker]\nprot = 1\nport = 70000\ntls = 'yes'\nkeep_alive_ms = -1\n\
                tags = ['a', 2]\n[[counters]]\nlimit = 11\n[nothing]\nx = 1\n";
    let expected = r#"x.toml:1: name: is "kiosk"; allowed: "store", "shop"
x.toml:3: broker.prot: unknown key; did you mean "port"?
x.toml:4: broker.port: is 70000; allowed: 1 to 65535
x.toml:5: broker.tls: is of type string; allowed: true or false
x.toml:6: broker.keep_alive_ms: is -1; allowed: 1000 to 60000
x.toml:7: broker.tags[1]: is integer; allowed: texts
x.toml:8: counters[0].id: is missing
x.toml:9: counters[0].limit: is 11; allowed: 1 to 10
x.toml:10: nothing: unknown key; known here: broker, counters, name"#;
    assert_eq!(faults(text), expected);
}

#[test]
fn text_that_is_not_toml_is_reported_with_every_broken_line() {
    let said = faults("name = \nok = 1\n[broker\n");
    let lines: Vec<_> = said
        .lines()
        .map(|line| line.split(':').nth(1).unwrap())
        .collect();
    assert_eq!(lines, ["1", "3"], "{said}");
}

#[test]
fn a_value_where_a_table_belongs_and_the_other_way_round() {
    assert_eq!(
        faults("broker = 1"),
        "x.toml:1: broker: is of type integer; allowed: a table"
    );
    assert_eq!(
        faults("counters = 1"),
        "x.toml:1: counters: is of type integer; allowed: an array of tables"
    );
    assert!(
        faults("[name]\nx = 1")
            .starts_with("x.toml:1: name: is of type table; allowed: text in quotes")
    );
}

#[test]
fn the_edit_distance_counts_single_changes() {
    for (a, b, edits) in [
        ("", "", 0),
        ("port", "prot", 1),
        ("port", "ports", 1),
        ("abc", "", 3),
        ("kitten", "sitting", 3),
    ] {
        assert_eq!(distance(a, b), edits, "{a} {b}");
        assert_eq!(distance(b, a), edits, "{b} {a}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "([a-z]{1,6}( = |\\.|\\n|\\[|\\]|\"|[0-9]{1,3}|é){0,3}){0,12}") {
        let _ = read_it(&text);
    }
}
