//! The shell of the store controller: everything that touches the world outside the process.

pub mod adapters;
pub mod commands;
pub mod config;
pub mod crash;
pub mod head_office;
mod listen;
pub mod logging;
pub mod metrics;
pub mod office;
pub mod problem;
pub mod shutdown;
pub mod strict_toml;
pub mod web;
pub mod wiring;
