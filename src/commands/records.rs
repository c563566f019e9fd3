//! `records`: the journal's records as JSON Lines, read off the disk while no controller runs.
//!
//! It appends nothing. Each line carries what proves the chain: sequence number, time, hash of the
//! record before, its own hash, and the body as it was hashed.

use std::{io::Write, path::Path};

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;
use store_actors::domain::{record::Hash, timestamp::Timestamp};

use super::Failed;
use crate::{
    adapters::journal::{OpenFailed, Reader},
    config::Config,
};

pub(super) const EXAMPLES: &str = "Examples:
  store-controller records --config store.toml > records.jsonl
  store-controller records --from 1000 --limit 50
  store-controller records | jq -r 'select(.body.kind == \"payment\") | .body.payment.state'";

#[derive(Debug, Args)]
pub struct Arguments {
    /// Sequence number of the first record; the journal's own first is 1.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from: u64,
    /// At most so many records; without it all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    at: Timestamp,
    prev: Hash,
    hash: Hash,
    body: &'a RawValue,
}

pub(super) fn run(
    file: Option<&Path>,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let config = Config::load(file)?;
    let reader = Reader::open(&config.journal.dir).map_err(|failed| -> Failed {
        match failed {
            OpenFailed::InUse { dir, holder } => format!(
                "the controller is running ({holder} has the journal {} open): read \
                 http://{}/v1/events instead, or stop the controller first",
                dir.display(),
                config.api.listen
            )
            .into(),
            failed => failed.into(),
        }
    })?;
    let limit = arguments
        .limit
        .and_then(|limit| usize::try_from(limit).ok());
    for record in reader
        .records(arguments.from)
        .take(limit.unwrap_or(usize::MAX))
    {
        let record = record?;
        let line = Line {
            seq: record.seq,
            at: record.at,
            prev: record.prev,
            hash: record.hash(),
            body: serde_json::from_str(&record.body)?,
        };
        serde_json::to_writer(&mut *out, &line).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
