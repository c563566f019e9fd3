//! The HTTP API against a store that answers as it is told, through real sockets.

mod completions;
mod console;
mod description;
mod events;
mod health;
mod office;
mod office_pages;
mod payments;
mod people;
mod pictures;
mod problems;
mod shop;
mod trials;
