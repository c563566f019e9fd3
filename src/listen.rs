//! Where an HTTP API may listen: loopback, unless the configuration says that more is meant.

use std::net::SocketAddr;

use crate::strict_toml::Section;

/// The keys `listen` and `allow_public` of an `[api]` section; a fault is noted where they do not
/// go together.
pub(crate) struct Listen {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) allow_public: bool,
}

impl Listen {
    /// `why`: what makes a public address a decision.
    pub(crate) fn read(section: &mut Section<'_>, example: &str, why: &str) -> Self {
        let allowed = format!("ADDRESS:PORT, e.g. {example}");
        let address: Option<SocketAddr> =
            section.parsed("listen", &allowed, |text| text.parse().ok());
        let allow_public = section.bool("allow_public");
        if let Some(public) = address.filter(|address| !address.ip().is_loopback() && !allow_public)
        {
            let message = format!(
                "{public} can be reached from other machines, {why}; if that is meant, say \
                 allow_public = true"
            );
            section.fault("listen", message);
        }
        Self {
            address,
            allow_public,
        }
    }
}
