//! People of the lab: a manager by the link of the first start, a supervisor and a cashier whom the
//! manager adds, and a token for the till.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{child::Program, random::Random, shop::ShopFailed};

const PATIENCE: Duration = Duration::from_secs(30);

/// A name and what proves it.
#[derive(Clone, Debug)]
pub struct Login {
    pub name: &'static str,
    pub secret: String,
}

/// Everybody of the lab.
#[derive(Clone, Debug)]
pub struct LabPeople {
    pub manager: Login,
    pub supervisor: Login,
    pub cashier: Login,
    /// The till's.
    pub token: String,
}

/// A manager who is signed in.
struct Manager {
    http: Client,
    base: String,
    cookie: String,
    csrf: String,
}

impl LabPeople {
    /// Makes them at a controller that has just been started for the first time.
    pub async fn make(
        controller: &Program,
        store: SocketAddr,
        seed: u64,
    ) -> Result<Self, ShopFailed> {
        let mut random = Random::new(seed, 0x9e0);
        let mut pin = |name| Login {
            name,
            secret: format!("4{}9", random.digits(6)),
        };
        let (supervisor, cashier) = (pin("Supervisor"), pin("Cashier"));
        let manager = Login {
            name: "Manager",
            secret: format!("the lab {}", random.digits(6)),
        };
        let signed_in = Manager::set_up(controller, store, &manager).await?;
        for (login, role) in [(&supervisor, "supervisor"), (&cashier, "cashier")] {
            let new = json!({
                "name": login.name, "role": role, "language": "en", "secret": login.secret,
            });
            signed_in.post("/v1/people", &new).await?;
        }
        let new =
            json!({ "name": "lab", "scopes": ["pay", "refund", "read", "office", "metrics"] });
        let made = signed_in.post("/v1/tokens", &new).await?;
        let token = made.get("token").and_then(Value::as_str);
        Ok(Self {
            manager,
            supervisor,
            cashier,
            token: token.unwrap_or_default().to_owned(),
        })
    }
}

impl Manager {
    async fn set_up(
        controller: &Program,
        store: SocketAddr,
        login: &Login,
    ) -> Result<Self, ShopFailed> {
        let code = code_of(controller).await?;
        let http = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none());
        let http = http.build()?;
        let base = format!("http://{store}");
        let secret = login.secret.as_str();
        let fields = [
            ("code", code.as_str()),
            ("name", login.name),
            ("secret", secret),
            ("again", secret),
            ("language", "en"),
        ];
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = http.post(format!("{base}/setup")).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let cookie = session_of(&request.send().await?);
        let cookie = cookie.ok_or_else(|| failed("the manager could not be made"))?;
        let page = http.get(format!("{base}/")).header("cookie", &cookie);
        let page = page.send().await?.text().await?;
        let after = page
            .split_once("csrf-token\" content=\"")
            .map(|(_, after)| after);
        let csrf = after.and_then(|after| after.split('"').next());
        Ok(Self {
            csrf: csrf
                .ok_or_else(|| failed("the manager is not signed in"))?
                .to_owned(),
            http,
            base,
            cookie,
        })
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, ShopFailed> {
        let request = self.http.post(format!("{}{path}", self.base)).json(body);
        let request = request.header("cookie", &self.cookie);
        let answer = request.header("x-csrf-token", &self.csrf).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        let value = serde_json::from_str(&text)
            .ok()
            .filter(|_| status.is_success());
        value.ok_or_else(|| failed(&format!("{path}: {status} {text}")))
    }
}

/// The code of the link that the controller prints.
async fn code_of(controller: &Program) -> Result<String, ShopFailed> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = controller.log();
        let line = log
            .lines()
            .find(|line| line.starts_with("To make the first manager"));
        if let Some((_, code)) = line.and_then(|line| line.split_once("code=")) {
            return Ok(code.to_owned());
        }
        if Instant::now() > deadline {
            return Err(failed(
                "the controller printed no link for the first manager",
            ));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn session_of(answer: &Response) -> Option<String> {
    let cookies = answer.headers().get_all("set-cookie").iter();
    let mut cookies = cookies.filter_map(|cookie| cookie.to_str().ok());
    let session = cookies.find(|cookie| cookie.starts_with("session="))?;
    session.split(';').next().map(str::to_owned)
}

fn failed(why: &str) -> ShopFailed {
    ShopFailed::NotReady(why.to_owned())
}
