//! A store as the sandbox sees it: signs, sends, and checks the answer's signature.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::acquirer::sign::{self, Key, request};
use crate::acquirer::{Acquirer, AcquirerConfig, AcquirerHandle, Rule};

pub const WECHAT: &str = "120061098828009406";
pub const ALIPAY: &str = "28763443825664394";
pub const PAN: &str = "4761739001010010";

/// An answer, and whether it was signed for this request.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub trusted: bool,
}

impl Reply {
    pub fn state(&self) -> &str {
        assert!(self.trusted, "{self:?}");
        self.body["state"].as_str().unwrap_or("none")
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("none")
    }
}

pub struct Shop {
    pub folder: tempfile::TempDir,
    pub acquirer: AcquirerHandle,
    pub client: reqwest::Client,
    pub key: Key,
    pub shift_s: i64,
}

impl Shop {
    pub fn open(rules: Vec<Rule>) -> Self {
        Self::with(|config| config.rules = rules)
    }

    pub fn with(change: impl FnOnce(&mut AcquirerConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = AcquirerConfig::new(ledger(folder.path()));
        change(&mut config);
        let key = config.key.clone();
        let acquirer = Acquirer::start(config).unwrap();
        Self {
            folder,
            acquirer,
            client: client(),
            key,
            shift_s: 0,
        }
    }

    pub async fn ask(&self, method: &str, path: &str, body: &Value) -> reqwest::Result<Reply> {
        let body = if body.is_null() {
            Vec::new()
        } else {
            serde_json::to_vec(body).unwrap()
        };
        let now_s = jiff::Timestamp::now().as_second() + self.shift_s;
        let timestamp = now_s.to_string();
        let nonce = nonce();
        let signature = request(&self.key, method, path, &timestamp, &nonce, &body);
        let response = self
            .client
            .request(
                method.parse().unwrap(),
                format!("{}{path}", self.acquirer.url()),
            )
            .header(sign::MERCHANT, "sandbox-merchant")
            .header(sign::TIMESTAMP, timestamp)
            .header(sign::NONCE, &nonce)
            .header(sign::SIGNATURE, signature)
            .body(body)
            .send()
            .await?;
        let status = response.status();
        let header = |name| {
            let value: Option<&reqwest::header::HeaderValue> = response.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or("")
                .to_owned()
        };
        let [timestamp, signature] = [header(sign::TIMESTAMP), header(sign::SIGNATURE)];
        let body = response.bytes().await?;
        let parts = sign::answer_parts(status.as_str(), path, &timestamp, &nonce, &body);
        let trusted = self.key.verify(&parts, &signature);
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Ok(Reply {
            status: status.as_u16(),
            body,
            trusted,
        })
    }

    pub async fn charge(&self, order: &str, amount: &str) -> Reply {
        self.ask("POST", "/v1/charges", &charge(order, amount))
            .await
            .unwrap()
    }

    pub async fn qr(&self, order: &str, amount: &str) -> Reply {
        self.ask("POST", "/v1/qr", &opening(order, amount))
            .await
            .unwrap()
    }

    pub async fn query(&self, order: &str) -> Reply {
        self.ask("GET", &format!("/v1/orders/{order}"), &Value::Null)
            .await
            .unwrap()
    }

    pub async fn reverse(&self, order: &str) -> Reply {
        self.ask("POST", &format!("/v1/orders/{order}/reverse"), &json!({}))
            .await
            .unwrap()
    }

    pub async fn refund(&self, order: &str, refund: &str, amount: &str) -> Reply {
        let path = format!("/v1/orders/{order}/refunds/{refund}");
        let body = json!({ "amount": amount, "currency": "CNY" });
        self.ask("POST", &path, &body).await.unwrap()
    }

    /// What the ledger says was charged, refunded and reversed for an order.
    pub fn moved(&self, order: &str) -> [String; 3] {
        self.acquirer.ledger().audit().unwrap();
        let on_disk = self.acquirer.ledger().order(order);
        on_disk.map_or(["0".into(), "0".into(), "0".into()], |o| {
            [o.charged, o.refunded, o.reversed].map(|a| a.normalize().to_string())
        })
    }

    /// Waits until the order's state is this one.
    pub async fn until(&self, order: &str, state: &str) {
        let reached = async {
            while self.query(order).await.state() != state {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached)
            .await
            .expect(state);
    }

    /// The sandbox killed and started again on its ledger, elsewhere.
    pub fn killed_and_restarted(self) -> Self {
        let Self {
            folder,
            acquirer,
            client,
            key,
            shift_s,
        } = self;
        acquirer.kill();
        let acquirer = Acquirer::start(AcquirerConfig::new(ledger(folder.path()))).unwrap();
        Self {
            folder,
            acquirer,
            client,
            key,
            shift_s,
        }
    }
}

pub fn ledger(folder: &Path) -> PathBuf {
    folder.join("ledger.jsonl")
}

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default(); // another test was first
    reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

/// The nth order or refund number.
pub fn number(n: u32) -> String {
    format!("{n:032x}")
}

pub fn opening(order: &str, amount: &str) -> Value {
    json!({ "order": order, "store": "s1", "counter": "c1", "amount": amount, "currency": "CNY" })
}

pub fn charge(order: &str, amount: &str) -> Value {
    let mut body = opening(order, amount);
    body["code"] = WECHAT.into();
    body
}

fn nonce() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("nonce-{:020}", COUNT.fetch_add(1, Ordering::Relaxed))
}
