//! How an acquirer's host is reached: whose certificates count, and through which proxy.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use reqwest::{Certificate, ClientBuilder, Proxy};
use secrecy::{ExposeSecret as _, SecretString};

use super::errors::DriverRefused;

/// Directly and by the system's certificates, unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Certificates (PEM) to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// An HTTP proxy. It only passes the encrypted bytes on (CONNECT): it sees the host's name and
    /// nothing else.
    pub proxy: Option<ProxyServer>,
}

impl Way {
    /// By these certificates (PEM) alone.
    pub fn trusting(ca_file: impl Into<PathBuf>) -> Self {
        Self {
            ca_file: Some(ca_file.into()),
            proxy: None,
        }
    }
}

/// A proxy on the way out of the store.
#[derive(Clone)]
pub struct ProxyServer {
    /// `http://HOST:PORT` or `https://HOST:PORT`.
    pub url: String,
    /// `NAME:PASSWORD`, where it asks who is there.
    pub credentials: Option<SecretString>,
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProxyServer").field(&self.url).finish()
    }
}

impl Way {
    /// For a client that talks to an `https` host; whatever the environment says of proxies does
    /// not count.
    ///
    /// # Errors
    /// A certificate file or a proxy that cannot work.
    pub fn on(&self, builder: ClientBuilder) -> Result<ClientBuilder, DriverRefused> {
        let mut builder = builder.no_proxy();
        if let Some(path) = &self.ca_file {
            builder = builder.tls_certs_only(trusted(path)?);
        }
        if let Some(server) = &self.proxy {
            let mut proxy = Proxy::https(&server.url).map_err(DriverRefused::Client)?;
            if let Some(credentials) = &server.credentials {
                let (name, password) = credentials
                    .expose_secret()
                    .split_once(':')
                    .ok_or(DriverRefused::ProxyCredentials)?;
                proxy = proxy.basic_auth(name, password);
            }
            builder = builder.proxy(proxy);
        }
        Ok(builder)
    }
}

fn trusted(path: &Path) -> Result<Vec<Certificate>, DriverRefused> {
    let pem = std::fs::read(path).map_err(|source| DriverRefused::Certificates {
        path: path.to_owned(),
        source,
    })?;
    Certificate::from_pem_bundle(&pem).map_err(DriverRefused::Client)
}
