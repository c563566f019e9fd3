//! The store: its counters, its journal, its acquirers, and the questions that the outside may ask.
//!
//! `Store` answers the API's requests: it makes one payment of repeated requests, finds the counter a payment belongs
//! to, and reads the journal. It holds no payment itself. Wiring the whole together is `plan`'s business.

pub mod plan;
pub mod requests;
