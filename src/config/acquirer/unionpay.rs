//! The table of UnionPay QR: the merchant's numbers and certificate, and by what UnionPay's answers
//! are known.

use std::path::{Path, PathBuf};

use super::driver::notify_url;
use crate::{
    config::sections::{file, words},
    strict_toml::Section,
};

/// A merchant of UnionPay's QR interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnionPayAccount {
    pub merchant: String,
    pub terminal: String,
    /// The merchant's private key and certificate, PEM each.
    pub key_file: PathBuf,
    pub certificate_file: PathBuf,
    /// UnionPay's, PEM each.
    pub root_certificate_file: PathBuf,
    pub middle_certificate_file: PathBuf,
    /// Whose name the certificates of answers bear.
    pub signer: String,
    pub notify_url: String,
    pub voids: bool,
}

const SIGNER: &str = "中国银联股份有限公司";

pub(super) fn account(section: &mut Section<'_>, dir: &Path) -> UnionPayAccount {
    let mut of_length = |key: &str, length: usize| {
        let text = words(section, key);
        if text.len() != length || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            section.fault(key, format!("must have {length} letters and digits"));
        }
        text
    };
    let merchant = of_length("merchant", 15);
    let terminal = of_length("terminal", 8);
    UnionPayAccount {
        merchant,
        terminal,
        key_file: file(section, "key_file", dir),
        certificate_file: file(section, "certificate_file", dir),
        root_certificate_file: file(section, "root_certificate_file", dir),
        middle_certificate_file: file(section, "middle_certificate_file", dir),
        signer: section
            .optional("signer", words)
            .unwrap_or_else(|| SIGNER.to_owned()),
        notify_url: notify_url(section),
        voids: section.optional("voids", Section::bool).unwrap_or(true),
    }
}
