//! A mosquitto of this test's own, on a free loopback port.

use std::{
    fs::File,
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{eventually, free_port, send_signal};

const PORT_ATTEMPTS: u32 = 5;

#[derive(Debug)]
pub struct Mosquitto {
    pub port: u16,
    dir: TempDir,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts it with its usual limits lifted, without persistence.
    pub async fn start() -> Self {
        Self::start_with("max_queued_messages 0\nmax_inflight_messages 0\n").await
    }

    /// Starts it with further lines of configuration.
    pub async fn start_with(lines: &str) -> Self {
        for _ in 0..PORT_ATTEMPTS {
            let port = free_port();
            let dir = tempfile::tempdir().unwrap();
            let mut broker = Self {
                port,
                dir,
                child: None,
            };
            broker.configure(lines);
            if broker.restart().await {
                return broker;
            }
        }
        panic!("mosquitto found no port to listen on");
    }

    /// Replaces its further lines of configuration, for its next start.
    pub fn configure(&self, lines: &str) {
        let port = self.port;
        // as root it would become another user, who may not read the folder
        let config = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{lines}");
        std::fs::write(self.dir.path().join("mosquitto.conf"), config).unwrap();
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Starts it again on the same port; false if the port is taken.
    pub async fn restart(&mut self) -> bool {
        self.kill();
        let log = File::create(self.dir.path().join("mosquitto.log")).unwrap();
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(self.dir.path().join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("mosquitto is not installed: `make test` installs it");
        self.child = Some(child);
        let (port, child) = (self.port, self.child.as_mut().unwrap());
        let child = std::cell::RefCell::new(child);
        eventually("mosquitto to listen", || async {
            if child.borrow_mut().try_wait().unwrap().is_some() {
                return Some(false);
            }
            TcpStream::connect(("127.0.0.1", port))
                .is_ok()
                .then_some(true)
        })
        .await
    }

    /// What it wrote since it was started.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("mosquitto.log")).unwrap_or_default()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            send_signal(&child, Signal::SIGKILL);
            child.wait().unwrap();
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}
