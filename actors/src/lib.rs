#![doc = include_str!("../README.md")]

pub mod acquirer;
pub mod counter;
pub mod day_close;
pub mod device;
pub mod domain;
pub mod journal;
pub mod language;
pub mod mutants;
pub mod office;
pub mod offline;
pub mod outbox;
pub mod ports;
pub mod settlement;
pub mod signal;
pub mod store;
pub mod supervisor;
#[cfg(any(test, feature = "test-ports"))]
pub mod testing;
pub mod wire;
