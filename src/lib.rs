//! The shell of the store controller: everything that touches the world outside the process.

pub mod adapters;
pub mod commands;
pub mod config;
pub mod crash;
pub mod door;
pub mod head_office;
mod listen;
pub mod logging;
pub mod metrics;
pub mod office;
pub mod pdf;
pub mod people;
pub mod problem;
pub mod shutdown;
pub mod stickers;
pub mod strict_toml;
pub mod web;
pub mod wiring;

/// Records are made on one thread and dropped on another, which the system's own allocator makes
/// them wait for each other for. Without huge pages (`no_thp`): an idle store would take three
/// times the memory, and who pays would wait while one is cleared.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
