#![doc = include_str!("../README.md")]

pub mod device;
pub mod domain;
pub mod ports;
pub mod signal;
pub mod wire;
