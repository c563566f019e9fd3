//! Keys and signatures on WeChat Pay's side, with keys that everybody knows.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;

use crate::acquirer::api::rsa::Pair;

/// The merchant's private key and certificate, for the store.
pub const MERCHANT_KEY: &str = include_str!("../../../../keys/wechat-merchant.key");
pub const MERCHANT_CERTIFICATE: &str = include_str!("../../../../keys/wechat-merchant.crt");
pub const MERCHANT_SERIAL: &str = "3775B6A45ACD588826D15E583A95F5DD00000001";
/// The platform's certificate, and the public key that follows it.
pub const PLATFORM_CERTIFICATE: &str = include_str!("../../../../keys/wechat-platform.crt");
pub const PLATFORM_PUBLIC_KEY: &str = include_str!("../../../../keys/wechat-platform-new.pub");
pub const PLATFORM_PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000001092026112600000001";
pub const PLATFORM_SERIAL: &str = "7132D72A03E93CDDF8C03BBD1F37EEDF00000002";
const OLD_KEY: &str = include_str!("../../../../keys/wechat-platform.key");
const NEW_KEY: &str = include_str!("../../../../keys/wechat-platform-new.key");
pub const API_V3_KEY: &str = "sandbox-api-v3-key-for-tests-333";
pub const API_V2_KEY: &str = "sandbox-api-v2-key-for-tests-222";

static MERCHANT: LazyLock<Pair> = LazyLock::new(|| Pair::of(MERCHANT_KEY));
static OLD: LazyLock<Pair> = LazyLock::new(|| Pair::of(OLD_KEY));
static NEW: LazyLock<Pair> = LazyLock::new(|| Pair::of(NEW_KEY));

pub(super) fn is_from_merchant(text: &[u8], signature: &str) -> bool {
    MERCHANT.verifies(text, signature)
}

/// Which of the platform's keys signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlatformKey {
    Certificate,
    PublicKey,
    /// The merchant's: a forgery.
    Neither,
}

impl PlatformKey {
    /// The public key is used where it is asked for.
    pub fn asked(serial: &str) -> Self {
        match serial == PLATFORM_PUBLIC_KEY_ID {
            true => Self::PublicKey,
            false => Self::Certificate,
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::Certificate => Self::PublicKey,
            _ => Self::Certificate,
        }
    }

    pub fn serial(self) -> &'static str {
        match self {
            Self::PublicKey => PLATFORM_PUBLIC_KEY_ID,
            _ => PLATFORM_SERIAL,
        }
    }

    pub fn sign(self, text: &[u8]) -> String {
        let pair = match self {
            Self::Certificate => &OLD,
            Self::PublicKey => &NEW,
            Self::Neither => &MERCHANT,
        };
        pair.sign(text)
    }
}

/// Encrypts with the merchant's v3 key: base64, the tag at the end.
pub(super) fn seal(nonce: [u8; 12], bound: &str, text: &str) -> String {
    let Ok(key) = UnboundKey::new(&AES_256_GCM, API_V3_KEY.as_bytes()) else {
        return String::new();
    };
    let mut sealed = text.as_bytes().to_vec();
    let done = LessSafeKey::new(key).seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(bound.as_bytes()),
        &mut sealed,
    );
    done.map_or_else(|_| String::new(), |()| STANDARD.encode(sealed))
}

/// The second interface's: of the text that ends in the key.
pub(super) fn v2_signature(text: &str, is_hmac: bool) -> String {
    if is_hmac {
        let mac = Hmac::<Sha256>::new_from_slice(API_V2_KEY.as_bytes());
        let bytes = mac.map(|mac| mac.chain_update(text).finalize().into_bytes());
        return bytes.map_or_else(|_| String::new(), |bytes| upper(&bytes));
    }
    upper(&Md5::digest(text.as_bytes()))
}

fn upper(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
