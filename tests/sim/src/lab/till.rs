//! A till: asks the store's HTTP API for payments, as a chain's own software would, and asks again
//! with the same idempotency key when it gets no answer.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, Method, RequestBuilder, StatusCode};
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
    /// What it shows where people sign in.
    token: Option<String>,
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
            token: None,
        })
    }

    /// Shows this token with each request.
    pub fn with_token(self, token: Option<&str>) -> Self {
        Self {
            token: token.map(str::to_owned),
            ..self
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
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
        self.open_for(key, key, counter, amount, tender).await
    }

    /// As `open`, for a basket that may be paid by several.
    pub async fn open_for(
        &self,
        basket: &str,
        key: &str,
        counter: &str,
        amount: &str,
        tender: &str,
    ) -> Result<Value, TillFailed> {
        let body = json!({
            "counter": counter, "amount": amount, "currency": "CNY", "tender": tender, "reference": basket,
        });
        self.insist(Method::POST, "/v1/payments", Some(key), Some(&body))
            .await
    }

    /// As `open`, of a card whose money shall be held only.
    pub async fn hold(&self, key: &str, counter: &str, amount: &str) -> Result<Value, TillFailed> {
        let body = json!({
            "counter": counter, "amount": amount, "currency": "CNY", "tender": "card", "reference": key,
            "pre_authorise": true,
        });
        self.insist(Method::POST, "/v1/payments", Some(key), Some(&body))
            .await
    }

    /// Takes so much of what is held.
    pub async fn complete(&self, key: &str, id: &str, amount: &str) -> Result<Value, TillFailed> {
        let path = format!("/v1/payments/{id}/completion");
        let body = json!({ "amount": amount });
        self.insist(Method::POST, &path, Some(key), Some(&body))
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

    /// Settles an acquirer's batch, once.
    pub async fn settle(&self, acquirer: &str) -> Result<Value, TillFailed> {
        let path = format!("/v1/acquirers/{acquirer}/settlement");
        let no_answer = |error: reqwest::Error| TillFailed::NoAnswer(error.to_string());
        let asked = self.request(Method::POST, &path).send();
        let response = asked.await.map_err(no_answer)?;
        let status = response.status();
        let text = response.text().await.map_err(no_answer)?;
        match serde_json::from_str(&text) {
            Ok(value) if status.is_success() => Ok(value),
            _ => Err(TillFailed::Refused(status, path, text)),
        }
    }

    /// What the QRs say that are printed for this counter.
    pub async fn stickers(&self, counter: &str) -> Result<Vec<String>, TillFailed> {
        let path = format!("/v1/counters/{counter}/stickers");
        let issued = self
            .insist(Method::POST, &path, None, Some(&json!({})))
            .await?;
        let stickers = issued.get("stickers").and_then(Value::as_array);
        let text = |sticker: &Value| Some(sticker.get("text")?.as_str()?.to_owned());
        Ok(stickers.into_iter().flatten().filter_map(text).collect())
    }

    /// Waits for the payment that a provider knows under this number.
    pub async fn until_told(
        &self,
        counter: &str,
        transaction: &str,
        patience: Duration,
    ) -> Result<Option<Value>, TillFailed> {
        let deadline = Instant::now() + patience;
        loop {
            let path = format!("/v1/payments?counter={counter}&limit=100");
            let page = self.get(&path).await?;
            let payments = page.get("payments").and_then(Value::as_array);
            let is_it = |payment: &&Value| {
                payment
                    .pointer("/claim/transaction")
                    .and_then(Value::as_str)
                    == Some(transaction)
            };
            if let Some(found) = payments.into_iter().flatten().find(is_it) {
                return Ok(Some(found.clone()));
            }
            if Instant::now() > deadline {
                return Ok(None);
            }
            sleep(Duration::from_millis(30)).await;
        }
    }

    /// Any other question.
    pub async fn get(&self, path: &str) -> Result<Value, TillFailed> {
        self.insist(Method::GET, path, None, None).await
    }

    pub async fn text(&self, path: &str) -> Result<String, TillFailed> {
        let no_answer = |error: reqwest::Error| TillFailed::NoAnswer(error.to_string());
        let response = self
            .request(Method::GET, path)
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
            let mut request = self.request(method.clone(), path);
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
            | "authorised"
            | "completed"
    )
}
