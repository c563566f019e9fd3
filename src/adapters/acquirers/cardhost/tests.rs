//! The driver against the sandbox's card host over real TCP: each way in which a host can answer or
//! fail to, and what the ledger says of it.

mod advice;
mod books;
mod faults;
mod holds;
mod settlement;
mod shop;
mod words;
