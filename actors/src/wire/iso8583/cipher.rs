//! The block ciphers of card hosts: DES, DES three times, and SM4 (GB/T 32907).
//!
//! DES is what terminals of this protocol have; nothing else in the store uses it. A key is wiped
//! when dropped and shown by its kind alone.

use std::fmt;

use des::{
    Des, TdesEde2, TdesEde3,
    cipher::{BlockDecrypt, BlockEncrypt, BlockSizeUser, KeyInit},
};
use sm4::Sm4;
use zeroize::Zeroizing;

/// Which cipher a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    Des,
    TripleDes,
    Sm4,
}

/// Why bytes are not a key. They are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    #[error("a key of {cipher:?} does not have {length} bytes")]
    Length { cipher: Cipher, length: usize },
    #[error("{length} bytes are not whole blocks of {cipher:?}")]
    Blocks { cipher: Cipher, length: usize },
    #[error("this way to make a MAC does not go with a key of {0:?}")]
    Method(Cipher),
}

impl Cipher {
    /// Bytes in a block.
    pub const fn block(self) -> usize {
        match self {
            Cipher::Des | Cipher::TripleDes => 8,
            Cipher::Sm4 => 16,
        }
    }
}

/// A key.
#[derive(Clone, PartialEq, Eq)]
pub struct CipherKey {
    cipher: Cipher,
    bytes: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum Direction {
    Encrypt,
    Decrypt,
}

impl CipherKey {
    /// # Errors
    /// [`KeyRefused::Length`]: DES takes 8 bytes, three times DES 16 or 24, SM4 16.
    pub fn new(cipher: Cipher, bytes: &[u8]) -> Result<Self, KeyRefused> {
        match (cipher, bytes.len()) {
            (Cipher::Des, 8) | (Cipher::TripleDes, 16 | 24) | (Cipher::Sm4, 16) => Ok(Self {
                cipher,
                bytes: Zeroizing::new(bytes.to_vec()),
            }),
            (_, length) => Err(KeyRefused::Length { cipher, length }),
        }
    }

    pub const fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// Left and right half of a key of 16 bytes for DES three times, as keys of DES.
    pub(super) fn halves(&self) -> Option<(CipherKey, CipherKey)> {
        if self.cipher != Cipher::TripleDes || self.bytes.len() != 16 {
            return None;
        }
        let (left, right) = self.bytes.split_at_checked(8)?;
        let half = |bytes| CipherKey::new(Cipher::Des, bytes).ok();
        Some((half(left)?, half(right)?))
    }

    /// Encrypts whole blocks in place, each for itself (ECB).
    ///
    /// # Errors
    /// `data` is not whole blocks.
    pub fn encrypt(&self, data: &mut [u8]) -> Result<(), KeyRefused> {
        self.run(Direction::Encrypt, data)
    }

    /// Decrypts whole blocks in place, each for itself (ECB).
    ///
    /// # Errors
    /// `data` is not whole blocks.
    pub fn decrypt(&self, data: &mut [u8]) -> Result<(), KeyRefused> {
        self.run(Direction::Decrypt, data)
    }

    /// The first four bytes of zeros encrypted: tells whether two sides hold the same key.
    ///
    /// # Errors
    /// None that a key which was made can have.
    pub fn check_value(&self) -> Result<[u8; 4], KeyRefused> {
        let mut block = vec![0; self.cipher.block()];
        self.encrypt(&mut block)?;
        let first = block.first_chunk().copied();
        first.ok_or(KeyRefused::Length {
            cipher: self.cipher,
            length: 0,
        })
    }

    fn run(&self, direction: Direction, data: &mut [u8]) -> Result<(), KeyRefused> {
        let (cipher, length) = (self.cipher, data.len());
        if length % cipher.block() != 0 {
            return Err(KeyRefused::Blocks { cipher, length });
        }
        let wrong = |_| KeyRefused::Length {
            cipher,
            length: self.bytes.len(),
        };
        let key = self.bytes.as_slice();
        match (cipher, key.len()) {
            (Cipher::Des, _) => blocks(&Des::new_from_slice(key).map_err(wrong)?, direction, data),
            (Cipher::TripleDes, 16) => {
                blocks(
                    &TdesEde2::new_from_slice(key).map_err(wrong)?,
                    direction,
                    data,
                );
            }
            (Cipher::TripleDes, _) => {
                blocks(
                    &TdesEde3::new_from_slice(key).map_err(wrong)?,
                    direction,
                    data,
                );
            }
            (Cipher::Sm4, _) => blocks(&Sm4::new_from_slice(key).map_err(wrong)?, direction, data),
        }
        Ok(())
    }
}

fn blocks<C>(cipher: &C, direction: Direction, data: &mut [u8])
where
    C: BlockEncrypt + BlockDecrypt + BlockSizeUser,
{
    for block in data.chunks_exact_mut(C::block_size()) {
        let block = block.into();
        match direction {
            Direction::Encrypt => cipher.encrypt_block(block),
            Direction::Decrypt => cipher.decrypt_block(block),
        }
    }
}

impl fmt::Debug for CipherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CipherKey({:?}, hidden)", self.cipher)
    }
}
