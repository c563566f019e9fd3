//! What the terminal is asked to do, in order: one request at a time, each with its time-out, each
//! answer checked against the request it belongs to. Pure: time comes in as an argument, messages
//! and facts go out as `Out`.
//!
//! The fence is the ServiceID. The request under way knows whose payment it is for; an answer with
//! any other ServiceID, or of another category, is dropped and reported. What is shown is not a
//! queue but a screen: only the latest words matter, so words that were overtaken while waiting are
//! never sent, and the last ones always are, again after a reconnect.

mod answers;
mod screen;

use std::{collections::VecDeque, mem};

use tokio::time::Instant;

use super::TerminalSettings;
use crate::{
    device::{CommandKind, FactKind},
    domain::{
        ids::PaymentId,
        money::{Currency, Money},
        payment::{Notice, Sound},
    },
    wire::nexo::{Body, Header, Message, ServiceIds},
};
use screen::Screen;

/// What is to be done about it.
#[derive(Debug)]
pub(super) enum Out {
    Send(Message),
    Fact(FactKind),
    /// Dropped on purpose, to be made visible.
    Ignored(String),
}

/// Something to ask, in its turn.
#[derive(Debug)]
enum Job {
    Play(Sound),
    Pin {
        payment: PaymentId,
    },
    Sign {
        payment: PaymentId,
        money: Money,
    },
    Print {
        lines: Vec<String>,
        room_for_pen: bool,
    },
}

/// What the request under way is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Show,
    Play,
    Pin(PaymentId),
    Sign(PaymentId),
    Print,
    Amount(Currency),
}

#[derive(Debug)]
struct Request {
    header: Header,
    category: &'static str,
    kind: Kind,
    deadline: Instant,
    /// It was asked to stop; whatever it still brings is not wanted.
    aborted: bool,
}

/// Jobs that may wait.
const WAITING_MAX: usize = 16;

#[derive(Debug)]
pub(super) struct Desk {
    settings: TerminalSettings,
    ids: ServiceIds,
    sale_id: String,
    poi_id: String,
    /// Whether the terminal answers at the moment.
    alive: bool,
    screen: Screen,
    waiting: VecDeque<Job>,
    current: Option<Request>,
    offer: Option<Currency>,
    offer_not_before: Instant,
    out: Vec<Out>,
}

impl Desk {
    pub(super) fn new(
        settings: TerminalSettings,
        ids: ServiceIds,
        sale_id: String,
        poi_id: String,
        now: Instant,
    ) -> Self {
        Self {
            settings,
            ids,
            sale_id,
            poi_id,
            alive: false,
            screen: Screen::default(),
            waiting: VecDeque::new(),
            current: None,
            offer: None,
            offer_not_before: now,
            out: Vec::new(),
        }
    }

    /// What has come up since the last call.
    pub(super) fn take(&mut self) -> Vec<Out> {
        mem::take(&mut self.out)
    }

    /// A header with an id that was never used before.
    pub(super) fn header(&mut self) -> Header {
        Header::new(self.ids.issue(), &self.sale_id, &self.poi_id)
    }

    // ---- from the counter ------------------------------

    pub(super) fn command(&mut self, payment: PaymentId, kind: CommandKind, now: Instant) {
        match kind {
            CommandKind::Show(notice) => self.show(payment, notice, now),
            CommandKind::AskPin { .. } | CommandKind::AskSignature { .. } if !self.alive => {
                self.refuse(&kind, payment, "the terminal is not there");
            }
            _ if self.waiting.len() >= WAITING_MAX => {
                self.refuse(&kind, payment, "too much waits for the terminal");
            }
            CommandKind::AskPin { money } => {
                // a PIN request has no words of its own
                let words = Notice::EnterPin { money };
                if !self.screen.says(payment, &words) {
                    self.show(payment, words, now);
                }
                self.waiting.push_back(Job::Pin { payment });
            }
            CommandKind::AskSignature { money } => {
                self.waiting.push_back(Job::Sign { payment, money });
            }
            CommandKind::Print {
                lines,
                room_for_pen,
            } => self.waiting.push_back(Job::Print {
                lines,
                room_for_pen,
            }),
            CommandKind::Play(sound) => self.waiting.push_back(Job::Play(sound)),
        }
        self.proceed(now);
    }

    fn show(&mut self, payment: PaymentId, notice: Notice, now: Instant) {
        if !notice.is_last_word() {
            // a payment has begun: nobody types an amount now
            self.offer = None;
        }
        self.screen.set(payment, notice, now);
    }

    fn refuse(&mut self, kind: &CommandKind, payment: PaymentId, why: &str) {
        let why = why.to_owned();
        self.out.push(match kind {
            CommandKind::AskPin { .. } => Out::Fact(FactKind::PinRefused { payment, why }),
            CommandKind::AskSignature { .. } => {
                Out::Fact(FactKind::SignatureRefused { payment, why })
            }
            CommandKind::Play(_) => Out::Ignored(format!("a sound was not played: {why}")),
            _ => Out::Ignored(format!("a slip was not printed: {why}")),
        });
    }

    /// Nothing more is to be asked for this payment; its last words stay.
    pub(super) fn disarm(&mut self, payment: PaymentId, now: Instant) {
        self.waiting.retain(|job| match job {
            Job::Pin { payment: whose } | Job::Sign { payment: whose, .. } => *whose != payment,
            _ => true,
        });
        let asks = |request: &Request| match request.kind {
            Kind::Pin(whose) | Kind::Sign(whose) => whose == payment,
            _ => false,
        };
        if self.current.as_ref().is_some_and(asks) {
            self.abort("the payment needs it no more", now);
        }
        self.proceed(now);
    }

    pub(super) fn offer(&mut self, offer: Option<Currency>, now: Instant) {
        self.offer = offer;
        self.offer_not_before = now;
        self.proceed(now);
    }

    // ---- from the line ------------------------------

    /// The terminal answers.
    pub(super) fn alive(&mut self, now: Instant) {
        self.alive = true;
        self.proceed(now);
    }

    /// The terminal is gone, mute, or has begun anew: what it was doing is lost.
    pub(super) fn lost(&mut self, why: &str, now: Instant) {
        self.alive = false;
        let current = self.current.take();
        let mut lost: Vec<Kind> = current
            .filter(|c| !c.aborted)
            .map(|c| c.kind)
            .into_iter()
            .collect();
        self.waiting.retain(|job| match job {
            Job::Pin { payment } => {
                lost.push(Kind::Pin(*payment));
                false
            }
            Job::Sign { payment, .. } => {
                lost.push(Kind::Sign(*payment));
                false
            }
            // too late to be heard with the words it belongs to
            Job::Play(_) => false,
            Job::Print { .. } => true,
        });
        for kind in lost {
            self.fail(&kind, why);
        }
        self.screen.lost(now);
    }

    /// Time passes; must be called often.
    pub(super) fn tick(&mut self, now: Instant) {
        let Some(late) = self.current.take_if(|current| now >= current.deadline) else {
            return self.proceed(now);
        };
        match late.kind {
            _ if late.aborted => {}
            Kind::Show => self.screen.failed(now),
            Kind::Pin(_) | Kind::Sign(_) | Kind::Amount(_) => {
                self.fail(&late.kind, "no answer in time");
                self.send_abort(&late, "too late");
                self.offer_not_before = now + self.settings.retry_after;
            }
            _ => self.fail(&late.kind, "no answer in time"),
        }
        self.proceed(now);
    }

    /// Tells whoever waits for it that this will not come.
    fn fail(&mut self, kind: &Kind, why: &str) {
        let why = why.to_owned();
        match *kind {
            Kind::Pin(payment) => self
                .out
                .push(Out::Fact(FactKind::PinRefused { payment, why })),
            Kind::Sign(payment) => {
                self.out
                    .push(Out::Fact(FactKind::SignatureRefused { payment, why }));
            }
            Kind::Print => {
                self.out.push(Out::Ignored(format!(
                    "a slip may not have been printed: {why}"
                )));
            }
            // shown again, heard or not, offered again
            Kind::Show | Kind::Play | Kind::Amount(_) => {}
        }
    }

    // ---- what comes next ------------------------------

    /// Sends the next request if the terminal is free, or frees it from a question that is
    /// overtaken.
    fn proceed(&mut self, now: Instant) {
        if !self.alive {
            return;
        }
        if let Some(current) = &self.current {
            let overtaken = match current.kind {
                Kind::Amount(currency) => {
                    let wanted = self.offer == Some(currency);
                    !wanted || self.screen.is_due(now) || !self.waiting.is_empty()
                }
                Kind::Pin(payment) | Kind::Sign(payment) => self.screen.overtakes(payment, now),
                Kind::Show | Kind::Play | Kind::Print => false,
            };
            if overtaken {
                if let Kind::Sign(_) = current.kind
                    && !current.aborted
                {
                    let kind = current.kind.clone();
                    self.fail(&kind, "the next customer pays");
                }
                self.abort("something else comes first", now);
            }
            return;
        }
        if let Some(body) = self.screen.request(self.settings.languages, now) {
            let header = self.send(Kind::Show, body, self.settings.answer_timeout, now);
            self.screen.sent(header.service_id);
        } else if let Some(job) = self.waiting.pop_front() {
            self.begin(job, now);
        } else if let Some(currency) = self.offer.filter(|_| now >= self.offer_not_before) {
            let currency_name = currency.to_string();
            let asking = ("currency", currency_name.as_str());
            let lines = self.settings.asking("notice-amount", asking);
            let wait_s = self.settings.amount_wait_s;
            let body = Body::ask_amount(&refs(&lines), self.settings.amount_max_digits, wait_s);
            self.send(
                Kind::Amount(currency),
                body,
                self.settings.wait(wait_s),
                now,
            );
        }
    }

    fn begin(&mut self, job: Job, now: Instant) {
        let settings = &self.settings;
        let (kind, body, bound) = match job {
            Job::Play(sound) => {
                let body = Body::play_sound(settings.sounds.name(sound));
                (Kind::Play, body, settings.answer_timeout)
            }
            Job::Pin { payment } => {
                let wait_s = settings.pin_wait_s;
                let body = Body::enter_pin(
                    settings.pin_format,
                    None,
                    &settings.pin_key_reference,
                    wait_s,
                );
                (Kind::Pin(payment), body, settings.wait(wait_s))
            }
            Job::Sign { payment, money } => {
                let money = money.to_string();
                let lines = settings.asking("notice-sign", ("money", &money));
                let wait_s = settings.signature_wait_s;
                let body = Body::ask_signature(&refs(&lines), wait_s);
                (Kind::Sign(payment), body, settings.wait(wait_s))
            }
            Job::Print {
                lines,
                room_for_pen,
            } => (
                Kind::Print,
                Body::print_slip(&refs(&lines), room_for_pen),
                settings.print_timeout,
            ),
        };
        self.send(kind, body, bound, now);
    }

    fn send(&mut self, kind: Kind, body: Body, bound: std::time::Duration, now: Instant) -> Header {
        let header = self.header();
        let category = body.category();
        let deadline = now + bound;
        self.out.push(Out::Send(Message {
            header: header.clone(),
            body,
        }));
        let sent = header.clone();
        self.current = Some(Request {
            header,
            category,
            kind,
            deadline,
            aborted: false,
        });
        sent
    }

    /// Asks the terminal to stop what it is doing; its answer is waited for a short time.
    fn abort(&mut self, why: &str, now: Instant) {
        let deadline = now + self.settings.abort_timeout;
        let Some(mut current) = self.current.take() else {
            return;
        };
        if !current.aborted {
            self.send_abort(&current, why);
            current.aborted = true;
            current.deadline = deadline.min(current.deadline);
        }
        self.current = Some(current);
    }

    fn send_abort(&mut self, of: &Request, why: &str) {
        let body = Body::abort(&of.header, of.category, why);
        let header = self.header();
        self.out.push(Out::Send(Message { header, body }));
    }
}

fn refs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}
