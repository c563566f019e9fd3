//! The end of `make bench`: what its benches found, as one table.

#[allow(
    dead_code,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints what it measured; this one measures nothing"
)]
mod report;

fn main() {
    report::print(&report::known());
}
