//! What is set for one terminal that speaks ZVT.

use std::time::Duration;

use crate::{
    device::{BabbleSettings, line::LineSettings},
    wire::frame::Framing,
};

/// When the terminal is told to end its day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndOfDay {
    /// Somebody else sees to it, or the terminal itself.
    #[default]
    Never,
    /// With the store's business day.
    WithDay,
    /// At so many minutes after midnight.
    At(u32),
}

/// Who prints what the terminal wants printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipts {
    /// The terminal's own printer.
    Terminal,
    /// The till: the lines come as `Signal::SlipReceived`.
    Till,
}

#[derive(Clone, Debug)]
pub struct ZvtSettings {
    pub line: LineSettings,
    /// Six digits, as the terminal's operator has set it.
    pub password: u32,
    /// ISO 4217, numeric.
    pub currency: u16,
    pub receipts: Receipts,
    /// Until a command is acknowledged.
    pub ack_timeout: Duration,
    /// Until a command without a customer ends.
    pub command_timeout: Duration,
    /// Until the customer has paid; then the terminal is told to abort, and has `abort_timeout`.
    pub card_timeout: Duration,
    pub abort_timeout: Duration,
    /// A terminal that hangs up while idle has so long to take the next connection before it
    /// counts as gone.
    pub idle_bound: Duration,
    /// From one status enquiry to the next, and before a refused registration is tried again.
    pub heartbeat_every: Duration,
    /// When the terminal settles its day.
    pub end_of_day: EndOfDay,
    /// From UTC to the store's clock.
    pub utc_offset_minutes: i32,
    pub babble: BabbleSettings,
}

/// The longest message of the protocol, and its header.
const MAX_LEN: usize = 65_535 + 5;

impl ZvtSettings {
    /// For a serial line, or TCP.
    pub fn new(is_serial: bool, password: u32, currency: u16) -> Self {
        let framing = match is_serial {
            true => Framing::DleStxCrc,
            false => Framing::ZvtApdu,
        };
        Self {
            line: LineSettings {
                framing,
                max_len: MAX_LEN,
                inter_byte: Duration::from_millis(500),
                // a terminal that hangs up when idle is called again at once
                stable_after: Duration::from_millis(500),
                ..LineSettings::default()
            },
            password,
            currency,
            receipts: Receipts::Terminal,
            ack_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(30),
            card_timeout: Duration::from_secs(90),
            abort_timeout: Duration::from_secs(10),
            idle_bound: Duration::from_millis(1_500),
            heartbeat_every: Duration::from_secs(10),
            end_of_day: EndOfDay::Never,
            utc_offset_minutes: 0,
            babble: BabbleSettings::default(),
        }
    }

    pub(super) fn is_serial(&self) -> bool {
        self.line.framing == Framing::DleStxCrc
    }

    /// PA00P015, registration: 08 intermediate status, 10 and 20 no payments and no administration
    /// begun at the terminal itself; 02, 04 and 80 its receipts are printed by the register.
    pub(super) const fn config_byte(&self) -> u8 {
        match self.receipts {
            Receipts::Terminal => 0x38,
            Receipts::Till => 0xBE,
        }
    }
}
