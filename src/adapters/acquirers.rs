//! Drivers of acquirers: each speaks one provider's protocol and answers the core's `Acquirer`
//! port.

pub mod key;
pub mod sandbox;
