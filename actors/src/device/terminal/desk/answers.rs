//! The terminal's answers and what happens at it, taken in.

use tokio::time::{Duration, Instant};
use zeroize::Zeroizing;

use super::{Desk, Job, Kind, Out, Request};
use crate::{
    device::FactKind,
    domain::{
        ids::PaymentId,
        money::{Currency, Money},
        payment::Reason,
    },
    ports::PinBlock,
    wire::nexo::{
        Body, CapturedSignature, DisplayResponse, ErrorCondition, EventNotification, EventToNotify,
        Header, InputResponse, PinResponse, Private, Response,
    },
};

/// A terminal that cannot take amounts is asked again only after so long.
const NO_AMOUNTS_FOR: Duration = Duration::from_secs(30);

impl Desk {
    /// An answer to a request (heartbeats are not its matter).
    pub(in super::super) fn answered(&mut self, header: &Header, body: Body, now: Instant) {
        let ours = |request: &mut Request| {
            let same_sale = header.sale_id.is_none() || header.sale_id == request.header.sale_id;
            header.service_id.is_some()
                && header.service_id == request.header.service_id
                && same_sale
                && body.category() == request.category
        };
        let Some(request) = self.current.take_if(ours) else {
            self.ignored("an answer to an unknown or earlier request");
            return self.proceed(now);
        };
        match body {
            Body::DisplayResponse(answer) => self.shown(&answer, now),
            Body::PinResponse(answer) => self.pin(&request, answer),
            Body::InputResponse(answer) => self.typed(&request, &answer, now),
            Body::PrintResponse(answer) if !answer.response.is_success() => {
                let why = words(&answer.response);
                self.ignored(&format!("a slip was not printed: {why}"));
            }
            // printed; a sound that was not heard is no matter
            _ => {}
        }
        self.proceed(now);
    }

    /// The answer to the request under way cannot be understood.
    pub(in super::super) fn malformed(&mut self, header: Option<&Header>, now: Instant) {
        let service = header.and_then(|header| header.service_id.as_ref());
        let ours = |request: &mut Request| {
            service.is_some() && service == request.header.service_id.as_ref()
        };
        let Some(request) = self.current.take_if(ours) else {
            return;
        };
        match request.kind {
            Kind::Show => self.screen.failed(now),
            kind if !request.aborted => self.fail(&kind, "the terminal's answer makes no sense"),
            _ => {}
        }
        self.offer_not_before = now + self.settings.retry_after;
        self.proceed(now);
    }

    fn shown(&mut self, answer: &DisplayResponse, now: Instant) {
        let failed = answer
            .output_result
            .iter()
            .find(|result| !result.response.is_success());
        match failed.map(|result| &result.response) {
            None => {
                if let Some(sound) = self.screen.confirmed() {
                    self.waiting.push_front(Job::Play(sound));
                }
            }
            Some(response) if is_passing(response) => self.screen.failed(now),
            Some(response) => {
                self.screen.refused();
                self.ignored(&format!("the terminal shows nothing: {}", words(response)));
            }
        }
    }

    fn pin(&mut self, request: &Request, answer: PinResponse) {
        let Kind::Pin(payment) = request.kind else {
            return;
        };
        if request.aborted {
            // the customer was quicker than the abort, and nobody needs the PIN any more
            if answer.cardholder_pin.is_some() {
                self.ignored("a PIN that the payment needs no more");
            }
            return;
        }
        let entered = answer
            .cardholder_pin
            .filter(|_| answer.response.is_success());
        self.out.push(Out::Fact(match entered {
            Some(pin) => {
                let block = pin.encr_pin_block.expose().as_bytes().to_vec();
                FactKind::PinEntered {
                    payment,
                    block: PinBlock(Zeroizing::new(block)),
                }
            }
            None => FactKind::PinRefused {
                payment,
                why: words(&answer.response),
            },
        }));
    }

    fn typed(&mut self, request: &Request, answer: &InputResponse, now: Instant) {
        match request.kind {
            Kind::Sign(payment) => self.signed(payment, request.aborted, answer),
            Kind::Amount(currency) => self.amount(currency, request.aborted, answer, now),
            _ => {}
        }
    }

    fn signed(&mut self, payment: PaymentId, aborted: bool, answer: &InputResponse) {
        let result = &answer.input_result;
        match result.signature().map(Private::expose) {
            Some(_) if aborted => self.ignored("a signature that the payment needs no more"),
            None if aborted => {}
            Some(drawn) => self
                .out
                .push(Out::Fact(match CapturedSignature::read(drawn) {
                    Ok(drawing) => FactKind::Signed { payment, drawing },
                    Err(unread) => FactKind::SignatureRefused {
                        payment,
                        why: unread.to_string(),
                    },
                })),
            None => {
                let why = words(&result.response);
                self.out
                    .push(Out::Fact(FactKind::SignatureRefused { payment, why }));
            }
        }
    }

    fn amount(&mut self, currency: Currency, aborted: bool, answer: &InputResponse, now: Instant) {
        let result = &answer.input_result;
        let money = result
            .digits()
            .and_then(|digits| parse_minor_units(digits, currency));
        match money {
            Some(_) if aborted => {
                self.ignored("an amount that was typed as something else began");
            }
            Some(money) if self.offer == Some(currency) => {
                self.offer = None;
                self.out.push(Out::Fact(FactKind::AmountTyped { money }));
            }
            _ => {}
        }
        let patience = match result.response.error_condition {
            None | Some(ErrorCondition::Cancel | ErrorCondition::Aborted) => {
                self.settings.retry_after
            }
            Some(_) if is_passing(&result.response) => self.settings.retry_after,
            Some(_) => NO_AMOUNTS_FOR,
        };
        // after an abort there is nothing to wait for: it was for something better
        self.offer_not_before = if aborted { now } else { now + patience };
    }

    /// Something happened at the terminal. `true` if it has begun anew and knows of nothing.
    pub(in super::super) fn happened(
        &mut self,
        header: &Header,
        event: &EventNotification,
        now: Instant,
    ) -> bool {
        let detail = event.event_details.as_ref().map_or("", Private::expose);
        let reason = match event.event_to_notify {
            EventToNotify::Abort => Some(Reason::CustomerCancelled),
            EventToNotify::KeyPressed if detail.eq_ignore_ascii_case("Cancel") => {
                Some(Reason::CustomerCancelled)
            }
            EventToNotify::KeyPressed if detail.eq_ignore_ascii_case("CashierCancel") => {
                Some(Reason::CashierCancelled)
            }
            EventToNotify::Initialised => {
                self.lost("the terminal was restarted", now);
                return true;
            }
            _ => None,
        };
        match (reason, self.screen.cancelled_by(header.service_id.as_ref())) {
            (Some(reason), Some(payment)) => {
                self.out
                    .push(Out::Fact(FactKind::CancelPressed { payment, reason }));
            }
            (Some(_), None) => self.ignored("the cancel key, and no payment was on the screen"),
            (None, _) => {}
        }
        false
    }

    fn ignored(&mut self, why: &str) {
        self.out.push(Out::Ignored(why.to_owned()));
    }
}

/// A typed amount: digits of minor units, more than zero.
fn parse_minor_units(digits: &str, currency: Currency) -> Option<Money> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let units = digits.parse().ok().filter(|_| plain)?;
    Money::from_minor_units(units, currency)
        .ok()
        .filter(|money| !money.is_zero())
}

/// Whether the same request may succeed in a moment.
fn is_passing(response: &Response) -> bool {
    use ErrorCondition::{Aborted, Busy, InProgress};
    matches!(response.error_condition, Some(Aborted | Busy | InProgress))
}

/// Why a request was not carried out, for people. The terminal's own text is left out: it may hold
/// anything.
fn words(response: &Response) -> String {
    let why = match response.error_condition {
        Some(ErrorCondition::Cancel) => "cancelled at the terminal",
        Some(ErrorCondition::Aborted) => "stopped",
        Some(ErrorCondition::Busy | ErrorCondition::InProgress) => "the terminal is busy",
        Some(ErrorCondition::DeviceOut) => "out of paper or out of order",
        Some(ErrorCondition::NotAllowed) => "not allowed",
        Some(ErrorCondition::UnavailableDevice | ErrorCondition::UnavailableService) => {
            "the terminal cannot do this"
        }
        Some(ErrorCondition::WrongPin) => "wrong PIN",
        Some(_) => "refused by the terminal",
        None => "no result",
    };
    why.to_owned()
}
