//! What a terminal asks, in the desk's words, and what the desk says, in field 39.

use std::sync::{Arc, Mutex, PoisonError};

use rust_decimal::Decimal;

use super::CardHostSettings;
use super::batch::{Batches, Message, Upset};
use super::crypto::Keys;
use super::wire::Terminal;
use crate::acquirer::answer::{Answer, State};
use crate::acquirer::config::Tender;
use crate::acquirer::desk::Desk;
use crate::acquirer::order::{INVALID_CARD, REFUND_EXCEEDS_PAYMENT};
use crate::acquirer::request::{Ask, NewOrder, NewRefund};
use crate::acquirer::rules::{Connection, Delivery, Verdict};
use crate::acquirer::sign::hex;

/// 60.1 of a completion.
const COMPLETION: &str = "20";

/// The host's side of all connections.
#[derive(Debug)]
pub(super) struct Host {
    pub desk: Arc<Desk>,
    pub settings: CardHostSettings,
    pub keys: Mutex<Option<Keys>>,
    pub sign_ins: Mutex<u32>,
    pub batches: Mutex<Batches>,
    pub advices: Mutex<Vec<u32>>,
}

/// One request.
pub(super) struct Asked {
    terminal: Terminal,
    what: What,
    verdict: Option<Verdict>,
    delivery: Option<Delivery>,
}

enum What {
    SignIn,
    Echo,
    /// Its MAC is not one of ours.
    Forged,
    /// Of a settlement, and what goes wrong with it.
    Settlement(Message, Option<Upset>),
    /// Of a batch that has ended.
    TooLate,
    Undo(Ask),
    /// The reversal of a void: the payment stands again.
    UndoVoid(Ask),
    Ask(Ask),
}

pub(super) fn order_of(terminal: &str, batch_and_stan: &str) -> String {
    format!("{}{batch_and_stan:0>16}", hex(terminal.as_bytes()))
}

impl Asked {
    /// `None` for what no terminal of this protocol sends.
    pub fn read(frame: &[u8], host: &Host) -> Option<Self> {
        let terminal = Terminal::read(frame)?;
        let what = what(&terminal, host)?;
        let script = match &what {
            What::Undo(ask) | What::UndoVoid(ask) | What::Ask(ask) => host.desk.script(ask),
            _ => Default::default(),
        };
        Some(Self {
            terminal,
            what,
            verdict: script.verdict,
            delivery: script.delivery,
        })
    }

    pub fn delivery(&self) -> Option<Delivery> {
        let silence = |money_moved| Delivery::Silence {
            money_moved,
            connection: Connection::Drop,
        };
        match self.what {
            What::Settlement(_, Some(Upset::Silence)) => Some(silence(false)),
            What::Settlement(_, Some(Upset::AnswerLost)) => Some(silence(true)),
            _ => self.delivery.clone(),
        }
    }

    /// The true answer; none if the sandbox itself is broken.
    pub fn answer(&self, host: &Host) -> Option<Vec<u8>> {
        match &self.what {
            What::SignIn => Some(self.signed_in(host)),
            What::Echo => Some(self.frame("00", None, None)),
            What::Forged => Some(self.frame("A0", None, None)),
            What::TooLate => Some(self.code("77", host)),
            What::Settlement(message, upset) => {
                let mut terminal = self.terminal.clone();
                let word = host.batches().answer(message, *upset);
                terminal.fields.remove(&48);
                if let Some(totals) = word.totals {
                    terminal.fields.insert(48, totals.into_bytes());
                }
                Some(frame(terminal, word.code, None, *host.keys()))
            }
            What::Undo(ask) | What::UndoVoid(ask) | What::Ask(ask) => {
                let answer = host.desk.perform(ask, self.verdict.clone()).ok()?;
                self.book(&answer, host);
                Some(self.told(&answer, host))
            }
        }
    }

    /// As `answer`, under the next trace number.
    pub fn answer_about_another(mut self, host: &Host) -> Option<Vec<u8>> {
        let stan: u32 = self.terminal.text(11).parse().ok()?;
        self.answer(host)?;
        let other = format!("{:06}", stan % 999_999 + 1).into_bytes();
        self.terminal.fields.insert(11, other);
        Some(self.frame("00", None, *host.keys()))
    }

    /// Sealed, with this code and nothing else.
    pub fn code(&self, code: &str, host: &Host) -> Vec<u8> {
        self.frame(code, None, *host.keys())
    }

    fn signed_in(&self, host: &Host) -> Vec<u8> {
        let master = &host.settings.master;
        let mut count = host.sign_ins.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        let keys = Keys::of_sign_in(master, *count);
        *host.keys() = Some(keys);
        let mut terminal = self.terminal.clone();
        terminal.fields.insert(62, keys.wrapped(master));
        let batch = format!("00{:06}003", host.batches().open_number());
        terminal.fields.insert(60, batch.into_bytes());
        frame(terminal, "00", None, None)
    }

    /// What moved money is in the terminal's batch; what was reversed is in none.
    fn book(&self, answer: &Answer, host: &Host) {
        let terminal = &self.terminal;
        let is_voided = terminal.mti == "0200" && terminal.text(3) == "200000";
        let stan = terminal.text(11).parse().unwrap_or(0);
        let fen = terminal.text(4).parse().unwrap_or(0);
        let is_domestic = terminal.text(2).starts_with("62");
        let mut batches = host.batches();
        match (&self.what, answer.state) {
            (What::Undo(_), State::Reversed) if is_voided => {
                batches.book(stan, fen, is_domestic, true);
            }
            (What::Undo(_), State::Reversed | State::Closed) => batches.strike(stan),
            (What::UndoVoid(_), State::Approved) => batches.strike(stan),
            (What::Ask(Ask::Refund { .. }), State::Approved) => {
                batches.book(stan, fen, is_domestic, true);
            }
            (What::Ask(Ask::Open(_, new)), State::Approved) if !new.hold => {
                batches.book(stan, fen, is_domestic, false);
            }
            _ => {}
        }
    }

    fn told(&self, answer: &Answer, host: &Host) -> Vec<u8> {
        let reference = answer.reference.as_deref();
        self.frame(code_of(answer, &self.what), reference, *host.keys())
    }

    fn frame(&self, code: &str, reference: Option<&str>, keys: Option<Keys>) -> Vec<u8> {
        let mut terminal = self.terminal.clone();
        terminal.fields.remove(&62);
        frame(terminal, code, reference, keys)
    }
}

/// The request turned into its answer.
fn frame(
    mut terminal: Terminal,
    code: &str,
    reference: Option<&str>,
    keys: Option<Keys>,
) -> Vec<u8> {
    // what an answer does not repeat
    for number in [14, 22, 26, 35, 38, 52, 53, 55, 61, 63] {
        terminal.fields.remove(&number);
    }
    let mti: String = terminal.mti.chars().take(2).collect();
    let function = terminal.mti.get(2..3).unwrap_or("0");
    let function = if function == "2" { "30" } else { "10" };
    terminal.mti = format!("{mti}{function}");
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let (time, date) = (now.strftime("%H%M%S"), now.strftime("%m%d"));
    terminal.fields.insert(12, time.to_string().into_bytes());
    terminal.fields.insert(13, date.to_string().into_bytes());
    terminal.fields.insert(39, code.as_bytes().to_vec());
    if let Some(reference) = reference {
        // twelve characters: SBX000000000001 without its first three
        let skipped = reference.len().saturating_sub(12);
        let reference = reference.get(skipped..).unwrap_or(reference);
        let reference = format!("{reference:<12}").into_bytes();
        terminal.fields.insert(37, reference);
        terminal.fields.insert(38, b"654321".to_vec());
    }
    terminal.frame(keys.map(|keys| move |message: &[u8]| keys.mac(message)))
}

fn what(terminal: &Terminal, host: &Host) -> Option<What> {
    let management = terminal.text(60).get(8..11).unwrap_or("");
    match (terminal.mti.as_str(), management) {
        ("0800", "003") => return Some(What::SignIn),
        ("0800", "301") => return Some(What::Echo),
        _ => {}
    }
    let mac = terminal.fields.get(&64)?;
    let keys = *host.keys();
    if keys.is_none_or(|keys| keys.mac(&terminal.sealed) != mac.as_slice()) {
        return Some(What::Forged);
    }
    if let Some(message) = Message::read(terminal) {
        return Some(What::Settlement(message, host.batches().next_upset()));
    }
    let kind = (terminal.mti.as_str(), terminal.text(3));
    // a reversal names its original, which may be of a batch before
    if terminal.mti != "0400" && !host.batches().takes(terminal.text(60)) {
        return Some(What::TooLate);
    }
    if kind == ("0220", "000000") {
        host.advices().push(terminal.text(11).parse().ok()?);
    }
    Some(match kind {
        ("0100", "030000") => {
            let hold = NewOrder {
                hold: true,
                ..new(terminal, host)?
            };
            What::Ask(Ask::Open(Tender::Card, Box::new(hold)))
        }
        ("0200", "000000") if terminal.text(60).starts_with(COMPLETION) => {
            // under its own reference the host knows what it holds
            let held = format!("SBX{}", terminal.text(37));
            let completion = NewOrder {
                completes: Some(host.desk.order_of_reference(&held).unwrap_or(held)),
                ..new(terminal, host)?
            };
            What::Ask(Ask::Open(Tender::Card, Box::new(completion)))
        }
        ("0200" | "0220", "000000") => {
            What::Ask(Ask::Open(Tender::Card, Box::new(new(terminal, host)?)))
        }
        ("0400", "000000" | "030000") | ("0100" | "0200", "200000") => What::Undo(Ask::Reverse {
            order: order(terminal, terminal.mti != "0400")?,
        }),
        ("0400", "200000") => What::UndoVoid(Ask::Reinstate {
            order: order(terminal, true)?,
        }),
        ("0220", "200000") => What::Ask(Ask::Refund {
            order: order(terminal, true)?,
            refund: format!("ffff{:0>28}", numbers(terminal)?),
            body: NewRefund {
                amount: amount(terminal)?,
                currency: currency(terminal)?,
            },
        }),
        _ => return None,
    })
}

fn new(terminal: &Terminal, host: &Host) -> Option<NewOrder> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Some(NewOrder {
        order: order(terminal, false)?,
        store: host.settings.store.clone(),
        counter: terminal.text(41).trim().to_owned(),
        amount: amount(terminal)?,
        currency: currency(terminal)?,
        code: None,
        pan: some(terminal.text(2)),
        track2: some(terminal.text(35)),
        emv: terminal.fields.get(&55).map(|chip| hex(chip)),
        pin_block: terminal.fields.get(&52).map(|block| hex(block)),
        sent_at: None,
        pay_until_ms: None,
        provider: None,
        hold: false,
        completes: None,
    })
}

/// Batch and trace number.
fn numbers(terminal: &Terminal) -> Option<String> {
    let batch = terminal.text(60).get(2..8)?;
    Some(format!("{batch}{}", terminal.text(11)))
}

fn order(terminal: &Terminal, is_of_original: bool) -> Option<String> {
    let named = terminal.text(62);
    if named.len() == 32 {
        return Some(named.to_owned());
    }
    let numbers = match is_of_original {
        true => terminal.text(61).get(..12)?.to_owned(),
        false => numbers(terminal)?,
    };
    Some(order_of(terminal.text(41), &numbers))
}

fn amount(terminal: &Terminal) -> Option<Decimal> {
    let fen: i64 = terminal.text(4).parse().ok()?;
    Some(Decimal::new(fen, 2))
}

fn currency(terminal: &Terminal) -> Option<String> {
    let known = [("156", "CNY"), ("344", "HKD"), ("840", "USD")];
    let currency = known.iter().find(|(code, _)| *code == terminal.text(49))?;
    Some(currency.1.to_owned())
}

/// The answer's field 39.
fn code_of(answer: &Answer, what: &What) -> &'static str {
    let code = answer.code.as_deref().unwrap_or("");
    match (what, answer.state) {
        (What::UndoVoid(_), State::Approved) => "00",
        (What::UndoVoid(_), _) => "96",
        (What::Undo(_), State::Reversed | State::Closed) => match code {
            // reversed before it was heard of
            "ORDER_CLOSED" => "25",
            _ => "00",
        },
        (What::Undo(_), State::Declined) => "12",
        (What::Undo(_), State::Approved) => "05",
        (_, State::Approved) => "00",
        (_, State::Declined) => match code {
            INVALID_CARD => "14",
            REFUND_EXCEEDS_PAYMENT => "64",
            "51" => "51",
            _ => "05",
        },
        (_, State::NotFound) => "25",
        (_, State::Closed | State::Reversed) => "12",
        (_, State::Pending | State::Verifying) => "09",
    }
}
