//! A till: asks the store's HTTP API for payments, as a chain's own software would, and asks again
//! with the same idempotency key when it gets no answer.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::{Instant, sleep};

/// How long a till goes on asking: a killed controller is back within seconds.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Error)]
pub enum TillFailed {
    #[error("{0} {1}: {2}")]
    Refused(StatusCode, String, String),
    #[error("no answer from the store within {PATIENCE:?}: {0}")]
    NoAnswer(String),
}

/// A till's way to the store.
#[derive(Clone, Debug)]
pub struct Till {
    base: String,
    http: Client,
    told: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Till {
    pub fn new(store: SocketAddr) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()?;
        Ok(Self {
            base: format!("http://{store}"),
            http,
            told: Arc::default(),
        })
    }

    /// Every payment that the store told of, and the last state it told.
    pub fn told(&self) -> BTreeMap<String, String> {
        let told = self.told.lock();
        told.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, answer: &Value) {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        if let (Some(id), Some(state), Some(_)) = (text("id"), text("state"), text("tender")) {
            let told = self.told.lock();
            told.unwrap_or_else(PoisonError::into_inner)
                .insert(id, state);
        }
    }

    /// Opens a payment; a counter that can't take it yet is asked again.
    pub async fn open(
        &self,
        key: &str,
        counter: &str,
        amount: &str,
        tender: &str,
    ) -> Result<Value, TillFailed> {
        let body = json!({
            "counter": counter, "amount": amount, "currency": "CNY", "tender": tender, "reference": key,
        });
        self.insist(Method::POST, "/v1/payments", Some(key), Some(&body))
            .await
    }

    pub async fn payment(&self, id: &str) -> Result<Value, TillFailed> {
        self.insist(Method::GET, &format!("/v1/payments/{id}"), None, None)
            .await
    }

    pub async fn cancel(&self, id: &str) -> Result<Value, TillFailed> {
        self.insist(
            Method::POST,
            &format!("/v1/payments/{id}/cancel"),
            None,
            None,
        )
        .await
    }

    pub async fn refund(&self, key: &str, id: &str, amount: &str) -> Result<Value, TillFailed> {
        let body = json!({ "amount": amount, "currency": "CNY", "reason": "the customer brought it back" });
        self.insist(
            Method::POST,
            &format!("/v1/payments/{id}/refunds"),
            Some(key),
            Some(&body),
        )
        .await
    }

    /// Any other question.
    pub async fn get(&self, path: &str) -> Result<Value, TillFailed> {
        self.insist(Method::GET, path, None, None).await
    }

    pub async fn text(&self, path: &str) -> Result<String, TillFailed> {
        let no_answer = |error: reqwest::Error| TillFailed::NoAnswer(error.to_string());
        let response = self
            .http
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .map_err(no_answer)?;
        response.text().await.map_err(no_answer)
    }

    /// Waits until a payment is as `wanted` says, or has ended.
    pub async fn until(
        &self,
        id: &str,
        patience: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, TillFailed> {
        let deadline = Instant::now() + patience;
        loop {
            let payment = self.payment(id).await?;
            if wanted(&payment) || has_ended(&payment) {
                return Ok(payment);
            }
            if Instant::now() > deadline {
                return Ok(payment);
            }
            sleep(Duration::from_millis(15)).await;
        }
    }

    /// Asks until there is an answer. Not ready (409), no answer in time (503) and a dead store
    /// pass.
    async fn insist(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, TillFailed> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut request = self
                .http
                .request(method.clone(), format!("{}{path}", self.base));
            request = key.into_iter().fold(request, |request, key| {
                request.header("Idempotency-Key", key)
            });
            request = body
                .into_iter()
                .fold(request, |request, body| request.json(body));
            let failed = match request.send().await {
                Ok(response) => {
                    let status = response.status();
                    let text = response.text().await.unwrap_or_default();
                    match serde_json::from_str(&text) {
                        Ok(value) if status.is_success() => {
                            self.note(&value);
                            return Ok(value);
                        }
                        _ => TillFailed::Refused(status, path.to_owned(), text),
                    }
                }
                Err(error) => TillFailed::NoAnswer(error.to_string()),
            };
            if !failed.passes() || Instant::now() > deadline {
                return Err(failed);
            }
            sleep(PAUSE).await;
        }
    }
}

impl TillFailed {
    /// Whether asking again can help.
    fn passes(&self) -> bool {
        match self {
            Self::NoAnswer(_) => true,
            Self::Refused(status, _, text) => {
                let not_ready = *status == StatusCode::CONFLICT && text.contains("not-ready");
                not_ready || status.is_server_error() || *status == StatusCode::OK
            }
        }
    }
}

pub fn state(payment: &Value) -> &str {
    payment
        .get("state")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The stand is free: final, or being undone.
pub fn has_ended(payment: &Value) -> bool {
    matches!(
        state(payment),
        "approved"
            | "declined"
            | "cancelled"
            | "reversed"
            | "reversing"
            | "approved_offline"
            | "confirmed"
            | "refused_later"
    )
}
