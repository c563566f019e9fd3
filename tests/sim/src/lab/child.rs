//! A program run as a child, the product's so that it can be killed as a power cut would.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
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

/// The variable that sets a program's crash points.
const POINTS: &str = "FAILPOINTS";

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
    /// Started to die; where its log then ended.
    armed: Option<u64>,
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
        Ok(Self::at(name, path, arguments, log_folder))
    }

    /// A program of this machine's, found as a shell would.
    pub fn installed(name: &'static str, arguments: Vec<String>, log_folder: &Path) -> Self {
        Self::at(name, PathBuf::from(name), arguments, log_folder)
    }

    fn at(name: &'static str, path: PathBuf, arguments: Vec<String>, log_folder: &Path) -> Self {
        Self {
            name,
            path,
            arguments,
            environment: Vec::new(),
            log: log_folder.join(format!("{name}.log")),
            child: None,
            armed: None,
        }
    }

    /// With one more variable in its environment.
    pub fn env(mut self, name: &'static str, value: PathBuf) -> Self {
        self.environment.push((name, value));
        self
    }

    pub fn start(&mut self) -> io::Result<()> {
        self.spawn(None)
    }

    /// Starts it with crash points set; from then on it is expected to die.
    pub fn start_armed(&mut self, points: &str) -> io::Result<()> {
        self.spawn(Some(points))
    }

    fn spawn(&mut self, points: Option<&str>) -> io::Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        self.armed = match points {
            Some(_) => Some(log.metadata()?.len()),
            None => None,
        };
        let child = Command::new(&self.path)
            .args(&self.arguments)
            .env_remove(POINTS)
            .envs(points.map(|points| (POINTS, points)))
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

    /// Whatever it was to die of.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.kill().await?;
        self.start()
    }

    /// How it ended and what it had logged, once it has, if it was started to die.
    pub fn ended(&mut self) -> io::Result<Option<(ExitStatus, String)>> {
        let (Some(child), Some(logged)) = (&mut self.child, self.armed) else {
            return Ok(None);
        };
        let Some(status) = child.try_wait()? else {
            return Ok(None);
        };
        let log = fs::read(&self.log)?;
        let since = log.get(usize::try_from(logged).unwrap_or(0)..);
        let said = String::from_utf8_lossy(since.unwrap_or_default()).into_owned();
        self.child = None;
        Ok(Some((status, said)))
    }

    /// An error if it should run and does not.
    pub fn check(&mut self) -> io::Result<()> {
        if self.armed.is_some() {
            return Ok(());
        }
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

    /// All that it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let text = self.log();
        let lines: Vec<&str> = text.lines().collect();
        lines
            .get(lines.len().saturating_sub(20)..)
            .unwrap_or_default()
            .join("\n")
    }
}
