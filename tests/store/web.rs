//! The HTTP API against a store that answers as it is told, through real sockets.

mod console;
mod description;
mod events;
mod health;
mod office;
mod payments;
mod pictures;
mod problems;
mod shop;
