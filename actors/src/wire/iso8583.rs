//! ISO 8583 as China UnionPay's card hosts speak it to terminals: bytes to fields and back.
//!
//! Table-driven: what a field is stands in one row of [`field`], and everything else reads it
//! there. Numbers are BCD, lengths are BCD and count digits or bytes, an odd number of digits is
//! filled up with a nibble on the side that the row names. A received message is not copied: a
//! [`Decoded`] borrows from the buffer and knows where each field begins. A message to be sent is
//! built field by field ([`Message`]), sealed with a MAC and put into its [`Envelope`].
//!
//! Card numbers, tracks, PIN blocks, chip data and keys are in no `Debug` and no error (SEC-1).
//! Deliberately not here: connections, sign-in, what an answer means for a payment, and any memory
//! of trace numbers: that is the driver's (`adapters/acquirers/cardhost`).

pub mod answer;
pub mod bcd;
pub mod bitmap;
pub mod cipher;
pub mod decode;
pub mod encode;
pub mod envelope;
pub mod field;
pub mod keys;
pub mod mac;
pub mod mti;
pub mod request;
pub mod settlement;

#[cfg(test)]
mod tests;

pub use answer::Response;
pub use bcd::Digits;
pub use cipher::{Cipher, CipherKey, KeyRefused};
pub use decode::{DecodeError, Decoded, Problem, Value};
pub use encode::{EncodeError, Message};
pub use envelope::{Envelope, Header, HostAsks, Tpdu};
pub use field::Field;
pub use keys::{KeyScheme, KeysRefused, WorkingKeys};
pub use mac::MacMethod;
pub use mti::Mti;
pub use request::{Amount, Card, Entry, Kind, Original, Station, Trace};
pub use settlement::{Codes, Compared, Detail, Sides, Sum, Totals};
