//! The real controller on a disk that fills up, is full, and fails: what stands, tills and metrics
//! are told, and that nothing acknowledged is lost by it.
//!
//! The disk is a small ext4 on a loop device, which needs root; where that is not allowed the tests
//! say so and prove nothing.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use serde_json::{Value, json};
use store_sim::lab::{args::Args, power::Disk, shop::Shop, till::state};

use crate::support::eventually;

const MIB: u64 = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(20);
const ALIPAY: &str = "289431869362714645";

/// A calm shop with two counters, its journal on a disk of 256 MiB; below 64 MiB no payment begins.
struct SmallDisk {
    shop: Shop,
    folder: tempfile::TempDir,
}

impl SmallDisk {
    async fn open() -> Option<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let disk = match Disk::make(folder.path(), 256 * MIB) {
            Ok(disk) => disk,
            Err(refused) => {
                println!("SKIPPED: no loop device: {refused}");
                return None;
            }
        };
        let calm = Args::calm(2);
        let shop = Shop::open_on(&calm, folder.path(), Some(disk));
        let shop = shop.await.unwrap();
        Some(Self { shop, folder })
    }

    fn disk(&self) -> &Disk {
        self.shop.disk.as_ref().unwrap()
    }

    /// Takes up all the disk but so much.
    fn fill(&self, but: u64) {
        fill(&self.disk().place().join("filler"), but).unwrap();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.disk().place().join("filler")).unwrap();
    }

    /// The answer to a till that wants to begin a payment, once.
    async fn ask(&self, key: &str, counter: &str) -> (u16, Value) {
        let body = json!({
            "counter": counter, "amount": "12.50", "currency": "CNY", "tender": "customer_code",
        });
        let url = format!("http://{}/v1/payments", self.shop.listen);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let asked = client.post(url).header("Idempotency-Key", key).json(&body);
        let answer = asked.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    async fn is_refused(&self, key: &str, kind: &str) {
        let (status, problem) = self.ask(key, "02").await;
        assert!([409, 503].contains(&status), "{problem}");
        // as the problem itself, or as what keeps the counter from being ready
        let told = problem["type"].as_str().unwrap().ends_with(kind);
        let code = Value::from(kind.replace('-', "_"));
        let obstacles = problem["obstacles"].as_array();
        let is_obstacle = obstacles.is_some_and(|them| them.iter().any(|one| one["code"] == code));
        assert!(told || is_obstacle, "{problem}");
    }

    /// The terminal of a stand says so.
    async fn stand_says(&self, counter: usize, words: &str) {
        self.stand_says_one_of(counter, &[words]).await;
    }

    async fn stand_says_one_of(&self, counter: usize, wanted: &[&str]) {
        let terminal = &self.shop.counters[counter].terminal;
        let said = terminal.until(PATIENCE, |shown| {
            let mut lines = shown.screen.iter();
            lines.any(|line| wanted.iter().any(|words| line.contains(words)))
        });
        said.await
            .unwrap_or_else(|_| panic!("{counter}: {wanted:?}, not {:?}", terminal.state()));
    }

    /// One of the metrics is as it should be, soon.
    async fn metric(&self, name: &str, wanted: u64) {
        let line = format!("\n{name} {wanted}\n");
        eventually(&line, || async {
            let page = self.shop.till.text("/metrics").await.ok()?;
            page.contains(&line).then_some(())
        })
        .await;
    }

    async fn begin(&self, key: &str, counter: &str) -> String {
        let opened = self.shop.till.open(key, counter, "12.50", "customer_code");
        let id = opened.await.unwrap()["id"].as_str().unwrap().to_owned();
        self.reaches(&id, "collecting").await;
        id
    }

    /// The customer shows the code until it is taken: a scanner is armed a moment after a payment
    /// is seen to collect.
    async fn shows_code(&self, id: &str, counter: usize) {
        let again = Duration::from_secs(1);
        let is_taken = |payment: &Value| state(payment) != "collecting";
        loop {
            let scanner = &self.shop.counters[counter].scanner;
            scanner.scan(ALIPAY).await.unwrap();
            let seen = self.shop.till.until(id, again, is_taken).await.unwrap();
            if is_taken(&seen) {
                return;
            }
        }
    }

    async fn reaches(&self, id: &str, wanted: &str) -> Value {
        let reached = self
            .shop
            .till
            .until(id, PATIENCE, |payment| state(payment) == wanted);
        let payment = reached.await.unwrap();
        assert_eq!(state(&payment), wanted, "{payment}");
        payment
    }

    /// Every payment that a till was told of is there, with its end, and the ledger says the same.
    async fn nothing_is_lost(&self) {
        for (id, last) in self.shop.till.told() {
            let settled = ["approved", "declined", "cancelled", "reversed"];
            let now = self
                .shop
                .till
                .until(&id, PATIENCE, |payment| settled.contains(&state(payment)));
            let now = now.await.unwrap();
            assert!(settled.contains(&state(&now)), "{now}");
            if settled.contains(&last.as_str()) {
                assert_eq!(state(&now), last, "{now}");
            }
            let net = self
                .shop
                .acquirer
                .ledger()
                .order(&id)
                .map(|order| order.net());
            let is_paid = net.is_some_and(|net| !net.is_zero());
            assert_eq!(is_paid, state(&now) == "approved", "{now} {net:?}");
        }
    }

    async fn close(self) {
        self.shop.close().await.unwrap();
        drop(self.folder);
    }
}

/// Writes a file until only so much is free; 0: until the disk refuses.
fn fill(file: &Path, but: u64) -> io::Result<()> {
    let mut filler = File::create(file)?;
    let mut piece = vec![0x5a; 64 * 1024];
    loop {
        let disk = nix::sys::statvfs::statvfs(file).map_err(io::Error::from)?;
        let free = disk.blocks_free() * disk.fragment_size();
        if but > 0 && free <= but {
            return filler.sync_all();
        }
        match filler.write(&piece) {
            Ok(_) => {}
            Err(full) if full.kind() == io::ErrorKind::StorageFull && piece.len() > 1 => {
                // what ext4 held back for its own bookkeeping is free after a sync
                filler.sync_all()?;
                piece.truncate(piece.len() / 2);
            }
            Err(full) if full.kind() == io::ErrorKind::StorageFull => return filler.sync_all(),
            Err(other) => return Err(other),
        }
    }
}

#[tokio::test]
async fn before_the_disk_is_full_no_payment_begins_and_everyone_is_told_and_with_room_it_goes_on() {
    let Some(small) = SmallDisk::open().await else {
        return;
    };
    let begun = small.begin("begun", "01").await;
    small.fill(32 * MIB);
    small.stand_says(1, "暂停收款").await;
    small.metric("store_disk_nearly_full", 1).await;
    small.metric("store_journal_stopped", 0).await;
    small.is_refused("too-late", "disk-nearly-full").await;
    // what was begun still ends
    small.shows_code(&begun, 0).await;
    small.reaches(&begun, "approved").await;
    small.make_room();
    small.metric("store_disk_nearly_full", 0).await;
    small.stand_says(1, "请输入金额").await;
    let again = small.begin("again", "02").await;
    small.shows_code(&again, 1).await;
    small.nothing_is_lost().await;
    small.close().await;
}

#[tokio::test]
async fn on_a_disk_that_is_full_to_the_last_byte_the_journal_stops_and_nothing_told_is_lost() {
    let Some(small) = SmallDisk::open().await else {
        return;
    };
    small.begin("begun", "01").await;
    small.begin("begun-too", "02").await;
    small.fill(0);
    // the guard log has its room already, and goes on; the store behind it can't
    for counter in &small.shop.counters {
        counter.scanner.scan(ALIPAY).await.unwrap();
    }
    small.metric("store_journal_stopped", 1).await;
    // whoever was paying just then is told of that payment first
    for counter in [0, 1] {
        small
            .stand_says_one_of(counter, &["暂停收款", "请勿重复付款"])
            .await;
    }
    small.is_refused("too-late", "journal-stopped").await;
    let mut controller = small.shop.controller.lock().await;
    controller.kill().await.unwrap();
    small.make_room();
    controller.start().unwrap();
    drop(controller);
    small.shop.answers().await.unwrap();
    let again = small.begin("again", "02").await;
    small.shows_code(&again, 1).await;
    small.nothing_is_lost().await;
    small.close().await;
}

#[tokio::test]
async fn a_disk_that_fails_stops_the_taking_of_money_visibly_and_for_ever() {
    let Some(small) = SmallDisk::open().await else {
        return;
    };
    let paid = small.begin("paid", "01").await;
    small.shop.counters[0].scanner.scan(ALIPAY).await.unwrap();
    small.reaches(&paid, "approved").await;
    // every write and every sync is refused from here on: EIO
    small.disk().cut().unwrap();
    small.is_refused("too-late", "journal-stopped").await;
    small.metric("store_journal_stopped", 1).await;
    for counter in [0, 1] {
        small.stand_says(counter, "暂停收款").await;
    }
    small.is_refused("still", "journal-stopped").await;
    let ready = small.shop.till.text("/readyz").await.unwrap();
    assert!(ready.contains("journal"), "{ready}");
    let mut controller = small.shop.controller.lock().await;
    controller.kill().await.unwrap();
    small.disk().restore().await.unwrap();
    controller.start().unwrap();
    drop(controller);
    small.shop.answers().await.unwrap();
    small.reaches(&paid, "approved").await;
    small.metric("store_journal_stopped", 0).await;
    let again = small.begin("again", "02").await;
    small.shows_code(&again, 1).await;
    small.nothing_is_lost().await;
    small.close().await;
}

#[tokio::test]
async fn a_store_that_hangs_behind_the_guard_log_stops_the_taking_of_money() {
    let Some(small) = SmallDisk::open().await else {
        return;
    };
    let mut controller = small.shop.controller.lock().await;
    controller.end().await.unwrap();
    // the thread behind the guard log hangs in its next transaction, as in a disk that is silent
    controller.start_armed("transaction-planned=pause").unwrap();
    drop(controller);
    small.shop.answers().await.unwrap();
    small.metric("store_journal_stopped", 1).await;
    small.stand_says(0, "暂停收款").await;
    small.is_refused("too-late", "journal-stopped").await;
    let mut controller = small.shop.controller.lock().await;
    controller.kill().await.unwrap();
    controller.start().unwrap();
    drop(controller);
    small.shop.answers().await.unwrap();
    let again = small.begin("again", "02").await;
    small.shows_code(&again, 1).await;
    small.nothing_is_lost().await;
    small.close().await;
}
