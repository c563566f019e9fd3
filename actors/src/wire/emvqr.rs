//! EMVCo QR codes: the shop's own (merchant-presented, MPM v1.1) and the customer's
//! (consumer-presented, CPM v1.1).
//!
//! Text to values and back. What is not here: drawing and reading pictures (the shell's adapter),
//! and what an acquirer puts into a merchant account or makes of a customer's code.

pub mod cpm;
pub mod crc;
pub mod mpm;

pub use cpm::{ConsumerCode, CpmError};
pub use mpm::{MerchantQr, MerchantQrBuilder, MpmError, Object};
