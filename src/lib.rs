//! The shell of the store controller: everything that touches the world outside the process.

pub mod adapters;
pub mod head_office;
pub mod problem;
pub mod strict_toml;
