//! What this store may not take, though an acquirer would.

use store_actors::domain::{
    enabling::Enabling,
    tender::{Scheme, Tender},
};

use super::{acquirer, sections::words};
use crate::strict_toml::Section;

pub(super) fn enabling(root: &mut Section<'_>) -> Enabling {
    let mut section = root.section("enabling");
    let off_tenders = section.optional("off_tenders", |section, key| {
        acquirer::any_of(section, key, &Tender::CONCRETE, Tender::as_str)
    });
    let off_schemes = section.optional("off_schemes", |section, key| {
        acquirer::any_of(section, key, &Scheme::ALL, |scheme| scheme.as_str())
    });
    Enabling {
        off_tenders: off_tenders.unwrap_or_default(),
        off_schemes: off_schemes.unwrap_or_default(),
        ask: section.optional("ask", words),
    }
}
