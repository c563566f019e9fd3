#![doc = include_str!("../README.md")]

pub mod counter;
pub mod device;
pub mod domain;
pub mod journal;
pub mod ports;
pub mod signal;
pub mod store;
pub mod supervisor;
pub mod wire;
