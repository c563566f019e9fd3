//! Debian's Prometheus on a running lab: every panel of the boards has something to show, every
//! rule works, and no label of a real page is without bounds.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Stdio,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use store_actors::domain::{money::Currency, payment::State, tender::Tender, unresolved::Doubt};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, Command},
};

use super::{BOARDS, board, check_metrics, metrics_in, metrics_of_rules, read};
use crate::support::eventually;

/// What shows nothing in a shop where all is well, and why.
const EMPTY: [(&str, &str); 5] = [
    ("store_batch", "the sandbox's own protocol has no batches"),
    ("store_actor_restarts_total", "no actor restarts by itself"),
    (
        "store_device_quarantined",
        "only what is in quarantine is drawn",
    ),
    (
        "store_sticker_alarm",
        "no camera looks at the lab's counters",
    ),
    (
        "store_notifications_total",
        "the sandbox's own protocol tells nothing by itself",
    ),
];

fn lab() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_store-controller")).with_file_name("lab")
}

fn command(arguments: &[&str]) -> Command {
    let mut lab = Command::new(lab());
    lab.args(["--prometheus", "--no-readers", "--listen", "127.0.0.1:0"])
        .args(["--head-office-listen", "127.0.0.1:0"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    lab
}

/// A lab that somebody looks at.
struct Watched {
    child: Child,
    hands: ChildStdin,
    /// Addresses by the words before them.
    at: BTreeMap<String, String>,
}

impl Watched {
    async fn open() -> Self {
        // reqwest asks for a crypto provider even where there is no TLS
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut child = command(&["--counters", "4", "--seed", "3"])
            .spawn()
            .unwrap();
        let hands = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut at = BTreeMap::new();
        while !at.contains_key("Prometheus") {
            let Some(line) = lines.next_line().await.unwrap() else {
                let ended = child.wait_with_output().await.unwrap();
                panic!("the lab ended: {}", String::from_utf8_lossy(&ended.stderr));
            };
            if let Some((what, address)) = line.split_once("http://") {
                let what = what.split_once("s  ").unwrap().1.trim();
                let address = address.split('/').next().unwrap();
                at.insert(what.to_owned(), address.to_owned());
            }
        }
        // a lab whose pipe is full would stand still
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, hands, at }
    }

    async fn page(&self, of: &str) -> String {
        let page = reqwest::get(format!("http://{}/metrics", self.at[of])).await;
        page.unwrap().text().await.unwrap()
    }

    /// A question to Prometheus; what it refuses is a failure, that it does not answer yet is none.
    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let query = query
            .iter()
            .fold(
                form_urlencoded::Serializer::new(String::new()),
                |mut made, (name, value)| {
                    made.append_pair(name, value);
                    made
                },
            )
            .finish();
        let url = format!("http://{}/api/v1/{path}?{query}", self.at["Prometheus"]);
        let answer = reqwest::get(url).await.ok()?;
        let status = answer.status();
        if status == reqwest::StatusCode::SERVICE_UNAVAILABLE {
            return None;
        }
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        Some(answer["data"].clone())
    }

    async fn has_samples(&self, expr: &str) -> bool {
        let data = self.ask("query", &[("query", expr)]).await;
        data.is_some_and(|data| !data["result"].as_array().unwrap().is_empty())
    }

    async fn end(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        let ended = self.child.wait().await.unwrap();
        assert!(ended.success(), "{ended}");
        // not by its port, which another test may have by now
        let flag = format!("--web.listen-address={}", self.at["Prometheus"]);
        let found = Command::new("pgrep").args(["-f", "--", &flag]).output();
        let found = found.await.unwrap();
        assert_eq!(
            found.status.code(),
            Some(1),
            "Prometheus outlives its lab: {found:?}"
        );
    }
}

/// Killed, a lab would leave its programs behind, which take the next lab's lines.
impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
    }
}

/// Every expression of a board, with this lab's values in place of Grafana's variables.
fn expressions(name: &str) -> Vec<(String, String)> {
    let board = board(name);
    let store = if name == "store" { "0001" } else { ".*" };
    let filled = |expr: &str| {
        expr.replace("$store", store)
            .replace("$counter", ".*")
            .replace("$__rate_interval", "30s")
    };
    let panels = board["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(|target| (&panel["title"], &target["expr"]))
    });
    targets
        .map(|(title, expr)| {
            let title = format!("{name}: {}", title.as_str().unwrap());
            (title, filled(expr.as_str().unwrap()))
        })
        .collect()
}

#[tokio::test]
async fn on_a_running_lab_every_panel_shows_something_and_every_rule_works() {
    let mut lab = Watched::open().await;
    // nobody pays at the first counter: a scan that nobody waited for, then a device that is away
    lab.hands
        .write_all(b"scan 01 289431869362714645\n")
        .await
        .unwrap();
    eventually("the scan", || async {
        lab.has_samples("store_device_ignored_total > 0")
            .await
            .then_some(())
    })
    .await;
    lab.hands.write_all(b"unplug 01 scanner\n").await.unwrap();

    let up = r#"count(up == 1) == 2"#;
    eventually("both to be scraped", || async {
        lab.has_samples(up).await.then_some(())
    })
    .await;
    let mut shown = 0;
    for (panel, expr) in BOARDS.map(expressions).concat() {
        let is_empty = EMPTY.iter().any(|(metric, _)| expr.contains(metric));
        if is_empty {
            // it must still be a question that Prometheus understands
            lab.ask("query", &[("query", &expr)]).await.unwrap();
            continue;
        }
        eventually(&format!("{panel}: {expr}"), || async {
            lab.has_samples(&expr).await.then_some(())
        })
        .await;
        shown += 1;
    }
    assert!(shown >= 50, "{shown} expressions");

    let rules = lab.ask("rules", &[]).await.unwrap();
    let groups = rules["groups"].as_array().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap());
    let mut loaded = BTreeSet::new();
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        loaded.insert(rule["name"].as_str().unwrap().to_owned());
    }
    let text = [read("rules.yml"), read("alerts.yml")].concat();
    let written = text.matches("- alert: ").count() + text.matches("record: ").count();
    assert_eq!(loaded.len(), written, "{loaded:?}");

    let store = lab.page("store API").await;
    let office = lab.page("head office").await;
    for page in [&store, &office] {
        check_metrics(page);
        bounded(page);
    }
    // not until something went wrong
    let later = [
        "store_actor_quarantines_total",
        "store_actor_restarts_total",
        "store_invariant_violations_total",
        "store_batch_waits",
        "store_batches_settled_total",
        "store_sticker_alarm",
        "store_notifications_total",
    ];
    let exprs = BOARDS.map(expressions).concat().into_iter();
    let of_boards: Vec<String> = exprs.map(|(_, expr)| expr).collect();
    for metric in metrics_of_rules().union(&metrics_in(&of_boards.join("\n"))) {
        let has = |page: &str| page.lines().any(|line| line.starts_with(metric.as_str()));
        let is_there = has(&store) || has(&office) || later.contains(&metric.as_str());
        assert!(is_there, "{metric} is on no page");
    }
    lab.end().await;
}

/// Every label's value is a word of a closed set, or the name of something configured.
fn bounded(page: &str) {
    let closed = words();
    let mut seen = BTreeSet::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((labels, _)) = line
            .split_once('{')
            .and_then(|(_, rest)| rest.rsplit_once('}'))
        else {
            continue;
        };
        for label in labels.split("\",") {
            let (name, value) = label.split_once("=\"").unwrap();
            let value = value.trim_end_matches('"');
            let is_bounded = match name {
                "le" => value == "+Inf" || value.parse::<f64>().is_ok(),
                "version" => value == env!("CARGO_PKG_VERSION"),
                "store" => value == "0001",
                "counter" => is_counter(value),
                // counter 01, 01-terminal, acquirer bank: two digits at most
                "actor" => {
                    value.len() < 40 && value.matches(|c: char| c.is_ascii_digit()).count() <= 2
                }
                "device" => value.split_once('-').is_some_and(|(counter, kind)| {
                    is_counter(counter) && ["terminal", "scanner", "nfc"].contains(&kind)
                }),
                _ => closed.get(name).is_some_and(|words| words.contains(value)),
            };
            assert!(
                is_bounded,
                "{name} = {value:?} is neither configured nor a word of a set: {line}"
            );
            seen.insert(name.to_owned());
        }
    }
    assert!(!seen.is_empty());
}

/// The lab has four.
fn is_counter(value: &str) -> bool {
    value.len() == 2
        && value
            .parse::<u8>()
            .is_ok_and(|number| (1..=4).contains(&number))
}

fn words() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let outcomes = "approved declined verifying pending not_found reversed not_reversible refunded refused \
                    in_progress not_sent timed_out broken server_failed forged another_order \
                    unintelligible internal stored duplicate conflict stub";
    let set = |text: &'static str| text.split_whitespace().collect();
    BTreeMap::from([
        ("state", State::ALL.map(State::as_str).into()),
        (
            "tender",
            Tender::CONCRETE
                .map(Tender::as_str)
                .into_iter()
                .chain(["any"])
                .collect(),
        ),
        ("doubt", Doubt::WORDS.into()),
        (
            "currency",
            Currency::ALL
                .iter()
                .map(|currency| currency.alpha())
                .collect(),
        ),
        (
            "acquirer",
            set("none alipay wechat bank sandbox wechat_pay cardhost unionpay"),
        ),
        (
            "kind",
            set("terminal scanner nfc_reader records status unusable"),
        ),
        ("operation", set("charge query reverse refund")),
        ("outcome", set(outcomes)),
        (
            "what",
            set(
                "used total payments refunds unclean replayed_records cut_bytes breaks rebuilt store_from_copy",
            ),
        ),
    ])
}

#[tokio::test]
async fn without_prometheus_the_lab_says_what_to_install() {
    let run = command(&["--counters", "1"])
        .env("PATH", "/nonexistent")
        .output();
    let run = run.await.unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("apt-get install prometheus"), "{said}");
}
