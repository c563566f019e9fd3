//! Message authentication codes over all of a message but its last field.
//!
//! Three methods are in use; which one a host wants is its acquirer's to say. All fill the last
//! block up with zeros.

use std::fmt::Write as _;

use super::cipher::{Cipher, CipherKey, KeyRefused};

/// How a MAC is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacMethod {
    /// UnionPay's own, which its documents call ECB: all blocks folded into one by XOR and written
    /// as hexadecimal; the first half encrypted, XORed with the second half and encrypted again;
    /// the MAC is the first eight hexadecimal digits of that, as text.
    Ecb,
    /// ANSI X9.19: a chain with the left half of the key; the last block is decrypted with the
    /// right half and encrypted with the left half again.
    X919,
    /// A chain with the whole key (ISO 9797-1, algorithm 1); the MAC is the first eight bytes.
    Cbc,
}

impl MacMethod {
    /// The MAC over `data`.
    ///
    /// # Errors
    /// X9.19 with a key that does not have two halves.
    pub fn mac(self, key: &CipherKey, data: &[u8]) -> Result<[u8; 8], KeyRefused> {
        match self {
            MacMethod::Ecb => folded(key, data),
            MacMethod::X919 => {
                let halves = key.halves().ok_or(KeyRefused::Method(key.cipher()))?;
                let (left, right) = halves;
                let mut last = chained(&left, data)?;
                right.decrypt(&mut last)?;
                left.encrypt(&mut last)?;
                first_eight(&last, key.cipher())
            }
            MacMethod::Cbc => first_eight(&chained(key, data)?, key.cipher()),
        }
    }

    /// Whether `mac` is the MAC over `data`, in the same time wherever it differs.
    ///
    /// # Errors
    /// As [`mac`](Self::mac).
    pub fn verifies(self, key: &CipherKey, data: &[u8], mac: &[u8; 8]) -> Result<bool, KeyRefused> {
        let right = self.mac(key, data)?;
        let differing = right.iter().zip(mac).fold(0, |sum, (a, b)| sum | (a ^ b));
        Ok(std::hint::black_box(differing) == 0)
    }
}

fn folded(key: &CipherKey, data: &[u8]) -> Result<[u8; 8], KeyRefused> {
    let size = key.cipher().block();
    let mut fold = vec![0; size];
    for block in data.chunks(size) {
        xor(&mut fold, block);
    }
    let digits = hex(&fold).into_bytes();
    let (first, second) = digits.split_at(size);
    let mut block = first.to_vec();
    key.encrypt(&mut block)?;
    xor(&mut block, second);
    key.encrypt(&mut block)?;
    first_eight(hex(&block).as_bytes(), key.cipher())
}

/// The last block of a chain that begins with zeros.
fn chained(key: &CipherKey, data: &[u8]) -> Result<Vec<u8>, KeyRefused> {
    let size = key.cipher().block();
    let mut chain = vec![0; size];
    for block in data.chunks(size) {
        xor(&mut chain, block);
        key.encrypt(&mut chain)?;
    }
    Ok(chain)
}

fn xor(into: &mut [u8], with: &[u8]) {
    into.iter_mut().zip(with).for_each(|(a, b)| *a ^= b);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}"); // a String takes everything
        text
    })
}

fn first_eight(bytes: &[u8], cipher: Cipher) -> Result<[u8; 8], KeyRefused> {
    let first = bytes.first_chunk().copied();
    first.ok_or(KeyRefused::Blocks {
        cipher,
        length: bytes.len(),
    })
}
