//! The actor on paused time, with a journal and a link in memory.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use actix::{Actor, Addr};
use tokio::{
    sync::{broadcast, mpsc},
    time::{Instant, pause, sleep},
};

use super::{GetStatus, Outbox, OutboxDeps, OutboxSettings, StoreFacts};
use crate::{
    domain::{
        certificate::SignedCertificate,
        ids::{CounterId, PaymentId, RefundId},
        invariant::{Rule, is_chained},
        money::Money,
        payment::{Payment, State},
        record::{Body, Fact, Record, Tip},
        timestamp::Timestamp,
    },
    ports::{
        BooksDisk, Entropy, JournalDisk, JournalFailed, Parked, PaymentFilter, PublishRefused,
        Reply, StoreStatus, Uplink, UplinkEvent, WallClock,
    },
    signal::{OutboxStatus, Signal, Signals},
    supervisor::Handle,
};

/// A journal in memory, as far as the outbox reads it.
#[derive(Default)]
struct MemoryDisk {
    records: Mutex<Vec<Record>>,
    receipted: AtomicU64,
    broken: AtomicBool,
    largest_read: AtomicU64,
}

impl MemoryDisk {
    fn write(&self, records: u64) {
        let mut kept = self.records.lock().unwrap();
        let mut tip = kept.last().map_or(Tip::default(), |r| Tip {
            seq: r.seq,
            hash: r.hash(),
        });
        for _ in 0..records {
            kept.push(
                tip.append(Timestamp::from_unix_ms(0), &Body::Stopped)
                    .unwrap(),
            );
        }
    }

    fn done<'a, T: Send + 'a>(&self, value: T) -> Reply<'a, Result<T, JournalFailed>> {
        let broken = self.broken.load(Ordering::SeqCst);
        let broken = broken.then(|| JournalFailed::Unreadable("torn".into()));
        Box::pin(async move { broken.map_or(Ok(value), Err) })
    }
}

impl BooksDisk for MemoryDisk {}

impl JournalDisk for MemoryDisk {
    fn tip(&self) -> Tip {
        let records = self.records.lock().unwrap();
        records.last().map_or(Tip::default(), |r| Tip {
            seq: r.seq,
            hash: r.hash(),
        })
    }

    fn records(
        &self,
        from: u64,
        max: usize,
        _: usize,
    ) -> Reply<'_, Result<Vec<Record>, JournalFailed>> {
        self.largest_read.fetch_max(max as u64, Ordering::SeqCst);
        let records = self.records.lock().unwrap();
        self.done(
            records
                .iter()
                .filter(|r| r.seq >= from)
                .take(max)
                .cloned()
                .collect(),
        )
    }

    fn last_number(&self, _: &CounterId) -> Reply<'_, Result<u64, JournalFailed>> {
        self.done(0)
    }

    fn last_closed(&self) -> Reply<'_, Result<Option<SignedCertificate>, JournalFailed>> {
        self.done(None)
    }

    fn parked(&self) -> Reply<'_, Result<Parked, JournalFailed>> {
        self.done(Parked::new())
    }

    fn offline_total(
        &self,
    ) -> Reply<'_, Result<Option<crate::domain::offline::OfflineTotal>, JournalFailed>> {
        self.done(None)
    }

    fn set_receipted(&self, through: u64) -> Reply<'_, Result<(), JournalFailed>> {
        if !self.broken.load(Ordering::SeqCst) {
            self.receipted.store(through, Ordering::SeqCst);
        }
        self.done(())
    }

    fn receipted(&self) -> u64 {
        self.receipted.load(Ordering::SeqCst)
    }

    fn append(&self, _: Vec<Fact>) -> Reply<'static, Result<Tip, JournalFailed>> {
        self.done(self.tip()) // the outbox does not write
    }

    fn payment(&self, _: PaymentId) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        self.done(None)
    }

    fn payment_of_refund(&self, _: RefundId) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        self.done(None)
    }

    fn payment_of_key(&self, _: &str) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        self.done(None)
    }

    fn find(&self, _: PaymentFilter) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        self.done(Vec::new())
    }

    fn unsettled(&self) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        self.done(Vec::new())
    }
}

/// A link and a head office in memory: what is published is held, and receipted if `answers`.
#[derive(Default)]
struct MemoryUplink {
    events: Mutex<Option<mpsc::Sender<UplinkEvent>>>,
    held: Mutex<Vec<Record>>,
    published: Mutex<Vec<usize>>,
    statuses: Mutex<Vec<StoreStatus>>,
    rebuilds: Mutex<Vec<String>>,
    down: AtomicBool,
    deaf: AtomicBool,
}

impl MemoryUplink {
    fn tell(&self, event: UplinkEvent) {
        let events = self.events.lock().unwrap();
        events
            .as_ref()
            .expect("nobody listens")
            .try_send(event)
            .unwrap();
    }

    fn cut(&self) {
        self.down.store(true, Ordering::SeqCst);
        self.tell(UplinkEvent::Down {
            why: "cable".into(),
        });
    }

    fn join(&self) {
        self.down.store(false, Ordering::SeqCst);
        self.tell(UplinkEvent::Up);
    }

    fn held(&self) -> u64 {
        self.held.lock().unwrap().len() as u64
    }
}

impl Uplink for MemoryUplink {
    fn events(&self) -> mpsc::Receiver<UplinkEvent> {
        let (tx, rx) = mpsc::channel(4_096);
        *self.events.lock().unwrap() = Some(tx);
        rx
    }

    fn publish_records(&self, records: &[Record], _: &Parked) -> Result<usize, PublishRefused> {
        if self.down.load(Ordering::SeqCst) {
            return Err(PublishRefused::Down);
        }
        self.published.lock().unwrap().push(records.len());
        if self.deaf.load(Ordering::SeqCst) {
            return Ok(0);
        }
        let mut held = self.held.lock().unwrap();
        for record in records {
            if record.seq == held.len() as u64 + 1 {
                held.push(record.clone());
            }
        }
        let through = held.len() as u64;
        drop(held);
        self.tell(UplinkEvent::Receipt { through });
        Ok(0)
    }

    fn publish_status(&self, status: &StoreStatus) -> Result<(), PublishRefused> {
        self.statuses.lock().unwrap().push(status.clone());
        Ok(())
    }

    fn rebuild(&self, why: &str) {
        self.rebuilds.lock().unwrap().push(why.into());
    }
}

struct FixedClock;

impl WallClock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(7_000)
    }
}

impl Entropy for FixedClock {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0);
    }
}

struct Shop {
    disk: Arc<MemoryDisk>,
    uplink: Arc<MemoryUplink>,
    signals: Signals,
    seen: broadcast::Receiver<Signal>,
    outbox: Addr<Outbox>,
}

impl Shop {
    /// Opened, with that many records in the journal and the link not yet up.
    fn open(records: u64) -> Self {
        pause();
        let (disk, uplink) = (
            Arc::new(MemoryDisk::default()),
            Arc::new(MemoryUplink::default()),
        );
        disk.write(records);
        let signals = Signals::default();
        let deps = OutboxDeps {
            disk: disk.clone(),
            journal: Handle::absent(),
            uplink: uplink.clone(),
            signals: signals.clone(),
            clock: Arc::new(FixedClock),
            entropy: Arc::new(FixedClock),
            settings: OutboxSettings::default(),
        };
        let seen = signals.listen();
        Self {
            disk,
            uplink,
            signals,
            seen,
            outbox: Outbox::new(deps).start(),
        }
    }

    async fn joined(records: u64) -> Self {
        let shop = Self::open(records);
        shop.status().await;
        shop.uplink.join();
        shop
    }

    async fn status(&self) -> OutboxStatus {
        self.outbox.send(GetStatus).await.unwrap()
    }

    /// Waits on the paused clock, at most a minute.
    async fn until(&self, what: &str, is_so: impl Fn(&OutboxStatus) -> bool) -> OutboxStatus {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.status().await;
            if is_so(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "{what}: {status:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

#[actix::test]
async fn a_backlog_arrives_whole_and_in_order_in_small_batches() {
    let shop = Shop::joined(5_000).await;
    shop.until("drained", |status| status.depth == 0).await;
    let held = shop.uplink.held.lock().unwrap();
    assert_eq!(held.len(), 5_000);
    assert_eq!(is_chained(&held), Ok(()));
    assert!(
        shop.uplink
            .published
            .lock()
            .unwrap()
            .iter()
            .all(|records| *records <= 100)
    );
}

/// Of payments opened and paid, so many fen each; two records for each.
fn payments(disk: &MemoryDisk, fen: &[u64]) {
    use crate::domain::{money::Currency, office::statement::tests::some_payment};
    let mut kept = disk.records.lock().unwrap();
    for fen in fen {
        let mut payment = some_payment(kept.len() as u64, "1", &[]);
        payment.money = Money::from_minor_units(*fen, Currency::Cny).unwrap();
        let mut opened = payment.clone();
        (opened.ended_at, opened.state) = (None, State::Opened);
        for step in [opened, payment] {
            let mut tip = kept.last().map_or(Tip::default(), |r| Tip {
                seq: r.seq,
                hash: r.hash(),
            });
            let at = step.changed_at;
            let payment = Box::new(step);
            kept.push(tip.append(at, &Body::Payment { payment }).unwrap());
        }
    }
}

#[actix::test]
async fn unsent_money_is_counted_behind_a_backlog_and_again_after_a_restart() {
    let shop = Shop::open(700);
    payments(&shop.disk, &[1_250, 300]);
    let sums = |status: &OutboxStatus| {
        let lines = status.money.as_deref()?;
        Some(lines.iter().map(|line| line.payments).collect::<Vec<_>>())
    };
    let is = |wanted: &'static [u64]| {
        move |status: &OutboxStatus| sums(status).as_deref() == Some(wanted)
    };
    assert_eq!(shop.status().await.money, None, "not before it is known");
    shop.until("counted", is(&[1_550])).await;
    payments(&shop.disk, &[1]);
    shop.until("counted on", is(&[1_551])).await;
    // another outbox on the same journal, as after a restart
    let shop = Shop {
        outbox: Outbox::new(shop.deps()).start(),
        ..shop
    };
    shop.until("counted anew", is(&[1_551])).await;
    shop.uplink.join();
    shop.until("all is sent", is(&[0])).await;
    assert_eq!(shop.uplink.held(), 706);
}

#[actix::test]
async fn the_receipt_is_written_to_disk_and_survives_a_restart_of_the_outbox() {
    let shop = Shop::joined(300).await;
    shop.until("drained", |status| status.depth == 0).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while shop.disk.receipted() < 300 {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(1)).await;
    }
    let again = Shop {
        outbox: Outbox::new(shop.deps()).start(),
        ..shop
    };
    assert_eq!(again.status().await.receipted, 300);
}

impl Shop {
    fn deps(&self) -> OutboxDeps {
        OutboxDeps {
            disk: self.disk.clone(),
            journal: Handle::absent(),
            uplink: self.uplink.clone(),
            signals: self.signals.clone(),
            clock: Arc::new(FixedClock),
            entropy: Arc::new(FixedClock),
            settings: OutboxSettings::default(),
        }
    }
}

#[actix::test]
async fn a_new_record_goes_at_once_when_the_journal_says_so() {
    let shop = Shop::joined(0).await;
    shop.until("online", |status| status.state == "online")
        .await;
    shop.disk.write(1);
    let begun = Instant::now();
    shop.signals.emit(Signal::JournalWrote {
        records: 1,
        took_us: 1,
    });
    shop.until("receipted", |status| status.receipted == 1)
        .await;
    assert!(
        begun.elapsed() < Duration::from_millis(50),
        "{:?}",
        begun.elapsed()
    );
}

#[actix::test]
async fn a_new_record_goes_at_the_next_tick_when_nobody_says_so() {
    let shop = Shop::joined(0).await;
    shop.until("online", |status| status.state == "online")
        .await;
    shop.disk.write(1);
    shop.until("receipted", |status| status.receipted == 1)
        .await;
}

#[actix::test]
async fn a_cable_pulled_in_mid_drain_loses_nothing() {
    let shop = Shop::joined(3_000).await;
    shop.until("half way", |status| status.receipted > 1_000)
        .await;
    shop.uplink.cut();
    let cut = shop
        .until("offline", |status| status.state == "offline")
        .await;
    assert!(cut.depth > 0);
    shop.disk.write(500);
    sleep(Duration::from_secs(30)).await;
    shop.uplink.join();
    shop.until("drained", |status| {
        status.depth == 0 && status.last_seq == 3_500
    })
    .await;
    assert_eq!(is_chained(&shop.uplink.held.lock().unwrap()), Ok(()));
    assert_eq!(shop.uplink.held(), 3_500);
}

#[actix::test]
async fn a_head_office_that_hears_nothing_gets_the_link_rebuilt_and_then_everything() {
    let shop = Shop::joined(50).await;
    shop.uplink.deaf.store(true, Ordering::SeqCst);
    let stuck = shop.until("stuck", |status| status.state == "stuck").await;
    assert_eq!(
        (stuck.rebuilds, shop.uplink.rebuilds.lock().unwrap().len()),
        (1, 1)
    );
    shop.uplink.deaf.store(false, Ordering::SeqCst);
    let well = shop.until("well", |status| status.depth == 0).await;
    assert_eq!((well.state, shop.uplink.held()), ("online", 50));
}

#[actix::test]
async fn a_journal_that_can_not_be_read_for_a_while_is_read_later() {
    let shop = Shop::open(50);
    shop.disk.broken.store(true, Ordering::SeqCst);
    shop.status().await;
    shop.uplink.join();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(shop.uplink.held(), 0);
    shop.disk.broken.store(false, Ordering::SeqCst);
    shop.until("drained", |status| status.depth == 0).await;
}

#[actix::test]
async fn a_receipt_from_the_future_is_shown_as_a_broken_invariant() {
    let mut shop = Shop::joined(0).await;
    shop.uplink.tell(UplinkEvent::Receipt { through: 9 });
    let status = shop
        .until("ignored", |status| status.receipts_ignored == 1)
        .await;
    assert_eq!(status.receipted, 0);
    let mut broken = Vec::new();
    while let Ok(signal) = shop.seen.try_recv() {
        if let Signal::InvariantBroken(violation) = signal {
            broken.push(violation.rule);
        }
    }
    assert_eq!(broken, [Rule::Out1]);
}

#[actix::test]
async fn the_status_is_shown_on_changes_and_not_more_often_than_a_tick() {
    let mut shop = Shop::joined(20_000).await;
    let begun = Instant::now();
    shop.until("drained", |status| status.depth == 0).await;
    sleep(Duration::from_secs(1)).await;
    let ticks = begun.elapsed().as_millis() / 500;
    let mut shown = Vec::new();
    while let Ok(signal) = shop.seen.try_recv() {
        if let Signal::OutboxChanged(status) = signal {
            shown.push(status);
        }
    }
    let states: Vec<_> = shown.iter().map(|status| status.state).collect();
    assert_eq!(states[..2], ["offline", "draining"]);
    assert_eq!(states.last(), Some(&"online"));
    assert_eq!(shown.last().map(|status| status.depth), Some(0));
    assert!(
        shown.len() as u128 <= ticks + 3,
        "{} in {ticks} ticks",
        shown.len()
    );
}

#[actix::test]
async fn the_age_of_the_oldest_record_is_known_even_offline() {
    let shop = Shop::open(3);
    let status = shop
        .until("age", |status| status.oldest_age_ms.is_some())
        .await;
    assert_eq!(
        (status.state, status.depth, status.oldest_age_ms),
        ("offline", 3, Some(7_000))
    );
    shop.uplink.join();
    let status = shop.until("drained", |status| status.depth == 0).await;
    assert_eq!(status.oldest_age_ms, None);
}

#[actix::test]
async fn the_store_reports_itself_when_the_link_comes_up_and_then_regularly() {
    let shop = Shop::open(3);
    let facts = StoreFacts {
        counters_ready: 1,
        counters: 2,
        unknown: 3,
    };
    shop.outbox.send(facts).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(
        shop.uplink.statuses.lock().unwrap().len(),
        0,
        "nobody hears it offline"
    );
    shop.uplink.join();
    sleep(Duration::from_secs(61)).await;
    let statuses = shop.uplink.statuses.lock().unwrap();
    assert_eq!(statuses.len(), 3);
    let last = statuses.last().unwrap();
    assert_eq!((last.last_seq, last.receipted), (3, 3));
    assert_eq!(
        (last.counters_ready, last.counters, last.unknown),
        (1, 2, 3)
    );
}

#[actix::test]
async fn a_link_that_hangs_up_is_listened_to_again() {
    let shop = Shop::joined(5).await;
    shop.until("drained", |status| status.depth == 0).await;
    *shop.uplink.events.lock().unwrap() = None;
    shop.until("offline", |status| status.state == "offline")
        .await;
    sleep(Duration::from_secs(2)).await;
    shop.uplink.join();
    shop.until("online", |status| status.state == "online")
        .await;
}

/// OUT-3: while a large backlog drains, another task of the same thread waits for no more than one
/// batch at a time.
#[actix::test]
async fn a_drain_gives_way_after_every_batch() {
    let shop = Shop::joined(10_000).await;
    let mut most = 0;
    while shop.uplink.held() < 10_000 {
        let before = shop.uplink.held();
        tokio::task::yield_now().await;
        most = most.max(shop.uplink.held() - before);
        if before == shop.uplink.held() {
            sleep(Duration::from_millis(1)).await;
        }
    }
    assert!(most <= 100, "{most} records between two turns");
    assert!(shop.disk.largest_read.load(Ordering::SeqCst) <= 100);
}
