//! What a sandbox acquirer is started with: where it listens, its ledger, its merchant and its
//! clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::AcquirerError;
use super::rules::Rule;
use super::sign::Key;

/// How the customer pays. The words are those of the store's HTTP interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tender {
    /// A code on the customer's phone, read by the shop's scanner.
    CustomerCode,
    /// A QR code that the shop shows and the customer scans.
    MerchantQr,
    /// A chip or contactless card.
    Card,
}

/// Everything a sandbox acquirer needs. [`AcquirerConfig::new`] gives a working one.
#[derive(Debug, Clone)]
pub struct AcquirerConfig {
    /// Loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The ledger's file: JSON Lines, created when absent, taken up again when present.
    pub ledger: PathBuf,
    /// The merchant's number: requests of another are refused with 401.
    pub merchant: String,
    /// The key that signs requests and answers.
    pub key: Key,
    /// Tenders enabled per store. Empty: every store has every tender.
    pub stores: BTreeMap<String, BTreeSet<Tender>>,
    /// Rules from the start, first match first. More can be added while it runs.
    pub rules: Vec<Rule>,
    /// Seed of the rules' probabilities.
    pub seed: u64,
    /// Every simulated duration is divided by this, 1 and up.
    pub speed: u32,
    /// An unpaid QR code is closed after this. Default: two hours, as the large wallets do.
    pub qr_life_ms: u64,
    /// A connection held in silence is dropped after this.
    pub hold_ms: u64,
    /// A customer's code pays one order only, as real codes do. Off by default: tests reuse codes.
    pub single_use_codes: bool,
    /// Requests whose timestamp is further from this clock are refused, in seconds.
    pub skew_limit_s: u64,
}

impl AcquirerConfig {
    /// A sandbox on a free loopback port with the well-known test merchant and this ledger.
    #[must_use]
    pub fn new(ledger: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            ledger: ledger.into(),
            merchant: "sandbox-merchant".to_owned(),
            key: Key::new("sandbox-merchant-key-for-tests-only"),
            stores: BTreeMap::new(),
            rules: Vec::new(),
            seed: 1,
            speed: 1,
            qr_life_ms: 2 * 60 * 60 * 1000,
            hold_ms: 120_000,
            single_use_codes: false,
            skew_limit_s: 300,
        }
    }

    /// # Errors
    /// A public address, a speed of zero or a rule that cannot work.
    pub(super) fn validate(&self) -> Result<(), AcquirerError> {
        if !self.listen.ip().is_loopback() {
            return Err(AcquirerError::Config(format!(
                "{} is not loopback",
                self.listen
            )));
        }
        if self.speed == 0 {
            return Err(AcquirerError::Config("speed must be 1 or more".to_owned()));
        }
        self.rules.iter().try_for_each(Rule::validate)
    }

    /// A simulated duration on this sandbox's clock.
    pub(super) fn scaled(&self, ms: u64) -> u64 {
        ms / u64::from(self.speed.max(1))
    }

    /// # Errors
    /// The refusal code and words for a tender that this store may not take.
    pub(super) fn enabled(&self, store: &str, tender: Tender) -> Result<(), super::order::Refusal> {
        use super::order::{Refusal, STORE_UNKNOWN, TENDER_NOT_ENABLED};
        if self.stores.is_empty() {
            return Ok(());
        }
        match self.stores.get(store) {
            None => Err(Refusal::new(STORE_UNKNOWN, "this store has no contract")),
            Some(tenders) if tenders.contains(&tender) => Ok(()),
            Some(_) => {
                let text = "this way of paying is not enabled for this store";
                Err(Refusal::new(TENDER_NOT_ENABLED, text))
            }
        }
    }
}
