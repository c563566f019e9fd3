//! What can be seen of a terminal.

use std::collections::VecDeque;

use store_actors::wire::nexo::{Body, InputCommand, OutputContent, PinRequestType, SoundContent};

/// How much of the past is kept of each kind.
const KEPT: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TerminalState {
    /// The cable is in.
    pub plugged: bool,
    /// The lines on the screen.
    pub screen: Vec<String>,
    /// The QR code on the screen.
    pub qr: Option<String>,
    /// What the person is asked.
    pub question: Option<Question>,
    /// Names of sounds and texts spoken, the last 64.
    pub sounds: VecDeque<String>,
    /// Slips printed, the last 64.
    pub slips: VecDeque<Slip>,
    /// Requests understood.
    pub requests: u64,
    /// Of these, heartbeats.
    pub heartbeats: u64,
    /// Of these, requests refused because their ServiceID had been seen.
    pub repeats: u64,
    /// Questions stopped by an abort.
    pub aborted: u64,
    /// Pieces received that were no message, and messages of no use.
    pub garbage: u64,
}

/// What a terminal asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Digits, at most so many.
    Amount {
        max_digits: Option<u32>,
    },
    Confirmation,
    Signature,
    Pin(PinRequestType),
    /// A question of the standard that no person here answers, except with the red key.
    Other(InputCommand),
}

/// A printed slip.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slip {
    pub lines: Vec<String>,
    pub qr: Option<String>,
}

impl Question {
    pub(super) fn of(request: &Body) -> Option<Self> {
        match request {
            Body::InputRequest(request) => Some(match request.input_data.input_command {
                InputCommand::DigitString => Self::Amount {
                    max_digits: request.input_data.max_length,
                },
                InputCommand::GetConfirmation if request.is_signature() => Self::Signature,
                InputCommand::GetConfirmation => Self::Confirmation,
                other => Self::Other(other),
            }),
            Body::PinRequest(request) => Some(Self::Pin(request.pin_request_type)),
            _ => None,
        }
    }
}

impl TerminalState {
    /// Shows what one request brings, in place of what was there.
    pub(super) fn show<'a>(&mut self, outputs: impl Iterator<Item = &'a OutputContent>) {
        (self.screen, self.qr) = (Vec::new(), None);
        for content in outputs {
            self.screen.extend(lines(content));
            self.qr = qr(content).or(self.qr.take());
        }
    }

    pub(super) fn sound(&mut self, content: &SoundContent) {
        let sound = content.value.as_ref().or(content.reference_id.as_ref());
        keep(&mut self.sounds, sound.cloned().unwrap_or_default());
    }

    pub(super) fn slip(&mut self, slip: Slip) {
        keep(&mut self.slips, slip);
    }
}

impl Slip {
    pub(super) fn print(&mut self, content: &OutputContent) {
        self.lines.extend(lines(content));
        self.qr = qr(content).or(self.qr.take());
    }
}

fn lines(content: &OutputContent) -> impl Iterator<Item = String> {
    content.output_text.iter().map(|line| line.text.clone())
}

fn qr(content: &OutputContent) -> Option<String> {
    content
        .output_barcode
        .as_ref()
        .map(|barcode| barcode.barcode_value.expose().to_owned())
}

fn keep<T>(kept: &mut VecDeque<T>, new: T) {
    kept.push_back(new);
    if kept.len() > KEPT {
        kept.pop_front();
    }
}
