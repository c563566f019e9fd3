//! What may be accepted while no acquirer can be reached.

use std::path::{Path, PathBuf};

use store_actors::domain::{
    money::{Currency, Money},
    offline::{OfflineLimits, OfflineTotal},
};

use super::{acquirer::schemes, sections::file};
use crate::strict_toml::Section;

/// Cards that are charged later: where they are kept, and how many there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offline {
    /// `None`: no card is accepted offline. What was accepted before is charged all the same.
    pub limits: Option<OfflineLimits>,
    pub vault_dir: PathBuf,
    pub vault_key_file: PathBuf,
}

pub(super) fn read(
    root: &mut Section<'_>,
    currency: Currency,
    dir: &Path,
    journal_dir: &Path,
) -> Offline {
    let mut section = root.section("offline");
    let enabled = section.bool("enabled");
    let mut place = |key: &str, name: &str| {
        let given = section.optional(key, |section, key| file(section, key, dir));
        given.unwrap_or_else(|| journal_dir.join(name))
    };
    let vault_dir = place("vault_dir", "cards");
    let vault_key_file = place("vault_key_file", "vault.key");
    let total = total(&mut section, ["sum", "count"], currency);
    let per_card = self::total(&mut section, ["per_card_sum", "per_card_count"], currency);
    let slice = self::total(&mut section, ["slice_sum", "slice_count"], currency);
    let per_payment = amount(&mut section, "per_payment", currency);
    let max_age_ms = section.u64_in("max_age_minutes", 1..=43_200) * 60_000;
    let schemes = schemes(&mut section, "schemes");
    let limits = || {
        Some(OfflineLimits {
            total: total?,
            max_age_ms,
            per_payment: per_payment?,
            per_card: per_card?,
            schemes,
            slice: slice?,
        })
    };
    Offline {
        limits: limits().filter(|_| enabled),
        vault_dir,
        vault_key_file,
    }
}

fn total(
    section: &mut Section<'_>,
    [sum, count]: [&str; 2],
    currency: Currency,
) -> Option<OfflineTotal> {
    let sum = amount(section, sum, currency);
    let count = section.u64_in(count, 0..=1_000_000);
    Some(OfflineTotal {
        sum: sum?,
        count: u32::try_from(count).ok()?,
    })
}

pub(super) fn amount(section: &mut Section<'_>, key: &str, currency: Currency) -> Option<Money> {
    section.parsed(key, &format!("an amount in {currency}"), |text| {
        Money::parse(text, currency).ok()
    })
}
