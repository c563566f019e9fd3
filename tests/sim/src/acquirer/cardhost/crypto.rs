//! Keys and MACs as a host has them: three times DES, and UnionPay's ECB method.

use des::TdesEde2;
use des::cipher::{BlockEncrypt, KeyInit};
use sha2::{Digest, Sha256};

/// The working keys of a terminal, in clear.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    pin: [u8; 16],
    mac: [u8; 16],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(hidden)")
    }
}

impl Keys {
    /// Other ones for each sign-in.
    pub fn of_sign_in(master: &[u8; 16], count: u32) -> Self {
        let derive = |name: &[u8]| {
            let mut hash = Sha256::new();
            hash.update(master);
            hash.update(count.to_be_bytes());
            hash.update(name);
            let digest: [u8; 32] = hash.finalize().into();
            std::array::from_fn(|at| digest.get(at).copied().unwrap_or(0))
        };
        Self {
            pin: derive(b"pin"),
            mac: derive(b"mac"),
        }
    }

    /// Field 62: each key under the master key, and its check value.
    pub fn wrapped(&self, master: &[u8; 16]) -> Vec<u8> {
        let mut field = Vec::new();
        for key in [self.pin, self.mac] {
            for half in key.chunks(8) {
                field.extend(encrypted(master, half));
            }
            field.extend(encrypted(&key, &[0; 8]).iter().take(4));
        }
        field
    }

    pub fn mac(&self, message: &[u8]) -> [u8; 8] {
        let mut folded = [0_u8; 8];
        for (at, byte) in message.iter().enumerate() {
            if let Some(place) = folded.get_mut(at % 8) {
                *place ^= byte;
            }
        }
        let text = digits(&folded);
        let (left, right) = text.split_at(8);
        let first = encrypted(&self.mac, left.as_bytes());
        let mixed: Vec<u8> = first
            .iter()
            .zip(right.bytes())
            .map(|(a, b)| a ^ b)
            .collect();
        let text = digits(&encrypted(&self.mac, &mixed));
        let mut bytes = text.bytes();
        std::array::from_fn(|_| bytes.next().unwrap_or(0))
    }
}

fn digits(bytes: &[u8]) -> String {
    crate::acquirer::sign::hex(bytes).to_uppercase()
}

/// One block of eight bytes.
fn encrypted(key: &[u8; 16], block: &[u8]) -> [u8; 8] {
    let mut out: [u8; 8] = std::array::from_fn(|at| block.get(at).copied().unwrap_or(0));
    TdesEde2::new(key.into()).encrypt_block((&mut out).into());
    out
}
