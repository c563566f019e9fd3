//! The way from the command line to the running controller: its address, its certificate, and the
//! token that it leaves for whoever may read its folder.

use std::{
    error::Error,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use reqwest::{
    Certificate, Client, ClientBuilder, RequestBuilder,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect,
};
use serde::{Deserialize, de::DeserializeOwned};

use super::Failed;
use crate::{
    adapters::tls::CertificateFiles,
    config::{ApiTls, Config},
    people::LOCAL_TOKEN,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than the store itself takes to say that it can't answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);

/// What the API says when it refuses (RFC 9457).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
}

pub(super) struct OwnApi {
    pub(super) client: Client,
    /// Scheme and authority.
    base: String,
    address: SocketAddr,
}

impl OwnApi {
    /// # Errors
    /// The token or the certificate can't be read.
    pub(super) fn of(config: &Config) -> Result<Self, Failed> {
        // the HTTP client wants one, even for an address without TLS
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = reachable(config.api.listen);
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy();
        if config.people.sign_in {
            builder = builder.default_headers(shown(config)?);
        }
        let (builder, base) = match &config.api.tls {
            None => (builder.tls_certs_only([]), format!("http://{address}")),
            Some(tls) => secured(builder, config, tls, address)?,
        };
        Ok(Self {
            client: builder.build()?,
            base,
            address,
        })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What it answers.
    ///
    /// # Errors
    /// Nobody answers, or not as this API does, or it refuses: in words.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, Failed> {
        let answer = request
            .send()
            .await
            .map_err(|error| self.no_answer(&error))?;
        let status = answer.status();
        let body = answer.bytes().await;
        let body = body.map_err(|error| self.no_answer(&error))?;
        if !status.is_success() {
            let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
            let words = format!("{} {}", problem.title, problem.detail);
            return Err(format!("the controller refused: HTTP {status}: {}", words.trim()).into());
        }
        let api = self.address;
        serde_json::from_slice(&body).map_err(|cause| {
            format!("what answers on {api} is not this controller's API: {cause}").into()
        })
    }

    fn no_answer(&self, error: &reqwest::Error) -> Failed {
        let api = self.address;
        let mut deepest: &dyn Error = error;
        while let Some(cause) = deepest.source() {
            deepest = cause;
        }
        if error.is_connect() {
            format!(
                "no controller answers on {api} ({deepest}): start it with `store-controller run`, or \
                 name its configuration by --config"
            )
            .into()
        } else {
            format!("the controller on {api} gave no whole answer ({deepest}): see its log").into()
        }
    }
}

/// The token in each request.
fn shown(config: &Config) -> Result<HeaderMap, Failed> {
    let file = config.people.dir.join(LOCAL_TOKEN);
    let token = fs::read_to_string(&file).map_err(|cause| {
        format!(
            "{} can't be read ({cause}): the running controller leaves a token there, for its own user",
            file.display()
        )
    })?;
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

/// A certificate that signs itself is trusted as it lies there; another as this machine does.
fn secured(
    builder: ClientBuilder,
    config: &Config,
    tls: &ApiTls,
    address: SocketAddr,
) -> Result<(ClientBuilder, String), Failed> {
    let by_address = format!("https://{address}");
    let Some(files) = &tls.files else {
        let own = CertificateFiles::own(&config.people.dir);
        let own = Certificate::from_pem(&fs::read(own.certificate)?)?;
        return Ok((builder.tls_certs_only([own]), by_address));
    };
    let chain = Certificate::from_pem_bundle(&fs::read(&files.certificate)?)?;
    let builder = builder.tls_certs_merge(chain);
    Ok(match tls.names.first() {
        Some(name) => {
            let base = format!("https://{name}:{}", address.port());
            (builder.resolve(name, address), base)
        }
        None => (builder, by_address),
    })
}

/// Where to ask a program that listens on `listen`.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_every_interface_is_asked_on_this_machine() {
        for (listen, asked) in [
            ("0.0.0.0:8600", "127.0.0.1:8600"),
            ("[::]:8600", "[::1]:8600"),
            ("10.0.0.5:80", "10.0.0.5:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
