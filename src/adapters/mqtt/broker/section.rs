//! The keys by which a configuration file describes a broker.

use std::path::{Path, PathBuf};

use super::{Broker, Login, Tls};
use crate::strict_toml::Section;

impl Broker {
    /// Reads `host`, `port`, `tls` and its files, log-in and times; the section's other keys are
    /// the caller's. Relative paths are relative to `dir`.
    pub fn read(section: &mut Section<'_>, dir: &Path) -> Self {
        let host = section.parsed("host", "a host name or address", |text| {
            let fits = (1..=253).contains(&text.len()) && !text.contains([' ', '/', '@']);
            fits.then(|| text.to_owned())
        });
        Self {
            host: host.unwrap_or_default(),
            port: section.u16_in("port", 1..=u16::MAX),
            tls: tls(section, dir),
            login: login(section, dir),
            // rumqttc panics below 5 s
            keep_alive: section.duration_ms("keep_alive_ms", 5_000..=600_000),
            connection_timeout: section.duration_ms("connection_timeout_ms", 1_000..=120_000),
        }
    }
}

fn file(section: &mut Section<'_>, key: &str, dir: &Path) -> Option<PathBuf> {
    section.optional(key, |section, key| dir.join(section.path(key)))
}

fn tls(section: &mut Section<'_>, dir: &Path) -> Option<Tls> {
    let enabled = section.bool("tls");
    let ca_file = file(section, "ca_file", dir);
    let cert_file = file(section, "cert_file", dir);
    let key_file = file(section, "key_file", dir);
    match (&cert_file, &key_file) {
        (Some(_), None) => section.fault("cert_file", "cert_file and key_file go together"),
        (None, Some(_)) => section.fault("key_file", "cert_file and key_file go together"),
        _ => {}
    }
    for (key, given) in [("ca_file", &ca_file), ("cert_file", &cert_file)] {
        if given.is_some() && !enabled {
            section.fault(key, "is of no use without tls = true");
        }
    }
    enabled.then(|| Tls {
        ca_file,
        identity: cert_file.zip(key_file),
    })
}

fn login(section: &mut Section<'_>, dir: &Path) -> Option<Login> {
    let user = section.optional("user", Section::string);
    let password_file = file(section, "password_file", dir);
    match (&user, &password_file) {
        (Some(_), None) => section.fault("user", "user and password_file go together"),
        (None, Some(_)) => section.fault("password_file", "user and password_file go together"),
        _ => {}
    }
    let (user, password_file) = user.zip(password_file)?;
    Some(Login {
        user,
        password_file,
    })
}
