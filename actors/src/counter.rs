//! A counter.

pub mod status;

pub use status::CounterStatus;
