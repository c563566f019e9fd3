//! The driver against the sandbox, by both interfaces: each operation and the money in the ledger,
//! and what is no answer. Bytes and signatures are tested beside the interfaces.

mod faults;
mod operations;
mod undoing;

use std::sync::Arc;

use secrecy::SecretString;
use store_actors::ports::AcquirerProfile;
use store_sim::acquirer::{Rule, wechat};

use super::{Interface, PlatformKey, Wechat, WechatConfig};
use crate::adapters::{
    acquirers::{
        Way,
        testing::{Moved, Shop, profile},
    },
    clock::OsEntropy,
};

/// Certificate and public key side by side, as while one follows the other.
pub(super) fn v3() -> Interface {
    let certificate = PlatformKey::Certificate(wechat::PLATFORM_CERTIFICATE.to_owned());
    let public_key = PlatformKey::PublicKey {
        id: wechat::PLATFORM_PUBLIC_KEY_ID.to_owned(),
        key: wechat::PLATFORM_PUBLIC_KEY.to_owned(),
    };
    v3_with(vec![certificate, public_key])
}

pub(super) fn v3_with(platform_keys: Vec<PlatformKey>) -> Interface {
    Interface::V3 {
        api_key: SecretString::from(wechat::API_V3_KEY),
        platform_keys,
    }
}

pub(super) fn v2() -> Interface {
    Interface::V2 {
        api_key: SecretString::from(wechat::API_V2_KEY),
    }
}

pub(super) fn config(url: &str, interface: Interface, profile: AcquirerProfile) -> WechatConfig {
    WechatConfig {
        url: url.to_owned(),
        appid: wechat::APPID.to_owned(),
        mchid: wechat::MCHID.to_owned(),
        key: SecretString::from(wechat::MERCHANT_KEY),
        certificate: SecretString::from(wechat::MERCHANT_CERTIFICATE),
        interface,
        store: "s1".parse().unwrap(),
        description: "南京路 \"Road\" <1> & 2".to_owned(),
        notify_url: "https://pay.example.com/wechat".to_owned(),
        device_ip: "127.0.0.1".to_owned(),
        way: Way::default(),
        profile,
    }
}

pub(super) fn driver(config: WechatConfig, moved_s: i64) -> Wechat {
    let _ = rustls::crypto::ring::default_provider().install_default(); // another test was first
    Wechat::new(config, Arc::new(Moved(moved_s)), Arc::new(OsEntropy)).unwrap()
}

pub(super) fn shop(interface: Interface, rules: Vec<Rule>) -> Shop<Wechat> {
    Shop::spoken_by(
        |acquirer| acquirer.rules = rules,
        |url| driver(config(url, interface, profile(2_000)), 0),
    )
}

/// What stands in requests.
pub(super) fn merchant_shop() -> super::Shop {
    super::Shop {
        appid: wechat::APPID.to_owned(),
        mchid: wechat::MCHID.to_owned(),
        store: "s1".parse().unwrap(),
        description: "南京路 \"Road\"".to_owned(),
        notify_url: "https://pay.example.com/wechat".to_owned(),
        device_ip: "10.0.0.7".to_owned(),
    }
}

/// The same shop twice: once by each interface.
fn both(rules: &[Rule]) -> [Shop<Wechat>; 2] {
    [v3(), v2()].map(|interface| shop(interface, rules.to_vec()))
}
