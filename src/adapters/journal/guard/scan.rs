//! Reading a segment of the guard log back: every whole group, and what lies between and behind.
//!
//! What follows the last whole group is zeros, or the group that was being written when the power
//! failed. That one was never acknowledged, and it is the last one: a whole group behind a broken
//! place is therefore damage of another kind. It is reported as a break, and the groups behind it
//! are read all the same; whether anything is lost by it depends on what the store has.

use store_actors::{
    domain::record::{Record, Tip},
    ports::GROUP_BYTES_MAX,
};

use super::{GROUP_HEAD_BYTES, SEGMENT_HEAD_BYTES, read_segment_head};

/// What a segment holds.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::adapters::journal) struct Segment {
    /// The chain before its first record.
    pub before: Tip,
    pub records: Vec<Record>,
    /// Behind the last whole group.
    pub end: usize,
    /// So many bytes behind it, up to the last that is not zero, of a group that never became
    /// whole.
    pub torn_bytes: usize,
    /// Broken places with whole groups behind them: how many bytes at which offset.
    pub breaks: Vec<(usize, usize)>,
}

/// Why this is no segment at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::adapters::journal) enum NoSegment {
    /// Nothing was ever written to it.
    Empty,
    /// Its head is broken; so many bytes are in use.
    Headless { bytes: usize },
}

impl Segment {
    /// The chain after its last record.
    pub(in crate::adapters::journal) fn tip(&self) -> Tip {
        self.records.last().map_or(self.before, |last| Tip {
            seq: last.seq,
            hash: last.hash(),
        })
    }

    pub(in crate::adapters::journal) fn read(bytes: &[u8]) -> Result<Self, NoSegment> {
        let Some(before) = read_segment_head(bytes) else {
            return Err(match used(bytes) {
                0 => NoSegment::Empty,
                bytes => NoSegment::Headless { bytes },
            });
        };
        let mut segment = Segment {
            before,
            records: Vec::new(),
            end: SEGMENT_HEAD_BYTES,
            torn_bytes: 0,
            breaks: Vec::new(),
        };
        loop {
            let rest = bytes.get(segment.end..).unwrap_or_default();
            if let Some((records, len)) = group(rest) {
                segment.records.extend(records);
                segment.end += len;
                continue;
            }
            let used = used(rest);
            let later = (1..used).find(|at| rest.get(*at..).and_then(group).is_some());
            let Some(skipped) = later else {
                segment.torn_bytes = used;
                return Ok(segment);
            };
            segment.breaks.push((segment.end, skipped));
            segment.end += skipped;
        }
    }
}

/// The whole group at the front of `bytes`, and its length.
pub(super) fn group(bytes: &[u8]) -> Option<(Vec<Record>, usize)> {
    let mut encoded = framed(bytes)?;
    let len = encoded.len() + GROUP_HEAD_BYTES;
    let mut records = Vec::new();
    while !encoded.is_empty() {
        let (record, rest) = Record::decode(encoded).ok()?;
        records.push(record);
        encoded = rest;
    }
    Some((records, len))
}

/// The records' bytes of the group at the front of `bytes`, if length and CRC are right.
fn framed(bytes: &[u8]) -> Option<&[u8]> {
    let (len_bytes, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len_bytes)).ok()?;
    if len == 0 || len > GROUP_BYTES_MAX {
        return None;
    }
    let records = rest.get(..len)?;
    let found = crc32c::crc32c_append(crc32c::crc32c(len_bytes), records);
    (found == u32::from_be_bytes(*crc)).then_some(records)
}

/// The length without the zeros at its end.
fn used(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1)
}
