//! Notifications: what providers post to the store by themselves.
//!
//! A driver that has them says whether one is the provider's, is for this merchant and is of now,
//! and what it says; and how the provider wants to be answered. What follows from it is the core's
//! business, and who listens is the door's (`crate::door`).

use std::collections::BTreeMap;

use store_actors::domain::{payment::NoAnswer, sticker::Notification};
use thiserror::Error;

/// What was posted.
#[derive(Clone, Copy)]
pub struct Posted<'a> {
    /// Names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl<'a> Posted<'a> {
    /// A header by its name in lower case; empty where there is none.
    pub fn header(&self, name: &str) -> &'a str {
        let found = self.headers.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// About a payment.
    Payment(Notification),
    /// The provider's, and about something else, e.g. a refund: acknowledged, and nothing more.
    Other(&'static str),
}

/// Why it is not taken. Nothing of it is repeated to whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Untrue {
    #[error("the signature is wrong")]
    Forged,
    #[error("its time is too far from now")]
    Stale,
    #[error("it is for another merchant")]
    AnotherMerchant,
    #[error("it makes no sense: {0}")]
    Unintelligible(String),
}

impl Untrue {
    /// For metrics: one of a few words.
    pub const fn word(&self) -> &'static str {
        match self {
            Untrue::Forged => "forged",
            Untrue::Stale => "stale",
            Untrue::AnotherMerchant => "another_merchant",
            Untrue::Unintelligible(_) => "unintelligible",
        }
    }

    pub const fn status(&self) -> u16 {
        match self {
            Untrue::Forged | Untrue::Stale => 401,
            Untrue::AnotherMerchant => 403,
            Untrue::Unintelligible(_) => 400,
        }
    }
}

impl From<NoAnswer> for Untrue {
    fn from(no_answer: NoAnswer) -> Self {
        match no_answer {
            NoAnswer::Forged => Self::Forged,
            NoAnswer::AnotherOrder => Self::AnotherMerchant,
            other => Self::Unintelligible(other.to_string()),
        }
    }
}

/// An answer as the provider understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

/// A driver whose provider tells things by itself.
pub trait Notifier: Send + Sync {
    /// What was posted, once it is found to be the provider's.
    ///
    /// # Errors
    /// It is not, or nobody can tell what it says.
    fn open(&self, posted: &Posted<'_>) -> Result<Opened, Untrue>;

    /// It is on disk: the provider need not say it again.
    fn taken(&self) -> Receipt;

    /// It is not: the provider says it again, unless it was none of the provider's.
    fn not_taken(&self, status: u16, why: &str) -> Receipt;
}

/// A form's fields; `None` if a name comes twice, or if it is no UTF-8.
pub(super) fn form(body: &[u8]) -> Option<BTreeMap<String, String>> {
    std::str::from_utf8(body).ok()?;
    let mut fields = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        if fields
            .insert(name.into_owned(), value.into_owned())
            .is_some()
        {
            return None;
        }
    }
    Some(fields)
}
