//! Who may use the pages and the API.

use std::path::{Path, PathBuf};

use store_actors::domain::people::session::SessionRules;

use super::{Api, sections::file};
use crate::strict_toml::Section;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// false: everybody may everything.
    pub sign_in: bool,
    pub dir: PathBuf,
    pub rules: SessionRules,
}

pub(super) fn read(
    root: &mut Section<'_>,
    dir: &Path,
    journal_dir: &Path,
    api: Option<&Api>,
) -> People {
    let mut section = root.section("people");
    let sign_in = section.one_of("sign_in", &[("required", true), ("off", false)]);
    let sign_in = sign_in.unwrap_or(true);
    let public = api
        .map(|api| api.listen)
        .filter(|listen| !listen.ip().is_loopback());
    if let Some(listen) = public.filter(|_| !sign_in) {
        let message = format!(
            "is \"off\", and {listen} can be reached from other machines: anybody there could take and give \
             back money; \"required\", or listen on a loopback address"
        );
        section.fault("sign_in", message);
    }
    let given = section.optional("dir", |section, key| file(section, key, dir));
    People {
        sign_in,
        dir: given.unwrap_or_else(|| journal_dir.join("people")),
        rules: SessionRules {
            idle_ms: section.u64_in("idle_minutes", 1..=1_440) * 60_000,
            longest_ms: section.u64_in("session_hours", 1..=744) * 3_600_000,
        },
    }
}
