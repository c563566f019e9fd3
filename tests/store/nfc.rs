//! Card readers on a real `pcscd` with virtual readers and synthetic cards: adapter, read flow and
//! chip together.
//!
//! The PC/SC library takes its socket's path from the environment, so each test runs itself again
//! as a child that has it set from the start, and there has a `pcscd` of its own.

use std::{
    future::Future,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use store_actors::{
    domain::money::{Currency, Money},
    ports::{CardReader, ReaderEvent, ReaderFailed},
    wire::emv::{self, CardRead, ContactlessRead, Step, TerminalData, aid::default_candidates},
};
use store_controller::adapters::pcsc::{PcscReader, list_readers};
use store_sim::device::{
    card::{CardFaults, Chip, ChipProfile, Tap},
    pcscd::{Pcscd, Slot, client_env},
};
use tokio::{sync::mpsc, time::timeout};

const FOLDER_ENV: &str = "STORE_TEST_PCSCD_FOLDER";
/// Longest wait for anything; the bounds that matter are tested with their own.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs `body` in a child process with the environment for a private `pcscd` in a fresh folder.
fn with_folder<F: Future<Output = ()>>(test: &str, body: impl FnOnce(PathBuf) -> F) {
    if let Some(folder) = std::env::var_os(FOLDER_ENV) {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(body(folder.into()));
    }
    let folder = tempfile::Builder::new().prefix("pcscd-").tempdir().unwrap();
    let (name, socket) = client_env(folder.path());
    let output = Command::new(std::env::current_exe().unwrap())
        .args([&format!("nfc::{test}"), "--exact", "--nocapture"])
        .env(name, socket)
        .env(FOLDER_ENV, folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{errors}"
    );
}

fn with_pcscd<F: Future<Output = ()>>(test: &str, readers: usize, body: impl FnOnce(Pcscd) -> F) {
    with_folder(test, |folder| async move {
        let pcscd = Pcscd::start_in(&folder, readers).await.unwrap();
        body(pcscd).await;
    });
}

/// A reader of the controller and what it says.
struct Stand {
    reader: PcscReader,
    events: mpsc::Receiver<ReaderEvent>,
}

impl Stand {
    fn open(name: &str) -> Self {
        let reader = PcscReader::open(name).unwrap();
        let events = reader.events();
        Self { reader, events }
    }

    /// The next events up to one that fits.
    async fn until(&mut self, what: &str, fits: impl Fn(&ReaderEvent) -> bool) -> Vec<ReaderEvent> {
        let mut seen = Vec::new();
        let found = timeout(DEADLINE, async {
            while let Some(event) = self.events.recv().await {
                seen.push(event);
                if seen.last().is_some_and(&fits) {
                    return true;
                }
            }
            false
        });
        assert_eq!(found.await, Ok(true), "no {what} came, but {seen:?}");
        seen
    }

    async fn card(&mut self) {
        self.until("card", |event| {
            matches!(event, ReaderEvent::CardInserted { .. })
        })
        .await;
    }

    async fn empty(&mut self) {
        self.until("removal", |event| *event == ReaderEvent::CardRemoved)
            .await;
    }

    async fn gone(&mut self) {
        self.until("loss", |event| matches!(event, ReaderEvent::Gone { .. }))
            .await;
    }

    async fn ready(&mut self) {
        self.until("reader", |event| *event == ReaderEvent::Ready)
            .await;
    }

    /// Reads the card that lies on the reader, as the reader's actor does.
    async fn read(&self) -> Result<CardRead, Unread> {
        let amount = Money::parse("12.34", Currency::Cny).unwrap();
        let now = "2026-03-09T08:05:59".parse().unwrap();
        let terminal = TerminalData::purchase(amount, now, [1, 2, 3, 4]);
        let mut flow = ContactlessRead::new(default_candidates(), terminal);
        let mut step = flow.start();
        loop {
            step = match step {
                Step::Transmit(command) => {
                    let answer = self.reader.transmit(command.to_bytes()).await;
                    flow.on_response(&answer.map_err(Unread::Reader)?)
                }
                Step::Done(card) => return Ok(*card),
                Step::Failed(failure) => return Err(Unread::Card(failure)),
            };
        }
    }

    async fn reads(&self, profile: &ChipProfile) {
        let card = timeout(DEADLINE, self.read())
            .await
            .expect("the read hangs")
            .unwrap();
        assert_eq!(
            (card.kind, card.pan.expose()),
            (profile.kind, &*profile.pan)
        );
    }
}

/// Waits for something that only a look can tell.
async fn until_true(what: &str, condition: impl Fn() -> bool) {
    let looked = timeout(DEADLINE, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    looked.await.unwrap_or_else(|_| panic!("no {what} came"));
}

#[derive(Debug)]
enum Unread {
    Reader(ReaderFailed),
    #[expect(dead_code, reason = "shown by Debug when a test fails")]
    Card(emv::ReadFailure),
}

fn chip(profile: &ChipProfile) -> Arc<Mutex<Chip>> {
    Arc::new(Mutex::new(Chip::new(profile.clone())))
}

fn lay(slot: &Slot, profile: &ChipProfile) -> Tap {
    Tap::on(slot, &chip(profile), CardFaults::default())
}

#[test]
fn two_cards_on_two_readers_are_read_at_once() {
    with_pcscd(
        "two_cards_on_two_readers_are_read_at_once",
        3,
        async |pcscd| {
            let [_, first, second] = pcscd.slots() else {
                panic!("{:?}", pcscd.slots())
            };
            let mut listed = list_readers().unwrap();
            listed.sort();
            // a driver copy always makes two
            assert_eq!(listed.len(), 4, "{listed:?}");
            assert!(
                listed.contains(&first.reader) && listed.contains(&second.reader),
                "{listed:?}"
            );
            let (mut one, mut two) = (Stand::open(&first.reader), Stand::open(&second.reader));
            one.ready().await;
            two.ready().await;
            let (visa, unionpay) = (ChipProfile::visa(), ChipProfile::unionpay_debit());
            let taps = (lay(first, &visa), lay(second, &unionpay));
            one.card().await;
            two.card().await;
            tokio::join!(one.reads(&visa), two.reads(&unionpay));
            taps.0.remove().await;
            one.empty().await;
            two.reads(&unionpay).await;
            let _mastercard = lay(first, &ChipProfile::mastercard());
            one.card().await;
            one.reads(&ChipProfile::mastercard()).await;
        },
    );
}

#[test]
fn a_reader_is_found_by_the_beginning_of_its_name_if_that_names_one() {
    let test = "a_reader_is_found_by_the_beginning_of_its_name_if_that_names_one";
    with_pcscd(test, 3, async |pcscd| {
        let mut unclear = Stand::open("Store Sim 1");
        let seen = unclear
            .until("loss", |event| matches!(event, ReaderEvent::Gone { .. }))
            .await;
        let why = "several readers' names begin like this".to_owned();
        assert_eq!(seen, [ReaderEvent::Gone { why }]);
        let mut clear = Stand::open("Store Sim 1 00 00");
        clear.ready().await;
        let visa = ChipProfile::visa();
        let _tap = lay(&pcscd.slots()[2], &visa);
        clear.card().await;
        clear.reads(&visa).await;
    });
}

#[test]
fn a_card_removed_in_mid_read_is_told_and_read_at_the_next_tap() {
    let test = "a_card_removed_in_mid_read_is_told_and_read_at_the_next_tap";
    with_pcscd(test, 1, async |pcscd| {
        let slot = &pcscd.slots()[0];
        let mut stand = Stand::open(&slot.reader);
        let profile = ChipProfile::unionpay_debit();
        let chip = chip(&profile);
        for faults in [
            CardFaults {
                removed_at: Some(3),
                ..CardFaults::default()
            },
            CardFaults {
                removed_within: Some(3),
                ..CardFaults::default()
            },
            CardFaults {
                removed_within: Some(4),
                ..CardFaults::default()
            },
        ] {
            let tap = Tap::on(slot, &chip, faults.clone());
            stand.card().await;
            let unread = timeout(DEADLINE, stand.read())
                .await
                .expect("the read hangs");
            let told = matches!(
                unread,
                Err(
                    Unread::Reader(ReaderFailed::CardGone | ReaderFailed::Torn(_))
                        | Unread::Card(_)
                )
            );
            assert!(told, "{faults:?}: {unread:?}");
            stand.empty().await;
            assert!(tap.state().left);
            let again = Tap::on(slot, &chip, CardFaults::default());
            stand.card().await;
            stand.reads(&profile).await;
            again.remove().await;
            stand.empty().await;
        }
    });
}

#[test]
fn an_answer_torn_to_a_byte_or_none_fails_the_read_and_not_the_reader() {
    let test = "an_answer_torn_to_a_byte_or_none_fails_the_read_and_not_the_reader";
    with_pcscd(test, 1, async |pcscd| {
        let slot = &pcscd.slots()[0];
        let mut stand = Stand::open(&slot.reader);
        let profile = ChipProfile::visa();
        let chip = chip(&profile);
        for (command, length) in [(1, 1), (3, 1), (3, 20), (4, 1)] {
            let faults = CardFaults {
                torn_at: Some((command, length)),
                ..CardFaults::default()
            };
            let tap = Tap::on(slot, &chip, faults);
            stand.card().await;
            let unread = timeout(DEADLINE, stand.read())
                .await
                .expect("the read hangs");
            assert!(
                unread.is_err(),
                "answer {command} cut to {length}: {unread:?}"
            );
            // the card still lies there, and its next answers are whole
            stand.reads(&profile).await;
            tap.remove().await;
            stand.empty().await;
        }
    });
}

#[test]
fn a_hung_card_costs_its_reader_only_and_only_until_it_is_taken_away() {
    let test = "a_hung_card_costs_its_reader_only_and_only_until_it_is_taken_away";
    with_pcscd(test, 2, async |pcscd| {
        let [slot, other_slot] = pcscd.slots() else {
            panic!("{:?}", pcscd.slots())
        };
        let (mut stand, mut other) = (Stand::open(&slot.reader), Stand::open(&other_slot.reader));
        let (visa, unionpay) = (ChipProfile::visa(), ChipProfile::unionpay_debit());
        let hung = CardFaults {
            hung_at: Some(2),
            ..CardFaults::default()
        };
        let mut tap = Tap::on(slot, &chip(&visa), hung);
        let _other_tap = lay(other_slot, &unionpay);
        stand.card().await;
        other.card().await;
        let given_up = timeout(Duration::from_millis(300), stand.read()).await;
        assert!(given_up.is_err(), "{given_up:?}");
        assert!(tap.wait_for(|state| state.commands == 2).await);
        stand.reader.reset();
        stand.gone().await;
        other.reads(&unionpay).await;
        let refused = stand.read().await;
        assert!(
            matches!(refused, Err(Unread::Reader(ReaderFailed::ReaderGone(_)))),
            "{refused:?}"
        );
        tap.remove().await;
        stand.ready().await;
        // pcscd looks every 0.4 s: a card laid down sooner would be the old one to it
        let removal = format!("Card Removed From {}", slot.reader);
        until_true("removal in the log of pcscd", || {
            pcscd.log().contains(&removal)
        })
        .await;
        let _next = lay(slot, &visa);
        // the old card may have been told once more before pcscd saw it leave; its read fails
        loop {
            stand.card().await;
            if timeout(DEADLINE, stand.read())
                .await
                .expect("the read hangs")
                .is_ok()
            {
                break;
            }
        }
        stand.reads(&visa).await;
    });
}

#[test]
fn a_reader_that_is_reset_without_need_is_back_at_once() {
    with_pcscd(
        "a_reader_that_is_reset_without_need_is_back_at_once",
        1,
        async |pcscd| {
            let slot = &pcscd.slots()[0];
            let mut stand = Stand::open(&slot.reader);
            let visa = ChipProfile::visa();
            let _tap = lay(slot, &visa);
            stand.card().await;
            for _ in 0..8 {
                stand.reader.reset();
                stand.gone().await;
                stand.card().await;
                stand.reads(&visa).await;
            }
        },
    );
}

#[test]
fn a_killed_pcscd_is_seen_within_2_seconds_and_used_again_within_3_of_its_return() {
    let test = "a_killed_pcscd_is_seen_within_2_seconds_and_used_again_within_3_of_its_return";
    with_pcscd(test, 2, async |mut pcscd| {
        let slots = pcscd.slots().to_vec();
        let (mut lying, mut empty) = (Stand::open(&slots[0].reader), Stand::open(&slots[1].reader));
        let unionpay = ChipProfile::unionpay_debit();
        let _tap = lay(&slots[0], &unionpay);
        lying.card().await;
        empty.ready().await;
        for _ in 0..2 {
            lying.reads(&unionpay).await;
            pcscd.kill().unwrap();
            let both = async { tokio::join!(lying.gone(), empty.gone()) };
            timeout(Duration::from_secs(2), both)
                .await
                .expect("the loss was seen too late");
            pcscd.restart().await.unwrap();
            let both = async { tokio::join!(lying.card(), empty.ready()) };
            timeout(Duration::from_secs(3), both)
                .await
                .expect("the return was seen too late");
        }
        lying.reads(&unionpay).await;
        let _visa = lay(&slots[1], &ChipProfile::visa());
        empty.card().await;
        empty.reads(&ChipProfile::visa()).await;
    });
}

#[test]
fn a_pcscd_killed_in_mid_read_is_told() {
    with_pcscd(
        "a_pcscd_killed_in_mid_read_is_told",
        1,
        async |mut pcscd| {
            let slot = pcscd.slots()[0].clone();
            let mut stand = Stand::open(&slot.reader);
            let hung = CardFaults {
                hung_at: Some(3),
                ..CardFaults::default()
            };
            let mut tap = Tap::on(&slot, &chip(&ChipProfile::visa()), hung);
            stand.card().await;
            let read = async {
                timeout(DEADLINE, stand.read())
                    .await
                    .expect("the read hangs")
            };
            let kill = async {
                assert!(tap.wait_for(|state| state.commands == 3).await);
                pcscd.kill().unwrap();
            };
            let (unread, ()) = tokio::join!(read, kill);
            let told = matches!(unread, Err(Unread::Reader(_)));
            assert!(told, "{unread:?}");
            stand.gone().await;
        },
    );
}

#[test]
fn a_reader_opened_before_any_pcscd_runs_comes_when_it_does() {
    let test = "a_reader_opened_before_any_pcscd_runs_comes_when_it_does";
    with_folder(test, async |folder| {
        let mut stand = Stand::open("Store Sim 0 00 00");
        stand.gone().await;
        assert!(list_readers().is_err());
        let pcscd = Pcscd::start_in(&folder, 1).await.unwrap();
        stand.ready().await;
        assert_eq!(pcscd.slots()[0].reader, "Store Sim 0 00 00");
    });
}

#[test]
fn a_dropped_reader_leaves_no_thread() {
    with_pcscd("a_dropped_reader_leaves_no_thread", 2, async |pcscd| {
        let threads = || {
            let tasks = std::fs::read_dir("/proc/self/task").unwrap();
            let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm"));
            let names = tasks.filter_map(|task| name(task.ok()?).ok());
            names.filter(|name| name.trim() == "card-reader").count()
        };
        let mut stands: Vec<_> = pcscd
            .slots()
            .iter()
            .map(|slot| Stand::open(&slot.reader))
            .collect();
        let _tap = lay(&pcscd.slots()[0], &ChipProfile::visa());
        stands[0].card().await;
        stands[1].ready().await;
        assert_eq!(threads(), 2);
        drop(stands);
        until_true("end of the threads", || threads() == 0).await;
    });
}
