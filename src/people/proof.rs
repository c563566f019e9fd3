//! What proves who somebody is: PINs and passwords under argon2id, and random values of which only
//! a hash is kept.

use std::sync::LazyLock;

use argon2::{
    Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _, password_hash::SaltString,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use store_actors::ports::Entropy;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
};
use zeroize::Zeroizing;

/// Secrets that are hashed at the same time. Each takes 19 MiB and tens of milliseconds.
const AT_WORK: usize = 2;
/// Secrets that wait for it.
const WAITING: usize = 16;

/// Nobody's: a name that is not there takes as long as one that is.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash(b"nobody", &[0; 16]).unwrap_or_default());

/// Hashes and checks secrets off the server's threads, a few at a time.
#[derive(Debug)]
pub struct Hasher {
    places: Semaphore,
    at_work: Semaphore,
}

/// Too many secrets wait to be checked, or the machine has no memory for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many sign in at the same time; try again")]
pub struct Busy;

impl Default for Hasher {
    fn default() -> Self {
        Self {
            places: Semaphore::new(AT_WORK + WAITING),
            at_work: Semaphore::new(AT_WORK),
        }
    }
}

impl Hasher {
    /// A place among those who may wait.
    ///
    /// # Errors
    /// There is none left.
    pub fn place(&self) -> Result<Place<'_>, Busy> {
        let place = self.places.try_acquire().map_err(|_| Busy)?;
        Ok(Place {
            at_work: &self.at_work,
            _place: place,
        })
    }
}

/// May hash one secret.
#[derive(Debug)]
pub struct Place<'a> {
    at_work: &'a Semaphore,
    _place: SemaphorePermit<'a>,
}

impl Place<'_> {
    /// A new hash of `secret`, as a PHC string.
    ///
    /// # Errors
    /// The machine has no memory for it.
    pub async fn hash(self, secret: &str, entropy: &dyn Entropy) -> Result<String, Busy> {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let secret = Zeroizing::new(secret.as_bytes().to_vec());
        self.run(move || hash(&secret, &salt)).await?.ok_or(Busy)
    }

    /// Whether `secret` is the one of this hash; of `None` never, and it takes as long.
    ///
    /// # Errors
    /// It could not be looked at.
    pub async fn is_right(self, secret: &str, known: Option<String>) -> Result<bool, Busy> {
        let secret = Zeroizing::new(secret.as_bytes().to_vec());
        self.run(move || {
            let hash = known.as_ref().unwrap_or(&NOBODY);
            let Ok(hash) = PasswordHash::new(hash) else {
                return false;
            };
            let is_same = Argon2::default().verify_password(&secret, &hash).is_ok();
            is_same && known.is_some()
        })
        .await
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let _turn = self.at_work.acquire().await.map_err(|_| Busy)?;
        spawn_blocking(work).await.map_err(|_| Busy)
    }
}

/// Argon2id, version 1.3, 19 MiB, two passes (RFC 9106; OWASP's first choice for such memory).
fn hash(secret: &[u8], salt: &[u8]) -> Option<String> {
    let salt = SaltString::encode_b64(salt).ok()?;
    let hash = Argon2::default().hash_password(secret, &salt).ok()?;
    Some(hash.to_string())
}

/// 256 random bits, as text for a cookie, a header or a link.
pub fn random(entropy: &dyn Entropy) -> String {
    let mut bytes = Zeroizing::new([0; 32]);
    entropy.fill(&mut *bytes);
    URL_SAFE_NO_PAD.encode(*bytes)
}

/// So many random bytes in hexadecimal, to tell things apart.
pub fn nonce<const BYTES: usize>(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; BYTES];
    entropy.fill(&mut bytes);
    hex(&bytes)
}

/// What is kept of a random value.
pub fn sha256(value: &str) -> String {
    hex(&Sha256::digest(value.as_bytes()))
}

/// What a page carries to prove that it is this session's own. Nobody gets back from it to the
/// session.
pub fn csrf(session: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(session.as_bytes()) else {
        return String::new();
    };
    mac.update(b"csrf");
    hex(&mac.finalize().into_bytes())
}

/// Whether two texts are the same, in a time that says nothing of where they differ.
pub fn is_same(one: &str, other: &str) -> bool {
    let differing = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differing) == 0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::clock::OsEntropy;

    #[tokio::test]
    async fn a_secret_is_known_again_and_no_other() {
        let hasher = Hasher::default();
        let hash = async || {
            hasher
                .place()
                .unwrap()
                .hash("493817", &OsEntropy)
                .await
                .unwrap()
        };
        let is_right = async |secret, known: Option<&str>| {
            let known = known.map(str::to_owned);
            hasher
                .place()
                .unwrap()
                .is_right(secret, known)
                .await
                .unwrap()
        };
        let kept = hash().await;
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        assert_ne!(kept, hash().await, "salted");
        assert!(is_right("493817", Some(&kept)).await);
        assert!(!is_right("493818", Some(&kept)).await);
        assert!(!is_right("nobody", None).await);
        assert!(!is_right("x", Some("damaged")).await);
    }

    #[test]
    fn more_than_can_wait_are_told_so() {
        let hasher = Hasher::default();
        let mut places: Vec<_> = (0..AT_WORK + WAITING)
            .map(|_| hasher.place().unwrap())
            .collect();
        assert_eq!(hasher.place().unwrap_err(), Busy);
        places.pop();
        hasher.place().unwrap();
    }

    #[test]
    fn random_values_are_long_and_told_apart() {
        let (one, other) = (random(&OsEntropy), random(&OsEntropy));
        assert_eq!((one.len(), other.len()), (43, 43));
        assert_ne!(one, other);
        assert_eq!(nonce::<4>(&OsEntropy).len(), 8);
        assert_eq!(
            sha256("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_ne!(csrf(&one), csrf(&other));
        assert!(is_same("ab", "ab") && !is_same("ab", "ac") && !is_same("ab", "abc"));
    }
}
