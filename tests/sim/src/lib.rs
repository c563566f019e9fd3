//! The other side of every wire: devices, customers, an acquirer and a broker, to run the
//! controller against.

pub mod acquirer;
pub mod boards;
pub mod device;
pub mod lab;
pub mod storm;
