//! EMV: what a contactless card says and how it is asked (EMV Book 1 and 3, Contactless Books A to
//! C).
//!
//! BER-TLV and APDU codecs, and the contactless read as a state machine that is handed responses
//! and tells the next command. The simulated cards speak the same codecs from the other side. What
//! is deliberately not here: the reader (an adapter), offline data authentication and card risk
//! management (every payment goes online, the acquirer judges the cryptogram), and PIN handling.
//!
//! Everything a card sends is kept in buffers that are wiped, and no `Debug` here shows a sensitive
//! value.

pub mod afl;
pub mod aid;
pub mod apdu;
pub mod card;
pub mod dol;
pub mod failure;
pub mod flow;
pub mod kept;
pub mod pan;
pub mod tag;
pub mod terminal;
pub mod tlv;

pub use aid::{Aid, Candidate, CardKind};
pub use apdu::{ApduError, Command, Response, StatusWord};
pub use card::{CardRead, CryptogramKind, EmvData, Expiry};
pub use failure::{Advice, ReadFailure};
pub use flow::{ContactlessRead, Step};
pub use pan::{Pan, PanError, Track2};
pub use tag::Tag;
pub use terminal::TerminalData;
pub use tlv::{Tlv, TlvError, Value};

#[cfg(test)]
pub(crate) mod testing {
    /// Bytes of hexadecimal digits; a single last digit is padded with F, as cards do.
    pub(crate) fn hex(text: &str) -> Vec<u8> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let padded = if text.len() % 2 == 1 {
            format!("{text}F")
        } else {
            text
        };
        let pair = |at: usize| u8::from_str_radix(&padded[at..at + 2], 16).unwrap();
        (0..padded.len()).step_by(2).map(pair).collect()
    }
}
