//! Simulated devices: terminals and scanners that speak the wire from the other side, with the
//! controller's own codecs, over real pseudo-terminals and sockets; cards on the virtual readers of
//! a real `pcscd`.
//!
//! Each device is a task. A handle gives orders (plug, unplug, the [`Faults`], what a person does
//! at the device) and shows its state through a watch, so that a test waits for a condition and
//! never for a time. A dropped handle ends the device, and its cable is out.
//!
//! What is deliberately not here: customers with habits.

pub mod card;
mod line;
pub mod pcscd;
pub mod pty;
pub mod scanner;
mod task;
pub mod terminal;
pub mod zvt;

use std::time::Duration;

pub use line::Line;

/// What is wrong with a device. All may change while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    /// Reads and understands, and never says anything.
    pub mute: bool,
    /// Does not read: what is sent to it stays in the line.
    pub deaf: bool,
    /// Sends this before every message.
    pub garbage: Vec<u8>,
    /// Sends byte by byte, with this time between two.
    pub split: Option<Duration>,
    /// Waits this long before each message; with a long one, answers come too late.
    pub delay: Duration,
    /// Terminals: answers with a ServiceID that nobody asked with.
    pub wrong_service_id: bool,
    /// Terminals: sends every answer twice.
    pub twice: bool,
    /// Terminals: the printer has no paper.
    pub no_paper: bool,
}

/// Why an order to a device was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("the device has ended")]
    Gone,
    #[error("the device waits for no such thing now")]
    NotAsked,
    #[error("the device does not take this: {0}")]
    Refused(&'static str),
    #[error("the state waited for did not come within {0:?}")]
    Late(Duration),
    #[error("the cable: {0}")]
    Cable(#[from] std::io::Error),
}

#[cfg(test)]
mod tests;
