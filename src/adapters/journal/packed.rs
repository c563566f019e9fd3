//! What sled gets of records and payments: packed with zstd when that makes it shorter.
//!
//! Payments resemble one another, so a store with a long history is a fraction of what it would be:
//! less to write behind each payment, to copy after a crash, and to look through at each start. In
//! most stores records come one by one and resemble nothing in their own value; hence a dictionary,
//! which is part of the format. What is stored unpacked is told apart by its first byte (a record's
//! version, or a brace) and read as well: stores of before have it so.

use std::{borrow::Cow, cell::RefCell, io};

use zstd::bulk::{Compressor, Decompressor};

use super::failed::StoreFailed;

/// Fast; higher ones gain little on values so short.
const LEVEL: i32 = 1;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// No value is longer, unpacked.
const UNPACKED_BYTES_MAX: usize = 256 * 1024;

/// Never to be changed: what was packed with it can't be read with another. The most frequent comes
/// last.
const DICTIONARY: &str = concat!(
    r#"{"kind":"device","device":"01-scanner","event":"{"kind":"day_closed","certificate":"#,
    r#""tender":"customer_code","scheme":"alipay""wechat_pay""union_pay""mastercard""declined","#,
    r#""reason":"unknown""verifying""cancelled""collecting""reversing""refunds":[{"id":""#,
    r#""merchant_qr""qr":"https://","currency":"CNY","USD","EUR","requested_at":"2026-"#,
    r#""state":"submitted","resolving":{"since":"2026-11-26T00:00:00.000Z","queries":0,"#,
    r#""reversals":0,"due":"2026-11-26T00:00:05.000Z"}}}"#,
    r#"{"kind":"payment","payment":{"id":"01a2154262747000","counter":"01","number":1,"#,
    r#""money":{"amount":"12.50","currency":"CNY"},"tender":"any","origin":"till","#,
    r#""state":"opened","opened_at":"2026-11-26T00:00:00.000Z","#,
    r#""changed_at":"2026-11-26T00:00:00.000Z","reference":"","#,
    r#""fingerprint":{"key":"","body":""},"presented":{"tender":"card","scheme":"visa","#,
    r#""masked_pan":"******"},"acquirer":"sandbox","submitted_at":"2026-11-26T00:00:00.000Z","#,
    r#""acquirer_ref":"2026","evidence":[{"sent_at":"2026-11-26T00:00:00.000Z","#,
    r#""at":"2026-11-26T00:00:00.000Z","operation":"charge","said":"approved"}],"#,
    r#""ended_at":"2026-11-26T00:00:00.000Z"}}"#,
);

thread_local! {
    // making one takes longer than using it
    static COMPRESSOR: RefCell<io::Result<Compressor<'static>>> =
        RefCell::new(Compressor::with_dictionary(LEVEL, DICTIONARY.as_bytes()));
    static DECOMPRESSOR: RefCell<io::Result<Decompressor<'static>>> =
        RefCell::new(Decompressor::with_dictionary(DICTIONARY.as_bytes()));
}

pub(super) fn pack(value: Vec<u8>) -> Vec<u8> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let packed = compressor.as_mut().map(|one| one.compress(&value));
        match packed {
            Ok(Ok(packed)) if packed.len() < value.len() => packed,
            // it is stored as it is
            _ => value,
        }
    })
}

pub(super) fn unpack(value: &[u8]) -> Result<Cow<'_, [u8]>, StoreFailed> {
    if !value.starts_with(&ZSTD_MAGIC) {
        return Ok(Cow::Borrowed(value));
    }
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let unpacked = match decompressor {
            Ok(one) => one.decompress(value, UNPACKED_BYTES_MAX),
            Err(cause) => Err(io::Error::other(cause.to_string())),
        };
        let unpacked = unpacked
            .map_err(|cause| StoreFailed::Damaged(format!("it can't be unpacked: {cause}")))?;
        Ok(Cow::Owned(unpacked))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_come_back_as_they_were(
            piece in proptest::collection::vec(any::<u8>(), 1..300),
            times in 1_usize..200,
        ) {
            let mut value = vec![1];
            value.extend(piece.repeat(times));
            let packed = pack(value.clone());
            prop_assert!(packed.len() <= value.len());
            prop_assert_eq!(&*unpack(&packed).unwrap(), &*value);
        }

        #[test]
        fn garbage_never_panics(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut value = ZSTD_MAGIC.to_vec();
            value.extend(tail);
            let _ = unpack(&value);
        }
    }

    /// If this fails, do not change the test: stores have values that were packed so.
    #[test]
    fn the_dictionary_is_never_changed() {
        assert_eq!(crc32c::crc32c(DICTIONARY.as_bytes()), 0xcbf1_dbf5);
    }

    #[test]
    fn what_would_fill_the_memory_is_refused() {
        let bomb = pack(vec![0; 64 * 1024 * 1024]);
        assert!(unpack(&bomb).is_err());
    }
}
