//! Adapters: each implements one port of the core against a real thing, and nothing else.

pub mod acquirers;
pub mod bill_fetcher;
pub mod bills;
pub mod clock;
mod fact_file;
pub mod journal;
pub mod mqtt;
pub mod otlp;
pub mod pcsc;
pub mod picture;
pub(crate) mod private_file;
pub mod serial;
pub mod signing;
pub mod tcp;
pub mod terminal_book;
pub mod tls;
pub mod vault;
