//! Drivers of acquirers: each speaks one provider's protocol and answers the core's `Acquirer`
//! port.

pub mod alipay;
pub mod bill_source;
pub mod cardhost;
mod errors;
pub mod key;
pub mod notifier;
mod pairs;
pub mod pointed;
pub mod rsa;
pub mod sandbox;
#[cfg(test)]
pub mod testing;
mod transport;
pub mod unionpay;
mod way;
pub mod wechat;

pub use errors::DriverRefused;
pub use way::{ProxyServer, Way};
