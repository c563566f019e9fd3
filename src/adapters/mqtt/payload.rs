//! Packing of payloads: zstd above 1 KiB, and a bound on what an unpacked payload may become.

use std::{
    borrow::Cow,
    cell::RefCell,
    io::{self, Read},
};

use store_actors::wire::uplink::{ENCODING_ZSTD, MESSAGE_BYTES_MAX, PACK_ABOVE_BYTES};
use thiserror::Error;
use zstd::bulk::{Compressor, Decompressor};

/// Fast, and small enough: records of one store resemble each other.
const LEVEL: i32 = 1;

thread_local! {
    // making one takes as long as using it
    static COMPRESSOR: RefCell<io::Result<Compressor<'static>>> =
        RefCell::new(Compressor::new(LEVEL));
    static DECOMPRESSOR: RefCell<io::Result<Decompressor<'static>>> =
        RefCell::new(Decompressor::new());
}

#[derive(Debug, Error)]
pub enum PayloadRefused {
    #[error("the payload's content-encoding is not {ENCODING_ZSTD}")]
    Encoding,
    #[error("the payload is more than {MESSAGE_BYTES_MAX} bytes, unpacked")]
    TooLong,
    #[error("the payload is not what its content-encoding says")]
    Torn(#[source] io::Error),
}

/// A payload as it is sent, and the value of its `content-encoding` property, if it has one.
#[derive(Debug)]
pub struct Packed {
    pub bytes: Vec<u8>,
    pub encoding: Option<&'static str>,
}

/// Packs a message if it is long and packing makes it shorter.
pub fn pack(message: Vec<u8>) -> Packed {
    match compressed(&message) {
        Some(bytes) if bytes.len() < message.len() => Packed {
            bytes,
            encoding: Some(ENCODING_ZSTD),
        },
        _ => Packed {
            bytes: message,
            encoding: None,
        },
    }
}

fn compressed(message: &[u8]) -> Option<Vec<u8>> {
    if message.len() <= PACK_ABOVE_BYTES {
        return None;
    }
    COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut().ok()?.compress(message).ok())
}

/// The message of a payload that came with this `content-encoding`.
pub fn unpack<'a>(
    payload: &'a [u8],
    encoding: Option<&str>,
) -> Result<Cow<'a, [u8]>, PayloadRefused> {
    match encoding {
        None if payload.len() > MESSAGE_BYTES_MAX => Err(PayloadRefused::TooLong),
        None => Ok(Cow::Borrowed(payload)),
        Some(ENCODING_ZSTD) => unpack_zstd(payload).map(Cow::Owned),
        Some(_) => Err(PayloadRefused::Encoding),
    }
}

fn unpack_zstd(payload: &[u8]) -> Result<Vec<u8>, PayloadRefused> {
    // usually one frame that says how long it is
    if let Some(bytes) = said_bytes(payload) {
        let whole =
            DECOMPRESSOR.with_borrow_mut(|one| one.as_mut().ok()?.decompress(payload, bytes).ok());
        if let Some(message) = whole {
            return Ok(message);
        }
    }
    // one byte more than allowed tells a message that ends there from one that goes on
    let bound = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    let mut message = Vec::new();
    zstd::stream::read::Decoder::new(payload)
        .and_then(|decoder| decoder.take(bound).read_to_end(&mut message))
        .map_err(PayloadRefused::Torn)?;
    if message.len() > MESSAGE_BYTES_MAX {
        Err(PayloadRefused::TooLong)
    } else {
        Ok(message)
    }
}

/// How long the message is, as its first frame has it, if that is within the bound.
fn said_bytes(payload: &[u8]) -> Option<usize> {
    let said = zstd::zstd_safe::get_frame_content_size(payload);
    let said = usize::try_from(said.ok().flatten()?).ok()?;
    (said <= MESSAGE_BYTES_MAX).then_some(said)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_messages_travel_as_they_are() {
        let packed = pack(vec![b'x'; PACK_ABOVE_BYTES]);
        assert_eq!(
            (packed.bytes.len(), packed.encoding),
            (PACK_ABOVE_BYTES, None)
        );
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = zstd::bulk::compress(&vec![0; 64 * 1024 * 1024], LEVEL).unwrap();
        assert!(bomb.len() < 64 * 1024);
        assert!(matches!(
            unpack(&bomb, Some(ENCODING_ZSTD)),
            Err(PayloadRefused::TooLong)
        ));
        let plain = vec![0; MESSAGE_BYTES_MAX + 1];
        assert!(matches!(unpack(&plain, None), Err(PayloadRefused::TooLong)));
    }

    #[test]
    fn torn_and_foreign_payloads_are_refused() {
        let packed = pack(vec![b'x'; 5_000]);
        assert_eq!(packed.encoding, Some(ENCODING_ZSTD));
        let torn = &packed.bytes[..packed.bytes.len() - 1];
        assert!(matches!(
            unpack(torn, Some(ENCODING_ZSTD)),
            Err(PayloadRefused::Torn(_))
        ));
        assert!(matches!(
            unpack(b"x", Some("gzip")),
            Err(PayloadRefused::Encoding)
        ));
    }

    proptest! {
        #[test]
        fn messages_go_there_and_back(message in proptest::collection::vec(0u8..4, 0..4_000)) {
            let packed = pack(message.clone());
            prop_assert!(packed.bytes.len() <= message.len());
            let unpacked = unpack(&packed.bytes, packed.encoding).unwrap();
            prop_assert_eq!(unpacked.as_ref(), message.as_slice());
        }

        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = unpack(&bytes, Some(ENCODING_ZSTD));
        }
    }
}
