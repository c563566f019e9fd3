//! Through a proxy to OpenSSL's server, and past proxies and certificates that will not do.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::SecretString;
use store_actors::domain::payment::NoAnswer;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::{ProxyServer, Way};
use crate::adapters::acquirers::{
    DriverRefused,
    testing::{Moved, tls::TlsServer},
    transport::{Route, Transport},
};

/// What a proxy was asked, head by head.
type Heads = Arc<Mutex<Vec<String>>>;

/// A proxy that passes bytes on once it has answered CONNECT with this status.
async fn proxy(status: &'static str) -> (String, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap().to_owned();
            seen.lock().unwrap().push(head);
            let answer = format!("HTTP/1.1 {status}\r\n\r\n");
            client.write_all(answer.as_bytes()).await.unwrap();
            if status.starts_with("200") {
                let mut server = TcpStream::connect(target).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await; // until one hangs up
            }
        }
    });
    (url, heads)
}

fn through(url: &str, folder: &TempDir) -> Way {
    Way {
        proxy: Some(ProxyServer {
            url: url.to_owned(),
            credentials: Some(SecretString::from("store:s3cret")),
        }),
        ..Way::trusting(folder.path().join("crt"))
    }
}

fn transport(way: &Way, port: &str) -> Result<Transport, DriverRefused> {
    let _ = rustls::crypto::ring::default_provider().install_default(); // another test was first
    Transport::new(Route {
        url: &format!("https://localhost:{port}"),
        timeout: Duration::from_secs(5),
        way,
        identity: None,
        clock: Arc::new(Moved(0)),
    })
}

#[tokio::test]
async fn a_proxy_passes_on_what_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = TlsServer::start(folder.path(), &["-www"]);
    let (url, heads) = proxy("200 Connection established").await;
    let way = through(&url, &folder);
    let transport = transport(&way, &server.port).unwrap();
    transport.probe("/secret-path").await.unwrap();
    let heads = heads.lock().unwrap().clone();
    let [head] = heads.as_slice() else {
        panic!("{heads:?}");
    };
    let port = &server.port;
    assert!(
        head.starts_with(&format!("CONNECT localhost:{port} ")),
        "{head}"
    );
    let credentials = STANDARD.encode("store:s3cret");
    let told = format!("proxy-authorization: basic {}", credentials.to_lowercase());
    assert!(head.to_lowercase().contains(&told), "{head}");
    assert!(!head.contains("secret-path"), "{head}");
    assert!(!format!("{way:?}").contains("s3cret"));
}

#[tokio::test]
async fn past_a_proxy_that_does_not_connect_nothing_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let server = TlsServer::start(folder.path(), &["-www"]);
    let (refusing, _) = proxy("407 Proxy Authentication Required").await;
    let gone = "http://127.0.0.1:9".to_owned();
    for url in [refusing, gone] {
        let transport = transport(&through(&url, &folder), &server.port).unwrap();
        let said = transport.probe("/").await.unwrap_err();
        assert!(matches!(said, NoAnswer::NotSent(_)), "{url}: {said:?}");
    }
}

#[tokio::test]
async fn only_the_pinned_certificates_count() {
    let folder = tempfile::tempdir().unwrap();
    let server = TlsServer::start(folder.path(), &["-www"]);
    let pinned = Way::trusting(folder.path().join("crt"));
    transport(&pinned, &server.port)
        .unwrap()
        .probe("/")
        .await
        .unwrap();
    let other = folder.path().join("other");
    std::fs::write(&other, store_sim::acquirer::unionpay::ROOT_CERTIFICATE).unwrap();
    let other = transport(&Way::trusting(other), &server.port).unwrap();
    let said = other.probe("/").await.unwrap_err();
    assert!(matches!(said, NoAnswer::NotSent(_)), "{said:?}");
}

#[test]
fn credentials_without_a_password_are_refused_without_a_word_of_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("crt"),
        store_sim::acquirer::unionpay::ROOT_CERTIFICATE,
    )
    .unwrap();
    let mut way = through("http://127.0.0.1:9", &folder);
    if let Some(proxy) = &mut way.proxy {
        proxy.credentials = Some(SecretString::from("s3cret"));
    }
    let refused = transport(&way, "1").err().unwrap();
    assert!(matches!(refused, DriverRefused::ProxyCredentials));
    assert!(!refused.to_string().contains("s3cret"));
}
