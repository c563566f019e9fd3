//! One signed exchange with the sandbox.

use std::{fmt, sync::Arc};

use reqwest::Method;
use store_actors::{
    domain::payment::NoAnswer,
    ports::{Entropy, WallClock},
};
use zeroize::Zeroizing;

use super::{
    SandboxConfig, body,
    sign::{self, Head, Signer},
};
use crate::adapters::acquirers::{
    DriverRefused,
    transport::{Request, Route, Transport},
};

/// An answer whose clock is further from ours is none.
const SKEW_LIMIT_S: u64 = 300;
const UNAUTHORIZED: u16 = 401;

/// An answer with the right signature.
#[derive(Debug)]
pub(super) struct Signed {
    pub status: u16,
    pub body: Vec<u8>,
}

pub(super) struct Client {
    transport: Transport,
    merchant: String,
    signer: Signer,
    clock: Arc<dyn WallClock>,
    entropy: Arc<dyn Entropy>,
}

impl Client {
    pub fn new(
        config: &SandboxConfig,
        clock: Arc<dyn WallClock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, DriverRefused> {
        let route = Route::new(&config.url, &config.way, &config.profile, &clock);
        let transport = Transport::new(route)?;
        if config.merchant.is_empty() || !config.merchant.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(DriverRefused::Merchant);
        }
        Ok(Self {
            transport,
            merchant: config.merchant.clone(),
            signer: Signer(config.key.clone()),
            clock,
            entropy,
        })
    }

    /// Sends once; the answer is one to exactly this request.
    pub async fn exchange(
        &self,
        method: Method,
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
        let signature = self.signer.request(method.as_str(), head, &body);
        let request = Request {
            method,
            path: path.to_owned(),
            headers: vec![
                (sign::MERCHANT, self.merchant.clone()),
                (sign::TIMESTAMP, timestamp.clone()),
                (sign::NONCE, nonce.clone()),
                (sign::SIGNATURE, signature),
            ],
            body,
        };
        let answer = self.transport.exchange(request).await?;
        if answer.status == UNAUTHORIZED {
            // an acquirer that does not know us does not sign
            return Err(body::refused(answer.status, &answer.body));
        }
        let timestamp = answer.header(sign::TIMESTAMP);
        let head = Head { timestamp, ..head };
        let signature = answer.header(sign::SIGNATURE);
        if !self
            .signer
            .verifies(answer.status, head, &answer.body, signature)
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
            status: answer.status,
            body: answer.body,
        })
    }

    /// Whether anybody is there.
    pub async fn probe(&self) -> Result<(), NoAnswer> {
        self.transport.probe("/healthz").await
    }

    pub fn clock_ahead_s(&self) -> Option<i64> {
        self.transport.clock_ahead_s()
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
        f.debug_tuple("Client").field(&self.transport).finish()
    }
}
