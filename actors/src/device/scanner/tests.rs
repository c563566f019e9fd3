//! The scanner on paused time, at the end of an in-memory line.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::{pause, sleep, timeout},
};

use super::*;
use crate::device::testing::{Desk, ScriptedOpener, money, payment};

const CODE: &[u8] = b"28763443825664394\r";
const OTHER: &[u8] = b"120061098828009406\r";

struct Rig {
    desk: Desk,
    opener: ScriptedOpener,
    scanner: Handle<Scanner>,
    _supervision: Supervision,
}

impl Rig {
    fn new(settings: ScannerSettings) -> Self {
        pause();
        let desk = Desk::new("01-scanner");
        let supervision = desk.supervision();
        let opener = ScriptedOpener::default();
        let deps = ScannerDeps {
            device: desk.deps.clone(),
            opener: Arc::new(opener.clone()),
            settings,
        };
        let scanner = Scanner::supervised(&supervision, deps);
        Self {
            desk,
            opener,
            scanner,
            _supervision: supervision,
        }
    }

    async fn plugged_in(settings: ScannerSettings) -> (Self, DuplexStream) {
        let mut rig = Self::new(settings);
        let far = rig.opener.plug_in(256);
        rig.desk.health("ready").await;
        (rig, far)
    }

    async fn arm(&self, n: u8) {
        let arm = Arm {
            payment: payment(n),
            money: money("1"),
        };
        self.scanner.ask(arm, SECOND).await.expect("armed");
    }

    async fn scanned(&mut self) -> (PaymentId, String) {
        match self.desk.fact().await {
            FactKind::CodeScanned { payment, code } => (payment, code.expose().to_owned()),
            other => panic!("{other:?}"),
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[actix::test]
async fn a_scan_is_handed_on_once_and_only_while_armed() {
    let (mut rig, mut far) = Rig::plugged_in(ScannerSettings::default()).await;
    far.write_all(CODE).await.expect("room");
    assert_eq!(
        rig.desk.ignored().await,
        "a scan, and no payment was waiting for one"
    );
    rig.arm(1).await;
    far.write_all(b"]Q1").await.expect("room");
    sleep(Duration::from_millis(50)).await;
    far.write_all(CODE).await.expect("room");
    assert_eq!(
        rig.scanned().await,
        (payment(1), "28763443825664394".into())
    );
    far.write_all(OTHER).await.expect("room");
    assert_eq!(
        rig.desk.ignored().await,
        "a scan, and no payment was waiting for one"
    );
    rig.desk.no_fact_within(SECOND).await;
}

#[actix::test]
async fn disarming_is_for_the_payment_that_armed_it() {
    let (mut rig, mut far) = Rig::plugged_in(ScannerSettings::default()).await;
    rig.arm(2).await;
    rig.scanner
        .ask(
            Disarm {
                payment: payment(1),
            },
            SECOND,
        )
        .await
        .expect("answer");
    far.write_all(CODE).await.expect("room");
    assert_eq!(rig.scanned().await.0, payment(2));
    rig.arm(3).await;
    rig.scanner
        .ask(
            Disarm {
                payment: payment(3),
            },
            SECOND,
        )
        .await
        .expect("answer");
    far.write_all(OTHER).await.expect("room");
    rig.desk.no_fact_within(SECOND).await;
}

#[actix::test]
async fn a_scan_that_began_before_the_payment_is_not_the_payments() {
    let (mut rig, mut far) = Rig::plugged_in(ScannerSettings::default()).await;
    far.write_all(b"2876344382").await.expect("room");
    sleep(Duration::from_millis(20)).await;
    rig.arm(1).await;
    far.write_all(b"5664394\r").await.expect("room");
    assert_eq!(
        rig.desk.ignored().await,
        "a scan that was made before the payment began"
    );
    far.write_all(OTHER).await.expect("room");
    assert_eq!(
        rig.scanned().await,
        (payment(1), "120061098828009406".into())
    );
}

#[actix::test]
async fn the_same_code_again_is_dropped_for_a_short_time_and_within_one_payment() {
    let (mut rig, mut far) = Rig::plugged_in(ScannerSettings::default()).await;
    rig.arm(1).await;
    far.write_all(CODE).await.expect("room");
    rig.scanned().await;
    // the code was refused: the counter asks for another scan, the customer still holds the phone
    // there
    rig.arm(1).await;
    far.write_all(CODE).await.expect("room");
    assert_eq!(rig.desk.ignored().await, "the same code again");
    sleep(Duration::from_millis(1_600)).await;
    far.write_all(CODE).await.expect("room");
    assert_eq!(rig.scanned().await.0, payment(1));
    // another payment begins: the filter is empty
    rig.arm(2).await;
    far.write_all(CODE).await.expect("room");
    assert_eq!(rig.scanned().await.0, payment(2));
}

#[actix::test]
async fn a_bad_read_is_visible_and_leaves_the_scanner_armed() {
    let (mut rig, mut far) = Rig::plugged_in(ScannerSettings::default()).await;
    rig.arm(1).await;
    far.write_all(b"NR\r").await.expect("room");
    let why = rig.desk.ignored().await;
    assert_eq!(why, "bad read: the scanner could not read the symbol");
    far.write_all(b"28763443").await.expect("room");
    let why = rig.desk.ignored().await;
    assert_eq!(why, "bad read: 8 bytes of garbage (Interrupted)");
    far.write_all(OTHER).await.expect("room");
    assert_eq!(rig.scanned().await.0, payment(1));
    let shown = rig.desk.signals_shown();
    assert!(
        !shown.contains("28763443") && !shown.contains("12006109"),
        "{shown}"
    );
}

#[actix::test]
async fn babble_is_shown_and_ends() {
    let (mut rig, mut far) = Rig::plugged_in(ScannerSettings::default()).await;
    for _ in 0..4 {
        far.write_all(b"\x01\xff\x02\r").await.expect("room");
    }
    assert_eq!(
        rig.desk.health("babbling").await,
        "4 or more messages within 10 s made no sense"
    );
    rig.arm(1).await;
    far.write_all(CODE).await.expect("room");
    assert_eq!(rig.scanned().await.0, payment(1));
    rig.desk.health("ready").await;
}

#[actix::test]
async fn unplugged_is_shown_within_two_seconds_and_back_within_three_and_it_stays_armed() {
    let (mut rig, far) = Rig::plugged_in(ScannerSettings::default()).await;
    rig.arm(1).await;
    let unplugged = Instant::now();
    drop(far);
    assert_eq!(rig.desk.health("absent").await, "unplugged");
    assert!(
        unplugged.elapsed() <= 2 * SECOND,
        "{:?}",
        unplugged.elapsed()
    );
    sleep(600 * SECOND).await;
    let returned = Instant::now();
    let mut far = rig.opener.plug_in(256);
    rig.desk.health("ready").await;
    assert!(returned.elapsed() <= 3 * SECOND, "{:?}", returned.elapsed());
    far.write_all(CODE).await.expect("room");
    assert_eq!(rig.scanned().await.0, payment(1));
}

#[actix::test]
async fn trigger_commands_follow_the_arming_also_after_a_reconnect() {
    let settings = ScannerSettings {
        family: Family::Honeywell,
        ..ScannerSettings::default()
    };
    let (mut rig, mut far) = Rig::plugged_in(settings).await;
    let mut bytes = [0; 3];
    far.read_exact(&mut bytes).await.expect("off at the start");
    assert_eq!(&bytes, b"\x16U\r");
    rig.arm(1).await;
    far.read_exact(&mut bytes).await.expect("on");
    assert_eq!(&bytes, b"\x16T\r");
    drop(far);
    rig.desk.health("absent").await;
    let mut far = rig.opener.plug_in(256);
    far.read_exact(&mut bytes).await.expect("on again");
    assert_eq!(&bytes, b"\x16T\r");
    far.write_all(CODE).await.expect("room");
    rig.scanned().await;
    far.read_exact(&mut bytes).await.expect("off");
    assert_eq!(&bytes, b"\x16U\r");
    let quiet = timeout(SECOND, far.read_u8()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

/// Breaks the actor, for the test of its restart.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Break;

impl Handler<Break> for Scanner {
    type Result = ();
    fn handle(&mut self, _: Break, _: &mut Self::Context) {
        panic!("broken on purpose");
    }
}

#[actix::test]
async fn a_panic_costs_the_neighbour_nothing_and_the_scanner_comes_back_on_its_line() {
    let (mut rig, far) = Rig::plugged_in(ScannerSettings::default()).await;
    let mut neighbour = Desk::new("02-scanner");
    let opener = ScriptedOpener::default();
    let deps = ScannerDeps {
        device: neighbour.deps.clone(),
        opener: Arc::new(opener.clone()),
        settings: ScannerSettings::default(),
    };
    let other = Scanner::supervised(&rig._supervision, deps);
    let mut other_far = opener.plug_in(256);
    neighbour.health("ready").await;
    other
        .ask(
            Arm {
                payment: payment(7),
                money: money("1"),
            },
            SECOND,
        )
        .await
        .expect("armed");

    let broken = Instant::now();
    rig.scanner.try_send(Break).expect("room");
    rig.desk.health("starting").await;
    other_far.write_all(OTHER).await.expect("room");
    assert!(
        matches!(neighbour.fact().await, FactKind::CodeScanned { payment: p, .. } if p == payment(7))
    );
    drop(far);
    let mut far = rig.opener.plug_in(256);
    rig.desk.health("ready").await;
    assert!(broken.elapsed() <= 3 * SECOND, "{:?}", broken.elapsed());
    assert_eq!(rig.desk.deps.restarts.get(), 1);
    // the new incarnation knows of no payment until it is armed
    far.write_all(CODE).await.expect("room");
    assert_eq!(
        rig.desk.ignored().await,
        "a scan, and no payment was waiting for one"
    );
    rig.arm(1).await;
    far.write_all(OTHER).await.expect("room");
    assert_eq!(rig.scanned().await.0, payment(1));
    assert_eq!(rig.scanner.ask(Report, SECOND).await, Ok(Health::Ready));
}
