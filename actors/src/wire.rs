//! Wire formats: bytes to values and back, pure, frozen by golden tests.
//!
//! The same codecs serve the controller's drivers and the simulated devices. No clock, port or
//! socket is touched here: a codec is fed bytes and tells what they mean, and garbage is an answer,
//! never a panic.

pub mod bill;
pub mod emv;
pub mod emvqr;
pub mod frame;
pub mod iso8583;
pub mod nexo;
pub mod scanner;
pub mod uplink;
pub mod zvt;
