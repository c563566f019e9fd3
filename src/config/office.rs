//! The back office: fees, bills, and who looks after differences.

use std::path::{Path, PathBuf};

use super::sections::{file, time_of_day, words};
use crate::strict_toml::Section;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Office {
    /// `None`: no fees are told.
    pub fees_file: Option<PathBuf>,
    /// `None`: no bills are looked for.
    pub bills_dir: Option<PathBuf>,
    /// Minutes after midnight at which yesterday's bills are fetched; `None`: a person brings them.
    pub fetch_bills_at: Option<u32>,
    pub owner: String,
    pub cut_off_ms: u64,
    /// So long after it was confirmed a payment is asked about once more; `None`: it is not.
    pub match_after_ms: Option<u64>,
}

pub(super) fn read(root: &mut Section<'_>, dir: &Path) -> Office {
    let mut section = root.section("office");
    let mut place = |key| section.optional(key, |section, key| file(section, key, dir));
    let (fees_file, bills_dir) = (place("fees_file"), place("bills_dir"));
    let fetch_bills_at = section.optional("fetch_bills_at", |section, key| {
        section.parsed(key, "the store's time as \"10:30\"", time_of_day)
    });
    if fetch_bills_at.is_some() && bills_dir.is_none() {
        section.fault("fetch_bills_at", "needs bills_dir, where bills are put");
    }
    Office {
        fees_file,
        bills_dir,
        fetch_bills_at: fetch_bills_at.flatten(),
        owner: words(&mut section, "differences_owner"),
        cut_off_ms: section.u64_in("cut_off_minutes", 0..=360) * 60_000,
        match_after_ms: match section.u64_in("match_after_minutes", 0..=720) {
            0 => None,
            minutes => Some(minutes * 60_000),
        },
    }
}
