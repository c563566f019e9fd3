//! What the store says to a terminal.

use super::{
    Apdu, ZvtError,
    fields::{AMOUNT, CONTAINER, CURRENCY, RECEIPT, digits, put_text},
};

/// Lines that 06 E0 can show.
const DISPLAY_LINES: u8 = 8;
/// Tag 26 (permitted commands) with 0A = 06 D3: the terminal may send its slip as one text block.
const TAKES_TEXT_BLOCKS: [u8; 8] = [CONTAINER, 0x06, 0x26, 0x04, 0x0A, 0x02, 0x06, 0xD3];

/// One command. Amounts are in minor units, currencies by their ISO 4217 number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// 06 00.
    Register {
        password: u32,
        config_byte: u8,
        currency: u16,
    },
    /// 06 01: the customer's card is asked for and charged.
    Authorise { minor: u64, currency: u16 },
    /// 06 30: a payment of this terminal's own day is undone, without the card.
    Reverse { password: u32, receipt: u16 },
    /// 06 31: the customer's card is asked for and paid.
    Refund {
        password: u32,
        minor: u64,
        currency: u16,
    },
    /// 06 20: the last receipt once more, and what it is of.
    RepeatReceipt { password: u32 },
    /// 05 01: how are you?
    Enquire,
    /// 06 50: what the terminal has gathered is settled.
    EndOfDay { password: u32 },
    /// 06 B0: what is under way shall end.
    Abort,
    /// 06 E0.
    Display { lines: &'a [String], seconds: u8 },
}

impl Request<'_> {
    /// For people and the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Register { .. } => "registration",
            Self::Authorise { .. } => "authorisation",
            Self::Reverse { .. } => "reversal",
            Self::Refund { .. } => "refund",
            Self::RepeatReceipt { .. } => "repeat receipt",
            Self::Enquire => "status enquiry",
            Self::EndOfDay { .. } => "end of day",
            Self::Abort => "abort",
            Self::Display { .. } => "display text",
        }
    }

    /// # Errors
    /// A number with more digits than its field.
    pub fn encode(&self) -> Result<Vec<u8>, ZvtError> {
        let mut data = Vec::new();
        let instruction = match *self {
            Self::Register {
                password,
                config_byte,
                currency,
            } => {
                put_password(password, &mut data)?;
                data.push(config_byte);
                digits(currency.into(), 2, "the currency", &mut data)?;
                data.extend(TAKES_TEXT_BLOCKS);
                (0x06, 0x00)
            }
            Self::Authorise { minor, currency } => {
                put_money(minor, currency, &mut data)?;
                (0x06, 0x01)
            }
            Self::Reverse { password, receipt } => {
                put_password(password, &mut data)?;
                data.push(RECEIPT);
                digits(receipt.into(), 2, "the receipt's number", &mut data)?;
                (0x06, 0x30)
            }
            Self::Refund {
                password,
                minor,
                currency,
            } => {
                put_password(password, &mut data)?;
                put_money(minor, currency, &mut data)?;
                (0x06, 0x31)
            }
            Self::RepeatReceipt { password } => {
                put_password(password, &mut data)?;
                (0x06, 0x20)
            }
            Self::EndOfDay { password } => {
                put_password(password, &mut data)?;
                (0x06, 0x50)
            }
            Self::Enquire => (0x05, 0x01),
            Self::Abort => (0x06, 0xB0),
            Self::Display { lines, seconds } => {
                data.extend([0xF0, seconds]);
                for (number, line) in (0xF1..0xF1 + DISPLAY_LINES).zip(lines) {
                    put_text(number, line, &mut data);
                }
                (0x06, 0xE0)
            }
        };
        Apdu::new(instruction.0, instruction.1, data).encode()
    }
}

fn put_password(password: u32, data: &mut Vec<u8>) -> Result<(), ZvtError> {
    digits(password.into(), 3, "the password", data)
}

fn put_money(minor: u64, currency: u16, data: &mut Vec<u8>) -> Result<(), ZvtError> {
    data.push(AMOUNT);
    digits(minor, 6, "the amount", data)?;
    data.push(CURRENCY);
    digits(currency.into(), 2, "the currency", data)
}
