//! The back office: what money moved, what it cost, whose shift it was, and whether the acquirers'
//! bills say the same.
//!
//! `movement` turns payments into moves of money, each on the day on which the acquirer confirmed
//! it; `statement` adds them up, `fee` prices them; `shift` and `books` close counters and days;
//! `reconcile` holds an acquirer's `bill` against them, and what differs is a `difference` with an
//! owner. All of it is computed from records, and whatever is decided becomes a record
//! (`entry::Entry`). Deliberately not here: reading files, keeping sums, and any way to change a
//! payment.

pub mod bill;
pub mod books;
pub mod difference;
pub mod entry;
pub mod fee;
pub mod movement;
pub mod reconcile;
pub mod settlement;
pub mod shift;
pub mod statement;
