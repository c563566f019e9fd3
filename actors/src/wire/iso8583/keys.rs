//! Working keys: sent in field 62 of the answer to a sign-in, encrypted under the terminal's
//! master key.
//!
//! Which keys come, and how long they are, follows from what the sign-in asked for (60.3). Behind
//! each stands its check value. The split of the 24, 40 or 60 bytes is as terminals in the field
//! read it; no specification that could be had confirms it. The key for PINs is checked and
//! dropped: PIN blocks are encrypted at the terminal and pass through here unopened.

use zeroize::Zeroizing;

use super::cipher::{Cipher, CipherKey, KeyRefused};

/// What a sign-in asks for: 60.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScheme {
    /// 001: PIN and MAC key of 8 bytes.
    Single,
    /// 003: a PIN key of 16 bytes, a MAC key of 16, or of 8 and 8 zeros.
    Double,
    /// 004: as 003, and a key of 16 bytes for tracks.
    DoubleWithTrack,
}

/// Why there are no keys. None of them is in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysRefused {
    #[error("field 62 has {length} bytes of keys instead of {expected}")]
    Length { length: usize, expected: usize },
    #[error("the {0} key's check value is wrong: the master keys differ")]
    CheckValue(&'static str),
    #[error("a key is none")]
    Key(#[from] KeyRefused),
}

/// The keys until the next sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkingKeys {
    pub mac: CipherKey,
    pub track: Option<CipherKey>,
}

impl KeyScheme {
    /// What 60.3 says.
    pub const fn code(self) -> u32 {
        match self {
            KeyScheme::Single => 1,
            KeyScheme::Double => 3,
            KeyScheme::DoubleWithTrack => 4,
        }
    }

    const fn key_bytes(self) -> usize {
        match self {
            KeyScheme::Single => 8,
            KeyScheme::Double | KeyScheme::DoubleWithTrack => 16,
        }
    }

    /// PIN, MAC, and track if there is one.
    const fn keys(self) -> usize {
        match self {
            KeyScheme::Single | KeyScheme::Double => 2,
            KeyScheme::DoubleWithTrack => 3,
        }
    }
}

impl WorkingKeys {
    /// Opens the keys of `field_62` with the master key and checks each against its check value.
    ///
    /// # Errors
    /// [`KeysRefused`]: most often the terminal and the host hold different master keys.
    pub fn open(
        scheme: KeyScheme,
        master: &CipherKey,
        field_62: &[u8],
    ) -> Result<Self, KeysRefused> {
        let size = scheme.key_bytes() + 4;
        let (length, expected) = (field_62.len(), size * scheme.keys());
        if length != expected {
            return Err(KeysRefused::Length { length, expected });
        }
        let mut keys = field_62.chunks_exact(size);
        let mut next = |name| {
            let bytes = keys
                .next()
                .ok_or(KeysRefused::Length { length, expected })?;
            one(scheme, master, bytes, name)
        };
        next("PIN")?;
        let mac = next("MAC")?;
        let track = (scheme.keys() > 2).then(|| next("track")).transpose()?;
        Ok(Self { mac, track })
    }
}

fn one(
    scheme: KeyScheme,
    master: &CipherKey,
    bytes: &[u8],
    name: &'static str,
) -> Result<CipherKey, KeysRefused> {
    let (wrapped, check) = bytes.split_at(scheme.key_bytes());
    let zeros_behind = wrapped
        .get(8..)
        .is_some_and(|half| half.iter().all(|byte| *byte == 0));
    let is_short = wrapped.len() == 8 || (zeros_behind && master.cipher() != Cipher::Sm4);
    let cipher = match (master.cipher(), is_short) {
        (Cipher::Sm4, _) => Cipher::Sm4,
        (_, true) => Cipher::Des,
        (_, false) => Cipher::TripleDes,
    };
    let wrapped = wrapped
        .get(..if is_short { 8 } else { 16 })
        .unwrap_or(wrapped);
    let mut clear = Zeroizing::new(wrapped.to_vec());
    master.decrypt(&mut clear)?;
    let key = CipherKey::new(cipher, &clear)?;
    match check == key.check_value()? {
        true => Ok(key),
        false => Err(KeysRefused::CheckValue(name)),
    }
}
