//! Devices: one actor per device, and the words between a device and its counter.
//!
//! Commands are imperative, facts are past tense, and both carry the `PaymentId` they belong to:
//! the fencing token. A device drops what belongs to a payment that is no longer its own; a counter
//! drops facts about a payment that it does not have at the stand. Facts reach the counter through
//! `FactSink`, which never blocks.

mod babble;
pub mod line;
pub mod nfc;
pub mod scanner;
pub mod terminal;
#[cfg(test)]
mod testing;
mod vitals;
pub mod zvt;

use std::sync::Arc;

use actix::{Handler, Message};

pub use babble::BabbleSettings;
pub use vitals::DeviceDeps;

use crate::{
    domain::{
        code::Secret,
        ids::{DeviceId, PaymentId},
        money::{Currency, Money},
        payment::{Notice, Reason, Sound},
        signature::Drawing,
    },
    ports::PinBlock,
    supervisor::{Handle, SendFailed},
    wire::emv::CardRead,
};

/// To a scanner or reader: the next code or card is this payment's.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Arm {
    pub payment: PaymentId,
    /// What the card is asked to sign.
    pub money: Money,
}

/// To a scanner, reader or terminal: this payment needs nothing more of you. Ignored if it isn't
/// yours.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Disarm {
    pub payment: PaymentId,
}

/// To a terminal.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Command {
    pub payment: PaymentId,
    pub kind: CommandKind,
}

#[derive(Clone, Debug)]
pub enum CommandKind {
    /// Show the words (and the QR, and let the sound be heard).
    Show(Notice),
    /// Ask for the PIN; answered by `Fact::PinEntered` or `Fact::PinRefused`.
    AskPin { money: Money },
    /// Ask the customer to sign; answered by `Fact::Signed` or `Fact::SignatureRefused`.
    AskSignature { money: Money },
    /// Print a slip.
    Print {
        lines: Vec<String>,
        /// Leave room for a signature with a pen.
        room_for_pen: bool,
    },
    /// Let this be heard, by itself.
    Play(Sound),
}

/// To a terminal: while the stand is free, let the cashier type an amount (or do not).
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct OfferAmountEntry {
    pub offer: bool,
    pub currency: Currency,
}

/// A counter's terminal, whichever it is. Both take the same words.
#[derive(Clone, Debug)]
pub enum TerminalHandle {
    /// The store reads the card and asks the acquirer.
    Nexo(Handle<terminal::Terminal>),
    /// It authorises by itself.
    Zvt(Handle<zvt::ZvtTerminal>),
}

impl TerminalHandle {
    pub fn try_send<M>(&self, message: M) -> Result<(), SendFailed>
    where
        terminal::Terminal: Handler<M>,
        zvt::ZvtTerminal: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        match self {
            Self::Nexo(terminal) => terminal.try_send(message),
            Self::Zvt(terminal) => terminal.try_send(message),
        }
    }

    pub const fn authorises_by_itself(&self) -> bool {
        matches!(self, Self::Zvt(_))
    }
}

/// To any device: how are you? For a counter that was rebuilt; changes come by themselves.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "crate::signal::Health")]
pub struct Report;

/// What a device tells its counter.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Fact {
    pub device: DeviceId,
    pub kind: FactKind,
}

#[derive(Clone, Debug)]
pub enum FactKind {
    /// A scan while armed.
    CodeScanned {
        payment: PaymentId,
        code: Secret,
    },
    /// The reader read a card while armed.
    CardRead {
        payment: PaymentId,
        card: Box<CardRead>,
    },
    /// A card was there and could not be read; the customer may try again.
    CardFailed {
        payment: PaymentId,
        why: String,
    },
    PinEntered {
        payment: PaymentId,
        block: PinBlock,
    },
    PinRefused {
        payment: PaymentId,
        why: String,
    },
    Signed {
        payment: PaymentId,
        drawing: Drawing,
    },
    SignatureRefused {
        payment: PaymentId,
        why: String,
    },
    /// Cancel was pressed on the terminal.
    CancelPressed {
        payment: PaymentId,
        reason: Reason,
    },
    /// The cashier typed an amount at the idle terminal: a payment begins there.
    AmountTyped {
        money: Money,
    },
    /// Ready, absent, mute …; also in `Signal::DeviceChanged`. Sent at each change and after
    /// (re)start.
    HealthChanged(crate::signal::Health),
}

/// Where facts go: the counter of the moment, whichever incarnation that is.
pub type FactSink = Arc<dyn Fn(Fact) + Send + Sync>;
