//! The real `head-office` program.

use std::{
    fs::File,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{eventually, mosquitto::Mosquitto, send_signal};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_head-office");

#[derive(Debug)]
pub struct Office {
    child: Child,
    address: SocketAddr,
    dir: TempDir,
}

impl Office {
    /// Starts it and waits until it is connected to the broker.
    pub async fn start(broker: &Mosquitto, database: &str) -> Self {
        let office = Self::start_without_broker(broker, database).await;
        office.connected().await;
        office
    }

    /// Starts it and waits for its HTTP server only.
    pub async fn start_without_broker(broker: &Mosquitto, database: &str) -> Self {
        Self::start_with("retry_ms = 100\n", &broker.url(), database).await
    }

    /// Starts it with these lines in its `[broker]` section; waits for its HTTP server only.
    pub async fn start_with(broker_lines: &str, broker: &str, database: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // small transactions: many of them, for a kill or a second worker to come between
        let config = format!(
            "[broker]\n{broker_lines}[database]\nbusy_timeout_ms = 3000\n\
             [ingest]\nbatch_records_max = 20\n[log]\nformat = \"json\"\nlevel = \"info\"\n"
        );
        std::fs::write(dir.path().join("office.toml"), config).unwrap();
        let log = dir.path().join("log");
        let child = Command::new(PROGRAM)
            .arg("run")
            .arg("--config")
            .arg(dir.path().join("office.toml"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--broker",
                broker,
                "--database",
                database,
            ])
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let address = eventually("the head office to listen", || async { address_in(&log) }).await;
        Self {
            child,
            address,
            dir,
        }
    }

    /// Waits until broker and database are there.
    pub async fn connected(&self) {
        eventually("the head office to be healthy", || async {
            (self.get("/healthz").await.0 == 200).then_some(())
        })
        .await;
    }

    /// Status and body of a page.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.get_text(path).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn get_text(&self, path: &str) -> (u16, String) {
        // reqwest asks for a crypto provider even where there is no TLS
        let _ = rustls::crypto::ring::default_provider().install_default();
        let answer = reqwest::get(format!("http://{}{path}", self.address)).await;
        match answer {
            Ok(answer) => (
                answer.status().as_u16(),
                answer.text().await.unwrap_or_default(),
            ),
            Err(_) => (0, String::new()),
        }
    }

    /// A store as `/v1/stores` shows it.
    pub async fn store(&self, name: &str) -> Value {
        let (status, page) = self.get("/v1/stores").await;
        assert_eq!(status, 200, "{page}");
        let stores = page["items"].as_array().unwrap();
        stores
            .iter()
            .find(|store| store["store"] == name)
            .cloned()
            .unwrap_or(Value::Null)
    }

    /// A sample of `/metrics`, 0 if it is not there.
    pub async fn metric(&self, sample: &str) -> u64 {
        let (_, page) = self.get_text("/metrics").await;
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// kill -9.
    pub fn kill(mut self) {
        send_signal(&self.child, Signal::SIGKILL);
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ended.
    pub async fn stop(mut self) -> ExitStatus {
        send_signal(&self.child, Signal::SIGTERM);
        let child = std::cell::RefCell::new(&mut self.child);
        eventually("the head office to end", || async {
            child.borrow_mut().try_wait().unwrap()
        })
        .await
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        send_signal(&self.child, Signal::SIGKILL);
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("{}", self.log());
        }
    }
}

fn address_in(log: &PathBuf) -> Option<SocketAddr> {
    let text = std::fs::read_to_string(log).ok()?;
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let address = |line: Value| line["fields"]["address"].as_str()?.parse().ok();
    lines.into_iter().find_map(address)
}
