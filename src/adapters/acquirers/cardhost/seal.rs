//! What of a card is kept until a reversal, a void or a refund needs it, sealed.
//!
//! AES-256-GCM (NIST SP 800-38D) under a key in a file of its own, the payment's id authenticated
//! with it. Kept are number, expiry, sequence number and three data objects of the chip. Track 2
//! and PIN block are never kept, not even sealed: after the authorisation nobody may (PCI DSS 4.0,
//! 3.3.1). Of a card that the store accepted offline all of the chip's data are kept: the advice
//! about it is repeated as it was.

use std::{io, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use store_actors::{
    domain::ids::PaymentId,
    wire::emv::{CardRead, EmvData, tag, tlv},
};
use zeroize::Zeroizing;

use crate::adapters::private_file;

const KEY_BYTES: usize = 32;

/// What of field 55 a reversal carries: the terminal's and the issuer's results and the counter.
const CHIP_KEPT: [tag::Tag; 3] = [tag::TVR, tag::IAD, tag::ATC];

pub(super) struct Seal {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Seal {
    /// Reads the key, or makes one where none is.
    pub(super) fn open(file: &Path) -> io::Result<Self> {
        let made = || {
            let mut made = Zeroizing::new(vec![0; KEY_BYTES]);
            SystemRandom::new().fill(&mut made).ok()?;
            Some(made)
        };
        let none = || io::Error::other("there is no key of 32 bytes in it");
        let bytes = private_file::read_or_make(file, made)?.ok_or_else(none)?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| none())?;
        Ok(Self {
            key: LessSafeKey::new(key),
            random: SystemRandom::new(),
        })
    }

    /// What may be kept of `card`, sealed, as text.
    pub(super) fn seal(&self, order: PaymentId, card: &CardRead) -> Option<String> {
        let chip = tlv::parse(card.emv_data.as_bytes()).unwrap_or_default();
        let chip: Vec<_> = chip
            .into_iter()
            .filter(|object| CHIP_KEPT.contains(&object.tag))
            .collect();
        let kept = CardRead {
            track2: None,
            emv_data: EmvData::from_bytes(&tlv::encode(&chip)),
            signature: false,
            ..card.clone()
        };
        self.sealed(order, &kept)
    }

    /// As `seal`, with all of the chip's data: for a message that is repeated as it was.
    pub(super) fn seal_whole(&self, order: PaymentId, card: &CardRead) -> Option<String> {
        let kept = CardRead {
            track2: None,
            ..card.clone()
        };
        self.sealed(order, &kept)
    }

    fn sealed(&self, order: PaymentId, kept: &CardRead) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let clear = kept.to_kept();
        // room for the tag, so that growing leaves no copy of a card number behind
        let mut sealed = Zeroizing::new(Vec::with_capacity(clear.len() + AES_256_GCM.tag_len()));
        sealed.extend_from_slice(&clear);
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        let aad = Aad::from(order.to_bytes());
        self.key
            .seal_in_place_append_tag(nonce_used, aad, &mut *sealed)
            .ok()?;
        Some(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// `None` if it was torn, altered, or sealed under another key or for another order.
    pub(super) fn unseal(&self, order: PaymentId, text: &str) -> Option<CardRead> {
        let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(order.to_bytes());
        let clear = self.key.open_in_place(nonce, aad, &mut sealed).ok()?;
        CardRead::from_kept(clear).ok()
    }
}
