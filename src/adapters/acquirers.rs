//! Drivers of acquirers: each speaks one provider's protocol and answers the core's `Acquirer`
//! port.

pub mod alipay;
mod errors;
pub mod key;
pub mod rsa;
pub mod sandbox;
mod transport;

pub use errors::DriverRefused;
