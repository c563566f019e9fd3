//! How an acquirer's host is reached: pinned certificates, a proxy.

use std::path::{Path, PathBuf};

use crate::{config::sections::file, strict_toml::Section};

/// Directly and by the system's certificates, unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Certificates (PEM) to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    pub proxy: Option<Proxy>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    pub url: String,
    /// A file with `NAME:PASSWORD`.
    pub credentials_file: Option<PathBuf>,
}

pub(super) fn way(section: &mut Section<'_>, dir: &Path, base_url: Option<&str>) -> Way {
    let ca_file = section.optional("ca_file", |section, key| file(section, key, dir));
    let url = section.optional("proxy", |section, key| {
        section.parsed(key, "http://HOST:PORT or https://HOST:PORT", |text| {
            super::http_host(text).filter(|url| url.contains(':'))
        })
    });
    let credentials_file = section.optional("proxy_credentials_file", |section, key| {
        file(section, key, dir)
    });
    let is_encrypted = base_url.is_none_or(|url| url.starts_with("https://"));
    if (ca_file.is_some() || url.is_some()) && !is_encrypted {
        section.fault("base_url", "ca_file and proxy are for https:// alone");
    }
    if credentials_file.is_some() && url.is_none() {
        section.fault("proxy_credentials_file", "there is no proxy");
    }
    let proxy = url.flatten().map(|url| Proxy {
        url,
        credentials_file,
    });
    Way { ca_file, proxy }
}
