//! The store's Ed25519 key (RFC 8032), in a file of its own: made at the first start, PKCS #8
//! (RFC 5958), readable by its owner alone.
//!
//! Whoever has the file can sign the store's certificates; whoever loses it needs the head office's
//! trust anew (`head-office trust`).

use std::{
    io,
    path::{Path, PathBuf},
};

use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use store_actors::ports::Signer;
use thiserror::Error;
use zeroize::Zeroizing;

use super::private_file;

#[derive(Debug, Error)]
pub enum SigningRefused {
    #[error("{} can't be read or made", .file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("{} is no Ed25519 key in PKCS #8", .0.display())]
    NotAKey(PathBuf),
    #[error("the operating system gives no random bytes")]
    NoRandomness,
}

/// The key.
pub struct StoreKey(Ed25519KeyPair);

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreKey(hidden)")
    }
}

impl StoreKey {
    /// Reads the key, or makes one where none is; a new one is on disk before it is used.
    ///
    /// # Errors
    /// The file can't be read or written, or holds something else.
    pub fn open(file: &Path) -> Result<Self, SigningRefused> {
        let failed = |source| SigningRefused::File {
            file: file.to_owned(),
            source,
        };
        let made = || {
            let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?;
            Some(Zeroizing::new(made.as_ref().to_vec()))
        };
        let pkcs8 = private_file::read_or_make(file, made)
            .map_err(failed)?
            .ok_or(SigningRefused::NoRandomness)?;
        let key = Ed25519KeyPair::from_pkcs8(&pkcs8);
        key.map(Self)
            .map_err(|_| SigningRefused::NotAKey(file.to_owned()))
    }
}

impl Signer for StoreKey {
    fn public_key(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let key = self.0.public_key().as_ref().iter();
        bytes.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        bytes
    }

    fn sign(&self, text: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        let signature = self.0.sign(text);
        let signed = signature.as_ref().iter();
        bytes
            .iter_mut()
            .zip(signed)
            .for_each(|(to, from)| *to = *from);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_key_is_made_once_kept_private_and_signs() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("store.key");
        let key = StoreKey::open(&file).unwrap();
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = StoreKey::open(&file).unwrap();
        assert_eq!(key.public_key(), again.public_key());
        let public = UnparsedPublicKey::new(&ED25519, key.public_key());
        public.verify(b"a day", &again.sign(b"a day")).unwrap();
        assert!(public.verify(b"another", &again.sign(b"a day")).is_err());
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("store.key");
        fs::write(&file, b"PEM?").unwrap();
        let refused = StoreKey::open(&file).unwrap_err();
        assert!(matches!(refused, SigningRefused::NotAKey(_)), "{refused}");
        assert_eq!(fs::read(&file).unwrap(), b"PEM?");
    }
}
