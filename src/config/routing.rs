//! Of several acquirers that take the same, which one is asked first.

use super::office::Office;
use crate::strict_toml::Section;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    /// The cheapest by the table of fees, before the one of the lowest priority.
    pub prefers_least_cost: bool,
}

pub(super) fn read(root: &mut Section<'_>, office: &Office) -> Routing {
    let mut section = root.section("routing");
    let words = [("priority", false), ("least-cost", true)];
    let prefers_least_cost = section.one_of("prefer", &words).unwrap_or_default();
    if prefers_least_cost && office.fees_file.is_none() {
        section.fault(
            "prefer",
            "least-cost needs fees_file in [office]: without rates nothing is cheap",
        );
    }
    Routing { prefers_least_cost }
}
