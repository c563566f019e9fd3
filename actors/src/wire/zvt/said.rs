//! What a terminal says.

use super::{
    Apdu, ZvtError,
    fields::{
        AMOUNT, CARD_NAME, CARD_NUMBER, CURRENCY, DATE, Fields, RECEIPT, RESULT, TERMINAL, TIME,
        TRACE, text,
    },
};
use crate::wire::emv::{Tag, tlv};

/// Text lines of a slip at most; a terminal that prints more is not believed.
const LINES_MAX: usize = 256;
const TEXT_LINE: Tag = Tag::new(0x07);
const TEXT_LINES: Tag = Tag::new(0x25);
/// How the card holder was authenticated (PA00P015, list of TLV objects).
const CARD_HOLDER: Tag = Tag::new(0x1F10);
/// Of its values, those with a signature: alone, or beside a PIN.
const SIGNED: [u8; 4] = [0x01, 0x05, 0x06, 0x07];

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// 80 00, and 84 00.
    Ack,
    /// 84 xx to a command: it is not carried out.
    Refused { code: u8 },
    /// 04 FF: it goes on.
    Intermediate { status: u8 },
    /// 04 0F: how it went.
    Status(Box<StatusInformation>),
    /// 06 D1 and 06 D3: a part of the slip.
    Slip { lines: Vec<String> },
    /// 06 0F: the end of what was asked for.
    Completed,
    /// 06 1E: the same, and nothing was done.
    Aborted { code: u8 },
    /// Something that this store has no use for.
    Other { class: u8, instruction: u8 },
}

/// Of a status information, what the store uses. Values that did not come are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusInformation {
    /// 0 is success.
    pub result: Option<u8>,
    pub minor: Option<u64>,
    pub currency: Option<u16>,
    pub receipt: Option<u16>,
    pub trace: Option<u32>,
    /// HHMMSS of the terminal's clock.
    pub time: Option<u32>,
    /// MMDD.
    pub date: Option<u16>,
    pub terminal: Option<u32>,
    pub card_name: Option<String>,
    /// The first six and the last four digits at most.
    pub masked_pan: Option<String>,
    /// The customer is to sign.
    pub signature: bool,
}

/// What tells one booking of a terminal from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booking {
    pub receipt: u16,
    pub trace: u32,
}

impl StatusInformation {
    pub const fn is_success(&self) -> bool {
        matches!(self.result, Some(0))
    }

    pub fn booking(&self) -> Option<Booking> {
        let (receipt, trace) = (self.receipt?, self.trace?);
        Some(Booking { receipt, trace })
    }

    fn read(data: &[u8]) -> Result<Self, ZvtError> {
        let fields = Fields::read(data)?;
        let objects = fields.objects();
        let card_holder = tlv::find_bytes(&objects, CARD_HOLDER).and_then(<[u8]>::first);
        Ok(Self {
            signature: card_holder.is_some_and(|how| SIGNED.contains(how)),
            result: fields.byte(RESULT),
            minor: fields.number(AMOUNT)?,
            currency: fields.small(CURRENCY)?,
            receipt: fields.small(RECEIPT)?,
            trace: fields.small(TRACE)?,
            time: fields.small(TIME)?,
            date: fields.small(DATE)?,
            terminal: fields.small(TERMINAL)?,
            card_name: fields
                .text(CARD_NAME)
                .map(|name| name.trim_end_matches('\0').trim_end().to_owned()),
            masked_pan: fields.bytes(CARD_NUMBER).map(masked),
        })
    }
}

impl Said {
    /// # Errors
    /// A message of a known kind that does not hold what its kind needs.
    pub fn read(bytes: &[u8]) -> Result<Self, ZvtError> {
        let apdu = Apdu::decode(bytes)?;
        let first = apdu.data.first().copied();
        Ok(match (apdu.class, apdu.instruction) {
            (0x80, 0x00) | (0x84, 0x00) => Self::Ack,
            (0x84, code) => Self::Refused { code },
            (0x04, 0xFF) => Self::Intermediate {
                status: first.ok_or(ZvtError::Missing { at: 0 })?,
            },
            (0x04, 0x0F) => Self::Status(Box::new(StatusInformation::read(&apdu.data)?)),
            (0x06, 0x0F) => Self::Completed,
            (0x06, 0x1E) => Self::Aborted {
                code: first.ok_or(ZvtError::Missing { at: 0 })?,
            },
            (0x06, 0xD1) => Self::Slip {
                lines: vec![text(apdu.data.get(1..).unwrap_or_default())],
            },
            (0x06, 0xD3) => Self::Slip {
                lines: block(&Fields::read(&apdu.data)?),
            },
            (class, instruction) => Self::Other { class, instruction },
        })
    }
}

fn block(fields: &Fields) -> Vec<String> {
    let objects = fields.objects();
    let Some(block) = tlv::find(&objects, TEXT_LINES) else {
        return Vec::new();
    };
    let lines = block.children().iter().filter(|o| o.tag == TEXT_LINE);
    lines
        .take(LINES_MAX)
        .map(|line| text(line.bytes().unwrap_or_default()))
        .collect()
}

/// Terminals mask with E themselves; what they did not mask is masked here.
fn masked(digits: &[u8]) -> String {
    let nibbles = digits.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    let nibbles: Vec<u8> = nibbles.filter(|nibble| *nibble != 0xF).collect();
    let last = nibbles.len().saturating_sub(4);
    let shown = |(at, nibble): (usize, &u8)| match nibble {
        0..=9 if at < 6.min(last.saturating_sub(3)) || at >= last => char::from(b'0' + nibble),
        _ => '*',
    };
    nibbles.iter().enumerate().map(shown).collect()
}

/// What a result or abort code means, for the cashier (PA00P015, error messages).
pub fn words(code: u8) -> &'static str {
    match code {
        0x64 => "the card can't be read",
        0x65 => "the card's data are missing",
        0x66 => "the terminal could not process it",
        0x67 | 0x69 => "not allowed for this card",
        0x6C => "cancelled at the terminal, or nothing was presented in time",
        0x6E => "the terminal is not ready",
        0x6F => "the terminal does not take this currency",
        0x77 => "an end-of-day is needed first",
        0x78 => "the card has expired",
        0x7A => "the card is unknown",
        0x7C => "the card is blocked",
        0x83 => "the terminal does not know this function",
        0x85 => "the terminal is not initialised",
        0x9A | 0x9B => "the terminal could not reach its host",
        0xA0 => "the terminal is waiting for something else",
        0xB1 => "the terminal has too little memory",
        0xB4 => "already reversed",
        0xB5 => "it can't be reversed",
        0xC4 => "the terminal has no such payment",
        0xFF => "a system error of the terminal",
        _ => "declined",
    }
}
