//! The terminal on paused time, against a terminal in memory that speaks nexo.

mod fake;
mod recording;

use tokio::time::{pause, sleep};

use super::*;
use crate::{
    device::{
        CommandKind, FactKind,
        testing::{Desk as Office, ScriptedOpener, money, payment},
    },
    domain::{
        money::Currency,
        payment::{Notice, Reason},
        tender::Tender,
    },
    wire::nexo::{EventToNotify, InputCommand},
};
use fake::{Fake, ok, refused};

const SECOND: Duration = Duration::from_secs(1);

struct Rig {
    office: Office,
    opener: ScriptedOpener,
    terminal: Handle<Terminal>,
    supervision: Supervision,
}

impl Rig {
    fn new() -> Self {
        pause();
        let office = Office::new("01-terminal");
        let supervision = office.supervision();
        let opener = ScriptedOpener::default();
        let deps = TerminalDeps {
            device: office.deps.clone(),
            opener: Arc::new(opener.clone()),
            settings: TerminalSettings::default(),
        };
        let terminal = Terminal::supervised(&supervision, deps);
        Self {
            office,
            opener,
            terminal,
            supervision,
        }
    }

    async fn ready() -> (Self, Fake) {
        let mut rig = Self::new();
        let fake = rig.plug_in();
        rig.office.health("ready").await;
        (rig, fake)
    }

    fn plug_in(&self) -> Fake {
        Fake::start(self.opener.plug_in(4_096))
    }

    async fn command(&self, n: u8, kind: CommandKind) {
        let command = Command {
            payment: payment(n),
            kind,
        };
        self.terminal.ask(command, SECOND).await.expect("taken");
    }

    async fn show(&self, n: u8, notice: Notice) {
        self.command(n, CommandKind::Show(notice)).await;
    }

    async fn offer(&self, offer: bool) {
        let offer = OfferAmountEntry {
            offer,
            currency: Currency::Cny,
        };
        self.terminal.ask(offer, SECOND).await.expect("taken");
    }

    async fn disarm(&self, n: u8) {
        self.terminal
            .ask(
                Disarm {
                    payment: payment(n),
                },
                SECOND,
            )
            .await
            .expect("taken");
    }
}

fn please_pay() -> Notice {
    Notice::PleasePay {
        money: money("12.50"),
        tender: Tender::Any,
    }
}

#[actix::test]
async fn words_a_qr_and_a_sound_reach_the_customer_one_after_the_other() {
    let (rig, mut fake) = Rig::ready().await;
    rig.show(
        1,
        Notice::ScanThis {
            money: money("12.50"),
            qr: "https://pay/1".into(),
        },
    )
    .await;
    let request = fake.request().await;
    let Body::DisplayRequest(display) = &request.body else {
        panic!("{request:?}")
    };
    let [text, qr] = &display.display_output[..] else {
        panic!("{display:?}")
    };
    assert_eq!(
        text.output_content.output_text[0].text,
        "请扫码支付 12.50 CNY"
    );
    let code = qr.output_content.output_barcode.as_ref().expect("a QR");
    assert_eq!(code.barcode_value.expose(), "https://pay/1");

    rig.show(
        1,
        Notice::Approved {
            money: money("12.50"),
        },
    )
    .await;
    rig.command(
        1,
        CommandKind::Print {
            lines: vec!["slip".into()],
            room_for_pen: false,
        },
    )
    .await;
    fake.nothing_within(SECOND).await;
    fake.answer(&request, ok(&request));
    let request = fake.request().await;
    assert_eq!(fake::text(&request)[0], "交易成功 12.50 CNY");
    fake.answer(&request, ok(&request));
    let request = fake.request().await;
    let Body::SoundRequest(sound) = &request.body else {
        panic!("{request:?}")
    };
    assert_eq!(
        sound.sound_content.reference_id.as_deref(),
        Some("approved")
    );
    fake.answer(&request, ok(&request));
    let request = fake.request().await;
    assert!(matches!(request.body, Body::PrintRequest(_)), "{request:?}");
    fake.answer(&request, ok(&request));
    fake.nothing_within(10 * SECOND).await;
}

#[actix::test]
async fn words_overtaken_while_waiting_are_never_shown_and_the_last_ones_always_are() {
    let (rig, mut fake) = Rig::ready().await;
    rig.show(1, please_pay()).await;
    let request = fake.request().await;
    for notice in [
        Notice::Processing,
        Notice::Verifying,
        Notice::Unknown,
        Notice::Reversing,
    ] {
        rig.show(1, notice).await;
    }
    fake.answer(&request, ok(&request));
    let request = fake.request().await;
    assert_eq!(fake::text(&request)[0], "正在撤销");
    // no answer at all: tried again
    let again = fake.request().await;
    assert_eq!(fake::text(&again), fake::text(&request));
    assert_ne!(again.header.service_id, request.header.service_id);
    // busy: tried again
    fake.answer(&again, refused(&again, ErrorCondition::Busy));
    let again = fake.request().await;
    fake.answer(&again, refused(&again, ErrorCondition::UnavailableDevice));
    fake.nothing_within(10 * SECOND).await;
}

#[actix::test]
async fn answers_that_are_stale_unknown_or_of_another_kind_are_dropped_and_reported() {
    let (mut rig, mut fake) = Rig::ready().await;
    rig.show(1, please_pay()).await;
    let shown = fake.request().await;
    fake.answer(&shown, ok(&shown));
    rig.command(2, CommandKind::AskPin { money: money("5") })
        .await;
    let words = fake.request().await;
    assert_eq!(fake::text(&words)[0], "请输入密码 5.00 CNY");
    fake.answer(&words, ok(&words));
    let pin = fake.request().await;
    assert!(matches!(pin.body, Body::PinRequest(_)), "{pin:?}");
    let old = fake::with_service(&pin, shown.header.service_id.as_ref());
    let unknown = fake::with_service(&pin, Some(&ServiceIds::starting_at(1).issue()));
    for stale in [&old, &unknown] {
        fake.answer(stale, ok(&pin));
        let why = rig.office.ignored().await;
        assert_eq!(why, "an answer to an unknown or earlier request");
    }
    fake.answer(&pin, ok(&shown));
    assert_eq!(
        rig.office.ignored().await,
        "an answer to an unknown or earlier request"
    );
    rig.office.no_fact_within(SECOND).await;
    fake.answer(&pin, ok(&pin));
    fake.answer(&pin, ok(&pin));
    let FactKind::PinEntered {
        payment: whose,
        block,
    } = rig.office.fact().await
    else {
        panic!("a PIN");
    };
    assert_eq!(whose, payment(2));
    assert!(block.0.starts_with(b"{"));
    // the second of the same is a stale one
    assert_eq!(
        rig.office.ignored().await,
        "an answer to an unknown or earlier request"
    );
    rig.office.no_fact_within(SECOND).await;
}

#[actix::test]
async fn a_pin_that_is_cancelled_late_unneeded_or_impossible_is_refused_or_dropped() {
    let (mut rig, mut fake) = Rig::ready().await;
    let ask = || CommandKind::AskPin { money: money("5") };
    let refusal = |fact| match fact {
        FactKind::PinRefused { payment, why } => (payment, why),
        other => panic!("{other:?}"),
    };
    fake.answers_displays();
    rig.command(1, ask()).await;
    let pin = fake.request().await;
    fake.answer(&pin, refused(&pin, ErrorCondition::Cancel));
    let expected = (payment(1), "cancelled at the terminal".to_owned());
    assert_eq!(refusal(rig.office.fact().await), expected);

    // nobody enters anything: the terminal is told to stop, and what comes later is stale
    rig.command(2, ask()).await;
    let pin = fake.request().await;
    assert_eq!(
        refusal(rig.office.fact().await),
        (payment(2), "no answer in time".to_owned())
    );
    fake.aborted(&pin).await;
    fake.answer(&pin, ok(&pin));
    rig.office.no_fact_within(SECOND).await;

    // the payment is over: no question for it is left, and no PIN for it is taken
    rig.command(3, ask()).await;
    let pin = fake.request().await;
    rig.disarm(2).await;
    rig.disarm(3).await;
    fake.aborted(&pin).await;
    fake.answer(&pin, ok(&pin));
    assert_eq!(
        rig.office.ignored().await,
        "an answer to an unknown or earlier request"
    );
    assert_eq!(
        rig.office.ignored().await,
        "a PIN that the payment needs no more"
    );
    rig.office.no_fact_within(SECOND).await;

    // newer words take the screen
    rig.command(4, ask()).await;
    let pin = fake.request().await;
    rig.show(4, Notice::Cancelled { reason: None }).await;
    fake.aborted(&pin).await;
    fake.answer(&pin, refused(&pin, ErrorCondition::Aborted));
    rig.office.no_fact_within(SECOND).await;

    // in the middle of it the cable is pulled; then there is no terminal to ask
    rig.command(5, ask()).await;
    fake.request().await;
    drop(fake);
    let expected = (payment(5), "the terminal was unplugged".to_owned());
    assert_eq!(refusal(rig.office.fact().await), expected);
    rig.command(5, ask()).await;
    assert_eq!(
        refusal(rig.office.fact().await).1,
        "the terminal is not there"
    );
}

#[actix::test]
async fn a_signature_is_asked_taken_or_refused() {
    let (mut rig, mut fake) = Rig::ready().await;
    for (answer, signed) in [(None, true), (Some(ErrorCondition::Cancel), false)] {
        rig.command(1, CommandKind::AskSignature { money: money("5") })
            .await;
        let question = fake.request().await;
        let Body::InputRequest(input) = &question.body else {
            panic!("{question:?}")
        };
        assert!(input.is_signature());
        let body = answer.map_or_else(|| ok(&question), |why| refused(&question, why));
        fake.answer(&question, body);
        match rig.office.fact().await {
            FactKind::Signed {
                payment: whose,
                drawing,
            } => {
                assert!(signed && whose == payment(1) && drawing.path == "M0 0L9 9");
            }
            FactKind::SignatureRefused { payment: whose, .. } => {
                assert!(!signed && whose == payment(1));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[actix::test]
async fn a_slip_that_is_not_printed_is_reported() {
    let (mut rig, mut fake) = Rig::ready().await;
    rig.command(
        1,
        CommandKind::Print {
            lines: vec!["one".into()],
            room_for_pen: false,
        },
    )
    .await;
    let slip = fake.request().await;
    fake.answer(&slip, refused(&slip, ErrorCondition::DeviceOut));
    let why = rig.office.ignored().await;
    assert_eq!(why, "a slip was not printed: out of paper or out of order");
    // one that waits for the terminal is printed when it is back
    drop(fake);
    rig.office.health("absent").await;
    for _ in 0..17 {
        rig.command(
            1,
            CommandKind::Print {
                lines: vec!["two".into()],
                room_for_pen: false,
            },
        )
        .await;
    }
    let why = rig.office.ignored().await;
    assert_eq!(
        why,
        "a slip was not printed: too much waits for the terminal"
    );
    let mut fake = rig.plug_in();
    for _ in 0..16 {
        let slip = fake.request().await;
        assert!(matches!(slip.body, Body::PrintRequest(_)), "{slip:?}");
        fake.answer(&slip, ok(&slip));
    }
    fake.nothing_within(SECOND).await;
}

fn digits(question: &Message, typed: &str) -> Body {
    let Body::InputRequest(input) = &question.body else {
        panic!("{question:?}")
    };
    assert_eq!(input.input_data.input_command, InputCommand::DigitString);
    fake::typed(typed)
}

#[actix::test]
async fn an_amount_is_typed_at_the_idle_terminal_in_minor_units() {
    let (mut rig, mut fake) = Rig::ready().await;
    rig.offer(true).await;
    let question = fake.request().await;
    fake.answer(&question, refused(&question, ErrorCondition::Cancel));
    for nothing in ["0", "", "-5", "99999999999999"] {
        let question = fake.request().await;
        fake.answer(&question, digits(&question, nothing));
    }
    let question = fake.request().await;
    fake.answer(&question, digits(&question, "1250"));
    match rig.office.fact().await {
        FactKind::AmountTyped { money: typed } => assert_eq!(typed, money("12.50")),
        other => panic!("{other:?}"),
    }
    // one offer is one amount
    fake.nothing_within(10 * SECOND).await;
    rig.offer(true).await;
    let question = fake.request().await;
    rig.offer(false).await;
    fake.aborted(&question).await;
    fake.answer(&question, refused(&question, ErrorCondition::Aborted));
    fake.nothing_within(10 * SECOND).await;
}

#[actix::test]
async fn an_amount_gives_way_to_a_payment_and_one_typed_in_that_moment_is_dropped() {
    let (mut rig, mut fake) = Rig::ready().await;
    rig.offer(true).await;
    let question = fake.request().await;
    rig.show(1, please_pay()).await;
    fake.aborted(&question).await;
    fake.answer(&question, digits(&question, "1250"));
    let why = rig.office.ignored().await;
    assert_eq!(why, "an amount that was typed as something else began");
    let shown = fake.request().await;
    assert!(matches!(shown.body, Body::DisplayRequest(_)), "{shown:?}");
    fake.answer(&shown, ok(&shown));
    rig.office.no_fact_within(10 * SECOND).await;

    // an abort that the terminal ignores costs a second
    rig.offer(true).await;
    let question = fake.request().await;
    rig.show(2, please_pay()).await;
    let began = Instant::now();
    fake.aborted(&question).await;
    let shown = fake.request().await;
    assert!(matches!(shown.body, Body::DisplayRequest(_)), "{shown:?}");
    assert!(
        began.elapsed() <= Duration::from_millis(1_200),
        "{:?}",
        began.elapsed()
    );
}

#[actix::test]
async fn a_slip_interrupts_the_amount_entry_which_then_goes_on() {
    let (rig, mut fake) = Rig::ready().await;
    rig.offer(true).await;
    let question = fake.request().await;
    rig.command(
        1,
        CommandKind::Print {
            lines: vec!["refund".into()],
            room_for_pen: false,
        },
    )
    .await;
    fake.aborted(&question).await;
    fake.answer(&question, refused(&question, ErrorCondition::Aborted));
    let slip = fake.request().await;
    fake.answer(&slip, ok(&slip));
    let question = fake.request().await;
    assert!(
        matches!(question.body, Body::InputRequest(_)),
        "{question:?}"
    );
}

#[actix::test]
async fn the_cancel_key_ends_the_payment_on_the_screen_and_no_other() {
    let (mut rig, mut fake) = Rig::ready().await;
    let nothing = "the cancel key, and no payment was on the screen";
    fake.event(EventToNotify::Abort, None, None);
    assert_eq!(rig.office.ignored().await, nothing);
    rig.show(1, please_pay()).await;
    let first = fake.request().await;
    // not yet confirmed: the key was pressed on whatever stood there before
    fake.event(EventToNotify::Abort, None, None);
    assert_eq!(rig.office.ignored().await, nothing);
    fake.answer(&first, ok(&first));
    for (event, detail, reason) in [
        (EventToNotify::Abort, None, Reason::CustomerCancelled),
        (
            EventToNotify::KeyPressed,
            Some("cancel"),
            Reason::CustomerCancelled,
        ),
        (
            EventToNotify::KeyPressed,
            Some("CashierCancel"),
            Reason::CashierCancelled,
        ),
    ] {
        for named in [None, first.header.service_id.as_ref()] {
            fake.event(event, detail, named);
            match rig.office.fact().await {
                FactKind::CancelPressed {
                    payment: whose,
                    reason: why,
                } => {
                    assert_eq!((whose, &why), (payment(1), &reason));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    fake.event(EventToNotify::KeyPressed, Some("F1"), None);
    fake.event(EventToNotify::CardInserted, None, None);
    rig.office.no_fact_within(SECOND).await;
    // an event that names the words of a payment that is gone
    rig.show(2, please_pay()).await;
    let second = fake.request().await;
    fake.answer(&second, ok(&second));
    fake.event(EventToNotify::Abort, None, first.header.service_id.as_ref());
    assert_eq!(rig.office.ignored().await, nothing);
    rig.show(2, Notice::Cancelled { reason: None }).await;
    let over = fake.request().await;
    fake.answer(&over, ok(&over));
    fake.event(EventToNotify::Abort, None, None);
    assert_eq!(rig.office.ignored().await, nothing);
}

#[actix::test]
async fn a_mute_terminal_is_seen_opened_again_and_shown_the_last_words() {
    let (mut rig, mut fake) = Rig::ready().await;
    rig.show(1, please_pay()).await;
    let shown = fake.request().await;
    fake.answer(&shown, ok(&shown));
    fake.falls_silent(true);
    let began = Instant::now();
    assert_eq!(rig.office.health("mute").await, "no answer for 3000 ms");
    assert!(
        began.elapsed() <= 4 * SECOND + SECOND / 5,
        "{:?}",
        began.elapsed()
    );
    rig.show(1, Notice::Processing).await;
    let mut second = rig.plug_in();
    second.falls_silent(true);
    sleep(5 * SECOND).await;
    let mut third = rig.plug_in();
    let began = Instant::now();
    rig.office.health("ready").await;
    assert!(began.elapsed() <= 4 * SECOND, "{:?}", began.elapsed());
    let shown = third.request().await;
    assert_eq!(fake::text(&shown)[0], "正在处理");
    second.nothing_within(SECOND / 10).await;
}

#[actix::test]
async fn unplugged_is_shown_within_two_seconds_and_back_within_three_with_the_last_words() {
    let (mut rig, mut fake) = Rig::ready().await;
    rig.show(1, please_pay()).await;
    let shown = fake.request().await;
    fake.answer(&shown, ok(&shown));
    sleep(SECOND).await;
    for _ in 0..3 {
        let began = Instant::now();
        drop(fake);
        assert_eq!(rig.office.health("absent").await, "unplugged");
        assert!(began.elapsed() <= 2 * SECOND, "{:?}", began.elapsed());
        sleep(100 * SECOND).await;
        let began = Instant::now();
        fake = rig.plug_in();
        rig.office.health("ready").await;
        assert!(began.elapsed() <= 3 * SECOND, "{:?}", began.elapsed());
        let shown = fake.request().await;
        assert_eq!(fake::text(&shown)[0], "请付款 12.50 CNY");
        fake.answer(&shown, ok(&shown));
        sleep(SECOND).await;
    }
    // the last word of a payment is said again only if it was not seen, and its sound only if not
    // heard
    rig.show(
        1,
        Notice::Approved {
            money: money("12.50"),
        },
    )
    .await;
    fake.request().await;
    drop(fake);
    let mut fake = rig.plug_in();
    fake.answers_displays();
    let sound = fake.request().await;
    assert!(matches!(sound.body, Body::SoundRequest(_)), "{sound:?}");
    fake.answer(&sound, ok(&sound));
    sleep(SECOND).await;
    drop(fake);
    let mut fake = rig.plug_in();
    rig.office.health("absent").await;
    rig.office.health("ready").await;
    fake.nothing_within(10 * SECOND).await;
}

#[actix::test]
async fn a_terminal_that_restarts_behind_an_open_line_is_shown_the_words_again() {
    let (rig, mut fake) = Rig::ready().await;
    rig.show(1, please_pay()).await;
    let shown = fake.request().await;
    fake.answer(&shown, ok(&shown));
    fake.event(EventToNotify::Initialised, None, None);
    assert_eq!(fake::text(&fake.request().await), fake::text(&shown));
}

#[actix::test]
async fn a_terminal_out_of_service_is_not_ready_until_it_says_so() {
    let (mut rig, mut fake) = Rig::ready().await;
    fake.status(GlobalStatus::Maintenance);
    assert_eq!(
        rig.office.health("mute").await,
        "the terminal is being serviced"
    );
    rig.show(1, please_pay()).await;
    fake.nothing_within(10 * SECOND).await;
    fake.status(GlobalStatus::Busy);
    rig.office.health("ready").await;
    assert_eq!(fake::text(&fake.request().await)[0], "请付款 12.50 CNY");
}

#[actix::test]
async fn bytes_cut_anywhere_are_understood_and_babble_is_shown_and_ends() {
    let (mut rig, mut fake) = Rig::ready().await;
    fake.cuts_every(7);
    rig.show(1, please_pay()).await;
    let shown = fake.request().await;
    fake.answer(&shown, ok(&shown));
    fake.nothing_within(10 * SECOND).await;
    for _ in 0..4 {
        fake.bytes(b"\0\0\0\x0e{\"other\":true}".to_vec());
        assert!(
            rig.office
                .ignored()
                .await
                .starts_with("not understood: not a nexo message")
        );
    }
    let why = rig.office.health("babbling").await;
    assert_eq!(why, "4 or more messages within 10 s made no sense");
    rig.office.health("ready").await;
}

#[actix::test]
async fn an_answer_that_makes_no_sense_ends_its_request() {
    let (mut rig, mut fake) = Rig::ready().await;
    fake.answers_displays();
    rig.command(1, CommandKind::AskPin { money: money("5") })
        .await;
    let pin = fake.request().await;
    let id = pin.header.service_id.as_ref().expect("an id").as_str();
    fake.frame(
        format!(
            concat!(
                r#"{{"SaleToPOIResponse":{{"MessageHeader":{{"ProtocolVersion":"3.0","#,
                r#""MessageClass":"Device","MessageCategory":"PIN","MessageType":"Response","#,
                r#""ServiceID":"{id}","SaleID":"counter-01","POIID":"x"}},"#,
                r#""PINResponse":{{"Response":{{"Result":"Perhaps"}}}}}}}}"#
            ),
            id = id
        )
        .as_bytes(),
    );
    match rig.office.fact().await {
        FactKind::PinRefused { why, .. } => assert_eq!(why, "the terminal's answer makes no sense"),
        other => panic!("{other:?}"),
    }
}

/// Breaks the actor, for the test of its restart.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Break;

impl Handler<Break> for Terminal {
    type Result = ();
    fn handle(&mut self, _: Break, _: &mut Self::Context) {
        panic!("broken on purpose");
    }
}

#[actix::test]
async fn after_a_panic_no_service_id_comes_again_and_old_answers_are_stale() {
    let (mut rig, mut fake) = Rig::ready().await;
    fake.answers_displays();
    rig.command(1, CommandKind::AskPin { money: money("5") })
        .await;
    let old = fake.request().await;
    let mut seen = fake.services();
    rig.terminal.try_send(Break).expect("room");
    rig.office.health("starting").await;
    drop(fake);
    let mut fake = rig.plug_in();
    rig.office.health("ready").await;
    assert_eq!(rig.supervision.restarts("01-terminal"), Some(1));
    fake.answer(&old, ok(&old));
    assert_eq!(
        rig.office.ignored().await,
        "an answer to an unknown or earlier request"
    );
    rig.show(1, please_pay()).await;
    fake.request().await;
    let new = fake.services();
    assert!(!seen.is_empty() && !new.is_empty());
    seen.retain(|id| new.contains(id));
    assert!(seen.is_empty(), "{seen:?}");
    rig.office.no_fact_within(SECOND).await;
}

#[actix::test]
async fn no_pin_block_is_in_any_signal() {
    let (mut rig, mut fake) = Rig::ready().await;
    fake.answers_displays();
    rig.command(1, CommandKind::AskPin { money: money("5") })
        .await;
    let pin = fake.request().await;
    let answer = ok(&pin);
    assert!(format!("{answer:?}").contains("EncryptedPinBlock(..)"));
    fake.answer(&pin, answer);
    let fact = rig.office.fact().await;
    let shown = format!("{fact:?} {}", rig.office.signals_shown());
    assert!(!shown.contains(fake::PIN_BLOCK_MARK), "{shown}");
}
