//! The command line: what can be asked of the program from a shell, and its exit codes.
//!
//! 0: done. 1: failed, with the reason on standard error. 2: the command line itself is wrong.
//! Standard output carries only what was asked for, so that it can be piped.

pub mod bill;
pub mod check_config;
pub mod doctor;
pub mod export;
mod own_api;
pub mod payments;
pub mod people;
pub mod qr;
pub mod run;
pub mod verify;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "Examples:
  store-controller run --config /etc/store-controller/store.toml
  store-controller check-config --config store.toml
  store-controller doctor --config store.toml
  store-controller payments --state unknown --json
  store-controller token add --name 'till 01' --scope pay --counter 01
  store-controller export --from 1000 --limit 50
  store-controller verify";

/// Supervises the devices of a store and coordinates its payments.
#[derive(Debug, Parser)]
#[command(name = "store-controller", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    /// The configuration file; without it the built-in default, see config/store.toml.
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the store until SIGTERM or SIGINT.
    Run,
    /// Say everything that is wrong with the configuration, with line and key.
    CheckConfig,
    /// Look at ports, readers, acquirers, broker, clock and disk, and say what to do.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor,
    /// Ask the running controller for payments, newest first.
    #[command(after_help = payments::EXAMPLES)]
    Payments(payments::Arguments),
    /// Fetch an acquirer's bill of a day.
    #[command(after_help = bill::EXAMPLES)]
    Bill(bill::Arguments),
    /// Make, list and revoke tokens of tills and other programs.
    #[command(after_help = people::TOKEN_EXAMPLES)]
    Token(people::TokenArguments),
    /// Print a link that makes a manager, once: for a store whose managers can't sign in any more.
    SetupLink,
    /// Issue a counter's printed QRs and draw the sheet; the controller must be running.
    #[command(after_help = qr::EXAMPLES)]
    Qr(qr::Arguments),
    /// Write the journal's records as JSON Lines or CSV while no controller runs.
    #[command(after_help = export::EXAMPLES)]
    Export(export::Arguments),
    /// Read the whole journal while no controller runs, and say whether it is whole.
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Arguments),
}

/// Why a command failed, in words for standard error.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Runs the program: arguments in, exit code out.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refused) => {
            // help and version are no failures; what can't be printed is nobody's to hear
            let _ = refused.print();
            return ExitCode::from(if refused.use_stderr() { 2 } else { 0 });
        }
    };
    let out = &mut io::stdout().lock();
    let config = cli.config.as_deref();
    let done = match cli.command {
        Command::Run => run::run(config),
        Command::CheckConfig => check_config::run(config, out),
        Command::Doctor => doctor::run(config, out),
        Command::Payments(arguments) => payments::run(config, &arguments, out),
        Command::Bill(arguments) => bill::run(config, &arguments, out),
        Command::Token(arguments) => people::token(config, arguments, out),
        Command::SetupLink => people::setup_link(config, out),
        Command::Qr(arguments) => qr::run(config, &arguments, out),
        Command::Export(arguments) => export::run(config, &arguments, out),
        Command::Verify(arguments) => verify::run(config, &arguments, out),
    };
    match done.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) if is_broken_pipe(&failed) => ExitCode::SUCCESS,
        Err(failed) => {
            let mut line = failed.to_string();
            let mut cause = failed.source();
            while let Some(why) = cause {
                line = format!("{line}: {why}");
                cause = why.source();
            }
            let _ = writeln!(io::stderr(), "{line}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever read our output has seen enough, e.g. `| head`.
fn is_broken_pipe(failed: &Failed) -> bool {
    failed
        .downcast_ref::<io::Error>()
        .is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
