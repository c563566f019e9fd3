//! `verify`: reads the whole journal while no controller runs and says whether it is whole.

use std::{io::Write, path::Path};

use clap::Args;

use super::Failed;
use crate::{
    adapters::journal::verify::{self, Findings, Repaired},
    config::Config,
};

pub(super) const EXAMPLES: &str = "Exit code 0: the journal is whole. 1: it is not, or can't be \
opened.

Examples:
  store-controller verify --config store.toml
  store-controller verify --repair";

#[derive(Debug, Args)]
pub struct Arguments {
    /// Make the store anew from the guard log, or the guard log behind the store, whichever is
    /// damaged; what is replaced is kept in the journal's `aside`.
    #[arg(long)]
    repair: bool,
}

pub(super) fn run(
    file: Option<&Path>,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let config = Config::load(file)?;
    let dir = &config.journal.dir;
    let mut findings = verify::verify(dir)?;
    print(&findings, out)?;
    if arguments.repair && !findings.faults.is_empty() {
        match verify::repair(dir, &findings)? {
            Repaired::Store => writeln!(out, "repaired: the store was made anew")?,
            Repaired::Guard => writeln!(out, "repaired: the guard log begins anew")?,
            Repaired::Nothing => writeln!(out, "not repaired: restore it from a backup")?,
        }
        findings = verify::verify(dir)?;
        print(&findings, out)?;
    }
    match findings.faults.len() {
        0 => Ok(()),
        n => Err(format!("the journal {} has {n} faults", dir.display()).into()),
    }
}

fn print(findings: &Findings, out: &mut dyn Write) -> std::io::Result<()> {
    let recovery = &findings.recovery;
    writeln!(
        out,
        "records {} to {}, {} payments",
        findings.first_seq, findings.tip, findings.payments
    )?;
    writeln!(
        out,
        "guard log: {} records in {} segments; {} were not in the store yet, {} bytes were cut",
        findings.guard_records, findings.guard_segments, recovery.replayed, recovery.cut_bytes
    )?;
    if let Some(why) = &recovery.store_rebuilt {
        writeln!(out, "the store was made anew when it was opened: {why}")?;
    }
    if let Some(why) = &recovery.store_from_copy {
        writeln!(
            out,
            "the store's copy took its place when it was opened: {why}"
        )?;
    }
    for fault in &findings.faults {
        writeln!(out, "fault: {fault}")?;
    }
    if findings.faults.is_empty() {
        writeln!(out, "whole")?;
    }
    Ok(())
}
