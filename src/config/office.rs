//! The back office: fees, bills, and who looks after differences.

use std::path::{Path, PathBuf};

use super::sections::{file, words};
use crate::strict_toml::Section;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Office {
    /// `None`: no fees are told.
    pub fees_file: Option<PathBuf>,
    /// `None`: no bills are looked for.
    pub bills_dir: Option<PathBuf>,
    pub owner: String,
    pub cut_off_ms: u64,
}

pub(super) fn read(root: &mut Section<'_>, dir: &Path) -> Office {
    let mut section = root.section("office");
    let mut place = |key| section.optional(key, |section, key| file(section, key, dir));
    let (fees_file, bills_dir) = (place("fees_file"), place("bills_dir"));
    Office {
        fees_file,
        bills_dir,
        owner: words(&mut section, "differences_owner"),
        cut_off_ms: section.u64_in("cut_off_minutes", 0..=360) * 60_000,
    }
}
