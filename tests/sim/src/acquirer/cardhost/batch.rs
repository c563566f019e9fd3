//! The host's batches: what it has booked for the terminal since the last settlement, and the
//! settlement by its own count.

use std::collections::{BTreeMap, VecDeque};

use super::wire::Terminal;

/// How a message of a settlement goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upset {
    /// The host counts one more than there is.
    NotBalanced,
    /// It hears nothing and says nothing.
    Silence,
    /// It does as it was asked, and its answer is lost.
    AnswerLost,
    /// It refuses.
    Refused,
    /// It goes as it should: of use before one that does not.
    Fine,
}

/// A batch that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its number.
    pub batch: u32,
    /// Sum in fen and number of debits, by the host's own count.
    pub debits: (u64, usize),
    /// The same of credits.
    pub credits: (u64, usize),
    /// Whether the terminal's totals were the same.
    pub balanced: bool,
    /// Details that the terminal uploaded, by trace number: the amount in fen.
    pub uploaded: BTreeMap<u32, u64>,
}

/// A message of a settlement.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Totals {
        batch: u32,
        text: String,
    },
    Details {
        batch: u32,
        text: String,
    },
    End {
        batch: u32,
        text: String,
        says_balanced: bool,
    },
}

/// Field 39, and field 48 where there is one.
pub(super) struct Word {
    pub code: &'static str,
    pub totals: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct Booked {
    fen: u64,
    is_domestic: bool,
    is_credit: bool,
}

/// The terminal's batches.
#[derive(Debug)]
pub(super) struct Batches {
    open: u32,
    /// By trace number.
    booked: BTreeMap<u32, Booked>,
    uploaded: BTreeMap<u32, u64>,
    /// What was said of the totals.
    compared: Option<bool>,
    settled: Vec<Settled>,
    upsets: VecDeque<Upset>,
    too_late: u32,
}

impl Message {
    pub fn read(terminal: &Terminal) -> Option<Self> {
        let batch = terminal.text(60).get(2..8)?.parse().ok()?;
        let text = terminal.text(48).to_owned();
        let management = terminal.text(60).get(8..11)?;
        match (terminal.mti.as_str(), management) {
            ("0500", "201") => Some(Self::Totals { batch, text }),
            ("0320", "201") => Some(Self::Details { batch, text }),
            ("0320", "207" | "202") => Some(Self::End {
                batch,
                text,
                says_balanced: management == "207",
            }),
            _ => None,
        }
    }
}

fn word(code: &'static str) -> Word {
    Word { code, totals: None }
}

impl Batches {
    pub fn new(open: u32) -> Self {
        Self {
            open,
            booked: BTreeMap::new(),
            uploaded: BTreeMap::new(),
            compared: None,
            settled: Vec::new(),
            upsets: VecDeque::new(),
            too_late: 0,
        }
    }

    pub fn upset(&mut self, upset: Upset) {
        self.upsets.push_back(upset);
    }

    pub fn next_upset(&mut self) -> Option<Upset> {
        self.upsets.pop_front()
    }

    pub fn settled(&self) -> &[Settled] {
        &self.settled
    }

    pub const fn open_number(&self) -> u32 {
        self.open
    }

    pub fn in_open(&self) -> usize {
        self.booked.len()
    }

    pub const fn too_late(&self) -> u32 {
        self.too_late
    }

    /// Whether a transaction with this field 60 is of the open batch, and its totals are not told.
    pub fn takes(&mut self, field_60: &str) -> bool {
        let batch = field_60.get(2..8).and_then(|text| text.parse::<u32>().ok());
        let takes = batch == Some(self.open) && self.compared.is_none();
        self.too_late += u32::from(!takes);
        takes
    }

    /// The same trace number is the same transaction.
    pub fn book(&mut self, stan: u32, fen: u64, is_domestic: bool, is_credit: bool) {
        let booked = Booked {
            fen,
            is_domestic,
            is_credit,
        };
        self.booked.entry(stan).or_insert(booked);
    }

    pub fn strike(&mut self, stan: u32) {
        self.booked.remove(&stan);
    }

    /// By kind of card and side: sum and number.
    fn sum(&self, is_wanted: impl Fn(&Booked) -> bool) -> (u64, usize) {
        let wanted = || self.booked.values().filter(|one| is_wanted(one));
        (wanted().map(|one| one.fen).sum(), wanted().count())
    }

    fn side(&self, is_domestic: bool) -> String {
        let side = |is_credit| {
            let (fen, count) =
                self.sum(|one| one.is_domestic == is_domestic && one.is_credit == is_credit);
            format!("{fen:012}{count:03}")
        };
        format!("{}{}", side(false), side(true))
    }

    pub fn answer(&mut self, message: &Message, upset: Option<Upset>) -> Word {
        if upset == Some(Upset::Refused) {
            return word("40");
        }
        let (Message::Totals { batch, .. }
        | Message::Details { batch, .. }
        | Message::End { batch, .. }) = message;
        if *batch != self.open {
            // the end again, whose answer was lost
            let is_last = self.settled.last().is_some_and(|last| last.batch == *batch);
            let is_end = matches!(message, Message::End { .. });
            return word(if is_end && is_last { "94" } else { "12" });
        }
        match message {
            Message::Totals { text, .. } => self.totals(text, upset == Some(Upset::NotBalanced)),
            Message::Details { text, .. } => self.details(text),
            Message::End {
                text,
                says_balanced,
                ..
            } => self.end(text, *says_balanced),
        }
    }

    fn totals(&mut self, text: &str, miscounts: bool) -> Word {
        let said = |from: usize| text.get(from..from + 30).unwrap_or("");
        let word = |is_domestic, from| {
            let counted = self.side(is_domestic);
            match counted == said(from) && !(miscounts && is_domestic) {
                true => (format!("{counted}1"), true),
                false => (format!("{counted}2"), false),
            }
        };
        let (domestic, foreign) = (word(true, 0), word(false, 31));
        self.compared = Some(domestic.1 && foreign.1);
        Word {
            code: "00",
            totals: Some(format!("{}{}", domestic.0, foreign.0)),
        }
    }

    /// Each is 40 digits: kind, trace number, card number, amount.
    fn details(&mut self, text: &str) -> Word {
        let Some((count, mut rest)) = text.split_at_checked(2) else {
            return word("30");
        };
        let mut seen = 0;
        while let Some((one, after)) = rest.split_at_checked(40) {
            let number = |from, to| one.get(from..to).and_then(|text: &str| text.parse().ok());
            let (Some(stan), Some(fen)) = (number(2, 8), number(28, 40)) else {
                return word("30");
            };
            self.uploaded.insert(u32::try_from(stan).unwrap_or(0), fen);
            seen += 1;
            rest = after;
        }
        let is_whole = rest.is_empty() && count.parse() == Ok(seen) && seen <= 8;
        word(if is_whole { "00" } else { "30" })
    }

    fn end(&mut self, text: &str, says_balanced: bool) -> Word {
        let is_told = text.parse() == Ok(self.uploaded.len());
        let Some(balanced) = self
            .compared
            .filter(|said| is_told && *said == says_balanced)
        else {
            return word("95");
        };
        self.settled.push(Settled {
            batch: self.open,
            debits: self.sum(|one| !one.is_credit),
            credits: self.sum(|one| one.is_credit),
            balanced,
            uploaded: std::mem::take(&mut self.uploaded),
        });
        self.booked.clear();
        self.compared = None;
        self.open = self.open % 999_999 + 1;
        word("00")
    }
}
