//! What went wrong, and what it proves.

use std::error::Error as _;
use std::path::PathBuf;

use store_actors::domain::payment::NoAnswer;

/// Why there is no driver.
#[derive(Debug, thiserror::Error)]
pub enum DriverRefused {
    #[error("the acquirer's URL {0:?} is not https://HOST[:PORT], nor http:// on loopback")]
    Url(String),
    #[error("the acquirer's merchant number has signs that a header cannot carry")]
    Merchant,
    #[error("the certificate file {path} cannot be read")]
    Certificates {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the proxy's credentials are not NAME:PASSWORD")]
    ProxyCredentials,
    #[error("no TLS provider is installed in this process")]
    NoTlsProvider,
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
    /// Never with a word of the key itself.
    #[error("{what} is not usable: {why}")]
    Key { what: &'static str, why: String },
}

/// An answer lacks what it should have.
pub(super) fn missing(what: &str) -> NoAnswer {
    NoAnswer::Unintelligible(format!("it has no {what}"))
}

/// What an error of the HTTP client says of the request. Only a connection that never came about
/// proves that nothing left the house.
pub(super) fn no_answer(error: &reqwest::Error) -> NoAnswer {
    let cause = innermost(error);
    if error.is_builder() || error.is_connect() {
        NoAnswer::NotSent(cause)
    } else if error.is_timeout() {
        NoAnswer::TimedOut
    } else {
        NoAnswer::Broken(cause)
    }
}

/// The first cause's own words: those of the layers above it repeat the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    let mut words = "no reason given".to_owned();
    while let Some(error) = cause {
        words = error.to_string();
        cause = error.source();
    }
    words
}
