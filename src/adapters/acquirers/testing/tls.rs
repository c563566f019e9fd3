//! OpenSSL's TLS server, for what must be proven about certificates by somebody else.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

/// Ends with the test.
pub struct TlsServer {
    child: Child,
    /// What it prints.
    pub said: BufReader<ChildStdout>,
    pub port: String,
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

fn openssl(folder: &Path) -> Command {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).stderr(Stdio::null());
    openssl
}

impl TlsServer {
    /// A server for `localhost`, its new certificate in the folder's file `crt`; with these options
    /// of `openssl s_server`.
    pub fn start(folder: &Path, options: &[&str]) -> Self {
        let made = openssl(folder)
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes"])
            .args(["-days", "2", "-keyout", "key", "-out", "crt"])
            .args(["-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .status();
        assert!(made.unwrap().success());
        let mut child = openssl(folder)
            .args(["s_server", "-accept", "127.0.0.1:0", "-key", "key"])
            .args(["-cert", "crt"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("ACCEPT") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it listens");
        }
        let port = line.trim().rsplit(':').next().unwrap().to_owned();
        Self { child, said, port }
    }
}
