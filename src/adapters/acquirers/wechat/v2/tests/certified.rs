//! What gives money back shows the merchant's certificate: to OpenSSL's server, which insists on
//! it.

use std::{io::BufRead as _, sync::Arc, time::Duration};

use secrecy::SecretString;
use store_actors::domain::payment::NoAnswer;
use store_sim::acquirer::wechat;

use super::super::{V2, identity};
use crate::adapters::{
    acquirers::{
        Way,
        testing::{Moved, order, tls::TlsServer},
        transport::Route,
        wechat::{Protocol as _, tests::merchant_shop},
    },
    clock::OsEntropy,
};

#[tokio::test]
async fn wechat_v2_reversals_show_the_merchants_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("merchant.crt");
    std::fs::write(certificate, wechat::MERCHANT_CERTIFICATE).unwrap();
    // it takes the merchant's certificate alone
    let asked = [
        "-CAfile",
        "merchant.crt",
        "-Verify",
        "1",
        "-verify_return_error",
    ];
    let mut server = TlsServer::start(folder.path(), &asked);
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
            url: &format!("https://localhost:{}", server.port),
            timeout: Duration::from_secs(2),
            way: &Way::trusting(&ca_file),
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
    let heard = (&mut server.said).lines().map_while(Result::ok);
    let mut posts = heard.filter(|line| line.starts_with("POST "));
    assert_eq!(
        posts.next().as_deref(),
        Some("POST /secapi/pay/reverse HTTP/1.1")
    );
}
