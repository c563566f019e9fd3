//! Which protocol an acquirer speaks, and the account with it: numbers, and where the keys lie.

use std::path::{Path, PathBuf};

use super::{
    cardhost::{self, CardHostAccount},
    unionpay::{self, UnionPayAccount},
};
use crate::{
    config::sections::{file, words},
    strict_toml::Section,
};

/// The program part that speaks with an acquirer, and what it needs of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Driver {
    Sandbox(SandboxAccount),
    Alipay(AlipayAccount),
    Wechat(WechatAccount),
    CardHost(Box<CardHostAccount>),
    UnionPay(Box<UnionPayAccount>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxAccount {
    pub merchant: String,
    pub key_file: PathBuf,
}

/// An application at Alipay's open platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlipayAccount {
    pub app_id: String,
    /// The application's private key: PEM, or its bare base64 as Alipay's tool gives it.
    pub key_file: PathBuf,
    pub trust: AlipayTrust,
    /// Where Alipay tells of payments; `None`: where the application's own settings say.
    pub notify_url: Option<String>,
}

/// By what Alipay's answers are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlipayTrust {
    PublicKey(PathBuf),
    /// The application's certificate, Alipay's, and the roots.
    Certificates {
        app: PathBuf,
        alipay: PathBuf,
        root: PathBuf,
    },
}

/// A merchant of WeChat Pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WechatAccount {
    pub appid: String,
    pub mchid: String,
    /// The merchant's private key and certificate, PEM each.
    pub key_file: PathBuf,
    pub certificate_file: PathBuf,
    pub interface: WechatInterface,
    pub notify_url: String,
    pub device_ip: String,
}

/// Which of its interfaces is spoken, and with which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WechatInterface {
    V3 {
        api_key_file: PathBuf,
        /// Its id and its file.
        public_key: Option<(String, PathBuf)>,
        certificates: Vec<PathBuf>,
    },
    V2 {
        api_key_file: PathBuf,
    },
}

#[derive(Clone, Copy)]
enum Protocol {
    Sandbox,
    Alipay,
    Wechat,
    CardHost,
    UnionPay,
}

const PROTOCOLS: &[(&str, Protocol)] = &[
    ("sandbox", Protocol::Sandbox),
    ("alipay", Protocol::Alipay),
    ("wechat", Protocol::Wechat),
    ("card_host", Protocol::CardHost),
    ("unionpay", Protocol::UnionPay),
];

const INTERFACES: &[(&str, bool)] = &[("v3", true), ("v2", false)];

impl Driver {
    /// The file that signs in the store's name.
    pub fn key_file(&self) -> &Path {
        match self {
            Driver::Sandbox(account) => &account.key_file,
            Driver::Alipay(account) => &account.key_file,
            Driver::Wechat(account) => &account.key_file,
            Driver::CardHost(account) => &account.key_file,
            Driver::UnionPay(account) => &account.key_file,
        }
    }
}

/// Reads `driver` and the keys that belong to it.
pub(super) fn of(section: &mut Section<'_>, dir: &Path) -> Option<Driver> {
    let Some(protocol) = section.one_of("driver", PROTOCOLS) else {
        section.allow_any();
        return None;
    };
    Some(match protocol {
        Protocol::Sandbox => Driver::Sandbox(SandboxAccount {
            merchant: words(section, "merchant"),
            key_file: file(section, "key_file", dir),
        }),
        Protocol::Alipay => Driver::Alipay(alipay(section, dir)),
        Protocol::Wechat => Driver::Wechat(wechat(section, dir)),
        Protocol::UnionPay => Driver::UnionPay(Box::new(unionpay::account(section, dir))),
        Protocol::CardHost => Driver::CardHost(Box::new(cardhost::account(section, dir)?)),
    })
}

fn alipay(section: &mut Section<'_>, dir: &Path) -> AlipayAccount {
    let app_id = words(section, "app_id");
    let key_file = file(section, "key_file", dir);
    let public_key = section.optional("alipay_public_key_file", |section, key| {
        file(section, key, dir)
    });
    let trust = match public_key {
        Some(public_key) => AlipayTrust::PublicKey(public_key),
        None => AlipayTrust::Certificates {
            app: file(section, "app_certificate_file", dir),
            alipay: file(section, "alipay_certificate_file", dir),
            root: file(section, "root_certificate_file", dir),
        },
    };
    AlipayAccount {
        app_id,
        key_file,
        trust,
        notify_url: section.optional("notify_url", |section, _| notify_url(section)),
    }
}

fn wechat(section: &mut Section<'_>, dir: &Path) -> WechatAccount {
    let is_v3 = section.one_of("interface", INTERFACES).unwrap_or(true);
    let interface = match is_v3 {
        true => wechat_v3(section, dir),
        false => WechatInterface::V2 {
            api_key_file: file(section, "api_v2_key_file", dir),
        },
    };
    let notify_url = notify_url(section);
    WechatAccount {
        appid: words(section, "appid"),
        mchid: words(section, "mchid"),
        key_file: file(section, "key_file", dir),
        certificate_file: file(section, "certificate_file", dir),
        interface,
        notify_url,
        device_ip: section
            .optional("device_ip", words)
            .unwrap_or_else(|| "127.0.0.1".to_owned()),
    }
}

/// Where a provider would tell of a payment.
pub(super) fn notify_url(section: &mut Section<'_>) -> String {
    let url = section.parsed("notify_url", "https://…, at most 256 characters", |text| {
        let fits = text.starts_with("https://") && text.len() <= 256;
        (fits && text.bytes().all(|b| b.is_ascii_graphic())).then(|| text.to_owned())
    });
    url.unwrap_or_default()
}

fn wechat_v3(section: &mut Section<'_>, dir: &Path) -> WechatInterface {
    let id = section.optional("wechat_public_key_id", words);
    let public_key = id.map(|id| (id, file(section, "wechat_public_key_file", dir)));
    let certificates = section.optional("wechat_certificate_files", |section, key| {
        let files = section.list(key);
        files.into_iter().map(|file| dir.join(file)).collect()
    });
    let certificates: Vec<PathBuf> = certificates.unwrap_or_default();
    if public_key.is_none() && certificates.is_empty() {
        let why = "is missing, and so is wechat_certificate_files: one of the two is needed";
        section.fault("wechat_public_key_id", why);
    }
    WechatInterface::V3 {
        api_key_file: file(section, "api_v3_key_file", dir),
        public_key,
        certificates,
    }
}
