//! Cards at a terminal that authorises by itself: the real program, a simulated terminal on a real
//! pseudo-terminal and over TCP, and what becomes of a lost answer.

mod trail;

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use serde_json::Value;
use store_sim::{
    device::{
        Line,
        pty::Pty,
        zvt::{Fate, ZvtTerminal},
    },
    lab::{
        child::Program,
        till::{Till, state},
    },
};
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);
const CNY: u16 = 156;

#[derive(Clone, Copy, Debug)]
enum Way {
    Serial,
    Tcp,
}

struct Store {
    terminal: ZvtTerminal,
    till: Till,
    controller: Program,
    folder: tempfile::TempDir,
}

impl Store {
    async fn open(way: Way) -> Self {
        Self::open_at(way, 0).await
    }

    /// With a terminal whose clock is so many minutes ahead of the store's.
    async fn open_at(way: Way, clock_minutes: i32) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let line = match way {
            Way::Serial => Line::Pty(Pty::new(folder.path(), "terminal").unwrap()),
            Way::Tcp => Line::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap(),
        };
        let place = match line.address() {
            Some(address) => format!("tcp://{address}"),
            None => folder.path().join("terminal").display().to_string(),
        };
        let terminal = ZvtTerminal::start_at(line, CNY, clock_minutes);
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = free.local_addr().unwrap();
        drop(free);
        let file = configuration(folder.path(), &place, listen);
        let arguments = ["run", "--config", &file].map(str::to_owned).to_vec();
        let mut controller = Program::new("store-controller", arguments, folder.path()).unwrap();
        controller.start().unwrap();
        let store = Self {
            terminal,
            till: Till::new(listen).unwrap(),
            controller,
            folder,
        };
        store.is_card_ready(true).await;
        store
    }

    async fn is_card_ready(&self, wanted: bool) {
        let begun = Instant::now();
        loop {
            let counters = self.till.get("/v1/counters").await.unwrap_or_default();
            let tenders = counters["counters"][0]["tenders"].as_array().cloned();
            let card = tenders
                .into_iter()
                .flatten()
                .find(|t| t["tender"] == "card");
            if card.is_some_and(|card| card["ready"] == wanted) {
                return;
            }
            let log = self.controller.log_tail();
            assert!(begun.elapsed() < PATIENCE, "{counters} {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn pay(&self, key: &str) -> String {
        let opened = self.till.open(key, "01", "12.50", "card").await.unwrap();
        let id = opened["id"].as_str().unwrap().to_owned();
        let asks = self
            .terminal
            .until(PATIENCE, |seen| seen.asking == Some(1_250));
        asks.await.expect("the terminal asks for the card");
        id
    }

    async fn ends(&self, id: &str, wanted: &str) -> Value {
        let begun = Instant::now();
        loop {
            let payment = self.till.payment(id).await.unwrap();
            // one that is being undone counts as ended for a till, and not for the books
            if payment["is_final"] == true || begun.elapsed() > PATIENCE {
                assert_eq!(state(&payment), wanted, "{payment}");
                return payment;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn is(&self, id: &str, wanted: &str) {
        let is = |payment: &Value| state(payment) == wanted;
        let payment = self.till.until(id, PATIENCE, is).await.unwrap();
        assert_eq!(state(&payment), wanted, "{payment}");
    }

    /// The line breaks and is back: what was under way has no answer.
    async fn replug(&self) {
        self.terminal.unplug().await.unwrap();
        self.terminal.plug().await.unwrap();
    }

    /// By how much the store's clock is ahead of the terminal's, give or take a minute.
    async fn tells_clock(&self, ahead_s: i64) {
        let begun = Instant::now();
        loop {
            let acquirers = self.till.get("/v1/devices").await.unwrap();
            let all = acquirers["acquirers"].as_array().unwrap().iter();
            let mut terminals = all.filter(|one| one["id"] == "01-terminal");
            let told = terminals
                .next()
                .and_then(|one| one["clock_ahead_s"].as_i64());
            if told.is_some_and(|told| told.abs_diff(ahead_s) < 60) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{acquirers}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn close(mut self) {
        self.controller.end().await.unwrap();
        let log = self.folder.path().join("store-controller.log");
        let log = std::fs::read_to_string(log).unwrap();
        assert!(!log.contains("invariant broken"), "{log}");
    }
}

fn configuration(folder: &Path, terminal: &str, listen: SocketAddr) -> String {
    let text = format!(
        r#"
[store]
utc_offset_minutes = 0
[api]
listen = "{listen}"
[people]
sign_in = "off"
[journal]
dir = "{folder}/journal"
min_free_mib = 16
guard_segment_mib = 1
[uplink]
enabled = false
[acquirers.sandbox]
driver = "sandbox"
base_url = "http://127.0.0.1:9"
merchant = "M0001"
key_file = "sandbox.key"
tenders = ["customer_code", "merchant_qr", "card"]
schemes = ["alipay", "visa"]
[[counter]]
id = "01"
terminal = {{ line = "{terminal}", protocol = "zvt", receipts = "till", end_of_day = "with_day" }}
"#,
        folder = folder.display(),
    );
    let key = folder.join("sandbox.key");
    std::fs::write(&key, "0123456789abcdef0123456789abcdef\n").unwrap();
    std::fs::create_dir_all(folder.join("journal")).unwrap();
    let file = folder.join("store.toml");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[tokio::test]
async fn a_card_is_paid_and_reversed_at_the_terminal_on_either_line() {
    for way in [Way::Serial, Way::Tcp] {
        let store = Store::open(way).await;
        let id = store.pay("basket-1").await;
        store.terminal.tap().await.unwrap();
        let paid = store.ends(&id, "approved").await;
        assert_eq!(paid["acquirer_ref"], "0001-000101", "{paid}");
        assert_eq!(store.terminal.state().net(), 1_250, "{way:?}");
        store.tells_clock(0).await;
        let refund = store.till.refund("refund-1", &id, "12.50").await.unwrap();
        let path = format!("/v1/refunds/{}", refund["id"].as_str().unwrap());
        let begun = Instant::now();
        while store.till.get(&path).await.unwrap()["state"] != "refunded" {
            assert!(begun.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(
            store.terminal.state().net(),
            0,
            "the card was not needed again"
        );
        store.close().await;
    }
}

impl Store {
    async fn refund(&self, key: &str, id: &str, amount: &str) -> String {
        let refund = self.till.refund(key, id, amount).await.unwrap();
        format!("/v1/refunds/{}", refund["id"].as_str().unwrap())
    }

    async fn refunded(&self, path: &str) {
        let begun = Instant::now();
        while self.till.get(path).await.unwrap()["state"] != "refunded" {
            let state = self.terminal.state();
            assert!(begun.elapsed() < PATIENCE, "{path}: {state:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn paid(&self, key: &str) -> String {
        let id = self.pay(key).await;
        self.terminal.tap().await.unwrap();
        self.ends(&id, "approved").await;
        id
    }
}

/// 06 31: the terminal asks for the card again.
#[tokio::test]
async fn a_part_of_a_payment_is_refunded_onto_the_card() {
    let store = Store::open(Way::Tcp).await;
    let id = store.paid("basket-1").await;
    let refund = store.refund("refund-1", &id, "5.00").await;
    let asks = store
        .terminal
        .until(PATIENCE, |seen| seen.asking == Some(500));
    asks.await.expect("the terminal asks for the card");
    store.terminal.tap().await.unwrap();
    store.refunded(&refund).await;
    let state = store.terminal.state();
    assert_eq!((state.net(), state.reversals), (750, 0));
    store.close().await;
}

/// The money is back once, whether the terminal had heard the reversal or not.
#[tokio::test]
async fn a_lost_answer_of_a_reversal_is_asked_for_and_the_money_goes_back_once() {
    for fate in [
        Fate::NoCompletion,
        Fate::Silence { money_moved: true },
        Fate::Silence { money_moved: false },
    ] {
        let store = Store::open(Way::Tcp).await;
        let id = store.paid("basket-1").await;
        store.terminal.meets(fate).await.unwrap();
        let refund = store.refund("refund-1", &id, "12.50").await;
        let heard = store.terminal.until(PATIENCE, |seen| seen.reversals == 1);
        heard.await.expect("the terminal hears the reversal");
        store.replug().await;
        store.refunded(&refund).await;
        let state = store.terminal.state();
        assert_eq!(state.net(), 0, "{fate:?}: {state:?}");
        let again = fate == Fate::Silence { money_moved: false };
        assert_eq!(state.reversals, 1 + u32::from(again), "{fate:?}");
        assert!(state.repeats > 0, "it was asked");
        store.close().await;
    }
}

#[tokio::test]
async fn the_terminal_ends_its_day_and_a_lost_answer_of_that_is_no_second_day() {
    let store = Store::open(Way::Tcp).await;
    let settle = async || store.till.settle("01-terminal").await;
    assert_eq!(
        settle().await.unwrap(),
        serde_json::json!({}),
        "nothing booked"
    );
    let first = store.paid("basket-1").await;
    let second = store.paid("basket-2").await;
    let reversed = store.refund("refund-1", &second, "12.50").await;
    store.refunded(&reversed).await;
    let settled = settle().await.unwrap();
    let day = &settled["settlement"];
    assert_eq!(
        day["debits"],
        serde_json::json!({ "count": 2, "amount": "25.00" })
    );
    assert_eq!(
        day["credits"],
        serde_json::json!({ "count": 1, "amount": "12.50" })
    );
    assert_eq!(day["balanced"], true, "{day}");
    assert_eq!(store.terminal.state().ends_of_day, 1);

    // settled money goes back onto the card
    let refund = store.refund("refund-2", &first, "12.50").await;
    let asks = store
        .terminal
        .until(PATIENCE, |seen| seen.asking == Some(1_250));
    asks.await.expect("the terminal asks for the card");
    store.terminal.tap().await.unwrap();
    store.refunded(&refund).await;
    store.paid("basket-3").await;
    store.paid("basket-4").await;
    store
        .terminal
        .meets(Fate::Silence { money_moved: true })
        .await
        .unwrap();
    let (lost, ()) = tokio::join!(settle(), async {
        let heard = store.terminal.until(PATIENCE, |seen| seen.ends_of_day == 2);
        heard.await.expect("the terminal hears of it");
        store.replug().await;
    });
    let lost = lost.unwrap_err().to_string();
    assert!(lost.contains("not-settled"), "{lost}");
    store.is_card_ready(true).await;
    let settled = settle().await.unwrap();
    let day = &settled["settlement"];
    assert_eq!(day["debits"]["count"], 2, "{day}");
    assert_eq!(
        (&day["batch"], &day["balanced"]),
        (&2.into(), &true.into()),
        "{day}"
    );
    let listed = store.till.get("/v1/office/settlements").await.unwrap();
    assert_eq!(listed["settlements"].as_array().unwrap().len(), 2);
    store.close().await;
}

#[tokio::test]
async fn the_red_key_and_a_refused_card_are_the_terminals_own_no() {
    let store = Store::open(Way::Tcp).await;
    let id = store.pay("basket-1").await;
    store.terminal.cancel().await.unwrap();
    let declined = store.ends(&id, "declined").await;
    assert!(declined.to_string().contains("6C"), "{declined}");
    store.terminal.meets(Fate::Declined(0x05)).await.unwrap();
    let id = store.pay("basket-2").await;
    store.terminal.tap().await.unwrap();
    store.ends(&id, "declined").await;
    assert_eq!(store.terminal.state().net(), 0);
    store.close().await;
}

#[tokio::test]
async fn the_terminal_says_that_the_customer_is_to_sign() {
    let store = Store::open(Way::Tcp).await;
    store.terminal.meets(Fate::Signed).await.unwrap();
    let id = store.pay("basket-1").await;
    store.terminal.tap().await.unwrap();
    let paid = store.ends(&id, "approved").await;
    assert_eq!(paid["wants_signature"], true, "{paid}");
    let id = store.pay("basket-2").await;
    store.terminal.tap().await.unwrap();
    let paid = store.ends(&id, "approved").await;
    assert_eq!(paid["wants_signature"], false, "{paid}");
    store.close().await;
}

#[tokio::test]
async fn the_cashier_cancels_while_the_terminal_asks() {
    let store = Store::open(Way::Tcp).await;
    let id = store.pay("basket-1").await;
    store.till.cancel(&id).await.unwrap();
    store.ends(&id, "reversed").await;
    assert_eq!(store.terminal.state().asking, None, "it was told to stop");
    assert_eq!(store.terminal.state().net(), 0);
    store.close().await;
}

/// The first complaint everywhere: a lost answer becomes a double charge.
#[tokio::test]
async fn a_lost_answer_is_asked_for_and_never_charged_again() {
    for way in [Way::Serial, Way::Tcp] {
        let store = Store::open(way).await;
        for (n, fate) in [
            Fate::NoCompletion,
            Fate::Silence { money_moved: true },
            Fate::Silence { money_moved: false },
        ]
        .into_iter()
        .enumerate()
        {
            let before = store.terminal.state().net();
            store.terminal.meets(fate).await.unwrap();
            let id = store.pay(&format!("basket-{n}")).await;
            store.terminal.tap().await.unwrap();
            store.replug().await;
            let nothing = fate == Fate::Silence { money_moved: false };
            let (end, moved) = if nothing {
                ("reversed", 0)
            } else {
                ("approved", 1_250)
            };
            store.ends(&id, end).await;
            let now = store.terminal.state();
            assert_eq!(now.net() - before, moved, "{way:?} {fate:?}");
            assert!(now.repeats > 0, "it was asked");
        }
        store.close().await;
    }
}

#[tokio::test]
async fn the_controller_is_killed_in_mid_authorisation_and_finds_out() {
    for money_moved in [true, false] {
        let mut store = Store::open(Way::Tcp).await;
        store
            .terminal
            .meets(Fate::Silence { money_moved })
            .await
            .unwrap();
        let id = store.pay("basket-1").await;
        store.terminal.tap().await.unwrap();
        store.controller.kill().await.unwrap();
        store.controller.start().unwrap();
        let (end, net) = if money_moved {
            ("approved", 1_250)
        } else {
            ("reversed", 0)
        };
        store.ends(&id, end).await;
        assert_eq!(store.terminal.state().net(), net);
        store.close().await;
    }
}

#[tokio::test]
async fn anothers_booking_is_never_taken_for_this_payment() {
    let store = Store::open(Way::Tcp).await;
    store
        .terminal
        .meets(Fate::Silence { money_moved: false })
        .await
        .unwrap();
    let id = store.pay("basket-1").await;
    store.terminal.tap().await.unwrap();
    store.terminal.book_by_hand(999).await.unwrap();
    store.replug().await;
    store.is(&id, "unknown").await;
    let unknown = |list: &Value| list.to_string().contains("of another amount");
    let begun = Instant::now();
    while !unknown(&store.till.get("/v1/unknown").await.unwrap()) {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(state(&store.till.payment(&id).await.unwrap()), "unknown");
    store.close().await;
}

/// Portalum.Zvt issue 8: terminals drop an idle connection, and packets come in pieces.
#[tokio::test]
async fn an_idle_hang_up_and_split_packets_are_no_illness() {
    let store = Store::open(Way::Tcp).await;
    let split = |faults: &mut store_sim::device::Faults| {
        faults.split = Some(Duration::from_millis(2));
    };
    store.terminal.faults(split).await.unwrap();
    store.replug().await;
    let id = store.pay("basket-1").await;
    store.terminal.tap().await.unwrap();
    store.ends(&id, "approved").await;
    let registrations = store.terminal.state().registrations;
    assert_eq!(registrations, 1, "a short gap needs no new registration");
    store.close().await;
}

#[tokio::test]
async fn broken_frames_and_repeated_ones_change_nothing() {
    let store = Store::open(Way::Serial).await;
    for (n, fate) in [Fate::Nak, Fate::WrongCrc, Fate::Twice]
        .into_iter()
        .enumerate()
    {
        store.terminal.meets(fate).await.unwrap();
        let id = store.pay(&format!("basket-{n}")).await;
        store.terminal.tap().await.unwrap();
        store.ends(&id, "approved").await;
        let held = i128::try_from(n + 1).unwrap() * 1_250;
        assert_eq!(store.terminal.state().net(), held, "{fate:?}");
    }
    assert!(store.terminal.state().naks > 0);
    store.close().await;
}

/// Portalum.Zvt issues 33 and 42.
#[tokio::test]
async fn another_protocol_on_the_port_is_seen_and_survived() {
    let store = Store::open(Way::Tcp).await;
    let ignored = || async {
        let metrics = store.till.text("/metrics").await.unwrap();
        let mut lines = metrics.lines();
        let counted = r#"store_device_ignored_total{device="01-terminal"} "#;
        let count = lines.find_map(|line| line.strip_prefix(counted)?.parse().ok());
        count.unwrap_or(0_u32)
    };
    let before = ignored().await;
    let begun = Instant::now();
    while ignored().await < before + 10 {
        assert!(begun.elapsed() < PATIENCE, "nobody saw it");
        let other = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        store.terminal.babble(other).await.unwrap();
    }
    store.is_card_ready(true).await;
    let id = store.pay("basket-1").await;
    store.terminal.tap().await.unwrap();
    store.ends(&id, "approved").await;
    store.close().await;
}

#[tokio::test]
async fn an_unplugged_terminal_takes_no_cards_and_comes_back() {
    let store = Store::open(Way::Serial).await;
    store.terminal.unplug().await.unwrap();
    store.is_card_ready(false).await;
    store.terminal.plug().await.unwrap();
    store.is_card_ready(true).await;
    assert_eq!(store.terminal.state().registrations, 2);
    store.close().await;
}
