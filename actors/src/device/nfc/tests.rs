//! The NFC reader on paused time, over a scripted reader and card.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    sync::mpsc,
    time::{pause, sleep},
};
use zeroize::Zeroizing;

use super::*;
use crate::{
    device::testing::{Desk, money, payment},
    ports::{ReaderFailed, Reply},
    wire::emv::apdu::{Command, PPSE_NAME},
};

/// What the card does at each exchange.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Behaviour {
    Good,
    Slow(Duration),
    Hangs,
    /// Gone after so many exchanges.
    Torn(usize),
    Empty,
}

struct Script {
    events: Mutex<Option<mpsc::Sender<ReaderEvent>>>,
    card: Mutex<Behaviour>,
    /// A card lies there when a stream begins.
    lies_there: Mutex<bool>,
    silent: Mutex<bool>,
    exchanges: AtomicUsize,
    resets: AtomicUsize,
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pair = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
    digits
        .chunks(2)
        .map(|two| pair(two).expect("hex"))
        .collect()
}

/// A UnionPay debit card without PDOL.
fn answer(command: &[u8]) -> Vec<u8> {
    let command = Command::parse(command).expect("a command");
    hex(match command.ins {
        Command::SELECT if *command.data == PPSE_NAME => {
            "6F30840E325041592E5359532E4444463031A51EBF0C1B61194F08A000000333010101500A50424F4320\
             44454249548701019000"
        }
        Command::SELECT => "6F128408A000000333010101A5065004544553549000",
        Command::GET_PROCESSING_OPTIONS => {
            "773B 82022000 940410010100 9F2608A1A2A3A4A5A6A7A8 9F270180 9F36020007 \
             9F100807010103A0000001 57106212345678901232D30122010000000F 9000"
        }
        Command::READ_RECORD => "70105A0862123456789012325F24033012319000",
        _ => "6D00",
    })
}

impl CardReader for Script {
    fn events(&self) -> mpsc::Receiver<ReaderEvent> {
        let (sender, receiver) = mpsc::channel(8);
        if !*self.silent.lock().expect("unpoisoned") {
            sender.try_send(ReaderEvent::Ready).expect("room");
            if *self.lies_there.lock().expect("unpoisoned") {
                sender
                    .try_send(ReaderEvent::CardInserted { atr: vec![] })
                    .expect("room");
            }
        }
        *self.events.lock().expect("unpoisoned") = Some(sender);
        receiver
    }

    fn transmit(
        &self,
        apdu: Zeroizing<Vec<u8>>,
    ) -> Reply<'_, Result<Zeroizing<Vec<u8>>, ReaderFailed>> {
        let card = *self.card.lock().expect("unpoisoned");
        let exchange = self.exchanges.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            match card {
                Behaviour::Hangs => std::future::pending().await,
                Behaviour::Slow(each) => sleep(each).await,
                Behaviour::Torn(after) if exchange >= after => return Err(ReaderFailed::Torn(1)),
                Behaviour::Empty => return Ok(Zeroizing::new(Vec::new())),
                _ => {}
            }
            Ok(Zeroizing::new(answer(&apdu)))
        })
    }

    fn reset(&self) {
        self.resets.fetch_add(1, Ordering::Relaxed);
    }

    fn describe(&self) -> String {
        String::from("scripted")
    }
}

struct Rig {
    desk: Desk,
    script: Arc<Script>,
    nfc: Handle<NfcReader>,
    _supervision: Supervision,
}

const SECOND: Duration = Duration::from_secs(1);

impl Rig {
    async fn new(card: Behaviour) -> Self {
        let mut rig = Self::unready(card, false);
        rig.desk.health("ready").await;
        rig
    }

    fn unready(card: Behaviour, silent: bool) -> Self {
        pause();
        let desk = Desk::new("01-nfc");
        let script = Arc::new(Script {
            events: Mutex::default(),
            card: Mutex::new(card),
            lies_there: Mutex::new(false),
            silent: Mutex::new(silent),
            exchanges: AtomicUsize::new(0),
            resets: AtomicUsize::new(0),
        });
        let supervision = desk.supervision();
        let deps = NfcDeps {
            device: desk.deps.clone(),
            reader: script.clone(),
            settings: NfcSettings::default(),
        };
        let nfc = NfcReader::supervised(&supervision, deps);
        Self {
            desk,
            script,
            nfc,
            _supervision: supervision,
        }
    }

    async fn arm(&self, n: u8) {
        let arm = Arm {
            payment: payment(n),
            money: money("12.50"),
        };
        self.nfc.ask(arm, SECOND).await.expect("armed");
    }

    fn tell(&self, event: ReaderEvent) {
        let there = matches!(event, ReaderEvent::CardInserted { .. });
        *self.script.lies_there.lock().expect("unpoisoned") = there;
        let events = self.script.events.lock().expect("unpoisoned");
        events
            .as_ref()
            .expect("subscribed")
            .try_send(event)
            .expect("room");
    }

    fn card(&self, card: Behaviour) {
        *self.script.card.lock().expect("unpoisoned") = card;
        self.script.exchanges.store(0, Ordering::Relaxed);
    }

    fn insert(&self) {
        self.tell(ReaderEvent::CardInserted { atr: vec![0x3b] });
    }

    fn remove(&self) {
        self.tell(ReaderEvent::CardRemoved);
    }

    async fn read(&mut self) -> PaymentId {
        match self.desk.fact().await {
            FactKind::CardRead { payment, card } => {
                assert_eq!(card.scheme, crate::domain::tender::Scheme::UnionPay);
                payment
            }
            other => panic!("{other:?}"),
        }
    }

    async fn failed(&mut self) -> (PaymentId, String) {
        match self.desk.fact().await {
            FactKind::CardFailed { payment, why } => (payment, why),
            other => panic!("{other:?}"),
        }
    }
}

#[actix::test]
async fn a_card_is_read_once_and_only_while_armed() {
    let mut rig = Rig::new(Behaviour::Good).await;
    rig.insert();
    assert_eq!(
        rig.desk.ignored().await,
        "a card, and no payment was waiting for one"
    );
    // it still lies there when the payment begins
    rig.arm(1).await;
    assert_eq!(rig.read().await, payment(1));
    rig.remove();
    rig.insert();
    rig.desk.no_fact_within(10 * SECOND).await;
    rig.remove();
    sleep(SECOND / 100).await;
    rig.arm(2).await;
    rig.desk.no_fact_within(10 * SECOND).await;
    rig.insert();
    assert_eq!(rig.read().await, payment(2));
    let shown = rig.desk.signals_shown();
    assert!(!shown.contains("6212345678901232"), "{shown}");
}

#[actix::test]
async fn a_read_under_way_ends_with_its_payment_and_never_reaches_the_next() {
    let mut rig = Rig::new(Behaviour::Slow(SECOND / 2)).await;
    rig.arm(1).await;
    rig.insert();
    sleep(SECOND).await;
    rig.nfc
        .ask(
            Disarm {
                payment: payment(1),
            },
            SECOND,
        )
        .await
        .expect("answer");
    rig.desk.no_fact_within(10 * SECOND).await;
    rig.arm(2).await;
    sleep(SECOND).await;
    rig.nfc
        .ask(
            Disarm {
                payment: payment(1),
            },
            SECOND,
        )
        .await
        .expect("answer");
    rig.arm(3).await;
    assert_eq!(rig.read().await, payment(3));
    rig.desk.no_fact_within(10 * SECOND).await;
}

#[actix::test]
async fn a_card_removed_in_mid_read_fails_and_the_reader_stays_armed() {
    let mut rig = Rig::new(Behaviour::Hangs).await;
    rig.arm(1).await;
    rig.insert();
    sleep(SECOND / 4).await;
    rig.remove();
    let (whose, why) = rig.failed().await;
    assert_eq!(
        (whose, why.as_str()),
        (payment(1), "the card was taken away too early")
    );
    for card in [Behaviour::Torn(2), Behaviour::Empty] {
        rig.card(card);
        rig.insert();
        let (whose, why) = rig.failed().await;
        assert_eq!(whose, payment(1));
        assert!(why.ends_with("hold it there again"), "{why}");
        rig.remove();
    }
    rig.card(Behaviour::Good);
    rig.insert();
    assert_eq!(rig.read().await, payment(1));
    assert_eq!(rig.script.resets.load(Ordering::Relaxed), 0);
}

#[actix::test]
async fn a_stuck_card_is_told_shown_reset_and_not_tried_for_ever() {
    let mut rig = Rig::new(Behaviour::Hangs).await;
    rig.arm(1).await;
    let began = Instant::now();
    rig.insert();
    assert_eq!(rig.desk.health("mute").await, "the card stopped answering");
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
    rig.desk.health("ready").await;
    // the reader reports the same card once more after the reset
    assert_eq!(
        rig.failed().await,
        (payment(1), "the card stopped answering".into())
    );
    rig.desk.no_fact_within(60 * SECOND).await;
    assert_eq!(rig.script.resets.load(Ordering::Relaxed), 2);
    rig.remove();
    rig.card(Behaviour::Good);
    rig.insert();
    assert_eq!(rig.read().await, payment(1));
}

#[actix::test]
async fn a_card_that_is_slow_at_every_step_runs_out_of_the_time_for_the_whole() {
    let mut rig = Rig::new(Behaviour::Slow(Duration::from_millis(1_400))).await;
    rig.arm(1).await;
    let began = Instant::now();
    rig.insert();
    assert_eq!(
        rig.failed().await,
        (payment(1), "the card takes too long".into())
    );
    assert!(
        (5.0..5.2).contains(&began.elapsed().as_secs_f64()),
        "{:?}",
        began.elapsed()
    );
}

#[actix::test]
async fn the_service_gone_and_back() {
    let mut rig = Rig::new(Behaviour::Hangs).await;
    rig.arm(1).await;
    rig.insert();
    sleep(SECOND / 4).await;
    rig.tell(ReaderEvent::Gone {
        why: "the PC/SC service is gone".into(),
    });
    assert_eq!(
        rig.failed().await,
        (payment(1), "the reader was unplugged".into())
    );
    assert_eq!(
        rig.nfc.ask(Report, SECOND).await,
        Ok(Health::Absent("the PC/SC service is gone".into()))
    );
    rig.card(Behaviour::Good);
    rig.tell(ReaderEvent::Ready);
    rig.insert();
    assert_eq!(rig.read().await, payment(1));
    assert_eq!(rig.nfc.ask(Report, SECOND).await, Ok(Health::Ready));
}

#[actix::test]
async fn a_stream_of_events_that_ends_is_asked_for_again() {
    let mut rig = Rig::new(Behaviour::Good).await;
    *rig.script.events.lock().expect("unpoisoned") = None;
    assert_eq!(
        rig.desk.health("absent").await,
        "the reader's service ended"
    );
    rig.desk.health("ready").await;
    rig.arm(1).await;
    rig.insert();
    assert_eq!(rig.read().await, payment(1));
}

#[actix::test]
async fn a_reader_without_a_word_is_mute_and_reset_until_it_speaks() {
    let mut rig = Rig::unready(Behaviour::Good, true);
    assert_eq!(rig.desk.health("mute").await, "the reader says nothing");
    sleep(20 * SECOND).await;
    assert!(rig.script.resets.load(Ordering::Relaxed) >= 3);
    *rig.script.silent.lock().expect("unpoisoned") = false;
    rig.desk.health("ready").await;
}
