//! `export`: the journal's records as JSON Lines or CSV, off the disk while no controller runs.
//!
//! It appends nothing. Each line carries what proves the chain: sequence number, time, hash of the
//! record before, its own hash. As JSON Lines the body follows as it was hashed; as CSV, what a
//! spreadsheet can use of it.

mod row;

use std::{fs::File, io::Write, path::Path};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::value::RawValue;
use store_actors::{
    domain::{
        record::{Hash, Record},
        timestamp::Timestamp,
    },
    ports::JournalFailed,
};

use super::Failed;
use crate::{
    adapters::journal::{OpenFailed, Reader},
    config::Config,
};

pub(super) const EXAMPLES: &str = "Examples:
  store-controller export --config store.toml > records.jsonl
  store-controller export --format csv --out records.csv --from 1000 --limit 50
  store-controller export | jq -r 'select(.body.kind == \"payment\") | .body.payment.state'";

#[derive(Debug, Args)]
pub struct Arguments {
    /// Sequence number of the first record; the journal's own first is 1.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from: u64,
    /// At most so many records; without it all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Write to this file instead of standard output. It must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A JSON object a line.
    Jsonl,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
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
    let records = reader
        .records(arguments.from)
        .take(limit.unwrap_or(usize::MAX));
    let mut file = arguments.out.as_ref().map(File::create_new).transpose()?;
    let out: &mut dyn Write = match &mut file {
        Some(file) => file,
        None => out,
    };
    let mut out = std::io::BufWriter::new(out);
    match arguments.format {
        Format::Jsonl => write_lines(records, &mut out)?,
        Format::Csv => row::write(records, &mut out)?,
    }
    Ok(out.flush()?)
}

fn write_lines(
    records: impl Iterator<Item = Result<Record, JournalFailed>>,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    for record in records {
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
