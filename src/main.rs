//! The store controller's binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    store_controller::commands::main(std::env::args_os())
}
