//! A program of the product run as a child, so that it can be killed as a power cut would.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// How long a program may take to end in order.
const END_TIMEOUT: Duration = Duration::from_secs(15);

/// One program and how it is started; its output goes to a log file.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    path: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    log: PathBuf,
    child: Option<Child>,
}

impl Program {
    /// A binary that lies beside this one.
    pub fn new(name: &'static str, arguments: Vec<String>, log_folder: &Path) -> io::Result<Self> {
        let beside = std::env::current_exe()?;
        // test binaries lie one folder deeper
        let folders = beside.ancestors().skip(1).take(2);
        let found = folders
            .map(|folder| folder.join(name))
            .find(|path| path.exists());
        let path = found.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("{name} is not built; run: cargo build --workspace --bins"),
            )
        })?;
        let log = log_folder.join(format!("{name}.log"));
        Ok(Self {
            name,
            path,
            arguments,
            environment: Vec::new(),
            log,
            child: None,
        })
    }

    /// With one more variable in its environment.
    pub fn env(mut self, name: &'static str, value: PathBuf) -> Self {
        self.environment.push((name, value));
        self
    }

    pub fn start(&mut self) -> io::Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let child = Command::new(&self.path)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        self.child = Some(child);
        Ok(())
    }

    /// `kill -9`, and waits until it is gone.
    pub async fn kill(&mut self) -> io::Result<()> {
        match self.child.take() {
            Some(mut child) => child.kill().await,
            None => Ok(()),
        }
    }

    /// SIGTERM, and waits for an end in order; then `kill -9`.
    pub async fn end(&mut self) -> io::Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()) {
            // it may have ended by itself
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        match timeout(END_TIMEOUT, child.wait()).await {
            Ok(ended) => ended.map(|_| ()),
            Err(_) => child.kill().await,
        }
    }

    /// An error if it should run and does not.
    pub fn check(&mut self) -> io::Result<()> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        match child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(io::Error::other(format!(
                "{} ended with {status}; the end of its log:\n{}",
                self.name,
                self.log_tail()
            ))),
        }
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines
            .get(lines.len().saturating_sub(20)..)
            .unwrap_or_default()
            .join("\n")
    }
}
