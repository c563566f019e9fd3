//! How a terminal behaves.

use std::collections::VecDeque;
use std::time::Duration;

use store_actors::wire::frame::{Frame, Framer};
use store_actors::wire::nexo::{
    AbortRequest, Body, ErrorCondition, EventNotification, EventToNotify, Header, Message,
    PrintRequest, PrintResponse, Response, ResponseMode, ServiceId,
};
use tokio::sync::watch;
use tokio::time::Instant;

use super::answers::{contents, diagnosis, input_result, pin_result, result_of, shown, sounded};
use super::{MAX_MESSAGE_LEN, Question, Slip, TerminalConfig, TerminalState};
use crate::device::DeviceError;
use crate::device::task::{Brain, Out};

/// Silence in the middle of a message for so long ends it.
const INTER_BYTE: Duration = Duration::from_millis(500);
/// How many ServiceIDs are remembered.
const REMEMBERED: usize = 4096;
const WRONG_SERVICE_ID: &str = "WRONG00000";
/// A signature as a terminal may draw it: two strokes on 300 by 100.
const SIGNATURE: &str = concat!(
    r#"{"AreaSize":{"X":"012C","Y":"0064"},"SignaturePoint":["#,
    r#"{"X":"000A","Y":"003C"},{"X":"005F","Y":"000A"},{"X":"0096","Y":"003C"},{"X":"FFFF","Y":"FFFF"},"#,
    r#"{"X":"0096","Y":"005A"},{"X":"00B4","Y":"003C"}]}"#
);

/// What a person does, or what happens.
pub(super) enum Person {
    Types(String),
    Confirms(bool),
    Signs,
    EntersPin,
    Cancels,
    CausesEvent(EventToNotify),
}

pub(super) struct TerminalBrain {
    config: TerminalConfig,
    framer: Framer,
    state: watch::Sender<TerminalState>,
    /// The request that a person is to answer, and when its time is over.
    asked: Option<(Message, Option<Instant>)>,
    silence_at: Option<Instant>,
    seen: VecDeque<ServiceId>,
    slip: Slip,
    sale_id: Option<String>,
}

impl TerminalBrain {
    pub(super) fn new(config: TerminalConfig, state: watch::Sender<TerminalState>) -> Self {
        let framer = Framer::new(config.framing, MAX_MESSAGE_LEN);
        Self {
            config,
            framer,
            state,
            asked: None,
            silence_at: None,
            seen: VecDeque::new(),
            slip: Slip::default(),
            sale_id: None,
        }
    }

    fn change(&self, change: impl FnOnce(&mut TerminalState)) {
        self.state.send_modify(change);
    }

    fn frames(&mut self, frames: Vec<Frame>, out: &mut Out) {
        for frame in frames {
            match frame {
                Frame::Garbage { .. } => self.change(|state| state.garbage += 1),
                Frame::Data(data) => match Message::decode(&data) {
                    Ok(message) => self.request(message, out),
                    Err(error) => {
                        self.change(|state| state.garbage += 1);
                        if let Some(header) = error.header() {
                            self.notify(header.clone(), EventToNotify::Reject, out);
                        }
                    }
                },
            }
        }
    }

    fn request(&mut self, message: Message, out: &mut Out) {
        self.change(|state| state.requests += 1);
        self.sale_id.clone_from(&message.header.sale_id);
        if self.is_repeat(&message.header) {
            self.change(|state| state.repeats += 1);
            let repeat = Response::failure(ErrorCondition::NotAllowed, "repeated ServiceID");
            self.answer(&message, result_of(&message.body, repeat), out);
            return;
        }
        match &message.body {
            Body::DisplayRequest(request) => {
                self.end_question(ErrorCondition::Aborted, "replaced", out);
                self.change(|state| state.show(contents(request)));
                self.answer(&message, shown(request), out);
            }
            Body::InputRequest(_) | Body::PinRequest(_) => self.ask(message, out),
            Body::PrintRequest(request) => {
                let answer = self.print(request, out.faults.no_paper);
                self.answer(&message, answer, out);
            }
            Body::SoundRequest(request) => {
                self.change(|state| state.sound(&request.sound_content));
                self.answer(&message, sounded(request), out);
            }
            Body::AbortRequest(request) => self.abort(request, out),
            Body::DiagnosisRequest(_) => {
                self.change(|state| state.heartbeats += 1);
                let busy = self.asked.is_some();
                let answer = diagnosis(busy, out.faults.no_paper, self.sale_id.clone());
                self.answer(&message, Some(answer), out);
            }
            // answers and notifications are a terminal's to send
            _ => self.change(|state| state.garbage += 1),
        }
    }

    fn is_repeat(&mut self, header: &Header) -> bool {
        let Some(id) = &header.service_id else {
            return false;
        };
        if self.seen.contains(id) {
            return true;
        }
        self.seen.push_back(id.clone());
        if self.seen.len() > REMEMBERED {
            self.seen.pop_front();
        }
        false
    }

    fn ask(&mut self, message: Message, out: &mut Out) {
        self.end_question(ErrorCondition::Aborted, "replaced", out);
        let seconds = match &message.body {
            Body::InputRequest(request) => {
                if let Some(output) = &request.display_output {
                    self.change(|state| state.show([&output.output_content].into_iter()));
                }
                request.input_data.max_input_time
            }
            Body::PinRequest(request) => request.max_waiting_time,
            _ => None,
        };
        let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
        let question = Question::of(&message.body);
        self.asked = Some((message, end));
        self.change(|state| state.question = question);
    }

    fn end_question(&mut self, condition: ErrorCondition, why: &str, out: &mut Out) {
        if let Some((message, _)) = self.asked.take() {
            self.change(|state| state.question = None);
            let answer = result_of(&message.body, Response::failure(condition, why));
            self.answer(&message, answer, out);
        }
    }

    fn abort(&mut self, request: &AbortRequest, out: &mut Out) {
        let wanted = &request.message_reference.service_id;
        let named =
            |(message, _): &(Message, _)| wanted.is_none() || *wanted == message.header.service_id;
        if self.asked.as_ref().is_some_and(named) {
            self.change(|state| {
                state.aborted += 1;
                state.show(
                    request
                        .display_output
                        .iter()
                        .map(|output| &output.output_content),
                );
            });
            self.end_question(ErrorCondition::Aborted, &request.abort_reason, out);
        }
    }

    fn print(&mut self, request: &PrintRequest, no_paper: bool) -> Option<Body> {
        let output = &request.print_output;
        let response = if no_paper {
            Response::failure(ErrorCondition::DeviceOut, "no paper")
        } else {
            self.slip.print(&output.output_content);
            if output.integrated_print_flag != Some(true) {
                let slip = std::mem::take(&mut self.slip);
                self.change(|state| state.slip(slip));
            }
            Response::success()
        };
        let document_qualifier = output.document_qualifier;
        (output.response_mode != ResponseMode::NotRequired).then_some(Body::PrintResponse(
            PrintResponse {
                document_qualifier,
                response,
            },
        ))
    }

    fn answer(&self, request: &Message, body: Option<Body>, out: &mut Out) {
        let Some(body) = body else { return };
        let mut message = request.answer(body);
        if out.faults.wrong_service_id {
            message.header.service_id = ServiceId::new(WRONG_SERVICE_ID).ok();
        }
        self.send(&message, out);
        if out.faults.twice {
            self.send(&message, out);
        }
    }

    fn send(&self, message: &Message, out: &mut Out) {
        match message.encode().map(|bytes| self.framer.encode(&bytes)) {
            Ok(Ok(frame)) => out.send(&frame),
            Ok(Err(error)) => tracing::warn!(%error, "the simulated terminal's answer is lost"),
            Err(error) => tracing::warn!(%error, "the simulated terminal's answer is lost"),
        }
    }

    fn notify(&self, header: Header, event_to_notify: EventToNotify, out: &mut Out) {
        let body = Body::EventNotification(Box::new(EventNotification {
            time_stamp: jiff::Timestamp::now().to_string(),
            event_to_notify,
            event_details: None,
            maintenance_required_flag: None,
            display_output: None,
        }));
        self.send(&Message { header, body }, out);
    }

    /// The person answers the question, if it is one that `fits`.
    fn reply(
        &mut self,
        fits: impl Fn(Question) -> bool,
        reply: impl FnOnce(&Message) -> Option<Body>,
        out: &mut Out,
    ) -> Result<(), DeviceError> {
        let question = self.state.borrow().question;
        let fits = question.is_some_and(fits);
        let (message, _) = self.asked.take_if(|_| fits).ok_or(DeviceError::NotAsked)?;
        self.change(|state| state.question = None);
        self.answer(&message, reply(&message), out);
        Ok(())
    }

    fn types(&mut self, amount: &str, out: &mut Out) -> Result<(), DeviceError> {
        let digits: String = amount.chars().filter(|typed| *typed != '.').collect();
        let digits = digits.trim_start_matches('0').to_owned();
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(DeviceError::Refused("an amount has digits"));
        }
        if let Some(Question::Amount {
            max_digits: Some(max),
        }) = self.state.borrow().question
            && digits.len() > usize::try_from(max).unwrap_or(usize::MAX)
        {
            return Err(DeviceError::Refused("more digits than were asked for"));
        }
        let reply = |request: &Message| {
            input_result(
                &request.body,
                Response::success(),
                None,
                Some(digits.into()),
            )
        };
        self.reply(
            |question| matches!(question, Question::Amount { .. }),
            reply,
            out,
        )
    }
}

impl Brain for TerminalBrain {
    type Command = Person;

    fn bytes(&mut self, bytes: &[u8], out: &mut Out) {
        let frames = self.framer.feed(bytes);
        self.frames(frames, out);
        self.silence_at = self
            .framer
            .is_partial()
            .then(|| Instant::now() + INTER_BYTE);
    }

    fn command(&mut self, person: Person, out: &mut Out) -> Result<(), DeviceError> {
        let success = Response::success;
        match person {
            Person::Types(amount) => self.types(&amount, out),
            Person::Confirms(yes) => {
                let reply = |m: &Message| input_result(&m.body, success(), Some(yes), None);
                self.reply(|question| question == Question::Confirmation, reply, out)
            }
            Person::Signs => {
                let signed = Response {
                    additional_response: Some(SIGNATURE.into()),
                    ..success()
                };
                let reply = |m: &Message| input_result(&m.body, signed, Some(true), None);
                self.reply(|question| question == Question::Signature, reply, out)
            }
            Person::EntersPin => self.reply(
                |question| matches!(question, Question::Pin(_)),
                pin_result,
                out,
            ),
            Person::Cancels if self.asked.is_none() => Err(DeviceError::NotAsked),
            Person::Cancels => {
                self.end_question(ErrorCondition::Cancel, "", out);
                Ok(())
            }
            Person::CausesEvent(event) => {
                let (sale_id, poi_id) = (self.sale_id.clone(), self.config.poi_id.clone());
                let header = Header {
                    service_id: None,
                    device_id: None,
                    sale_id,
                    poi_id,
                };
                self.notify(header, event, out);
                Ok(())
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let end = self.asked.as_ref().and_then(|(_, end)| *end);
        [end, self.silence_at].into_iter().flatten().min()
    }

    fn time(&mut self, now: Instant, out: &mut Out) {
        if self.silence_at.is_some_and(|at| at <= now) {
            self.silence_at = None;
            let frames = self.framer.idle();
            self.frames(frames, out);
        }
        let over = |(_, end): &(Message, Option<Instant>)| end.is_some_and(|end| end <= now);
        if self.asked.as_ref().is_some_and(over) {
            self.end_question(ErrorCondition::Cancel, "time is over", out);
        }
    }

    fn cable(&mut self, plugged: bool) {
        self.framer.reset();
        self.silence_at = None;
        self.change(|state| state.plugged = plugged);
    }
}
