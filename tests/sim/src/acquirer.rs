//! The sandbox acquirer: an HTTP server that takes customer codes, shows QR codes, takes cards,
//! answers queries, reverses and refunds, and keeps its own double-entry ledger of the money it
//! moved.
//!
//! It exists to be believed when the store is not: a test compares the ledger with the journal and
//! the head office. So a movement is on disk before the answer leaves, and the ledger survives a
//! kill at any point.
//! Its [`rules`] make it lie, stall, drop and repeat as real acquirers do.
//! Deliberately not here: any code of the store controller. The sandbox reads customer codes, cards
//! and amounts with its own eyes, so that a mistake in the core is not repeated on this side. No
//! TLS: it serves loopback only.

mod answer;
mod api;
mod cardhost;
mod config;
mod customer;
mod desk;
mod error;
mod instrument;
mod ledger;
mod letters;
mod money;
mod order;
mod request;
mod rules;
mod server;
pub mod sign;
mod sticker;

#[cfg(test)]
mod tests;

pub use answer::{Answer, State};
pub use api::{alipay, unionpay, wechat};
pub use cardhost::{CardHost, CardHostSettings, Settled, Upset};
pub use config::{AcquirerConfig, Tender};
pub use customer::Customers;
pub use error::AcquirerError;
pub use ledger::{LedgerReader, Movement, MovementKind, OrderAccount, Posting, Totals};
pub use letters::Provider;
pub use order::{OrderState, Refusal};
pub use request::Operation;
pub use rules::{Connection, Delivery, Rule, Rules, Then, Verdict, When};
pub use server::{Acquirer, AcquirerHandle};
