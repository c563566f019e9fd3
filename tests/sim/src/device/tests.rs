//! The simulated devices against the driver of the product (tokio-serial) and a plain socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use store_actors::wire::frame::{Frame, Framer, Framing, Suffix};
use store_actors::wire::nexo::{
    Body, ErrorCondition, EventToNotify, GlobalStatus, Header, InputResult, Message, PinFormat,
    PrinterStatus, ServiceIds,
};
use store_actors::wire::scanner::{self, Family, Symbology};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_serial::{SerialPortBuilderExt, SerialStream};

use super::pty::Pty;
use super::scanner::{Scanner, ScannerConfig};
use super::terminal::{MAX_MESSAGE_LEN, Question, Terminal, TerminalConfig};
use super::{DeviceError, Line};

const SOON: Duration = Duration::from_secs(10);
const CODE: &str = "287630000000000000";

fn open(folder: &TempDir, name: &str) -> tokio_serial::Result<SerialStream> {
    let path = folder.path().join(name);
    tokio_serial::new(path.to_str().unwrap(), 9600).open_native_async()
}

fn cable(folder: &TempDir, name: &str) -> Line {
    Line::Pty(Pty::new(folder.path(), name).unwrap())
}

/// The controller's side of a line.
struct Peer<S> {
    stream: S,
    framer: Framer,
    ids: ServiceIds,
    ready: std::collections::VecDeque<Frame>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    fn new(stream: S, framing: Framing) -> Self {
        let framer = Framer::new(framing, MAX_MESSAGE_LEN);
        let ids = ServiceIds::starting_at(1_772_328_600_000);
        Self {
            stream,
            framer,
            ids,
            ready: std::collections::VecDeque::new(),
        }
    }

    /// The next frame, or `None` at the end of the line.
    async fn frame(&mut self) -> Option<Frame> {
        let mut buffer = [0; 256];
        while self.ready.is_empty() {
            let read = timeout(SOON, self.stream.read(&mut buffer))
                .await
                .expect("nothing came");
            match read {
                Ok(0) | Err(_) => return None,
                Ok(len) => self.ready.extend(self.framer.feed(&buffer[..len])),
            }
        }
        self.ready.pop_front()
    }

    async fn message(&mut self) -> Message {
        loop {
            if let Frame::Data(data) = self.frame().await.expect("the line ended") {
                return Message::decode(&data).unwrap();
            }
        }
    }

    async fn send(&mut self, body: Body) -> Message {
        let message = Message {
            header: Header::new(self.ids.issue(), "counter-01", "t"),
            body,
        };
        self.repeat(&message).await;
        message
    }

    async fn repeat(&mut self, message: &Message) {
        let frame = self.framer.encode(&message.encode().unwrap()).unwrap();
        self.stream.write_all(&frame).await.unwrap();
    }

    /// Sends a request and gives its answer.
    async fn ask(&mut self, body: Body) -> Body {
        let request = self.send(body).await;
        let answer = self.message().await;
        assert_eq!(answer.header, request.header);
        answer.body
    }

    async fn input(&mut self) -> InputResult {
        match self.message().await.body {
            Body::InputResponse(answer) => answer.input_result,
            other => panic!("{other:?}"),
        }
    }
}

type Serial = Peer<SerialStream>;

fn terminal_on_a_cable(folder: &TempDir) -> (Terminal, Serial) {
    let terminal = Terminal::start(cable(folder, "t"), TerminalConfig::new("t"));
    (
        terminal,
        Peer::new(open(folder, "t").unwrap(), Framing::NEXO_JSON),
    )
}

fn scanner_on_a_cable(folder: &TempDir, config: ScannerConfig) -> (Scanner, Serial) {
    let scanner = Scanner::start(cable(folder, "s"), config);
    (
        scanner,
        Peer::new(
            open(folder, "s").unwrap(),
            Framing::Terminator {
                suffix: config.suffix,
            },
        ),
    )
}

fn is_alive(answer: &Body) -> bool {
    matches!(answer, Body::DiagnosisResponse(answer) if answer.response.is_success())
}

#[tokio::test]
async fn a_terminal_shows_prints_sounds_and_tells_how_it_is() {
    let folder = TempDir::new().unwrap();
    let (terminal, mut peer) = terminal_on_a_cable(&folder);
    assert!(is_alive(&peer.ask(Body::heartbeat()).await));
    let shown = peer
        .ask(Body::show_qr(
            &["请扫码", "CNY 12.50"],
            "https://qr.example.cn/1",
        ))
        .await;
    assert!(matches!(shown, Body::DisplayResponse(shown) if shown.output_result.len() == 2));
    peer.ask(Body::print_text(&["交易成功"], true)).await;
    peer.ask(Body::print_qr("https://qr.example.cn/r", false))
        .await;
    peer.ask(Body::play_sound("approved")).await;
    peer.ask(Body::speak("收款十二元五角", "zh")).await;
    let state = terminal.state();
    assert_eq!(state.screen, ["请扫码", "CNY 12.50"]);
    assert_eq!(state.qr.as_deref(), Some("https://qr.example.cn/1"));
    assert_eq!(state.sounds, ["approved", "收款十二元五角"]);
    assert_eq!(state.slips.len(), 1);
    assert_eq!(state.slips[0].lines, ["交易成功"]);
    assert_eq!(
        state.slips[0].qr.as_deref(),
        Some("https://qr.example.cn/r")
    );
    assert_eq!((state.requests, state.heartbeats, state.garbage), (6, 1, 0));
    peer.ask(Body::show_text(&["谢谢"])).await;
    assert_eq!(
        (terminal.state().qr, terminal.state().screen.len()),
        (None, 1)
    );
}

#[tokio::test]
async fn a_person_answers_what_is_asked_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let (terminal, mut peer) = terminal_on_a_cable(&folder);
    let asked = async |question| {
        terminal
            .until(SOON, |state| state.question == Some(question))
            .await
            .unwrap();
    };
    assert!(matches!(
        terminal.type_amount("1").await,
        Err(DeviceError::NotAsked)
    ));
    assert!(matches!(
        terminal.cancel().await,
        Err(DeviceError::NotAsked)
    ));

    peer.send(Body::ask_amount(&["Amount", "CNY"], 6, 60)).await;
    asked(Question::Amount {
        max_digits: Some(6),
    })
    .await;
    assert!(matches!(
        terminal.type_amount("12345.67").await,
        Err(DeviceError::Refused(_))
    ));
    assert!(matches!(
        terminal.type_amount("x").await,
        Err(DeviceError::Refused(_))
    ));
    assert!(matches!(
        terminal.confirm(true).await,
        Err(DeviceError::NotAsked)
    ));
    terminal.type_amount("12.50").await.unwrap();
    assert_eq!(peer.input().await.digits(), Some("1250"));
    assert_eq!(terminal.state().question, None);

    for yes in [true, false] {
        peer.send(Body::ask_confirmation(&["Refund?", ""], 60))
            .await;
        asked(Question::Confirmation).await;
        terminal.confirm(yes).await.unwrap();
        assert_eq!(peer.input().await.confirmed(), Some(yes));
    }

    peer.send(Body::ask_signature(&["Please sign", ""], 60))
        .await;
    asked(Question::Signature).await;
    terminal.sign().await.unwrap();
    assert!(peer.input().await.signature().is_some());

    peer.send(Body::enter_pin(PinFormat::Iso0, None, "TPK-01", 60))
        .await;
    terminal
        .until(SOON, |state| {
            matches!(state.question, Some(Question::Pin(_)))
        })
        .await
        .unwrap();
    terminal.enter_pin().await.unwrap();
    let Body::PinResponse(pin) = peer.message().await.body else {
        panic!("another answer")
    };
    assert!(pin.response.is_success() && pin.cardholder_pin.is_some());

    peer.send(Body::ask_confirmation(&["", ""], 60)).await;
    asked(Question::Confirmation).await;
    terminal.cancel().await.unwrap();
    let result = peer.input().await;
    assert_eq!(
        result.response.error_condition,
        Some(ErrorCondition::Cancel)
    );
}

#[tokio::test]
async fn a_question_ends_by_abort_by_another_request_and_by_time() {
    let folder = TempDir::new().unwrap();
    let (terminal, mut peer) = terminal_on_a_cable(&folder);
    let first = peer.send(Body::ask_amount(&["", ""], 6, 60)).await;
    let abort = Body::abort(&first.header, "Input", "payment cancelled");
    peer.send(abort).await;
    let answer = peer.message().await;
    assert_eq!(answer.header, first.header);
    assert_eq!(terminal.state().aborted, 1);

    let second = peer.send(Body::ask_confirmation(&["", ""], 60)).await;
    peer.send(Body::show_text(&["other"])).await;
    let answer = peer.message().await;
    assert_eq!(answer.header, second.header);
    let Body::InputResponse(answer) = answer.body else {
        panic!("another answer")
    };
    assert_eq!(
        answer.input_result.response.error_condition,
        Some(ErrorCondition::Aborted)
    );
    assert!(matches!(
        peer.message().await.body,
        Body::DisplayResponse(_)
    ));

    peer.send(Body::ask_confirmation(&["", ""], 0)).await;
    let result = peer.input().await;
    assert_eq!(
        result.response.error_condition,
        Some(ErrorCondition::Cancel)
    );
    assert_eq!(terminal.state().question, None);
}

#[tokio::test]
async fn a_repeated_service_id_is_refused_and_not_carried_out_again() {
    let folder = TempDir::new().unwrap();
    let (terminal, mut peer) = terminal_on_a_cable(&folder);
    let request = peer.send(Body::play_sound("approved")).await;
    peer.message().await;
    peer.repeat(&request).await;
    let Body::SoundResponse(answer) = peer.message().await.body else {
        panic!("another answer")
    };
    assert_eq!(
        answer.response.error_condition,
        Some(ErrorCondition::NotAllowed)
    );
    assert_eq!(
        (terminal.state().sounds.len(), terminal.state().repeats),
        (1, 1)
    );
}

#[tokio::test]
async fn a_terminal_says_unasked_what_happens_and_refuses_what_it_does_not_speak() {
    let folder = TempDir::new().unwrap();
    let (terminal, mut peer) = terminal_on_a_cable(&folder);
    peer.ask(Body::heartbeat()).await;
    terminal.happens(EventToNotify::CardInserted).await.unwrap();
    let event = |body| match body {
        Body::EventNotification(event) => event.event_to_notify,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        event(peer.message().await.body),
        EventToNotify::CardInserted
    );
    let payment = Message {
        header: Header::new(peer.ids.issue(), "counter-01", "t"),
        body: Body::play_sound("x"),
    };
    let text = String::from_utf8(payment.encode().unwrap())
        .unwrap()
        .replace("Sound", "Payment");
    let frame = peer.framer.encode(text.as_bytes()).unwrap();
    peer.stream.write_all(&frame).await.unwrap();
    assert_eq!(event(peer.message().await.body), EventToNotify::Reject);
    assert_eq!(terminal.state().garbage, 1);
}

#[tokio::test]
async fn a_mute_terminal_understands_and_never_answers() {
    let folder = TempDir::new().unwrap();
    let (terminal, mut peer) = terminal_on_a_cable(&folder);
    terminal.faults(|faults| faults.mute = true).await.unwrap();
    peer.send(Body::play_sound("approved")).await;
    terminal
        .until(SOON, |state| state.sounds.len() == 1)
        .await
        .unwrap();
    terminal.faults(|faults| faults.mute = false).await.unwrap();
    // the first answer that comes is the heartbeat's
    assert!(is_alive(&peer.ask(Body::heartbeat()).await));
}

#[tokio::test]
async fn a_deaf_terminal_reads_nothing_until_it_hears_again() {
    let folder = TempDir::new().unwrap();
    let (terminal, mut peer) = terminal_on_a_cable(&folder);
    terminal.faults(|faults| faults.deaf = true).await.unwrap();
    // a line holds some kilobytes, then the writer waits
    let filler = vec![b'x'; 1 << 20];
    let stuck = timeout(Duration::from_millis(300), peer.stream.write_all(&filler)).await;
    assert!(stuck.is_err());
    assert_eq!(
        (terminal.state().requests, terminal.state().garbage),
        (0, 0)
    );
    terminal.faults(|faults| faults.deaf = false).await.unwrap();
    terminal
        .until(SOON, |state| state.garbage > 0)
        .await
        .unwrap();
    assert!(is_alive(&peer.ask(Body::heartbeat()).await));
}

#[tokio::test]
async fn split_slow_garbled_doubled_and_wrong_answers_arrive_as_ordered() {
    let folder = TempDir::new().unwrap();
    let (terminal, mut peer) = terminal_on_a_cable(&folder);
    terminal
        .faults(|faults| faults.split = Some(Duration::from_micros(200)))
        .await
        .unwrap();
    assert!(is_alive(&peer.ask(Body::heartbeat()).await));

    let delay = Duration::from_millis(150);
    terminal
        .faults(move |faults| (faults.split, faults.delay) = (None, delay))
        .await
        .unwrap();
    let start = tokio::time::Instant::now();
    assert!(is_alive(&peer.ask(Body::heartbeat()).await));
    assert!(start.elapsed() >= delay);

    terminal
        .faults(|faults| (faults.delay, faults.garbage) = (Duration::ZERO, b"\0\xff~".to_vec()))
        .await
        .unwrap();
    peer.send(Body::heartbeat()).await;
    assert!(matches!(
        peer.frame().await,
        Some(Frame::Garbage { bytes_len: 3, .. })
    ));
    assert!(is_alive(&peer.message().await.body));

    terminal
        .faults(|faults| (faults.garbage, faults.twice) = (Vec::new(), true))
        .await
        .unwrap();
    let request = peer.send(Body::heartbeat()).await;
    for _ in 0..2 {
        assert_eq!(peer.message().await.header, request.header);
    }

    terminal
        .faults(|faults| (faults.twice, faults.wrong_service_id) = (false, true))
        .await
        .unwrap();
    let request = peer.send(Body::heartbeat()).await;
    assert_ne!(
        peer.message().await.header.service_id,
        request.header.service_id
    );
}

#[tokio::test]
async fn a_printer_without_paper_says_so() {
    let folder = TempDir::new().unwrap();
    let (terminal, mut peer) = terminal_on_a_cable(&folder);
    terminal
        .faults(|faults| faults.no_paper = true)
        .await
        .unwrap();
    let answer = peer.ask(Body::print_text(&["slip"], false)).await;
    let Body::PrintResponse(answer) = answer else {
        panic!("another answer")
    };
    assert_eq!(
        answer.response.error_condition,
        Some(ErrorCondition::DeviceOut)
    );
    let Body::DiagnosisResponse(answer) = peer.ask(Body::heartbeat()).await else {
        panic!("another answer")
    };
    let status = answer.poi_status.unwrap();
    assert_eq!(status.printer_status, Some(PrinterStatus::NoPaper));
    assert_eq!(status.global_status, GlobalStatus::Ok);
    assert!(terminal.state().slips.is_empty());
}

#[tokio::test]
async fn an_unplugged_terminal_is_gone_and_comes_back_at_its_path_with_what_it_showed() {
    let folder = TempDir::new().unwrap();
    let (terminal, mut peer) = terminal_on_a_cable(&folder);
    peer.ask(Body::show_text(&["before"])).await;
    terminal.unplug().await.unwrap();
    assert!(!terminal.state().plugged);
    assert_eq!(peer.frame().await, None);
    assert!(open(&folder, "t").is_err());
    terminal.plug().await.unwrap();
    let mut peer = Peer::new(open(&folder, "t").unwrap(), Framing::NEXO_JSON);
    // another run of the controller goes on with other identifiers
    peer.ids = ServiceIds::starting_at(1_772_328_700_000);
    assert!(is_alive(&peer.ask(Body::heartbeat()).await));
    assert_eq!(terminal.state().screen, ["before"]);
}

#[tokio::test]
async fn a_port_can_be_closed_and_opened_again_and_again() {
    let folder = TempDir::new().unwrap();
    let (terminal, first) = terminal_on_a_cable(&folder);
    drop(first);
    for run in 1..5 {
        let mut ids = ServiceIds::starting_at(1_772_328_600_000 + run);
        // the pair behind the path is replaced after a close: until then the line may end once more
        let answered = async {
            loop {
                let Ok(stream) = open(&folder, "t") else {
                    tokio::task::yield_now().await;
                    continue;
                };
                let mut peer = Peer::new(stream, Framing::NEXO_JSON);
                let header = Header::new(ids.issue(), "counter-01", "t");
                let body = Body::heartbeat();
                let bytes = Message { header, body }.encode().unwrap();
                let frame = peer.framer.encode(&bytes).unwrap();
                if peer.stream.write_all(&frame).await.is_ok() && peer.frame().await.is_some() {
                    return;
                }
            }
        };
        timeout(SOON, answered)
            .await
            .expect("the port stayed closed");
    }
    assert!(terminal.state().heartbeats >= 4);
}

#[tokio::test]
async fn a_terminal_on_tcp_is_plugged_out_and_in_at_its_address() {
    let line = Line::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = line.address().unwrap();
    let terminal = Terminal::start(line, TerminalConfig::new("t"));
    let mut peer = Peer::new(
        TcpStream::connect(address).await.unwrap(),
        Framing::NEXO_JSON,
    );
    assert!(is_alive(&peer.ask(Body::heartbeat()).await));
    terminal.unplug().await.unwrap();
    assert_eq!(peer.frame().await, None);
    assert!(TcpStream::connect(address).await.is_err());
    terminal.plug().await.unwrap();
    // a second connection takes the place of the first
    let mut first = Peer::new(
        TcpStream::connect(address).await.unwrap(),
        Framing::NEXO_JSON,
    );
    first.ids = ServiceIds::starting_at(1_772_328_700_000);
    assert!(is_alive(&first.ask(Body::heartbeat()).await));
    let mut second = Peer::new(
        TcpStream::connect(address).await.unwrap(),
        Framing::NEXO_JSON,
    );
    assert_eq!(first.frame().await, None);
    second.ids = ServiceIds::starting_at(1_772_328_800_000);
    assert!(is_alive(&second.ask(Body::heartbeat()).await));
}

#[tokio::test]
async fn a_scanner_sends_codes_as_it_is_set_up() {
    let folder = TempDir::new().unwrap();
    let config = ScannerConfig {
        suffix: Suffix::CrLf,
        aim: true,
        family: Family::Plain,
    };
    let (scanner, mut peer) = scanner_on_a_cable(&folder, config);
    scanner.scan_as(Symbology::Code128, CODE).await.unwrap();
    let Some(Frame::Data(data)) = peer.frame().await else {
        panic!("no frame")
    };
    assert_eq!(data, [b"]C0", CODE.as_bytes()].concat());
    let scan = scanner::parse(&data).unwrap();
    assert_eq!(
        (scan.symbology, scan.data()),
        (Some(Symbology::Code128), CODE)
    );
    assert!(matches!(
        scanner.scan("two\rlines").await,
        Err(DeviceError::Refused(_))
    ));
    assert_eq!(scanner.state().scans, 1);
}

#[tokio::test]
async fn a_scanner_with_a_trigger_reads_only_while_armed() {
    let folder = TempDir::new().unwrap();
    let families = [
        (Family::Honeywell, false, false),
        (Family::Datalogic, true, true),
    ];
    for (family, at_first, after_a_scan) in families {
        let config = ScannerConfig {
            family,
            ..ScannerConfig::default()
        };
        let (scanner, mut peer) = scanner_on_a_cable(&folder, config);
        assert_eq!(scanner.state().armed, at_first);
        peer.stream
            .write_all(family.disarm().unwrap())
            .await
            .unwrap();
        // noise in front: the command is still found
        peer.stream.write_all(b"\x16\x16?").await.unwrap();
        scanner
            .until(SOON, |state| !state.armed && state.unknown_bytes == 3)
            .await
            .unwrap();
        assert!(matches!(
            scanner.scan(CODE).await,
            Err(DeviceError::NotAsked)
        ));
        peer.stream.write_all(family.arm().unwrap()).await.unwrap();
        scanner.until(SOON, |state| state.armed).await.unwrap();
        scanner.scan(CODE).await.unwrap();
        assert_eq!(peer.frame().await, Some(Frame::Data(CODE.into())));
        assert_eq!(scanner.state().armed, after_a_scan);
    }
}

#[tokio::test]
async fn what_is_scanned_while_nobody_listens_is_lost() {
    let folder = TempDir::new().unwrap();
    let scanner = Scanner::start(cable(&folder, "s"), ScannerConfig::default());
    scanner.scan("lost").await.unwrap();
    // the order behind it is carried out after the write
    scanner
        .faults(|faults| faults.delay = Duration::ZERO)
        .await
        .unwrap();
    tokio::task::yield_now().await;
    let framing = Framing::Terminator { suffix: Suffix::Cr };
    let mut peer = Peer::new(open(&folder, "s").unwrap(), framing);
    scanner.scan(CODE).await.unwrap();
    assert_eq!(peer.frame().await, Some(Frame::Data(CODE.into())));
}

#[tokio::test]
async fn a_scanner_babbles_splits_and_is_unplugged_in_the_middle_of_a_code() {
    let folder = TempDir::new().unwrap();
    let (scanner, mut peer) = scanner_on_a_cable(&folder, ScannerConfig::default());
    scanner.babble(b"\x02noise\r").await.unwrap();
    let Some(Frame::Data(noise)) = peer.frame().await else {
        panic!("no frame")
    };
    assert!(scanner::parse(&noise).is_err());
    let slow = Duration::from_millis(40);
    scanner
        .faults(move |faults| faults.split = Some(slow))
        .await
        .unwrap();
    scanner.scan(CODE).await.unwrap();
    let mut first = [0; 1];
    timeout(SOON, peer.stream.read_exact(&mut first))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first, [CODE.as_bytes()[0]]);
    scanner.unplug().await.unwrap();
    assert_eq!(peer.frame().await, None);
    scanner.faults(|faults| faults.split = None).await.unwrap();
    scanner.plug().await.unwrap();
    let mut peer = Peer::new(
        open(&folder, "s").unwrap(),
        Framing::Terminator { suffix: Suffix::Cr },
    );
    scanner.scan(CODE).await.unwrap();
    assert_eq!(peer.frame().await, Some(Frame::Data(CODE.into())));
}

#[tokio::test]
async fn a_dropped_device_takes_its_path_with_it() {
    let folder = TempDir::new().unwrap();
    let (scanner, mut peer) = scanner_on_a_cable(&folder, ScannerConfig::default());
    assert!(folder.path().join("s").exists());
    drop(scanner);
    assert_eq!(peer.frame().await, None);
    assert!(folder.path().join("s").symlink_metadata().is_err());
}
