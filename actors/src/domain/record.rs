//! Journal records: versioned, checked, chained.
//!
//! A record is one fact with the state it led to. Its bytes are frozen by a golden test, all
//! integers big-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 8 | sequence number, from 1, without gaps |
//! | 8 | time, Unix milliseconds |
//! | 32 | SHA-256 of the record before (zeros before the first) |
//! | 4 | length of the body |
//! | n | body, JSON |
//! | 4 | CRC-32C of everything before |
//!
//! The hash of a record is the SHA-256 of all its bytes but the CRC: whoever holds a record can
//! prove the one before.

mod fields;

use std::{fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{
    certificate::SignedCertificate, hex, office::entry::Entry, offline::OfflineTotal,
    payment::Payment, timestamp::Timestamp,
};
use fields::Fields;

pub const VERSION: u8 = 1;

/// A body larger than this is refused before it is written.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What a payment's body takes, and room.
const USUAL_BODY_BYTES: usize = 1_024;

const HEAD_BYTES: usize = 1 + 8 + 8 + 32 + 4;
const CRC_BYTES: usize = 4;

/// SHA-256 of a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Hash {
    pub fn parse(hex: &str) -> Option<Self> {
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self(bytes))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

// two hashes travel with every record: neither way formats byte by byte or allocates
impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        hex::serialize::<64, _>(&self.0, s)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Hex;
        impl de::Visitor<'_> for Hex {
            type Value = Hash;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("64 hexadecimal characters")
            }

            fn visit_str<E: de::Error>(self, hex: &str) -> Result<Hash, E> {
                Hash::parse(hex).ok_or_else(|| E::custom("not 64 hexadecimal characters"))
            }
        }
        d.deserialize_str(Hex)
    }
}

/// The fact itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", try_from = "Fields")]
pub enum Body {
    /// A payment moved: the payment as it is from here on, its refunds included.
    Payment {
        payment: Box<Payment>,
    },
    /// The controller started (`clean`: the run before ended in order).
    Started {
        version: String,
        clean: bool,
    },
    Stopped,
    /// A device's supervision changed: quarantined, back.
    Device {
        device: String,
        event: String,
    },
    /// A record can't be shipped as it is: from here on a stub goes in its place (OUT-2).
    Parked {
        record: u64,
        why: String,
    },
    /// A business day has ended: what it held.
    DayClosed {
        certificate: Box<SignedCertificate>,
    },
    /// The head office holds that record after all.
    Unparked {
        record: u64,
    },
    /// The head office has set what may be accepted offline.
    OfflineTotalSet {
        total: OfflineTotal,
    },
    /// A shift, a day's books, a bill or a difference moved: as it is from here on.
    Office {
        office: Box<Entry>,
    },
}

impl Body {
    /// The text that is stored and hashed; refused when it is too long.
    pub(crate) fn to_text(&self) -> Result<String, RecordRefused> {
        let mut bytes = Vec::with_capacity(USUAL_BODY_BYTES);
        serde_json::to_writer(&mut bytes, self).map_err(RecordRefused::Body)?;
        let text = String::from_utf8(bytes).map_err(|_| RecordRefused::NotText)?;
        match text.len() {
            0..=BODY_BYTES_MAX => Ok(text),
            _ => Err(RecordRefused::TooLong),
        }
    }

    /// Errors: it is not the JSON of a fact that this program knows.
    pub fn from_text(text: &str) -> Result<Self, RecordRefused> {
        serde_json::from_str(text).map_err(RecordRefused::Body)
    }

    /// The last part of the CloudEvents type.
    pub const fn kind(&self) -> &'static str {
        match self {
            Body::Payment { .. } => "payment",
            Body::Started { .. } => "started",
            Body::Stopped => "stopped",
            Body::Device { .. } => "device",
            Body::Parked { .. } => "parked",
            Body::Unparked { .. } => "unparked",
            Body::DayClosed { .. } => "day_closed",
            Body::OfflineTotalSet { .. } => "offline_total_set",
            Body::Office { .. } => "office",
        }
    }
}

/// What becomes a record once it has its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub at: Timestamp,
    /// JSON of a `Body`.
    pub body: String,
}

impl Fact {
    /// Errors: the body is too long.
    pub fn new(at: Timestamp, body: &Body) -> Result<Self, RecordRefused> {
        let body = body.to_text()?;
        Ok(Self { at, body })
    }

    /// Of the record that a body of this text becomes.
    pub fn encoded_len(body: &str) -> usize {
        HEAD_BYTES + body.len() + CRC_BYTES
    }
}

impl From<Record> for Fact {
    /// Out of its chain again.
    fn from(record: Record) -> Self {
        let Record { at, body, .. } = record;
        Self { at, body }
    }
}

/// A record as it is stored: the body stays the exact text that was hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub seq: u64,
    pub at: Timestamp,
    pub prev: Hash,
    /// JSON of a `Body`.
    pub body: String,
}

#[derive(Debug, Error)]
pub enum RecordRefused {
    #[error("a record of version {0}; this program reads version {VERSION}")]
    Version(u8),
    #[error("the record ends too early")]
    Truncated,
    #[error("the record's CRC is wrong")]
    Crc,
    #[error("the record's body is longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
    #[error("the record's body is not the JSON of a known fact")]
    Body(#[source] serde_json::Error),
    #[error("the record's body is not UTF-8")]
    NotText,
}

/// Where a chain stands: what the next record must continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tip {
    /// Sequence number of the last record, 0 before the first.
    pub seq: u64,
    pub hash: Hash,
}

impl Tip {
    /// Makes the next record and moves on to it.
    pub fn append(&mut self, at: Timestamp, body: &Body) -> Result<Record, RecordRefused> {
        Ok(self.chain(Fact::new(at, body)?))
    }

    /// Makes the fact the next record, and moves on to it.
    pub fn chain(&mut self, fact: Fact) -> Record {
        let Fact { at, body } = fact;
        let record = Record {
            seq: self.seq + 1,
            at,
            prev: self.hash,
            body,
        };
        *self = Tip {
            seq: record.seq,
            hash: record.hash(),
        };
        record
    }
}

impl Record {
    pub fn hash(&self) -> Hash {
        let mut sha = Sha256::new();
        sha.update(self.head());
        sha.update(self.body.as_bytes());
        Hash(sha.finalize().into())
    }

    pub fn decode_body(&self) -> Result<Body, RecordRefused> {
        Body::from_text(&self.body)
    }

    pub fn encoded_len(&self) -> usize {
        Fact::encoded_len(&self.body)
    }

    /// Appends the record's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.head());
        out.extend_from_slice(self.body.as_bytes());
        let crc = crc32c::crc32c(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_be_bytes());
    }

    /// Reads one record from the front of `bytes`; gives it and what follows it.
    pub fn decode(bytes: &[u8]) -> Result<(Record, &[u8]), RecordRefused> {
        let (version, rest) = bytes.split_first().ok_or(RecordRefused::Truncated)?;
        if *version != VERSION {
            return Err(RecordRefused::Version(*version));
        }
        let (seq, rest) = take::<8>(rest)?;
        let (at, rest) = take::<8>(rest)?;
        let (prev, rest) = take::<32>(rest)?;
        let (len, rest) = take::<4>(rest)?;
        let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
        if len > BODY_BYTES_MAX {
            return Err(RecordRefused::TooLong);
        }
        let body = rest.get(..len).ok_or(RecordRefused::Truncated)?;
        let (crc, rest) = take::<4>(rest.get(len..).unwrap_or_default())?;
        let covered = bytes
            .get(..HEAD_BYTES + len)
            .ok_or(RecordRefused::Truncated)?;
        if crc32c::crc32c(covered) != u32::from_be_bytes(crc) {
            return Err(RecordRefused::Crc);
        }
        let body = std::str::from_utf8(body)
            .map_err(|_| RecordRefused::NotText)?
            .to_owned();
        let at = Timestamp::from_unix_ms(i64::from_be_bytes(at));
        Ok((
            Record {
                seq: u64::from_be_bytes(seq),
                at,
                prev: Hash(prev),
                body,
            },
            rest,
        ))
    }

    fn head(&self) -> [u8; HEAD_BYTES] {
        let len = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
        let (seq, at) = (self.seq.to_be_bytes(), self.at.unix_ms().to_be_bytes());
        let fields: [&[u8]; 5] = [&[VERSION], &seq, &at, &self.prev.0, &len.to_be_bytes()];
        let mut head = [0; HEAD_BYTES];
        let mut rest = head.as_mut_slice();
        for field in fields {
            let Some((to, after)) = rest.split_at_mut_checked(field.len()) else {
                break;
            };
            to.copy_from_slice(field);
            rest = after;
        }
        head
    }
}

/// A record with its hash, which is computed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    record: Record,
    hash: Hash,
}

impl From<Record> for Hashed {
    fn from(record: Record) -> Self {
        let hash = record.hash();
        Self { record, hash }
    }
}

impl Hashed {
    pub fn hash(&self) -> Hash {
        self.hash
    }

    pub fn into_record(self) -> Record {
        self.record
    }
}

impl Deref for Hashed {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), RecordRefused> {
    bytes
        .split_first_chunk::<N>()
        .map(|(head, rest)| (*head, rest))
        .ok_or(RecordRefused::Truncated)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chain(len: u64) -> Vec<Record> {
        let mut tip = Tip::default();
        (0..len)
            .map(|n| {
                tip.append(Timestamp::from_unix_ms(n as i64), &Body::Stopped)
                    .unwrap()
            })
            .collect()
    }

    /// If this fails, do not change the test: journals in stores have these bytes.
    #[test]
    fn version_1_has_these_bytes() {
        let mut bytes = Vec::new();
        chain(1)[0].encode(&mut bytes);
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let golden = [
            "01",
            "0000000000000001",
            "0000000000000000",
            &"00".repeat(32),
            "00000012",
            "7b226b696e64223a2273746f70706564227d",
        ]
        .concat();
        assert_eq!(hex[..golden.len()], golden);
        assert_eq!(
            hex[golden.len()..],
            format!("{:08x}", crc32c::crc32c(&bytes[..bytes.len() - 4]))
        );
    }

    #[test]
    fn every_record_proves_the_one_before() {
        let records = chain(5);
        for pair in records.windows(2) {
            assert_eq!(pair[1].prev, pair[0].hash());
            assert_eq!(pair[1].seq, pair[0].seq + 1);
        }
    }

    #[test]
    fn a_flipped_bit_or_a_missing_byte_is_noticed() {
        let mut bytes = Vec::new();
        chain(2)[1].encode(&mut bytes);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            assert!(Record::decode(&flipped).is_err(), "bit at {at}");
            assert!(Record::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn bytes_go_there_and_back(body in ".{0,200}", seq: u64, ms: i64, tail in proptest::collection::vec(any::<u8>(), 0..8)) {
            let record = Record { seq, at: Timestamp::from_unix_ms(ms), prev: Hash([7; 32]), body };
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            prop_assert_eq!(bytes.len(), record.encoded_len());
            bytes.extend_from_slice(&tail);
            let (read, rest) = Record::decode(&bytes).unwrap();
            prop_assert_eq!(read, record);
            prop_assert_eq!(rest, tail.as_slice());
        }

        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Record::decode(&bytes);
        }
    }
}
