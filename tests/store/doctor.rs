//! `doctor`, `payments` and `records` as a shell sees them, on real ports, brokers, acquirers and
//! journals.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Output},
    thread::JoinHandle,
};

use nix::pty::{OpenptyResult, Winsize, openpty};
use serde_json::{Value, json};
use store_actors::{domain::record::Fact, ports::JournalDisk as _};
use store_controller::adapters::journal::{Journal, JournalConfig};
use store_sim::acquirer::{Acquirer, AcquirerConfig};
use tempfile::TempDir;

use super::support::{chain::Chain, free_port, mosquitto::Mosquitto};

fn controller(config: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_store-controller"));
    program.args(arguments).arg("--config").arg(config);
    program.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The findings of one level.
fn level<'a>(said: &'a str, level: &str) -> Vec<&'a str> {
    let lines = said.lines().filter(|line| line.starts_with(level));
    lines.collect()
}

/// A serial port; the device's end is kept, so that it stays plugged in.
fn pty() -> (PathBuf, OwnedFd, OwnedFd) {
    let OpenptyResult { master, slave } = openpty(None::<&Winsize>, None).unwrap();
    let path = nix::unistd::ttyname(&slave).unwrap();
    (path, master, slave)
}

struct Shop {
    dir: TempDir,
    api: u16,
}

impl Shop {
    fn new() -> Self {
        let shop = Self {
            dir: tempfile::tempdir().unwrap(),
            api: free_port(),
        };
        let key = shop.path("sandbox.key");
        fs::write(&key, "sandbox-merchant-key-for-tests-only\n").unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Its configuration, with further tables.
    fn config(&self, tables: &str) -> PathBuf {
        let file = self.path("store.toml");
        let text = format!(
            "[api]\nlisten = '127.0.0.1:{}'\n[people]\nsign_in = 'off'\n[journal]\ndir = 'journal'\nmin_free_mib = 16\n{tables}",
            self.api
        );
        fs::write(&file, text).unwrap();
        file
    }
}

fn acquirer(id: &str, url: &str, key: &str) -> String {
    format!(
        "[acquirers.{id}]\ndriver = 'sandbox'\nbase_url = '{url}'\nmerchant = 'sandbox-merchant'\n\
         key_file = '{key}'\ntenders = ['card']\nschemes = ['visa']\n"
    )
}

#[tokio::test]
async fn a_store_in_order_has_nothing_that_fails() {
    let shop = Shop::new();
    let bank = Acquirer::start(AcquirerConfig::new(shop.path("ledger.jsonl"))).unwrap();
    let broker = Mosquitto::start().await;
    let terminal = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, _device, _line) = pty();
    let config = shop.config(&format!(
        "{}[uplink]\nenabled = true\nport = {}\n[[counter]]\nid = '07'\n\
         terminal = {{ line = 'tcp://{}' }}\nscanner = {{ line = '{}' }}\n",
        acquirer("bank", &bank.url(), "sandbox.key"),
        broker.port,
        terminal.local_addr().unwrap(),
        port.display(),
    ));
    let asked = controller(&config, &["doctor"]);
    let said = text(&asked.stdout);
    assert_eq!(asked.status.code(), Some(0), "{said}");
    assert_eq!(level(said, "fail"), [""; 0], "{said}");
    let in_order = level(said, "ok").join("\n");
    for what in [
        "clock: 20",
        "clock: the same as bank's",
        "API on 127.0.0.1",
        "MiB free",
        "a write is safe after",
        "terminal of counter 07: tcp://127.0.0.1",
        &format!("scanner of counter 07: {} opens", port.display()),
        "card readers: none is configured",
        &format!("acquirer bank at {} answers", bank.url()),
        &format!("broker 127.0.0.1:{} lets this store in", broker.port),
    ] {
        assert!(in_order.contains(what), "{what} is not in:\n{said}");
    }
    assert!(!shop.path("journal").exists(), "doctor changes nothing");
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_with_what_to_do() {
    let shop = Shop::new();
    let _other_program = TcpListener::bind(("127.0.0.1", shop.api)).unwrap();
    let (port, _device, _line) = pty();
    let _in_use = exclusively(&port);
    let nobody = free_port();
    let config = shop.config(&format!(
        "{}{}[uplink]\nenabled = true\nport = {nobody}\n[[counter]]\nid = '07'\n\
         terminal = {{ line = '/dev/serial/by-id/gone' }}\nscanner = {{ line = '{}' }}\n\
         nfc = {{ reader = 'No Such Reader' }}\n\
         [[counter]]\nid = '08'\nterminal = {{ line = 'tcp://127.0.0.1:{nobody}' }}\n",
        acquirer("bank", &format!("http://127.0.0.1:{nobody}"), "sandbox.key"),
        acquirer("wallet", "https://127.0.0.1", "gone.key"),
        port.display(),
    ));
    let asked = controller(&config, &["doctor"]);
    let said = text(&asked.stdout);
    assert_eq!(asked.status.code(), Some(1), "{said}");
    let failed = level(said, "fail");
    let expected = [
        ("another program listens there", "change api.listen"),
        (
            "terminal of counter 07: /dev/serial/by-id/gone is not there",
            "plug the device in",
        ),
        ("is in use by another program", "fuser -v"),
        ("terminal of counter 08", "correct the port"),
        ("card reader", " — "),
        ("acquirer bank at", "correct base_url"),
        ("gone.key", "put the key from the acquirer into"),
        ("broker 127.0.0.1", "start the broker"),
    ];
    for (what, action) in expected {
        let found = failed.iter().find(|line| line.contains(what));
        let found = found.unwrap_or_else(|| panic!("{what} is not in:\n{said}"));
        assert!(found.contains(action), "{found}");
    }
    assert_eq!(failed.len(), expected.len(), "{said}");
    assert!(text(&asked.stderr).starts_with("8 things are wrong"));
}

/// Somebody else's lock on a port, as a modem manager takes it.
fn exclusively(port: &Path) -> Box<dyn tokio_serial::SerialPort> {
    let open = tokio_serial::new(port.to_string_lossy(), 9_600);
    Box::new(open.exclusive(true).open_native().unwrap())
}

#[tokio::test]
async fn beside_a_running_controller_its_own_is_left_alone() {
    let shop = Shop::new();
    let bank = Acquirer::start(AcquirerConfig::new(shop.path("ledger.jsonl"))).unwrap();
    let (port, _device, _line) = pty();
    let config = shop.config(&format!(
        "{}[[counter]]\nid = '07'\nscanner = {{ line = '{}' }}\n",
        acquirer("bank", &bank.url(), "sandbox.key"),
        port.display(),
    ));
    // this process stands for the controller: it holds journal and port, and listens
    let _journal = Journal::open(JournalConfig::new(shop.path("journal"))).unwrap();
    let _in_use = exclusively(&port);
    let _api = TcpListener::bind(("127.0.0.1", shop.api)).unwrap();
    let pid = std::process::id();
    let asked = controller(&config, &["doctor"]);
    let said = text(&asked.stdout);
    assert_eq!(asked.status.code(), Some(0), "{said}");
    for what in [
        format!("is held by the controller (process {pid})"),
        format!("process {pid} listens on nothing public unasked"),
        "is held, as it should be while the controller".to_owned(),
    ] {
        assert!(
            level(said, "ok").join("\n").contains(&what),
            "{what} is not in:\n{said}"
        );
    }
    let unasked = TcpListener::bind("0.0.0.0:0").unwrap();
    let asked = controller(&config, &["doctor"]);
    let address = unasked.local_addr().unwrap();
    let failed = level(text(&asked.stdout), "fail").join("\n");
    assert!(
        failed.contains(&format!("process {pid} listens on {address} unasked")),
        "{failed}"
    );
    assert_eq!(asked.status.code(), Some(1));
}

#[test]
fn faults_of_the_configuration_are_findings_too() {
    let shop = Shop::new();
    let config = shop.config("[jurnal]\n[log]\nformat = 1\n");
    let asked = controller(&config, &["doctor"]);
    assert_eq!(asked.status.code(), Some(1));
    let said = text(&asked.stdout);
    assert_eq!(level(said, "fail").len(), 2, "{said}");
    assert!(said.contains("store.toml:8: jurnal: unknown key"), "{said}");
    let missing = controller(&shop.path("nowhere.toml"), &["doctor"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stdout).starts_with("fail  configuration: "));
}

#[test]
fn a_key_that_others_may_read_and_a_public_address_are_warned_of() {
    let shop = Shop::new();
    fs::set_permissions(shop.path("sandbox.key"), Permissions::from_mode(0o644)).unwrap();
    let tables = acquirer("bank", "http://127.0.0.1:1", "sandbox.key");
    let config = shop.config(&tables);
    let public = fs::read_to_string(&config).unwrap().replace(
        &format!("127.0.0.1:{}", shop.api),
        &format!("0.0.0.0:{}'\nallow_public = true #", shop.api),
    );
    fs::write(&config, public.replace("'off'", "'required'")).unwrap();
    let asked = controller(&config, &["doctor"]);
    let warned = level(text(&asked.stdout), "warn").join("\n");
    assert!(warned.contains("chmod 600"), "{warned}");
    assert!(warned.contains("open to the network, over TLS"), "{warned}");
}

#[tokio::test]
async fn records_are_exported_while_no_controller_holds_the_journal() {
    let shop = Shop::new();
    let config = shop.config("");
    let none = controller(&config, &["export"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        text(&none.stderr).contains("there is no journal"),
        "{none:?}"
    );

    let chain = Chain::of("0001", 5);
    let journal = Journal::open(JournalConfig {
        min_free_bytes: 0,
        ..JournalConfig::new(shop.path("journal"))
    });
    let journal = journal.unwrap();
    let facts = chain.records.iter().cloned().map(Fact::from);
    journal.append(facts.collect()).await.unwrap();
    let held = controller(&config, &["export"]);
    assert_eq!((held.status.code(), text(&held.stdout)), (Some(1), ""));
    let said = text(&held.stderr);
    assert!(
        said.starts_with("the controller is running (process "),
        "{said}"
    );
    assert!(
        said.contains(&format!("http://127.0.0.1:{}/v1/events", shop.api)),
        "{said}"
    );
    journal.close().await.unwrap();
    drop(journal);

    let all = controller(&config, &["export"]);
    assert_eq!(all.status.code(), Some(0), "{all:?}");
    let lines: Vec<Value> = text(&all.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    for (line, record) in lines.iter().zip(&chain.records) {
        let expected = json!({
            "seq": record.seq, "at": record.at, "prev": record.prev, "hash": record.hash(),
            "body": serde_json::from_str::<Value>(&record.body).unwrap(),
        });
        assert_eq!(*line, expected);
    }
    let some = controller(&config, &["export", "--from", "3", "--limit", "2"]);
    let expected: Vec<_> = text(&all.stdout).lines().skip(2).take(2).collect();
    assert_eq!(text(&some.stdout).lines().collect::<Vec<_>>(), expected);
    let beyond = controller(&config, &["export", "--from", "6"]);
    assert_eq!((beyond.status.code(), text(&beyond.stdout)), (Some(0), ""));

    let file = shop.path("records.csv");
    let path = file.to_str().unwrap();
    let csv = ["export", "--format", "csv", "--out", path];
    assert_eq!(controller(&config, &csv).status.code(), Some(0));
    let rows = fs::read_to_string(&file).unwrap();
    assert!(
        rows.starts_with("seq,at,kind,counter,payment,state,"),
        "{rows}"
    );
    assert_eq!(rows.lines().count(), 6);
    for (row, record) in rows.lines().skip(1).zip(&chain.records) {
        assert!(row.starts_with(&format!("{},{},", record.seq, record.at)));
        assert!(row.ends_with(&format!(",{}", record.hash())), "{row}");
    }
    let again = controller(&config, &csv);
    assert_eq!(again.status.code(), Some(1), "it overwrites nothing");

    let verified = controller(&config, &["verify"]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    assert!(text(&verified.stdout).ends_with("whole\n"));
    let segment = shop.path("journal/guard").join(format!("{:020}.log", 1));
    let mut bytes = fs::read(&segment).unwrap();
    bytes[100] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let broken = controller(&config, &["verify"]);
    assert_eq!(broken.status.code(), Some(1), "{broken:?}");
    assert!(
        text(&broken.stdout).contains("fault: guard segments end at record 0"),
        "{broken:?}"
    );
    let repaired = controller(&config, &["verify", "--repair"]);
    assert_eq!(repaired.status.code(), Some(0), "{repaired:?}");
}

/// Answers so many requests with what stands ready, and gives the request lines.
fn api(port: u16, answers: Vec<(u16, Value)>) -> JoinHandle<Vec<String>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        let answer = |(status, body): (u16, Value)| {
            let (stream, _) = listener.accept().unwrap();
            reply(&stream, status, &body.to_string())
        };
        answers.into_iter().map(answer).collect()
    })
}

fn reply(mut stream: &TcpStream, status: u16, body: &str) -> String {
    let mut head = BufReader::new(stream).lines().map(Result::unwrap);
    let request = head.next().unwrap();
    while head.next().is_some_and(|line| !line.is_empty()) {}
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
    request
}

fn payment(id: &str) -> Value {
    json!({"id": id, "opened_at": "2026-11-22T08:00:00.000Z", "counter": "01", "state": "unknown",
        "amount": "8.80", "currency": "CNY", "tender": "card"})
}

#[test]
fn payments_are_asked_page_by_page_and_shown_as_a_table_or_as_lines() {
    let shop = Shop::new();
    let config = shop.config("");
    let pages = || {
        vec![
            (
                200,
                json!({"payments": [payment("b")], "next_cursor": "b+"}),
            ),
            (
                200,
                json!({"payments": [payment("a")], "next_cursor": null}),
            ),
        ]
    };
    let asked = api(shop.api, pages());
    let filters = [
        "payments",
        "--state",
        "unknown",
        "--counter",
        "01",
        "--limit",
        "600",
    ];
    let shown = controller(&config, &filters);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    assert_eq!(
        text(&shown.stdout).lines().collect::<Vec<_>>(),
        [
            "OPENED                    COUNTER  STATE      AMOUNT  TENDER  REFERENCE  ID",
            "2026-11-22T08:00:00.000Z  01       unknown  8.80 CNY  card    -          b",
            "2026-11-22T08:00:00.000Z  01       unknown  8.80 CNY  card    -          a",
        ]
    );
    assert_eq!(
        asked.join().unwrap(),
        [
            "GET /v1/payments?state=unknown&counter=01&limit=500 HTTP/1.1",
            "GET /v1/payments?state=unknown&counter=01&limit=500&cursor=b%2B HTTP/1.1",
        ]
    );
    let asked = api(shop.api, pages());
    let since = ["payments", "--json", "--since", "2026-11-22T08:00:00+08:00"];
    let shown = controller(&config, &since);
    assert_eq!(
        text(&shown.stdout),
        format!("{}\n{}\n", payment("b"), payment("a"))
    );
    let first = &asked.join().unwrap()[0];
    assert!(
        first.contains("since=2026-11-22T00%3A00%3A00.000Z&limit=50"),
        "{first}"
    );
}

#[test]
fn no_controller_a_refusal_and_another_program_are_told_apart() {
    let shop = Shop::new();
    let config = shop.config("");
    let refused = |answers: Vec<(u16, Value)>| {
        let asked = (!answers.is_empty()).then(|| api(shop.api, answers));
        let refused = controller(&config, &["payments"]);
        assert_eq!(
            (refused.status.code(), text(&refused.stdout)),
            (Some(1), "")
        );
        asked.map(|asked| asked.join().unwrap());
        text(&refused.stderr).to_owned()
    };
    let said = refused(Vec::new());
    let nobody = format!("no controller answers on 127.0.0.1:{}", shop.api);
    assert!(
        said.starts_with(&nobody) && said.contains("store-controller run"),
        "{said}"
    );
    let problem = json!({"status": 503, "title": "Service Unavailable", "detail": "the journal"});
    let said = refused(vec![(503, problem)]);
    assert!(
        said.contains("503") && said.contains("the journal"),
        "{said}"
    );
    let said = refused(vec![(200, json!([]))]);
    assert!(said.contains("is not this controller's API"), "{said}");
}

#[test]
fn a_wrong_filter_is_a_wrong_command_line() {
    let shop = Shop::new();
    let config = shop.config("");
    for arguments in [
        ["payments", "--state", "lost"],
        ["payments", "--counter", "a b"],
        ["payments", "--since", "yesterday"],
        ["payments", "--limit", "0"],
        ["export", "--from", "0"],
        ["export", "--limit", "x"],
    ] {
        let refused = controller(&config, &arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
    }
    for command in ["doctor", "payments", "export"] {
        let help = controller(&config, &[command, "--help"]);
        assert_eq!(help.status.code(), Some(0));
        let examples = format!("store-controller {command}");
        assert!(text(&help.stdout).contains(&examples), "{command}");
    }
}
