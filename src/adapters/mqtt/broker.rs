//! How to reach the broker: address, TLS by rustls, log-in; for a store and for the head office
//! alike.
//!
//! Certificates, keys and passwords are files, read anew at each connection, so that they can be
//! renewed under a running program. Deliberately not here: what is published or subscribed.

mod section;

use std::{path::PathBuf, sync::Arc, time::Duration};

use rumqttc::{TlsConfiguration, Transport, v5::MqttOptions};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use store_actors::wire::uplink::MESSAGE_BYTES_MAX;
use thiserror::Error;
use zeroize::Zeroizing;

/// Room for topic and properties around a message.
const PACKET_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 64 * 1024;

/// Where the broker is and how to get in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    pub host: String,
    pub port: u16,
    pub tls: Option<Tls>,
    pub login: Option<Login>,
    /// Silence after which the broker is asked for a sign of life.
    pub keep_alive: Duration,
    /// How long connecting may take, in whole seconds.
    pub connection_timeout: Duration,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM; `None`: the operating system's certificates.
    pub ca_file: Option<PathBuf>,
    /// The client's own certificate chain and its key, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    /// Its first line is the password.
    pub password_file: PathBuf,
}

/// Why there can be no connection: something for a person to mend.
#[derive(Debug, Error)]
pub enum BrokerRefused {
    #[error("{} can't be read", .file.display())]
    Unreadable {
        file: PathBuf,
        source: std::io::Error,
    },
    #[error("{} is not the PEM it should be", .file.display())]
    NotPem {
        file: PathBuf,
        source: rustls_pki_types::pem::Error,
    },
    #[error("there are no trusted certificates: name a ca_file")]
    NoRoots,
    #[error("{0} is no broker: allowed: mqtt://HOST:PORT, mqtts://HOST:PORT for TLS")]
    Url(String),
    #[error("TLS can't be set up")]
    Tls(#[from] rustls::Error),
}

impl Broker {
    /// Takes host, port and whether there is TLS from `mqtt://HOST[:PORT]` or
    /// `mqtts://HOST[:PORT]`.
    ///
    /// # Errors
    /// Anything else; a user or password in the URL would be seen by whoever lists processes.
    pub fn set_url(&mut self, url: &str) -> Result<(), BrokerRefused> {
        let refused = || BrokerRefused::Url(url.to_owned());
        let (scheme, address) = url
            .trim_end_matches('/')
            .split_once("://")
            .ok_or_else(refused)?;
        let with_tls = match scheme {
            "mqtt" => false,
            "mqtts" => true,
            _ => return Err(refused()),
        };
        let default_port = if with_tls { 8883 } else { 1883 };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| refused())?)
            }
            _ => (address, default_port),
        };
        if host.is_empty() || port == 0 || host.contains(['/', '@', '?', ' ']) {
            return Err(refused());
        }
        (self.host, self.port) = (host.to_owned(), port);
        self.tls = with_tls.then(|| self.tls.take().unwrap_or_default());
        Ok(())
    }

    /// The options of a connection: a clean session, the largest message of the contract let in.
    ///
    /// # Errors
    /// A file that is missing or is not what it should be.
    pub fn options(&self, client_id: &str) -> Result<MqttOptions, BrokerRefused> {
        let mut options = MqttOptions::new(client_id, &self.host, self.port);
        options
            .set_clean_start(true)
            .set_keep_alive(self.keep_alive)
            .set_connection_timeout(self.connection_timeout.as_secs().max(1))
            .set_max_packet_size(u32::try_from(PACKET_BYTES_MAX).ok());
        // messages are few and small: none waits for the next one
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        if let Some(login) = &self.login {
            options.set_credentials(&login.user, login.password()?.as_str());
        }
        if let Some(tls) = &self.tls {
            let config = Arc::new(tls.client_config()?);
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(config)));
        }
        Ok(options)
    }
}

impl Login {
    fn password(&self) -> Result<Zeroizing<String>, BrokerRefused> {
        let file = &self.password_file;
        let text = std::fs::read_to_string(file).map_err(|source| BrokerRefused::Unreadable {
            file: file.clone(),
            source,
        })?;
        let text = Zeroizing::new(text);
        Ok(Zeroizing::new(
            text.lines().next().unwrap_or_default().to_owned(),
        ))
    }
}

impl Tls {
    fn client_config(&self) -> Result<ClientConfig, BrokerRefused> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots()?);
        let Some((chain, key)) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let not_pem = |source| BrokerRefused::NotPem {
            file: key.clone(),
            source,
        };
        let key = PrivateKeyDer::from_pem_file(key).map_err(not_pem)?;
        Ok(builder.with_client_auth_cert(certificates(chain)?, key)?)
    }

    fn roots(&self) -> Result<RootCertStore, BrokerRefused> {
        let mut roots = RootCertStore::empty();
        let certificates = match &self.ca_file {
            Some(file) => certificates(file)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        roots.add_parsable_certificates(certificates);
        if roots.is_empty() {
            Err(BrokerRefused::NoRoots)
        } else {
            Ok(roots)
        }
    }
}

fn certificates(file: &PathBuf) -> Result<Vec<CertificateDer<'static>>, BrokerRefused> {
    let not_pem = |source| BrokerRefused::NotPem {
        file: file.clone(),
        source,
    };
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(not_pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker() -> Broker {
        Broker {
            host: "broker.example".into(),
            port: 8883,
            tls: None,
            login: None,
            keep_alive: Duration::from_secs(30),
            connection_timeout: Duration::from_secs(10),
        }
    }

    #[test]
    fn the_first_line_of_the_file_is_the_password() {
        let dir = tempfile::tempdir().unwrap();
        let password_file = dir.path().join("password");
        std::fs::write(&password_file, "s3cret\r\nnot this\n").unwrap();
        let login = Some(Login {
            user: "office".into(),
            password_file,
        });
        let options = Broker { login, ..broker() }.options("x").unwrap();
        let login = options.credentials().unwrap();
        assert_eq!(
            (login.username.as_str(), login.password.as_str()),
            ("office", "s3cret")
        );
        assert!(options.clean_start());
    }

    #[test]
    fn a_url_says_where_the_broker_is() {
        for (url, expected) in [
            ("mqtt://127.0.0.1:1884", Some(("127.0.0.1", 1884, false))),
            (
                "mqtts://broker.example",
                Some(("broker.example", 8883, true)),
            ),
            ("mqtt://[::1]:1884/", Some(("[::1]", 1884, false))),
            ("mqtt://[::1]", Some(("[::1]", 1883, false))),
            ("http://x:1", None),
            ("x:1883", None),
            ("mqtt://:1883", None),
            ("mqtt://x:0", None),
            ("mqtt://x:70000", None),
            ("mqtt://user:password@x:1883", None),
            ("mqtt://x:1883/path", None),
        ] {
            let mut broker = broker();
            let done = broker.set_url(url).is_ok();
            assert_eq!(done, expected.is_some(), "{url}");
            if let Some(expected) = expected {
                let read = (broker.host.as_str(), broker.port, broker.tls.is_some());
                assert_eq!(read, expected, "{url}");
            }
        }
    }

    #[test]
    fn a_file_that_is_missing_or_no_pem_is_named() {
        let gone = Broker {
            login: Some(Login {
                user: "office".into(),
                password_file: "/gone/password".into(),
            }),
            ..broker()
        };
        assert_eq!(
            gone.options("x").unwrap_err().to_string(),
            "/gone/password can't be read"
        );
        let dir = tempfile::tempdir().unwrap();
        let ca_file = dir.path().join("ca.pem");
        std::fs::write(&ca_file, "no certificate").unwrap();
        let tls = Some(Tls {
            ca_file: Some(ca_file),
            identity: None,
        });
        let refused = Broker { tls, ..broker() }.options("x").unwrap_err();
        assert!(matches!(refused, BrokerRefused::NoRoots), "{refused}");
    }
}
