//! `bill`: an acquirer's bill of a day, as the acquirer writes it down.
//!
//! It asks the acquirer with the store's own keys and needs no running controller. The office reads
//! such files from `office.bills_dir`.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use store_actors::{
    domain::{day::Day, ids::AcquirerId},
    ports::{Entropy, WallClock},
};

use super::Failed;
use crate::{
    adapters::clock::{OsEntropy, SystemClock},
    config::Config,
    wiring,
};

pub(super) const EXAMPLES: &str = "Bills are ready on the next day, around ten o'clock.

Examples:
  store-controller bill --acquirer alipay --day 2026-11-26 --out bills/alipay/2026-11-26.zip
  store-controller bill --acquirer wechat --day 2026-11-26 --out bills/wechat/2026-11-26.csv";

#[derive(Debug, Args)]
pub struct Arguments {
    /// The acquirer, as its table is named.
    #[arg(long)]
    acquirer: AcquirerId,
    /// The day, e.g. 2026-11-26.
    #[arg(long, value_parser = day)]
    day: Day,
    /// The file to write; one that is there is not written over.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "a day is e.g. 2026-11-26".to_owned())
}

pub(super) fn run(
    file: Option<&Path>,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let config = Config::load(file)?;
    // the HTTP client wants one, even for an address without TLS
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let mut known = config.acquirers.iter();
    let acquirer = known
        .find(|acquirer| acquirer.id == arguments.acquirer)
        .ok_or_else(|| format!("there is no acquirer {}", arguments.acquirer))?;
    let source = wiring::open_bill_source(&config, acquirer, &clock, &entropy)?;
    let source = source.ok_or_else(|| format!("{} hands out no bills", acquirer.id))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let bill = runtime.block_on(source.bill(arguments.day))?;
    let mut kept = File::create_new(&arguments.out)
        .map_err(|cause| format!("{}: {cause}", arguments.out.display()))?;
    kept.write_all(&bill.bytes)?;
    kept.sync_all()?;
    Ok(writeln!(
        out,
        "{} bytes, {}",
        bill.bytes.len(),
        bill.extension
    )?)
}
