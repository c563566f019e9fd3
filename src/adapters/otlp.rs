//! Payments as OpenTelemetry traces, for a collector that speaks OTLP over HTTP (protobuf).
//!
//! A payment is a trace, and its id, which has 16 bytes, is the trace's. The spans are made of what
//! the journal has of a payment that is settled: a trace tells nothing that is not on disk, and no
//! payment waits for it. Telemetry is not money: what the collector does not take is dropped, and
//! the log says how much.

mod spans;

use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use reqwest::{Client, redirect};
use store_actors::{
    domain::payment::Payment,
    signal::{Signal, Signals},
};
use thiserror::Error;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, MissedTickBehavior, interval_at},
};

/// Payments sent at once, and how long one waits for others.
const BATCH: usize = 256;
const EVERY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(5);

/// The collector can't be spoken to at all.
#[derive(Debug, Error)]
#[error("the OTLP client can't be made: {0}")]
pub struct OtlpRefused(#[from] reqwest::Error);

/// Why a batch was not taken.
#[derive(Debug, Error)]
enum Dropped {
    #[error("{0}")]
    NoAnswer(#[from] reqwest::Error),
    #[error("the collector answered {0}")]
    Status(u16),
}

/// The way to a collector.
pub struct Otlp {
    http: Client,
    /// Of traces, as OTLP/HTTP names it.
    url: String,
    resource: Resource,
    waiting: Vec<Arc<Payment>>,
    /// Of the payments that were dropped, those that the log has not told yet.
    dropped: u64,
}

impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Otlp").field(&self.url).finish()
    }
}

impl Otlp {
    /// `url`: of the collector, without a path. `store`: as the head office knows it.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(url: &str, chain: &str, store: &str) -> Result<Self, OtlpRefused> {
        let http = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            url: format!("{}/v1/traces", url.trim_end_matches('/')),
            resource: spans::resource(chain, store),
            waiting: Vec::new(),
            dropped: 0,
        })
    }

    /// Sends every payment that is settled from now on, until the store has closed.
    pub async fn run(mut self, signals: Signals) {
        let mut heard = signals.listen();
        drop(signals);
        let mut due = interval_at(Instant::now() + EVERY, EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                signal = heard.recv() => match signal {
                    Ok(Signal::PaymentMoved { payment, .. }) if payment.is_settled() => {
                        self.waiting.push(payment);
                        if self.waiting.len() >= BATCH {
                            self.send().await;
                        }
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(lost)) => self.dropped = self.dropped.saturating_add(lost),
                    Err(RecvError::Closed) => return self.send().await,
                },
                _ = due.tick() => self.send().await,
            }
        }
    }

    async fn send(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let payments = std::mem::take(&mut self.waiting);
        let request = spans::request(&self.resource, &payments);
        match self.post(request.encode_to_vec()).await {
            Ok(()) if self.dropped > 0 => {
                tracing::info!(dropped = self.dropped, "the collector takes traces again");
                self.dropped = 0;
            }
            Ok(()) => {}
            Err(cause) => {
                if self.dropped == 0 {
                    tracing::warn!(url = self.url, %cause, "traces are dropped");
                }
                let lost = u64::try_from(payments.len()).unwrap_or(u64::MAX);
                self.dropped = self.dropped.saturating_add(lost);
            }
        }
    }

    async fn post(&self, body: Vec<u8>) -> Result<(), Dropped> {
        let request = self.http.post(&self.url);
        let request = request.header("content-type", "application/x-protobuf");
        let status = request.body(body).send().await?.status();
        match status.is_success() {
            true => Ok(()),
            false => Err(Dropped::Status(status.as_u16())),
        }
    }
}
