//! Cards that were accepted offline, sealed until they are charged: one small file each, beside the
//! journal and never in it.
//!
//! AES-256-GCM (NIST SP 800-38D) under a key in a file of its own, readable by its owner alone; the
//! payment's id is authenticated with it, so that a file can't be put in another's place. A file is
//! one version byte, a nonce of 12 bytes, the ciphertext and a tag of 16 bytes. It is unlinked when
//! the acquirer has spoken. Without the key nothing here is a card number (PCI DSS 4.0, 3.5.1):
//! keep it off the backups of the directory.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf, hmac,
    rand::{SecureRandom, SystemRandom},
};
use store_actors::{
    domain::{ids::PaymentId, offline::CardToken},
    ports::{CardVault, Reply, VaultFailed},
    wire::emv::CardRead,
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::private_file;

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const SUFFIX: &str = "card";

#[derive(Debug, Error)]
pub enum VaultRefused {
    #[error("{} can't be read or made", .file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("{} is no key of {KEY_BYTES} bytes", .0.display())]
    NotAKey(PathBuf),
    #[error("the operating system gives no random bytes")]
    NoRandomness,
}

/// The vault.
pub struct Vault(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    seal: LessSafeKey,
    tokens: hmac::Key,
    random: SystemRandom,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({})", self.0.dir.display())
    }
}

impl Vault {
    /// Opens the directory and the key; makes them where they are not.
    ///
    /// # Errors
    /// They can't be read or made, or the key is none.
    pub fn open(dir: &Path, key_file: &Path) -> Result<Self, VaultRefused> {
        let failed = |file: &Path| {
            let file = file.to_owned();
            move |source| VaultRefused::File { file, source }
        };
        fs::create_dir_all(dir).map_err(failed(dir))?;
        let key = private_file::read_or_make(key_file, || {
            let mut made = Zeroizing::new(vec![0; KEY_BYTES]);
            SystemRandom::new().fill(&mut made).ok()?;
            Some(made)
        });
        let key = key
            .map_err(failed(key_file))?
            .ok_or(VaultRefused::NoRandomness)?;
        if key.len() != KEY_BYTES {
            return Err(VaultRefused::NotAKey(key_file.to_owned()));
        }
        // one file, two keys that tell nothing of each other (RFC 5869)
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"store-controller vault").extract(&key);
        let not_a_key = |_| VaultRefused::NotAKey(key_file.to_owned());
        let seal = root.expand(&[b"seal"], &AES_256_GCM).map_err(not_a_key)?;
        let tokens = root
            .expand(&[b"token"], hmac::HMAC_SHA256)
            .map_err(not_a_key)?;
        Ok(Self(Arc::new(Inner {
            dir: dir.to_owned(),
            seal: LessSafeKey::new(UnboundKey::from(seal)),
            tokens: hmac::Key::from(tokens),
            random: SystemRandom::new(),
        })))
    }

    /// Off the store's thread: the disk may take its time.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, VaultFailed> + Send + 'static,
    ) -> Reply<'_, Result<T, VaultFailed>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&inner)).await;
            done.unwrap_or_else(|failed| Err(VaultFailed::Io(failed.to_string())))
        })
    }
}

impl Inner {
    fn file(&self, payment: PaymentId) -> PathBuf {
        self.dir.join(format!("{payment}.{SUFFIX}"))
    }

    fn seal(&self, payment: PaymentId, card: &[u8]) -> Result<Vec<u8>, VaultFailed> {
        let mut nonce = [0; NONCE_LEN];
        let random = || VaultFailed::Io("the operating system gives no random bytes".into());
        self.random.fill(&mut nonce).map_err(|_| random())?;
        let mut sealed = card.to_vec();
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        let aad = Aad::from(payment.to_bytes());
        self.seal
            .seal_in_place_append_tag(nonce_used, aad, &mut sealed)
            .map_err(|_| VaultFailed::Io("the card can't be sealed".into()))?;
        Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
    }

    fn unseal(&self, payment: PaymentId, file: &[u8]) -> Result<CardRead, VaultFailed> {
        let (version, rest) = file.split_first().ok_or(VaultFailed::Unreadable)?;
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_LEN>()
            .filter(|_| *version == VERSION)
            .ok_or(VaultFailed::Unreadable)?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(payment.to_bytes());
        let card = self
            .seal
            .open_in_place(nonce, aad, &mut sealed)
            .map_err(|_| VaultFailed::Unreadable)?;
        CardRead::from_kept(card).map_err(|_| VaultFailed::Unreadable)
    }
}

fn io_failed(cause: io::Error) -> VaultFailed {
    VaultFailed::Io(cause.to_string())
}

impl CardVault for Vault {
    fn token(&self, card: &CardRead) -> CardToken {
        let tag = hmac::sign(&self.0.tokens, card.pan.expose().as_bytes());
        let mut token = [0; 16];
        let tag = tag.as_ref().iter();
        token.iter_mut().zip(tag).for_each(|(to, from)| *to = *from);
        CardToken(token)
    }

    fn keep(&self, payment: PaymentId, card: &CardRead) -> Reply<'_, Result<(), VaultFailed>> {
        let card = card.to_kept();
        self.run(move |inner| {
            let sealed = inner.seal(payment, &card)?;
            private_file::write(&inner.file(payment), &sealed).map_err(io_failed)
        })
    }

    fn read(&self, payment: PaymentId) -> Reply<'_, Result<Option<CardRead>, VaultFailed>> {
        self.run(move |inner| match fs::read(inner.file(payment)) {
            Ok(file) => inner.unseal(payment, &file).map(Some),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(io_failed(cause)),
        })
    }

    fn destroy(&self, payment: PaymentId) -> Reply<'_, Result<(), VaultFailed>> {
        self.run(move |inner| match fs::remove_file(inner.file(payment)) {
            Ok(()) => File::open(&inner.dir)
                .and_then(|dir| dir.sync_all())
                .map_err(io_failed),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(io_failed(cause)),
        })
    }

    fn kept(&self) -> Reply<'_, Result<Vec<PaymentId>, VaultFailed>> {
        self.run(|inner| {
            let files = fs::read_dir(&inner.dir).map_err(io_failed)?;
            let id = |file: io::Result<fs::DirEntry>| {
                let name = file.ok()?.file_name();
                name.to_str()?
                    .strip_suffix(SUFFIX)?
                    .strip_suffix('.')?
                    .parse()
                    .ok()
            };
            Ok(files.filter_map(id).collect())
        })
    }
}

#[cfg(test)]
mod tests;
