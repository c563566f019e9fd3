//! Which protocol an acquirer speaks, and the account with it: numbers, and where the keys lie.

use std::path::{Path, PathBuf};

use super::cardhost::{self, CardHostAccount};
use crate::{
    config::sections::{file, words},
    strict_toml::Section,
};

/// The program part that speaks with an acquirer, and what it needs of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Driver {
    Sandbox(SandboxAccount),
    Alipay(AlipayAccount),
    CardHost(Box<CardHostAccount>),
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

#[derive(Clone, Copy)]
enum Protocol {
    Sandbox,
    Alipay,
    CardHost,
}

const PROTOCOLS: &[(&str, Protocol)] = &[
    ("sandbox", Protocol::Sandbox),
    ("alipay", Protocol::Alipay),
    ("card_host", Protocol::CardHost),
];

impl Driver {
    /// The file that signs in the store's name.
    pub fn key_file(&self) -> &Path {
        match self {
            Driver::Sandbox(account) => &account.key_file,
            Driver::Alipay(account) => &account.key_file,
            Driver::CardHost(account) => &account.key_file,
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
    }
}
