//! The terminal's actor against a scripted line, on paused time.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::timeout,
};

use super::*;
use crate::{
    device::testing::{Desk, ScriptedOpener},
    wire::emv::testing::hex,
};

const LONG: Duration = Duration::from_secs(300);

struct Rig {
    office: Desk,
    opener: ScriptedOpener,
    terminal: Handle<ZvtTerminal>,
    _supervision: Supervision,
}

impl Rig {
    async fn new() -> (Self, Far) {
        tokio::time::pause();
        let office = Desk::new("01-terminal");
        let supervision = office.supervision();
        let opener = ScriptedOpener::default();
        let deps = ZvtDeps {
            device: office.deps.clone(),
            opener: Arc::new(opener.clone()),
            settings: ZvtSettings::new(false, 0, 978),
        };
        let terminal = ZvtTerminal::supervised(&supervision, deps);
        let mut rig = Self {
            office,
            opener,
            terminal,
            _supervision: supervision,
        };
        let mut far = Far(rig.opener.plug_in(4_096));
        far.registers().await;
        rig.office.health("ready").await;
        (rig, far)
    }

    fn perform(&self, job: Job) -> tokio::task::JoinHandle<Result<Done, Failed>> {
        let terminal = self.terminal.clone();
        actix::spawn(async move { terminal.ask(Perform(job), LONG).await.expect("alive") })
    }
}

/// The terminal's end.
struct Far(DuplexStream);

impl Far {
    /// The next message; status enquiries between are answered.
    async fn hears(&mut self) -> Vec<u8> {
        loop {
            let mut head = [0; 3];
            let heard = timeout(LONG, self.0.read_exact(&mut head)).await;
            heard.expect("in time").expect("open");
            let mut message = vec![0; usize::from(head[2])];
            self.0.read_exact(&mut message).await.expect("whole");
            if head == [0x05, 0x01, 0] {
                self.says("800000 060F00").await;
            } else if head[0] != 0x80 {
                return [&head, message.as_slice()].concat();
            }
        }
    }

    async fn says(&mut self, text: &str) {
        self.0.write_all(&hex(text)).await.expect("open");
    }

    async fn registers(&mut self) {
        assert!(self.hears().await.starts_with(&[0x06, 0x00]));
        self.says("800000 060F00").await;
    }
}

const PAY: Job = Job::Authorise {
    minor: 1_250,
    currency: 978,
};
const PAID: &str = "040F10 2700 04000000001250 870018 0B000101";

#[actix::test]
async fn a_card_is_asked_for_and_its_slip_gathered() {
    let (rig, mut far) = Rig::new().await;
    let paid = rig.perform(PAY);
    assert_eq!(far.hears().await, hex("0601 0A 04000000001250 490978"));
    far.says("800000 04FF010A").await;
    far.says(&format!("06D10600 48656C6C6F {PAID} 060F00"))
        .await;
    let done = paid.await.expect("joined").expect("done");
    let status = done.status.expect("a result");
    assert!(status.is_success());
    assert_eq!((status.minor, status.receipt), (Some(1_250), Some(18)));
    assert_eq!((done.aborted, done.slip), (None, vec!["Hello".to_owned()]));
}

#[actix::test]
async fn a_late_result_of_an_earlier_command_is_not_the_next_ones() {
    let (mut rig, mut far) = Rig::new().await;
    let paid = rig.perform(PAY);
    far.hears().await;
    // before its acknowledgement: this is another's
    far.says(&format!("{PAID} 060F00")).await;
    assert!(rig.office.ignored().await.contains("belongs to no command"));
    far.says("800000 040F02276C 061E016C").await;
    let done = paid.await.expect("joined").expect("done");
    assert_eq!(done.aborted, Some(0x6C));
}

#[actix::test]
async fn a_customer_who_does_nothing_is_told_to_stop_in_time() {
    let (rig, mut far) = Rig::new().await;
    let paid = rig.perform(PAY);
    far.hears().await;
    far.says("800000").await;
    assert_eq!(far.hears().await, hex("06B000"));
    far.says("800000 061E016C").await;
    assert_eq!(
        paid.await.expect("joined").expect("done").aborted,
        Some(0x6C)
    );
}

#[actix::test]
async fn silence_is_lost_and_never_repeated() {
    let (rig, mut far) = Rig::new().await;
    let paid = rig.perform(PAY);
    far.hears().await;
    assert!(matches!(paid.await.expect("joined"), Err(Failed::Lost(_))));
    // the line is opened anew, and the terminal registered before anything else
    let mut again = Far(rig.opener.plug_in(4_096));
    again.registers().await;
}

#[actix::test]
async fn a_refusal_begins_nothing() {
    let (rig, mut far) = Rig::new().await;
    let paid = rig.perform(PAY);
    far.hears().await;
    far.says("846E00").await;
    assert_eq!(paid.await.expect("joined"), Err(Failed::Refused(0x6E)));
}

#[actix::test]
async fn a_terminal_that_is_not_there_gets_nothing_sent() {
    let (mut rig, far) = Rig::new().await;
    drop(far);
    rig.office.health("absent").await;
    let paid = rig.perform(PAY).await.expect("joined");
    assert!(matches!(paid, Err(Failed::NotSent(_))), "{paid:?}");
}

#[actix::test]
async fn a_refused_registration_is_shown_and_tried_again() {
    let (mut rig, mut far) = Rig::new().await;
    let lost = rig.perform(Job::LastReceipt);
    far.hears().await;
    assert!(matches!(lost.await.expect("joined"), Err(Failed::Lost(_))));
    let mut again = Far(rig.opener.plug_in(4_096));
    again.hears().await;
    again.says("846F00").await;
    // it may still be asking for the card of a payment whose answer nobody will hear
    assert_eq!(again.hears().await, hex("06B000"));
    rig.office.health("mute").await;
    again.registers().await;
    rig.office.health("ready").await;
}

#[actix::test]
async fn a_payment_that_is_not_wanted_any_more_is_aborted_however_early() {
    let (rig, mut far) = Rig::new().await;
    let paid = rig.perform(PAY);
    far.hears().await;
    rig.terminal.ask(StopAsking, LONG).await.expect("taken");
    // it could not be aborted before the terminal had taken it
    far.says("800000").await;
    assert_eq!(far.hears().await, hex("06B000"));
    far.says("800000 061E016C").await;
    assert_eq!(
        paid.await.expect("joined").expect("done").aborted,
        Some(0x6C)
    );
}
