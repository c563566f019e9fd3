//! What is set for one terminal: names, time-outs, what people are given time for.

use std::time::Duration;

use crate::{
    device::{BabbleSettings, line::LineSettings},
    domain::payment::Sound,
    language::{Language, Languages, Value},
    wire::{frame::Framing, nexo::PinFormat},
};

/// The names under which the terminal knows its sounds.
#[derive(Clone, Debug)]
pub struct SoundNames {
    pub success: String,
    pub failure: String,
    pub attention: String,
}

impl SoundNames {
    pub(super) fn name(&self, sound: Sound) -> &str {
        match sound {
            Sound::Success => &self.success,
            Sound::Failure => &self.failure,
            Sound::Attention => &self.attention,
        }
    }
}

/// What is set for one terminal.
#[derive(Clone, Debug)]
pub struct TerminalSettings {
    pub line: LineSettings,
    /// What the terminal is called in messages (POIID); its device id if not set.
    pub poi_id: Option<String>,
    /// What the counter is called in messages (SaleID); `counter-<id>` if not set. Unique for each
    /// terminal.
    pub sale_id: Option<String>,
    /// From one heartbeat to the next while it answers, and while it does not.
    pub heartbeat_every: Duration,
    pub seek_every: Duration,
    /// Silence for so long is mute.
    pub heartbeat_bound: Duration,
    /// To show and to sound.
    pub answer_timeout: Duration,
    /// To print a slip to its end.
    pub print_timeout: Duration,
    /// An aborted question is waited for so long.
    pub abort_timeout: Duration,
    /// Before something that could not be done is tried again.
    pub retry_after: Duration,
    /// How long a person has, seconds, as the terminal is told.
    pub pin_wait_s: u32,
    pub signature_wait_s: u32,
    pub amount_wait_s: u32,
    /// ISO 9564-1. The default needs no digits of the card number.
    pub pin_format: PinFormat,
    /// The terminal's name for the key under which PIN blocks are encrypted.
    pub pin_key_reference: String,
    /// Digits of minor units that can be typed, at most 12.
    pub amount_max_digits: u32,
    pub sounds: SoundNames,
    /// What it speaks: a line for each.
    pub languages: Languages,
    pub babble: BabbleSettings,
}

impl Default for TerminalSettings {
    fn default() -> Self {
        Self {
            line: LineSettings {
                framing: Framing::NEXO_JSON,
                max_len: 64 * 1_024,
                inter_byte: Duration::from_millis(250),
                ..LineSettings::default()
            },
            poi_id: None,
            sale_id: None,
            heartbeat_every: Duration::from_secs(1),
            seek_every: Duration::from_millis(500),
            heartbeat_bound: Duration::from_secs(3),
            answer_timeout: Duration::from_secs(3),
            print_timeout: Duration::from_secs(30),
            abort_timeout: Duration::from_secs(1),
            retry_after: Duration::from_secs(1),
            pin_wait_s: 60,
            signature_wait_s: 60,
            amount_wait_s: 300,
            pin_format: PinFormat::Iso1,
            pin_key_reference: String::from("online-pin"),
            amount_max_digits: 8,
            sounds: SoundNames {
                success: String::from("approved"),
                failure: String::from("declined"),
                attention: String::from("attention"),
            },
            languages: Languages::default(),
            babble: BabbleSettings::default(),
        }
    }
}

impl TerminalSettings {
    /// A question in each language, with its one variable.
    pub(super) fn asking(&self, id: &str, (name, value): (&'static str, &str)) -> Vec<String> {
        let say = |language: Language| language.say_with(id, [(name, Value::from(value))]);
        self.languages.iter().map(say).collect()
    }

    /// How long to wait for the answer to a question for which a person has `seconds`.
    pub(super) fn wait(&self, seconds: u32) -> Duration {
        Duration::from_secs(u64::from(seconds)) + self.answer_timeout
    }
}
