//! The real `store-controller` program.

use std::{
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{DEADLINE, eventually, free_port, send_signal};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_store-controller");
pub const STORE: &str = "0042";

const KEY: &str = "sandbox-merchant-key-for-tests-only\n";

#[derive(Debug)]
pub struct Controller {
    pub base: String,
    folder: PathBuf,
    http: reqwest::Client,
    child: Option<Child>,
}

/// The name of the counter of the `nth` scanner.
pub fn counter(nth: usize) -> String {
    format!("{:03}", nth + 1)
}

pub fn journal(folder: &Path) -> PathBuf {
    folder.join("journal")
}

impl Controller {
    /// Writes its configuration: a counter for each scanner's port, an uplink if there is a broker.
    pub fn configure(
        folder: &Path,
        acquirer: &str,
        scanners: &[u16],
        broker_port: Option<u16>,
    ) -> Self {
        let key = folder.join("sandbox.key");
        fs::write(&key, KEY).unwrap();
        let listen = format!("127.0.0.1:{}", free_port());
        let mut text = format!(
            "[store]\nstore = \"{STORE}\"\n[api]\nlisten = \"{listen}\"\n\
             [people]\nsign_in = \"off\"\n[journal]\ndir = \"{}\"\nmin_free_mib = 64\n\
             [acquirers.sandbox]\ndriver = \"sandbox\"\nbase_url = \"{acquirer}\"\n\
             merchant = \"sandbox-merchant\"\nkey_file = \"{}\"\n\
             [log]\nlevel = \"warn\"\n",
            journal(folder).display(),
            key.display()
        );
        if let Some(port) = broker_port {
            let _ = writeln!(
                text,
                "[uplink]\nenabled = true\nhost = \"127.0.0.1\"\nport = {port}\nreconnect_spread_ms = 0"
            );
        }
        for (nth, port) in scanners.iter().enumerate() {
            let _ = writeln!(
                text,
                "[[counter]]\nid = \"{}\"\nscanner = {{ line = \"tcp://127.0.0.1:{port}\", model = \"honeywell\" }}",
                counter(nth)
            );
        }
        fs::write(folder.join("store.toml"), text).unwrap();
        Self {
            base: format!("http://{listen}"),
            folder: folder.to_owned(),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(10))
                .build()
                .unwrap(),
            child: None,
        }
    }

    /// Starts it, again, and waits until its API answers.
    pub async fn start(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("controller.log"))
            .unwrap();
        let child = Command::new(PROGRAM)
            .args(["run", "--config"])
            .arg(self.folder.join("store.toml"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let begun = Instant::now();
        while self.get("/v1/outbox").await.is_none() {
            // one that does not begin is not waited for
            let child = self.child.as_mut();
            let ended = child.and_then(|child| child.try_wait().unwrap());
            let may_wait = ended.is_none() && begun.elapsed() < DEADLINE;
            assert!(may_wait, "{}", self.log());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until every counter takes customers' codes.
    pub async fn ready(&self) {
        eventually("every counter to be ready", || async {
            let page = self.get("/v1/counters").await?;
            let takes = |counter: &Value| {
                let tenders = counter["tenders"].as_array();
                tenders.is_some_and(|tenders| {
                    let ready = |one: &Value| {
                        one["tender"] == "customer_code" && one["ready"] == Value::Bool(true)
                    };
                    tenders.iter().any(ready)
                })
            };
            page["counters"].as_array()?.iter().all(takes).then_some(())
        })
        .await;
    }

    pub async fn get(&self, path: &str) -> Option<Value> {
        let url = format!("{}{path}", self.base);
        self.http.get(url).send().await.ok()?.json().await.ok()
    }

    /// The last record, and how far the head office has receipted.
    pub async fn outbox(&self) -> Option<(u64, u64)> {
        let outbox = self.get("/v1/outbox").await?;
        let number = |name: &str| outbox[name].as_u64();
        Some((number("last_seq")?, number("receipted")?))
    }

    /// Waits until the head office has receipted so many.
    pub async fn receipted(&self, records: u64) {
        eventually("receipts", || async {
            let (_, receipted) = self.outbox().await?;
            (receipted >= records).then_some(())
        })
        .await;
    }

    /// Waits until the head office has receipted everything; gives the last record.
    pub async fn drained(&self) -> u64 {
        eventually("the drain", || async {
            let (last, receipted) = self.outbox().await?;
            (last > 0 && receipted == last).then_some(last)
        })
        .await
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            send_signal(&child, Signal::SIGKILL);
            child.wait().unwrap();
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("controller.log")).unwrap_or_default()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}
