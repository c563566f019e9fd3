//! A PostgreSQL cluster of this test's own, on a Unix socket in a temporary folder.

use std::{
    fs::File,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::sys::signal::Signal;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tempfile::TempDir;

use super::{eventually, send_signal};

#[derive(Debug)]
pub struct Postgres {
    dir: TempDir,
    child: Option<Child>,
}

impl Postgres {
    pub async fn start() -> Self {
        sqlx::any::install_default_drivers();
        let dir = tempfile::tempdir().unwrap();
        if is_root() {
            // PostgreSQL refuses to run as root
            run(Command::new("chown")
                .arg("postgres:postgres")
                .arg(dir.path()));
        }
        let mut init = program("initdb");
        init.args([
            "-U",
            "office",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ]);
        run(init.arg(dir.path().join("data")));
        let mut server = Self { dir, child: None };
        server.restart().await;
        server
    }

    /// Starts it, again, on the same data.
    pub async fn restart(&mut self) {
        self.kill();
        let log = File::create(self.dir.path().join("log")).unwrap();
        let mut command = program("postgres");
        command.arg("-D").arg(self.dir.path().join("data"));
        command
            .arg("-k")
            .arg(self.dir.path())
            .args(["-c", "listen_addresses="]);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.child = Some(command.spawn().unwrap());
        let url = self.url("postgres");
        eventually("PostgreSQL to answer", || async {
            AnyConnection::connect(&url).await.ok()
        })
        .await;
    }

    /// Makes an empty database and gives its URL.
    pub async fn database(&self, name: &str) -> String {
        let mut admin = AnyConnection::connect(&self.url("postgres")).await.unwrap();
        let sql = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(sql).execute(&mut admin).await.unwrap();
        self.url(name)
    }

    fn url(&self, database: &str) -> String {
        let socket = self.dir.path().display().to_string().replace('/', "%2F");
        format!("postgres://office@{socket}/{database}")
    }

    /// The shutdown that keeps nothing in order: what was not committed is lost.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            send_signal(&child, Signal::SIGQUIT);
            child.wait().unwrap();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A program of the newest PostgreSQL installed, as a user who may run it.
fn program(name: &str) -> Command {
    let path = folder().join(name);
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid=postgres",
            "--regid=postgres",
            "--init-groups",
            "--",
        ])
        .arg(path);
    command.current_dir("/");
    command
}

/// Debian keeps the server's programs out of the path.
fn folder() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    folders
        .filter(|folder| {
            ["initdb", "postgres"]
                .iter()
                .all(|name| folder.join(name).exists())
        })
        .max_by_key(|folder| version_of(folder))
        .expect("PostgreSQL's server is not installed: `make test` installs it")
}

fn version_of(folder: &Path) -> Option<u32> {
    folder.parent()?.file_name()?.to_str()?.parse().ok()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
