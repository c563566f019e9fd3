//! The API's certificate: the shop's own, or one that signs itself, made at the first start.
//!
//! A browser warns of the second kind until somebody has compared its fingerprint with the one that
//! the controller prints; from then on it knows the store again. The key is in a private file and
//! the certificate stays the same over restarts, since what was compared must not change.

use std::{
    fmt::Write as _,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{ToSpan as _, civil::Date};
use nix::ifaddrs::getifaddrs;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use store_actors::domain::timestamp::Timestamp;
use thiserror::Error;
use zeroize::Zeroizing;

use super::private_file;

/// How long a certificate of our own holds.
const YEARS: i16 = 10;

#[derive(Debug, Error)]
pub enum TlsRefused {
    #[error("{} can't be read or written", .file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("{}: {why}", .file.display())]
    Pem { file: PathBuf, why: String },
    #[error("no certificate can be made")]
    NotMade(#[from] rcgen::Error),
    #[error("key and certificate do not fit")]
    NotAPair(#[from] rustls::Error),
}

/// Where a certificate and its key are, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// What the server speaks TLS with.
pub struct Tls {
    pub config: ServerConfig,
    /// SHA-256 of the certificate, as browsers show it.
    pub fingerprint: String,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tls({})", self.fingerprint)
    }
}

impl CertificateFiles {
    /// Those of a certificate that signs itself.
    pub fn own(dir: &Path) -> Self {
        Self {
            certificate: dir.join("api.pem"),
            key: dir.join("api.key"),
        }
    }

    /// Makes a certificate for these names and addresses, where there is none yet.
    ///
    /// # Errors
    /// It can't be made or written.
    pub fn make(&self, names: &[String], now: Timestamp) -> Result<(), TlsRefused> {
        let dir = self.key.parent().unwrap_or_else(|| Path::new("."));
        let failed = |file: &Path, source| TlsRefused::File {
            file: file.to_owned(),
            source,
        };
        private_file::make_dir(dir).map_err(|source| failed(dir, source))?;
        if self.key.exists() && self.certificate.exists() {
            return Ok(());
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "store-controller");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let today = day(now);
        // clocks of tablets may be a little behind
        let (from, until) = (
            today.saturating_sub(1.day()),
            today.saturating_add(YEARS.years()),
        );
        let part = |number: i8| u8::try_from(number).unwrap_or(1);
        let date =
            |day: Date| date_time_ymd(i32::from(day.year()), part(day.month()), part(day.day()));
        params.not_before = date(from);
        params.not_after = date(until);
        let certificate = params.self_signed(&key)?;
        let pem = Zeroizing::new(key.serialize_pem());
        let write = |file: &Path, text: &str| {
            let written = private_file::write(file, text.as_bytes());
            written.map_err(|source| failed(file, source))
        };
        // torn between the two, both are made anew
        write(&self.key, &pem)?;
        write(&self.certificate, &certificate.pem())
    }

    /// Reads both.
    ///
    /// # Errors
    /// They can't be read, or do not fit.
    pub fn open(&self) -> Result<Tls, TlsRefused> {
        let chain = self.chain()?;
        let pem = |why: rustls_pki_types::pem::Error| TlsRefused::Pem {
            file: self.key.clone(),
            why: why.to_string(),
        };
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(pem)?;
        let fingerprint = chain.first().map(fingerprint).unwrap_or_default();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Tls {
            config,
            fingerprint,
        })
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsRefused> {
        let pem = |why: rustls_pki_types::pem::Error| TlsRefused::Pem {
            file: self.certificate.clone(),
            why: why.to_string(),
        };
        let chain = CertificateDer::pem_file_iter(&self.certificate).map_err(pem)?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(pem)?;
        match chain.is_empty() {
            true => Err(TlsRefused::Pem {
                file: self.certificate.clone(),
                why: "there is no certificate in it".to_owned(),
            }),
            false => Ok(chain),
        }
    }
}

/// `AB:CD:…`, 32 bytes.
fn fingerprint(certificate: &CertificateDer<'static>) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(certificate) {
        let colon = if text.is_empty() { "" } else { ":" };
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

fn day(now: Timestamp) -> Date {
    let at = jiff::Timestamp::from_millisecond(now.unix_ms()).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The names and addresses under which a server that listens on `ip` is reached from nearby.
pub fn names(ip: IpAddr, configured: &[String]) -> Vec<String> {
    let mut names = configured.to_vec();
    names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    if ip.is_unspecified() {
        let all = getifaddrs().into_iter().flatten();
        let addresses = all.filter_map(|one| {
            let address = one.address?;
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        });
        names.extend(addresses.map(|ip| ip.to_string()));
    } else {
        names.push(ip.to_string());
    }
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let files = CertificateFiles::own(&dir.path().join("people"));
        let now = Timestamp::parse("2026-11-27T00:00:00Z").unwrap();
        let ip = "192.0.2.7".parse().unwrap();
        let names = names(ip, &["store.example".into()]);
        assert_eq!(
            names,
            ["127.0.0.1", "192.0.2.7", "localhost", "store.example"]
        );
        files.make(&names, now).unwrap();
        let tls = files.open().unwrap();
        assert_eq!(tls.fingerprint.len(), 32 * 3 - 1, "{}", tls.fingerprint);
        let mode = fs::metadata(&files.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        files.make(&names, now).unwrap();
        assert_eq!(files.open().unwrap().fingerprint, tls.fingerprint);
        let (_, pem) = x509_parser::pem::parse_x509_pem(&fs::read(&files.certificate).unwrap())
            .map(|(rest, pem)| (rest.len(), pem))
            .unwrap();
        let certificate = pem.parse_x509().unwrap();
        let validity = certificate.validity();
        let text = format!("{} {}", validity.not_before, validity.not_after);
        assert!(text.contains("Nov 26") && text.contains("2036"), "{text}");
        for name in ["store.example", "localhost"] {
            let san = certificate.subject_alternative_name().unwrap().unwrap();
            assert!(format!("{:?}", san.value).contains(name));
        }
    }

    #[test]
    fn what_is_no_pair_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let files = CertificateFiles::own(dir.path());
        fs::write(&files.certificate, "no PEM").unwrap();
        fs::write(&files.key, "no PEM").unwrap();
        files.make(&[], Timestamp::from_unix_ms(0)).unwrap();
        assert!(matches!(files.open(), Err(TlsRefused::Pem { .. })));
        assert_eq!(fs::read_to_string(&files.key).unwrap(), "no PEM");
        let other = CertificateFiles::own(&dir.path().join("other"));
        other
            .make(&["localhost".into()], Timestamp::from_unix_ms(0))
            .unwrap();
        fs::copy(&other.certificate, &files.certificate).unwrap();
        let third = CertificateFiles::own(&dir.path().join("third"));
        third
            .make(&["localhost".into()], Timestamp::from_unix_ms(0))
            .unwrap();
        fs::copy(&third.key, &files.key).unwrap();
        assert!(matches!(files.open(), Err(TlsRefused::NotAPair(_))));
    }
}
