//! A terminal in memory: answers heartbeats by itself, and everything else as the test says.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, split},
    sync::mpsc,
    task::JoinHandle,
    time::{Duration, timeout},
};

use crate::wire::{
    frame::{Frame, Framer, Framing},
    nexo::{
        Body, CardholderPin, DiagnosisResponse, DisplayResponse, EncryptedPinBlock, ErrorCondition,
        EventNotification, EventToNotify, GlobalStatus, Input, InputCommand, InputResponse,
        InputResult, Message, OutputResult, PinFormat, PinResponse, PoiStatus, PrintResponse,
        Response, ServiceId, SoundResponse,
    },
};

pub(super) const PIN_BLOCK_MARK: &str = "c2VjcmV0";
/// One stroke, as a nexo terminal gives it.
const DRAWN: &str = concat!(
    r#"{"AreaSize":{"X":"0064","Y":"0064"},"SignaturePoint":["#,
    r#"{"X":"0000","Y":"0000"},{"X":"0009","Y":"0009"}]}"#
);

#[derive(Default)]
struct Manner {
    silent: AtomicBool,
    answers_displays: AtomicBool,
    cut: AtomicUsize,
    status: Mutex<Option<GlobalStatus>>,
    services: Mutex<Vec<ServiceId>>,
}

/// Dropping it unplugs it.
pub(super) struct Fake {
    manner: Arc<Manner>,
    requests: mpsc::UnboundedReceiver<Message>,
    out: mpsc::UnboundedSender<Vec<u8>>,
    task: JoinHandle<()>,
}

fn framer() -> Framer {
    Framer::new(Framing::NEXO_JSON, 65_536)
}

fn framed(message: &Message) -> Vec<u8> {
    framer()
        .encode(&message.encode().expect("writable"))
        .expect("framable")
}

impl Fake {
    pub(super) fn start(far: DuplexStream) -> Self {
        let manner = Arc::new(Manner::default());
        let (to_test, requests) = mpsc::unbounded_channel();
        let (out, to_send) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(far, Arc::clone(&manner), to_test, out.clone(), to_send));
        Self {
            manner,
            requests,
            out,
            task,
        }
    }

    /// The next request but heartbeats (and displays, if it answers those itself).
    pub(super) async fn request(&mut self) -> Message {
        let request = timeout(Duration::from_secs(600), self.requests.recv()).await;
        request.expect("a request in time").expect("a request")
    }

    pub(super) async fn nothing_within(&mut self, passing: Duration) {
        let quiet = timeout(passing, self.requests.recv()).await;
        // an end of the connection is nothing too
        assert!(!matches!(quiet, Ok(Some(_))), "{quiet:?}");
    }

    /// The next request is the abort of that one.
    pub(super) async fn aborted(&mut self, request: &Message) {
        let abort = self.request().await;
        let Body::AbortRequest(body) = &abort.body else {
            panic!("{abort:?}")
        };
        let named = &body.message_reference;
        assert_eq!(named.service_id, request.header.service_id);
        assert_eq!(
            named.message_category.as_deref(),
            Some(request.body.category())
        );
    }

    pub(super) fn answer(&self, request: &Message, body: Body) {
        self.bytes(framed(&request.answer(body)));
    }

    pub(super) fn event(
        &self,
        event_to_notify: EventToNotify,
        detail: Option<&str>,
        named: Option<&ServiceId>,
    ) {
        let body = Body::EventNotification(Box::new(EventNotification {
            time_stamp: String::from("2026-03-01T09:30:00+08:00"),
            event_to_notify,
            event_details: detail.map(Into::into),
            maintenance_required_flag: None,
            display_output: None,
        }));
        let header = crate::wire::nexo::Header {
            service_id: named.cloned(),
            device_id: None,
            sale_id: Some(String::from("counter-01")),
            poi_id: String::from("01-terminal"),
        };
        self.bytes(framed(&Message { header, body }));
    }

    pub(super) fn frame(&self, content: &[u8]) {
        self.bytes(framer().encode(content).expect("framable"));
    }

    pub(super) fn bytes(&self, bytes: Vec<u8>) {
        self.out.send(bytes).expect("running");
    }

    pub(super) fn falls_silent(&self, silent: bool) {
        self.manner.silent.store(silent, Ordering::Relaxed);
    }

    pub(super) fn answers_displays(&self) {
        self.manner.answers_displays.store(true, Ordering::Relaxed);
    }

    pub(super) fn cuts_every(&self, bytes: usize) {
        self.manner.cut.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn status(&self, status: GlobalStatus) {
        *self.manner.status.lock().expect("unpoisoned") = Some(status);
    }

    /// Every ServiceID that it has seen.
    pub(super) fn services(&self) -> Vec<ServiceId> {
        self.manner.services.lock().expect("unpoisoned").clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    far: DuplexStream,
    manner: Arc<Manner>,
    to_test: mpsc::UnboundedSender<Message>,
    out: mpsc::UnboundedSender<Vec<u8>>,
    mut to_send: mpsc::UnboundedReceiver<Vec<u8>>,
) {
    let (mut from, mut to) = split(far);
    let mut framer = framer();
    let mut buffer = [0; 512];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            Some(bytes) = to_send.recv() => {
                let cut = match manner.cut.load(Ordering::Relaxed) {
                    0 => bytes.len(),
                    cut => cut,
                };
                for part in bytes.chunks(cut) {
                    if to.write_all(part).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                continue;
            }
        };
        let len = match read {
            Ok(0) | Err(_) => return,
            Ok(len) => len,
        };
        for frame in framer.feed(&buffer[..len]) {
            let Frame::Data(data) = frame else {
                panic!("{frame:?}")
            };
            let message = Message::decode(&data).expect("a message");
            let service = message.header.service_id.clone().expect("an id");
            manner.services.lock().expect("unpoisoned").push(service);
            if manner.silent.load(Ordering::Relaxed) {
                continue;
            }
            let itself = match &message.body {
                Body::DiagnosisRequest(_) => true,
                Body::DisplayRequest(_) => manner.answers_displays.load(Ordering::Relaxed),
                _ => false,
            };
            let sent = if itself {
                let mut body = ok(&message);
                if let Body::DiagnosisResponse(answer) = &mut body {
                    answer.poi_status = manner.status.lock().expect("unpoisoned").map(poi_status);
                }
                out.send(framed(&message.answer(body))).is_ok()
            } else {
                to_test.send(message).is_ok()
            };
            if !sent {
                return;
            }
        }
    }
}

fn poi_status(global_status: GlobalStatus) -> PoiStatus {
    PoiStatus {
        global_status,
        security_ok_flag: None,
        ped_ok_flag: None,
        card_reader_ok_flag: None,
        printer_status: None,
        communication_ok_flag: None,
    }
}

pub(super) fn ok(request: &Message) -> Body {
    answer(request, &Response::success())
}

pub(super) fn refused(request: &Message, condition: ErrorCondition) -> Body {
    answer(request, &Response::failure(condition, ""))
}

fn answer(request: &Message, response: &Response) -> Body {
    let response = response.clone();
    match &request.body {
        Body::DisplayRequest(display) => {
            let result = |output: &crate::wire::nexo::DisplayOutput| OutputResult {
                device: output.device,
                info_qualify: output.info_qualify,
                response: response.clone(),
            };
            let output_result = display.display_output.iter().map(result).collect();
            Body::DisplayResponse(DisplayResponse { output_result })
        }
        Body::PinRequest(_) => {
            let json = format!(r#"{{"ContentType":"id-envelopedData","Mark":"{PIN_BLOCK_MARK}"}}"#);
            let pin = CardholderPin {
                encr_pin_block: EncryptedPinBlock::from_json(&json).expect("an object"),
                pin_format: PinFormat::Iso1,
                additional_input: None,
            };
            let cardholder_pin = response.is_success().then_some(pin);
            Body::PinResponse(PinResponse {
                response,
                cardholder_pin,
            })
        }
        Body::PrintRequest(print) => Body::PrintResponse(PrintResponse {
            document_qualifier: print.print_output.document_qualifier,
            response,
        }),
        Body::SoundRequest(_) => Body::SoundResponse(SoundResponse { response }),
        Body::InputRequest(input) => {
            let mut response = response;
            let confirmed = response.is_success().then(|| {
                response.additional_response = Some(DRAWN.into());
                Input {
                    input_command: input.input_data.input_command,
                    confirmed_flag: Some(true),
                    function_key: None,
                    text_input: None,
                    digit_input: None,
                }
            });
            input_response(response, confirmed)
        }
        Body::DiagnosisRequest(_) => Body::DiagnosisResponse(DiagnosisResponse {
            response,
            logged_sale_id: Vec::new(),
            poi_status: None,
            host_status: Vec::new(),
        }),
        other => panic!("{other:?}"),
    }
}

fn input_response(response: Response, input: Option<Input>) -> Body {
    Body::InputResponse(InputResponse {
        output_result: None,
        input_result: InputResult {
            device: crate::wire::nexo::Device::CustomerInput,
            info_qualify: crate::wire::nexo::InfoQualify::Input,
            response,
            input,
        },
    })
}

/// Digits that were typed.
pub(super) fn typed(digits: &str) -> Body {
    let input = Input {
        input_command: InputCommand::DigitString,
        confirmed_flag: None,
        function_key: None,
        text_input: None,
        digit_input: Some(digits.into()),
    };
    input_response(Response::success(), Some(input))
}

/// The lines that a request shows.
pub(super) fn text(request: &Message) -> Vec<String> {
    let Body::DisplayRequest(display) = &request.body else {
        panic!("{request:?}")
    };
    let first = &display.display_output[0].output_content.output_text;
    first.iter().map(|line| line.text.clone()).collect()
}

/// The same request, as if it had gone under that id.
pub(super) fn with_service(request: &Message, service: Option<&ServiceId>) -> Message {
    let mut request = request.clone();
    request.header.service_id = service.cloned();
    request
}
