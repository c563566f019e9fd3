//! What the terminal can be asked to do, and how it ends.

use std::time::Duration;

use actix::Message;

use super::ZvtSettings;
use crate::wire::zvt::{Request, StatusInformation, words};

/// What a terminal can be asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    Register,
    Enquire,
    Display(Vec<String>),
    Authorise { minor: u64, currency: u16 },
    Reverse { receipt: u16 },
    Refund { minor: u64, currency: u16 },
    LastReceipt,
    EndOfDay,
}

impl Job {
    pub(super) const fn asks_customer(&self) -> bool {
        matches!(self, Self::Authorise { .. } | Self::Refund { .. })
    }

    pub(super) const fn is_about_money(&self) -> bool {
        !matches!(self, Self::Register | Self::Enquire | Self::Display(_))
    }

    pub(super) fn bound(&self, settings: &ZvtSettings) -> Duration {
        match self.asks_customer() {
            true => settings.card_timeout,
            false => settings.command_timeout,
        }
    }

    pub(super) fn request<'a>(&'a self, settings: &ZvtSettings) -> Request<'a> {
        let password = settings.password;
        match *self {
            Self::Register => Request::Register {
                password,
                config_byte: settings.config_byte(),
                currency: settings.currency,
            },
            Self::Enquire => Request::Enquire,
            Self::Display(ref lines) => Request::Display { lines, seconds: 5 },
            Self::Authorise { minor, currency } => Request::Authorise { minor, currency },
            Self::Reverse { receipt } => Request::Reverse { password, receipt },
            Self::Refund { minor, currency } => Request::Refund {
                password,
                minor,
                currency,
            },
            Self::LastReceipt => Request::RepeatReceipt { password },
            Self::EndOfDay => Request::EndOfDay { password },
        }
    }
}

/// How a command ended, in the terminal's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub status: Option<StatusInformation>,
    /// The code of 06 1E; none if the command was completed.
    pub aborted: Option<u8>,
    pub slip: Vec<String>,
}

/// Why the terminal's word on a command is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// Not a byte was sent.
    #[error("could not be sent: {0}")]
    NotSent(String),
    /// The terminal has refused to begin it.
    #[error("the terminal refused it: code {0:02X}, {words}", words = words(*.0))]
    Refused(u8),
    /// It may have been done.
    #[error("{0}")]
    Lost(String),
}

/// Asks for a command; answered when it has ended.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Done, Failed>")]
pub struct Perform(pub Job);

/// Ends what the terminal is doing with a customer, if it is.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct StopAsking;
