//! The head office: its database in every situation, and the real program between real servers.

mod backlog;
mod database;
mod days;
mod program;
mod secure;
mod workers;
