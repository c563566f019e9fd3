//! The driver against the real sandbox over real HTTP: each way in which an acquirer can answer or
//! fail to, and what the acquirer's own ledger says of it.

mod bodies;
mod faults;
mod kills;
mod words;
