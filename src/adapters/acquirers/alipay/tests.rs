//! The driver against the sandbox's gateway, against forged and foreign words, and byte for byte.

mod answers;
mod bytes;
mod faults;
mod notified;
mod operations;
mod undoing;

use std::sync::Arc;

use secrecy::SecretString;
use store_actors::ports::AcquirerProfile;
use store_sim::acquirer::{Rule, alipay};

use super::{Alipay, AlipayConfig, Trust};
use crate::adapters::acquirers::Way;
use crate::adapters::acquirers::testing::{Moved, Shop, profile};

fn config(url: &str, profile: AcquirerProfile) -> AlipayConfig {
    AlipayConfig {
        url: url.to_owned(),
        app_id: alipay::APP_ID.to_owned(),
        key: SecretString::from(alipay::APP_KEY),
        trust: Trust::PublicKey(SecretString::from(alipay::GATEWAY_PUBLIC_KEY)),
        store: "s1".parse().unwrap(),
        subject: "Nanjing Road".to_owned(),
        notify_url: None,
        way: Way::default(),
        profile,
    }
}

fn certificates() -> Trust {
    Trust::Certificates {
        app: SecretString::from(alipay::APP_CERTIFICATE),
        alipay: SecretString::from(alipay::GATEWAY_CERTIFICATE),
        root: SecretString::from(alipay::ROOT_CERTIFICATES),
    }
}

fn driver(config: AlipayConfig, moved_s: i64) -> Alipay {
    let _ = rustls::crypto::ring::default_provider().install_default(); // another test was first
    Alipay::new(config, Arc::new(Moved(moved_s))).unwrap()
}

fn shop(rules: Vec<Rule>) -> Shop<Alipay> {
    Shop::spoken_by(
        |acquirer| acquirer.rules = rules,
        |url| driver(config(url, profile(2_000)), 0),
    )
}
