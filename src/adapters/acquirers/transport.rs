//! HTTP to an acquirer, whatever its protocol: one exchange, once, with the acquirer's own time-out
//! around all of it.
//!
//! It keeps what every driver must not get wrong: nothing goes unencrypted but on this machine, no
//! redirect is followed, nothing is repeated, an answer is bounded, and only a connection that
//! never came about is `NotSent`. Signatures and words are the drivers' business.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use reqwest::{
    Identity, Method, Url,
    header::{DATE, HeaderMap},
    redirect, retry,
};
use store_actors::{
    domain::payment::NoAnswer,
    ports::{AcquirerProfile, WallClock},
};
use zeroize::Zeroizing;

use super::{
    errors::{DriverRefused, no_answer},
    way::Way,
};
use crate::adapters::clock::ahead_s;

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 64 * 1024;
/// Idle connections are closed before the acquirer may close them: a request on a connection that
/// is just being closed is an unknown outcome for nothing.
const IDLE: Duration = Duration::from_secs(3);
/// Characters kept of an acquirer's texts: they go to the journal.
const LONGEST_TEXT: usize = 200;

/// How an acquirer is reached.
pub(super) struct Route<'a> {
    /// Scheme, host and port: `https://…`, or `http://` on loopback only.
    pub url: &'a str,
    pub timeout: Duration,
    pub way: &'a Way,
    /// The certificate and key (PEM, one after the other) that this side shows.
    pub identity: Option<Zeroizing<Vec<u8>>>,
    /// Compared with the acquirer's at each answer.
    pub clock: Arc<dyn WallClock>,
}

impl<'a> Route<'a> {
    /// With nothing to show but what is in the requests.
    pub fn new(
        url: &'a str,
        way: &'a Way,
        profile: &AcquirerProfile,
        clock: &Arc<dyn WallClock>,
    ) -> Self {
        Self {
            url,
            timeout: Duration::from_millis(profile.clock.answer_timeout_ms),
            way,
            identity: None,
            clock: Arc::clone(clock),
        }
    }
}

/// One request. The body is wiped when its last holder drops it.
pub(super) struct Request {
    pub method: Method,
    /// With its query, as sent.
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Zeroizing<Vec<u8>>,
}

/// An answer, as it came. Never one of a server that failed.
#[derive(Debug)]
pub(super) struct Raw {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Raw {
    /// A header's text, or nothing.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

/// Nobody waits for a file.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(120);

pub(super) struct Transport {
    http: reqwest::Client,
    /// Without a slash at its end.
    url: String,
    timeout: Duration,
    clock: Arc<dyn WallClock>,
    /// Seconds by which our clock was ahead of the acquirer's at its last answer.
    ahead_s: Mutex<Option<i64>>,
}

impl Transport {
    pub fn new(route: Route<'_>) -> Result<Self, DriverRefused> {
        let url = checked_url(route.url)?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(DriverRefused::NoTlsProvider);
        }
        let mut builder = reqwest::Client::builder()
            // so that a dead host is known to have been sent nothing
            .connect_timeout(route.timeout / 2)
            .pool_idle_timeout(IDLE)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .http1_only();
        if url.scheme() == "http" {
            // loopback: a machine without certificates will do
            builder = builder.tls_certs_only([]).no_proxy();
        } else {
            builder = route.way.on(builder)?;
        }
        if let Some(pem) = &route.identity {
            let identity = Identity::from_pem(pem).map_err(DriverRefused::Client)?;
            builder = builder.identity(identity);
        }
        Ok(Self {
            http: builder.build().map_err(DriverRefused::Client)?,
            url: url.as_str().trim_end_matches('/').to_owned(),
            timeout: route.timeout,
            clock: route.clock,
            ahead_s: Mutex::default(),
        })
    }

    /// Sends once.
    pub async fn exchange(&self, request: Request) -> Result<Raw, NoAnswer> {
        tokio::time::timeout(self.timeout, self.exchange_once(request))
            .await
            .unwrap_or(Err(NoAnswer::TimedOut))
    }

    /// A file of at most so many bytes; a large one takes its time.
    pub async fn download(&self, request: Request, most: usize) -> Result<Raw, NoAnswer> {
        tokio::time::timeout(DOWNLOAD_TIMEOUT, self.once(request, most))
            .await
            .unwrap_or(Err(NoAnswer::TimedOut))
    }

    /// A file that lies at another host of the provider's; nothing of ours is shown there.
    pub async fn fetch(&self, url: &str, most: usize) -> Result<Raw, NoAnswer> {
        let fetched = async {
            let sent = self.http.get(url).send().await;
            let mut response = sent.map_err(|e| no_answer(&e))?;
            let status = response.status().as_u16();
            let headers = std::mem::take(response.headers_mut());
            let body = bounded(response, most).await?;
            Ok(Raw {
                status,
                headers,
                body,
            })
        };
        tokio::time::timeout(DOWNLOAD_TIMEOUT, fetched)
            .await
            .unwrap_or(Err(NoAnswer::TimedOut))
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    async fn exchange_once(&self, request: Request) -> Result<Raw, NoAnswer> {
        self.once(request, LARGEST_ANSWER).await
    }

    async fn once(&self, request: Request, most: usize) -> Result<Raw, NoAnswer> {
        let url = format!("{}{}", self.url, request.path);
        let mut builder = self.http.request(request.method, url);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let asked = self.clock.now();
        let sent = builder.body(Bytes::from_owner(request.body)).send();
        let mut response = sent.await.map_err(|e| no_answer(&e))?;
        let date = response
            .headers()
            .get(DATE)
            .and_then(|date| date.to_str().ok());
        if let Some(ahead_s) = date.and_then(|date| ahead_s(date, asked, self.clock.now())) {
            *self.skew() = Some(ahead_s);
        }
        let status = response.status();
        if status.is_server_error() {
            return Err(NoAnswer::ServerFailed(status.as_u16()));
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Raw {
            status: status.as_u16(),
            headers,
            body: bounded(response, most).await?,
        })
    }

    /// Seconds by which our clock is ahead of the acquirer's, as far as it has answered.
    pub fn clock_ahead_s(&self) -> Option<i64> {
        *self.skew()
    }

    fn skew(&self) -> MutexGuard<'_, Option<i64>> {
        self.ahead_s.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody is there who answers at all.
    pub async fn probe(&self, path: &str) -> Result<(), NoAnswer> {
        let request = Request {
            method: Method::GET,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Zeroizing::default(),
        };
        self.exchange(request).await.map(drop)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// An acquirer's text for people: bounded, without control characters.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_TEXT)
        .collect()
}

/// Codes and cards go nowhere unencrypted, but on this machine.
fn checked_url(text: &str) -> Result<Url, DriverRefused> {
    let refused = || DriverRefused::Url(text.to_owned());
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

async fn bounded(mut response: reqwest::Response, most: usize) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| no_answer(&e))? {
        if body.len() + chunk.len() > most {
            return Err(NoAnswer::Unintelligible("it is far too long".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
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
                matches!(checked_url(bad), Err(DriverRefused::Url(_))),
                "{bad}"
            );
        }
    }
}
