//! `qr`: a counter's printed QRs, as a sheet to print.
//!
//! The running controller is asked, for it is the one that writes the journal: what is printed was
//! issued and written down before. Asked again, it gives the same stickers.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;
use store_actors::domain::ids::CounterId;

use super::{Failed, own_api::OwnApi};
use crate::{
    adapters::picture::sheet::{self, Sheet, SheetCode},
    config::Config,
    web::stickers::{StickerModel, StickersModel},
};

pub(super) const EXAMPLES: &str = "Examples:
  store-controller qr --counter 01 --out counter-01.svg
  store-controller qr --counter 01 --out counter-01.pdf --acquirer alipay
  store-controller qr --counter 01 --out counter-01.svg --anew";

#[derive(Debug, Args)]
pub struct Arguments {
    /// The counter, e.g. `01`.
    #[arg(long, value_parser = counter)]
    counter: CounterId,
    /// The file to write; its name ends in .svg, .png or .pdf.
    #[arg(long, value_name = "FILE", value_parser = out_file)]
    out: PathBuf,
    /// Only this acquirer's.
    #[arg(long)]
    acquirer: Option<String>,
    /// New stickers, e.g. when one was pasted over: what the old ones bring still counts.
    #[arg(long)]
    anew: bool,
}

fn counter(text: &str) -> Result<CounterId, String> {
    text.parse()
        .map_err(|_| "a counter has 1 to 16 characters of A-Z a-z 0-9 . _ -".to_owned())
}

fn out_file(text: &str) -> Result<PathBuf, String> {
    let file = PathBuf::from(text);
    match Format::of(&file) {
        Some(_) => Ok(file),
        None => Err("the file's name ends in .svg, .png or .pdf".to_owned()),
    }
}

#[derive(Clone, Copy)]
enum Format {
    Svg,
    Png,
    Pdf,
}

impl Format {
    fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            "pdf" => Some(Self::Pdf),
            _ => None,
        }
    }
}

pub(super) fn run(
    file: Option<&Path>,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let config = Config::load(file)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let api = OwnApi::of(&config)?;
    let path = format!("/v1/counters/{}/stickers", arguments.counter);
    let request = api
        .client
        .post(api.url(&path))
        .json(&json!({ "anew": arguments.anew }));
    let issued: StickersModel = runtime.block_on(api.ask(request))?;
    let wanted = |one: &&StickerModel| {
        let acquirer = arguments.acquirer.as_ref();
        acquirer.is_none_or(|acquirer| *acquirer == one.acquirer)
    };
    let codes: Vec<SheetCode> = issued.stickers.iter().filter(wanted).map(code).collect();
    if codes.is_empty() {
        return Err("this acquirer has no printed QR".into());
    }
    let sheet = Sheet {
        store: issued.store.clone(),
        counter: arguments.counter.to_string(),
        codes,
    };
    let drawn = match Format::of(&arguments.out) {
        Some(Format::Png) => sheet::png(&sheet)?,
        Some(Format::Pdf) => sheet::pdf(&sheet)?,
        _ => sheet::svg(&sheet)?.into_bytes(),
    };
    fs::write(&arguments.out, drawn)?;
    for sticker in issued.stickers.iter().filter(wanted) {
        writeln!(
            out,
            "{} {} {}",
            sticker.counter, sticker.acquirer, sticker.id
        )?;
    }
    Ok(())
}

fn code(sticker: &StickerModel) -> SheetCode {
    SheetCode {
        text: sticker.text.clone(),
        label: sticker.id.clone(),
        schemes: sticker.schemes.clone(),
    }
}
