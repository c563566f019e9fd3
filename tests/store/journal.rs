//! The journal in processes of its own: killed under load, refused by its disk, wanted by two.
//!
//! The child is this test binary once more: `child` does nothing unless the environment names a
//! directory.

use std::{
    collections::{BTreeMap, hash_map::RandomState},
    env,
    hash::{BuildHasher, Hasher},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use actix::{Actor, Addr, System};
use store_actors::{
    domain::{
        ids::PaymentId,
        invariant,
        money::{Currency, Money},
        payment::{Opening, Origin, Payment, State},
        record::Body,
        tender::Tender,
        timestamp::Timestamp,
    },
    journal::{Append, Journal as JournalActor, JournalDeps},
    ports::{JournalFailed, PaymentFilter, WallClock},
    signal::Signals,
};
use store_controller::adapters::journal::{Journal, JournalConfig, OpenFailed, Reader};

const DIR: &str = "JOURNAL_CHILD_DIR";
const ROUND: &str = "JOURNAL_CHILD_ROUND";

struct AnHourPerRound(i64);

impl WallClock for AnHourPerRound {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_700_000_000_000 + self.0 * 3_600_000)
    }
}

fn config(dir: &Path) -> JournalConfig {
    JournalConfig {
        min_free_bytes: 0,
        segment_bytes: 1024 * 1024,
        ..JournalConfig::new(dir)
    }
}

fn payment(now: Timestamp, writer: u8, n: u32) -> Payment {
    let mut random = [writer; 10];
    random[..4].copy_from_slice(&n.to_be_bytes());
    let opening = Opening {
        id: PaymentId::new(now, random),
        counter: format!("{writer:02}").parse().unwrap(),
        money: Money::from_minor_units(u64::from(n) + 1, Currency::Cny).unwrap(),
        tender: Tender::Card,
        origin: Origin::Till,
        reference: Some("x".repeat(usize::from(writer) * 20)),
        fingerprint: None,
        number: 0,
        opened_by: None,
    };
    Payment::open(opening, now)
}

/// One counter's day: payments are opened and approved, until the journal stops. Each
/// acknowledgement is told.
async fn trade(journal: Addr<JournalActor>, now: Timestamp, writer: u8) {
    for n in 0.. {
        for state in [State::Opened, State::Submitted, State::Approved] {
            let payment = Box::new(Payment {
                state,
                ..payment(now, writer, n)
            });
            let id = payment.id;
            let bodies = vec![Body::Payment { payment }];
            let line = match journal.send(Append { bodies }).await.unwrap() {
                Ok(appended) => format!("ack {} {id} {}", appended.last_seq, state.as_str()),
                Err(JournalFailed::Stopped(why)) => format!("stopped {why}"),
                Err(other) => format!("failed {other}"),
            };
            // a line in one piece: the parent may end the process at any byte
            if writeln!(std::io::stdout().lock(), "{line}").is_err() || !line.starts_with("ack") {
                return;
            }
        }
    }
}

/// Not a test by itself: what the other tests start as a process.
#[test]
fn child() {
    let Ok(dir) = env::var(DIR) else { return };
    let round = env::var(ROUND).unwrap().parse().unwrap();
    System::new().block_on(async {
        let clock = Arc::new(AnHourPerRound(round));
        let disk = Arc::new(Journal::open(config(Path::new(&dir))).unwrap());
        println!("open {}", disk.was_clean());
        let now = clock.now();
        let deps = JournalDeps {
            disk: disk.clone(),
            clock,
            signals: Signals::default(),
        };
        let journal = JournalActor::new(deps).start();
        let counters = (0..16).map(|writer| trade(journal.clone(), now, writer));
        futures_util::future::join_all(counters).await;
        let again = journal
            .send(Append {
                bodies: vec![Body::Stopped],
            })
            .await
            .unwrap();
        println!("then {again:?}");
        println!("close {:?}", disk.close().await);
    });
}

/// `wrap` is a shell line in which `"$@"` is the child.
fn spawn(dir: &Path, round: u32, wrap: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new("sh")
        .args(["-c", wrap, "sh"])
        .arg(env::current_exe().unwrap())
        .args([
            "--exact",
            "journal::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

/// What the child was told to be on disk.
#[derive(Debug, Default)]
struct Acknowledged(BTreeMap<u64, (PaymentId, State)>);

impl Acknowledged {
    /// Takes the line, if it is whole and an acknowledgement.
    fn take(&mut self, line: &str) -> bool {
        let Some(whole) = line.strip_suffix('\n') else {
            return false;
        };
        let [_, seq, id, state] = whole.split(' ').collect::<Vec<_>>()[..] else {
            return false;
        };
        if !whole.starts_with("ack ") {
            return false;
        }
        let fact = (id.parse().unwrap(), State::parse(state).unwrap());
        self.0.insert(seq.parse().unwrap(), fact).is_none()
    }

    /// All of it is in the journal, the chain is whole, and payments and records tell the same.
    fn check(&self, dir: &Path) {
        let reader = Reader::open(dir).unwrap();
        let records: Vec<_> = reader.records(1).map(Result::unwrap).collect();
        assert_eq!(records.len() as u64, reader.tip().seq);
        assert_eq!(
            records.last().map(|last| last.hash()),
            Some(reader.tip().hash)
        );
        assert_eq!(invariant::is_chained(&records), Ok(()));
        let mut latest = BTreeMap::new();
        for record in &records {
            let Body::Payment { payment } = record.decode_body().unwrap() else {
                continue;
            };
            if let Some(acknowledged) = self.0.get(&record.seq) {
                assert_eq!(
                    *acknowledged,
                    (payment.id, payment.state),
                    "record {}",
                    record.seq
                );
            }
            latest.insert(payment.id, *payment);
        }
        let (last, _) = self.0.last_key_value().unwrap();
        assert!(
            *last <= reader.tip().seq,
            "{last} was acknowledged, {} is there",
            reader.tip().seq
        );
        let mut found = BTreeMap::new();
        let mut filter = PaymentFilter {
            limit: 500,
            ..Default::default()
        };
        loop {
            let page = reader.find(&filter).unwrap();
            let Some(last) = page.last() else { break };
            filter.before = Some(last.id);
            found.extend(page.into_iter().map(|payment| (payment.id, payment)));
        }
        assert_eq!(found, latest);
        let open = latest
            .values()
            .filter(|payment| !payment.is_settled())
            .count();
        assert_eq!(reader.unsettled().unwrap().len(), open);
    }
}

fn read_line(out: &mut BufReader<ChildStdout>) -> Option<String> {
    let mut line = Vec::new();
    out.read_until(b'\n', &mut line).unwrap();
    (!line.is_empty()).then(|| String::from_utf8(line).unwrap())
}

fn wait_for_open(out: &mut BufReader<ChildStdout>) -> String {
    loop {
        let line = read_line(out).expect("the child ended before it opened the journal");
        // the test harness has begun the line
        if let Some((_, clean)) = line.split_once("open ") {
            return clean.trim().to_owned();
        }
    }
}

#[test]
fn killed_under_load_at_any_moment_it_has_every_acknowledged_record_and_a_whole_chain() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    for round in 0..6 {
        let (mut child, mut out) = spawn(dir.path(), round, "exec \"$@\"");
        let clean = wait_for_open(&mut out);
        assert_eq!(clean == "true", round == 0);
        let kill_after = 20 + RandomState::new().build_hasher().finish() % 1_500;
        for _ in 0..kill_after {
            let line = read_line(&mut out).unwrap();
            assert!(acknowledged.take(&line), "{line}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(line) = read_line(&mut out) {
            acknowledged.take(&line);
        }
        acknowledged.check(dir.path());
    }
}

#[test]
fn a_disk_that_refuses_a_write_stops_the_journal_for_ever_and_costs_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    // no file may grow beyond so many blocks of 512 bytes: a write fails as on a full disk
    let limited = "trap '' XFSZ; ulimit -f 24576; exec \"$@\"";
    let (mut child, mut out) = spawn(dir.path(), 0, limited);
    wait_for_open(&mut out);
    let mut last_words = Vec::new();
    while let Some(line) = read_line(&mut out) {
        if !acknowledged.take(&line) {
            last_words.push(line);
        }
    }
    child.wait().unwrap();
    let stopped = last_words
        .iter()
        .filter(|line| line.starts_with("stopped "))
        .count();
    assert_eq!(stopped, 16, "{last_words:?}");
    for later in ["then Err(Stopped(", "close Err(Stopped("] {
        assert!(
            last_words.iter().any(|line| line.starts_with(later)),
            "{last_words:?}"
        );
    }
    assert!(
        acknowledged.0.len() > 1_000,
        "{} records",
        acknowledged.0.len()
    );
    acknowledged.check(dir.path());
}

#[test]
fn while_one_process_has_it_another_is_told_which() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, mut out) = spawn(dir.path(), 0, "exec \"$@\"");
    wait_for_open(&mut out);
    let refused = Journal::open(config(dir.path())).unwrap_err();
    assert!(matches!(refused, OpenFailed::InUse { .. }), "{refused}");
    assert!(
        refused
            .to_string()
            .contains(&format!("process {}", child.id())),
        "{refused}"
    );
    assert!(matches!(
        Reader::open(dir.path()),
        Err(OpenFailed::InUse { .. })
    ));
    child.kill().unwrap();
    child.wait().unwrap();
    Journal::open(config(dir.path())).unwrap();
}
