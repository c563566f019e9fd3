//! What gives money back shows the merchant's certificate: to OpenSSL's server, which insists on
//! it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use secrecy::SecretString;
use store_actors::domain::payment::NoAnswer;
use store_sim::acquirer::wechat;

use super::super::{V2, identity};
use crate::adapters::{
    acquirers::{
        testing::{Moved, order},
        transport::Route,
        wechat::{Protocol as _, tests::merchant_shop},
    },
    clock::OsEntropy,
};

/// Ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended by itself
        let _ = self.0.wait();
    }
}

fn openssl(folder: &Path) -> Command {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).stderr(Stdio::null());
    openssl
}

/// A server for `localhost` that takes the merchant's certificate alone, and its port.
fn server(folder: &Path) -> (Server, BufReader<ChildStdout>, String) {
    std::fs::write(folder.join("merchant.crt"), wechat::MERCHANT_CERTIFICATE).unwrap();
    let made = openssl(folder)
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-keyout", "key", "-out", "crt", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .status();
    assert!(made.unwrap().success());
    let mut child = openssl(folder)
        .args(["s_server", "-accept", "127.0.0.1:0", "-key", "key"])
        .args(["-cert", "crt", "-CAfile", "merchant.crt", "-Verify", "1"])
        .arg("-verify_return_error")
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
    (Server(child), said, port)
}

#[tokio::test]
async fn wechat_v2_reversals_show_the_merchants_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, said, port) = server(folder.path());
    let _ = rustls::crypto::ring::default_provider().install_default(); // another test was first
    let ca_file = folder.path().join("crt");
    let driver = V2::new(
        merchant_shop(),
        &SecretString::from(wechat::API_V2_KEY),
        identity(
            &SecretString::from(wechat::MERCHANT_KEY),
            &SecretString::from(wechat::MERCHANT_CERTIFICATE),
        ),
        Route {
            url: &format!("https://localhost:{port}"),
            timeout: Duration::from_secs(2),
            ca_file: Some(&ca_file),
            identity: None,
            clock: Arc::new(Moved(0)),
        },
        Arc::new(OsEntropy),
    )
    .unwrap();
    // the rest shows none, and this server hangs up on it
    let refused = driver.close(order(1)).await.unwrap_err();
    assert_ne!(refused, NoAnswer::TimedOut);
    // it hears the reversal, and says nothing
    assert_eq!(driver.revoke(order(1)).await, Err(NoAnswer::TimedOut));
    let heard = said.lines().map_while(Result::ok);
    let mut posts = heard.filter(|line| line.starts_with("POST "));
    assert_eq!(
        posts.next().as_deref(),
        Some("POST /secapi/pay/reverse HTTP/1.1")
    );
}
