//! A Chromium of this test's own, driven by chromedriver on a free loopback port.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    error::CmdError,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{eventually, free_port};

const PATIENCE: Duration = Duration::from_secs(40);

#[derive(Debug)]
pub struct Chromium {
    pub page: Client,
    port: u16,
    session: String,
    driver: Child,
    _profile: TempDir,
}

impl Chromium {
    /// A window of this size, for someone who reads `language` (BCP 47).
    pub async fn open(width: u32, height: u32, language: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let port = free_port();
        let driver = Command::new("chromedriver")
            .args([format!("--port={port}"), "--silent".into()])
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver: make need-test installs it");
        let arguments = [
            "--headless=new".to_owned(),
            // the tests run as root in containers without user namespaces; the pages are our own
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--autoplay-policy=no-user-gesture-required".to_owned(),
            format!("--window-size={width},{height}"),
            format!("--accept-lang={language}"),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({
            "goog:chromeOptions": { "args": arguments, "binary": "/usr/bin/chromium" },
            "goog:loggingPrefs": { "browser": "ALL" },
            // a store's certificate may sign itself
            "acceptInsecureCerts": true,
        });
        let wanted = wanted.as_object().unwrap().clone();
        let url = format!("http://127.0.0.1:{port}");
        let page = eventually("chromium opens", || async {
            ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
                .capabilities(wanted.clone())
                .connect(&url)
                .await
                .ok()
        })
        .await;
        let session = page.session_id().await.unwrap().unwrap();
        Self {
            page,
            port,
            session,
            driver,
            _profile: profile,
        }
    }

    /// Waits for an element that carries this text.
    pub async fn shows(&self, css: &str, text: &str) {
        let mut seen = String::new();
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            seen = self.text(css).await.unwrap_or_default();
            if seen.contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let page = self.text("body").await.unwrap_or_default();
        let complaints = self.complaints().await;
        panic!("{css} never said {text:?}, but {seen:?}; {complaints:?}\n{page}");
    }

    /// All that the elements say.
    pub async fn text(&self, css: &str) -> Result<String, CmdError> {
        let mut text = String::new();
        for element in self.page.find_all(Locator::Css(css)).await? {
            text.push_str(&element.text().await?);
            text.push('\n');
        }
        Ok(text)
    }

    /// Waits for the element and clicks it.
    pub async fn click(&self, css: &str) {
        let clicked = eventually(css, || async {
            let element = self.page.find(Locator::Css(css)).await.ok()?;
            element.click().await.ok()
        });
        clicked.await;
    }

    /// Waits for the field and types into it.
    pub async fn type_into(&self, css: &str, text: &str) {
        let typed = eventually(css, || async {
            let element = self.page.find(Locator::Css(css)).await.ok()?;
            element.send_keys(text).await.ok()
        });
        typed.await;
    }

    /// Draws a stroke on the element, as a pen would.
    pub async fn sign(&self, css: &str) {
        let element = self.page.find(Locator::Css(css)).await.unwrap();
        let to = |x: f64, y: f64| PointerAction::MoveToElement {
            element: element.clone(),
            duration: Some(Duration::from_millis(20)),
            x,
            y,
        };
        let button = MOUSE_BUTTON_LEFT;
        let stroke = MouseActions::new("pen".into())
            .then(to(-80.0, 20.0))
            .then(PointerAction::Down { button })
            .then(to(-20.0, -30.0))
            .then(to(40.0, 30.0))
            .then(to(80.0, -10.0))
            .then(PointerAction::Up { button });
        self.page.perform_actions(stroke).await.unwrap();
    }

    pub async fn script(&self, script: &str) -> Value {
        self.page.execute(script, Vec::new()).await.unwrap()
    }

    /// What the browser complained about: errors of scripts, refused loads, violations of the
    /// policy.
    pub async fn complaints(&self) -> Vec<String> {
        let (port, session) = (self.port, &self.session);
        let url = format!("http://127.0.0.1:{port}/session/{session}/se/log");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = json!({ "type": "browser" });
        let answer = client.post(url).json(&body).send().await.unwrap();
        let log: Value = answer.json().await.unwrap();
        let lines = log["value"].as_array().unwrap().iter();
        lines
            .filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING")
            .map(|line| line["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // the driver leaves its browser behind when it is killed: the session is ended first
        if let Ok(mut driver) = TcpStream::connect(("127.0.0.1", self.port)) {
            let end = format!(
                "DELETE /session/{} HTTP/1.1\r\nhost: localhost\r\n",
                self.session
            );
            let _ = driver.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = write!(driver, "{end}connection: close\r\n\r\n");
            let _ = driver.read(&mut [0; 64]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
