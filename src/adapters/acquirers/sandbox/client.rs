//! One signed exchange over HTTP, with the acquirer's own time-out around all of it.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::{Certificate, StatusCode, Url, header::HeaderMap, redirect, retry};
use store_actors::{
    domain::payment::NoAnswer,
    ports::{Entropy, WallClock},
};
use zeroize::Zeroizing;

use super::{
    SandboxConfig, SandboxRefused, body,
    errors::no_answer,
    sign::{self, Head, Signer},
};

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 64 * 1024;
/// An answer whose clock is further from ours is none.
const SKEW_LIMIT_S: u64 = 300;
/// Idle connections are closed before the acquirer may close them: a request on a connection that
/// is just being closed is an unknown outcome for nothing.
const IDLE: Duration = Duration::from_secs(3);

/// An answer with the right signature.
#[derive(Debug)]
pub(super) struct Signed {
    pub status: u16,
    pub body: Vec<u8>,
}

pub(super) struct Client {
    http: reqwest::Client,
    /// Without a slash at its end.
    url: String,
    merchant: String,
    signer: Signer,
    timeout: Duration,
    clock: Arc<dyn WallClock>,
    entropy: Arc<dyn Entropy>,
}

impl Client {
    pub fn new(
        config: &SandboxConfig,
        clock: Arc<dyn WallClock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, SandboxRefused> {
        let url = checked_url(&config.url)?;
        if config.merchant.is_empty() || !config.merchant.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(SandboxRefused::Merchant);
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(SandboxRefused::NoTlsProvider);
        }
        let timeout = Duration::from_millis(config.profile.clock.answer_timeout_ms);
        let mut builder = reqwest::Client::builder()
            .connect_timeout(timeout / 2) // so that a dead host is known to have been sent nothing
            .pool_idle_timeout(IDLE)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .http1_only();
        if url.scheme() == "http" {
            // loopback: a machine without certificates will do
            builder = builder.tls_certs_only([]);
        } else if let Some(path) = &config.ca_file {
            let unreadable = |source| SandboxRefused::Certificates {
                path: path.clone(),
                source,
            };
            let pem = std::fs::read(path).map_err(unreadable)?;
            let certificates =
                Certificate::from_pem_bundle(&pem).map_err(SandboxRefused::Client)?;
            builder = builder.tls_certs_only(certificates);
        }
        Ok(Self {
            http: builder.build().map_err(SandboxRefused::Client)?,
            url: url.as_str().trim_end_matches('/').to_owned(),
            merchant: config.merchant.clone(),
            signer: Signer(config.key.clone()),
            timeout,
            clock,
            entropy,
        })
    }

    /// Sends once; the answer is one to exactly this request.
    pub async fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Signed, NoAnswer> {
        let once = self.exchange_once(method, path, body);
        tokio::time::timeout(self.timeout, once)
            .await
            .unwrap_or(Err(NoAnswer::TimedOut))
    }

    async fn exchange_once(
        &self,
        method: &str,
        path: &str,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Signed, NoAnswer> {
        let timestamp = self.now_s().to_string();
        let nonce = self.nonce();
        let head = Head {
            path,
            timestamp: &timestamp,
            nonce: &nonce,
        };
        let signature = self.signer.request(method, head, &body);
        let url = format!("{}{path}", self.url);
        let request = match method {
            "GET" => self.http.get(url),
            _ => self.http.post(url),
        };
        let sent = request
            .header(sign::MERCHANT, &self.merchant)
            .header(sign::TIMESTAMP, &timestamp)
            .header(sign::NONCE, &nonce)
            .header(sign::SIGNATURE, signature)
            .body(Bytes::from_owner(body)) // wiped when the last holder drops it
            .send();
        let mut response = sent.await.map_err(|e| no_answer(&e))?;
        let status = response.status();
        if status.is_server_error() {
            return Err(NoAnswer::ServerFailed(status.as_u16()));
        }
        let headers = std::mem::take(response.headers_mut());
        let body = bounded(response).await?;
        if status == StatusCode::UNAUTHORIZED {
            // an acquirer that does not know us does not sign
            return Err(body::refused(status.as_u16(), &body));
        }
        let timestamp = header(&headers, sign::TIMESTAMP);
        let head = Head { timestamp, ..head };
        let signature = header(&headers, sign::SIGNATURE);
        if !self
            .signer
            .verifies(status.as_u16(), head, &body, signature)
        {
            return Err(NoAnswer::Forged);
        }
        let skew_s = timestamp.parse::<i64>().map(|s| s.abs_diff(self.now_s()));
        if !skew_s.is_ok_and(|skew_s| skew_s <= SKEW_LIMIT_S) {
            return Err(NoAnswer::Unintelligible(
                "its clock is too far from ours".into(),
            ));
        }
        Ok(Signed {
            status: status.as_u16(),
            body,
        })
    }

    /// Whether anybody is there.
    pub async fn probe(&self) -> Result<(), NoAnswer> {
        let probe = async {
            let sent = self.http.get(format!("{}/healthz", self.url)).send();
            match sent.await.map_err(|e| no_answer(&e))?.status() {
                StatusCode::OK => Ok(()),
                status => Err(NoAnswer::ServerFailed(status.as_u16())),
            }
        };
        tokio::time::timeout(self.timeout, probe)
            .await
            .unwrap_or(Err(NoAnswer::TimedOut))
    }

    fn now_s(&self) -> i64 {
        self.clock.now().unix_ms().div_euclid(1000)
    }

    fn nonce(&self) -> String {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        sign::hex(&bytes)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Codes and cards go nowhere unencrypted, but on this machine.
fn checked_url(text: &str) -> Result<Url, SandboxRefused> {
    let refused = || SandboxRefused::Url(text.to_owned());
    let url: Url = text.parse().map_err(|_| refused())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let nameless = url.username().is_empty() && url.password().is_none();
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" if bare && nameless => Ok(url),
        "http" if bare && nameless && loopback => Ok(url),
        _ => Err(refused()),
    }
}

async fn bounded(mut response: reqwest::Response) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| no_answer(&e))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(NoAnswer::Unintelligible("it is far too long".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_loopback_and_nothing_but_a_host() {
        for good in [
            "https://pay.example.com",
            "https://pay.example.com:8443/",
            "http://[::1]:9",
        ] {
            assert!(checked_url(good).is_ok(), "{good}");
        }
        assert!(checked_url("http://127.0.0.1:9000").is_ok());
        for bad in [
            "",
            "pay.example.com",
            "http://pay.example.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "ftp://127.0.0.1",
            "https://a/b",
            "https://a?b",
            "https://me:secret@a",
        ] {
            assert!(
                matches!(checked_url(bad), Err(SandboxRefused::Url(_))),
                "{bad}"
            );
        }
    }
}
