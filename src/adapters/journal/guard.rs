//! The guard log: what makes an acknowledgement cost one fdatasync, and an erased store no loss.
//!
//! A group of records is appended to a file of zeros that was written and synced beforehand, so
//! that the file system has nothing of its own to journal; one fdatasync, and the group is durable.
//! sled is brought up behind it. A segment is frozen once full:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `STOREGL1` |
//! | 8 | sequence number of its first record |
//! | 32 | SHA-256 of the record before that one |
//! | 12 | zeros |
//! | 4 | CRC-32C of the 60 bytes before |
//! | … | groups: 4 bytes length, 4 bytes CRC-32C of length and records, the records as encoded |
//! | … | zeros |
//!
//! A group is whole or it is not there: records that were handed in together stay together. Each
//! record carries the hash of the one before, so segments prove one another. All integers are
//! big-endian.
//!
//! Reading at the start is `scan`'s business; what is done about what was found, `recovery`'s.

pub(super) mod medium;
mod place;
pub(super) mod scan;
mod spare;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use store_actors::{
    domain::record::{Hash, Record, Tip},
    ports::GROUP_BYTES_MAX,
};

use super::directory::sync_dir;
use crate::crash;
use medium::Medium;
pub(super) use place::Place;
use spare::Spare;

pub(super) const SEGMENT_HEAD_BYTES: usize = 64;
pub(super) const GROUP_HEAD_BYTES: usize = 8;
const MAGIC: &[u8; 8] = b"STOREGL1";

/// The smallest segment that holds any group.
pub const SEGMENT_BYTES_MIN: u64 = 2 * GROUP_BYTES_MAX as u64;

/// The open end of the guard log.
pub(super) struct Guard {
    dir: PathBuf,
    segment: Box<dyn Medium>,
    /// The same file, for whoever reads back what was written.
    reading: Arc<File>,
    /// The segment's length.
    room_bytes: u64,
    /// Where the next group goes.
    offset: u64,
    spare: Spare,
    buffer: Vec<u8>,
}

/// What a segment begins with: the chain up to its first record.
pub(super) fn segment_head(before: Tip) -> [u8; SEGMENT_HEAD_BYTES] {
    let mut head = [0; SEGMENT_HEAD_BYTES];
    let first_seq = (before.seq + 1).to_be_bytes();
    let fields = MAGIC.iter().chain(&first_seq).chain(&before.hash.0);
    head.iter_mut()
        .zip(fields)
        .for_each(|(to, from)| *to = *from);
    if let Some((covered, crc)) = head.split_last_chunk_mut::<4>() {
        *crc = crc32c::crc32c(covered).to_be_bytes();
    }
    head
}

/// The chain before a segment's first record; `None` if this is no segment's head.
pub(super) fn read_segment_head(bytes: &[u8]) -> Option<Tip> {
    let (head, _) = bytes.split_first_chunk::<SEGMENT_HEAD_BYTES>()?;
    let (covered, crc) = head.split_last_chunk::<4>()?;
    let (magic, rest) = covered.split_first_chunk::<8>()?;
    let (first_seq, rest) = rest.split_first_chunk::<8>()?;
    let (hash, _) = rest.split_first_chunk::<32>()?;
    let is_whole = magic == MAGIC && crc32c::crc32c(covered) == u32::from_be_bytes(*crc);
    is_whole.then_some(Tip {
        seq: u64::from_be_bytes(*first_seq).checked_sub(1)?,
        hash: Hash(*hash),
    })
}

/// Appends a group as it lies in a segment.
pub(super) fn encode_group(records: &[Record], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; GROUP_HEAD_BYTES]);
    records.iter().for_each(|record| record.encode(out));
    let len = u32::try_from(out.len() - start - GROUP_HEAD_BYTES).unwrap_or(u32::MAX);
    let Some((head, records)) = out
        .get_mut(start..)
        .and_then(|group| group.split_first_chunk_mut::<GROUP_HEAD_BYTES>())
    else {
        return;
    };
    let crc = crc32c::crc32c_append(crc32c::crc32c(&len.to_be_bytes()), records);
    let fields = len.to_be_bytes().into_iter().chain(crc.to_be_bytes());
    head.iter_mut()
        .zip(fields)
        .for_each(|(to, from)| *to = from);
}

pub(super) fn segment_path(dir: &Path, first_seq: u64) -> PathBuf {
    dir.join(format!("{first_seq:020}.log"))
}

/// The segments there are, by their names: first sequence numbers, in order.
pub(super) fn segments(dir: &Path) -> io::Result<Vec<u64>> {
    let mut found: Vec<u64> = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let first_seq: Option<u64> = name
            .to_str()
            .and_then(|name| name.strip_suffix(".log"))
            .filter(|digits| digits.len() == 20)
            .and_then(|digits| digits.parse().ok());
        found.extend(first_seq);
    }
    found.sort_unstable();
    Ok(found)
}

impl Guard {
    /// Begins a segment after `tip`.
    pub(super) fn begin(dir: &Path, segment_bytes: u64, tip: Tip) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut spare = Spare::of(dir, segment_bytes);
        let path = segment_path(dir, tip.seq + 1);
        let mut segment = spare.take(&path)?;
        segment.write_at(&segment_head(tip), 0)?;
        segment.sync()?;
        Self::at(dir, spare, &path, segment, SEGMENT_HEAD_BYTES)
    }

    /// Goes on in the segment that begins with `first_seq`, at `end`; the `torn_bytes` behind it
    /// become zeros again.
    pub(super) fn resume(
        dir: &Path,
        first_seq: u64,
        segment_bytes: u64,
        end: usize,
        torn_bytes: usize,
    ) -> io::Result<Self> {
        let path = segment_path(dir, first_seq);
        let mut segment = medium::open(&path)?;
        if torn_bytes > 0 {
            segment.write_at(&vec![0; torn_bytes], end as u64)?;
            segment.sync()?;
        }
        Self::at(dir, Spare::of(dir, segment_bytes), &path, segment, end)
    }

    fn at(
        dir: &Path,
        mut spare: Spare,
        path: &Path,
        segment: Box<dyn Medium>,
        offset: usize,
    ) -> io::Result<Self> {
        // while nobody writes yet: beside it, zeros cost who waits for the disk half the pace
        spare.prepare();
        let reading = File::open(path)?;
        Ok(Self {
            dir: dir.to_owned(),
            segment,
            // it may have been made with another size configured
            room_bytes: reading.metadata()?.len(),
            reading: Arc::new(reading),
            offset: offset as u64,
            spare,
            buffer: Vec::with_capacity(GROUP_BYTES_MAX + SEGMENT_HEAD_BYTES + GROUP_HEAD_BYTES),
        })
    }

    #[cfg(test)]
    pub(super) fn replace_medium(&mut self, medium: Box<dyn Medium>) {
        self.segment = medium;
    }

    /// Puts the group, which continues `before`, on stable storage, and tells where. After an error
    /// the log must not be used any more: nobody knows what of it is there.
    pub(super) fn append(&mut self, group: &[Record], before: Tip) -> io::Result<Place> {
        self.buffer.clear();
        let len: usize = group.iter().map(Record::encoded_len).sum();
        let needed = (len + GROUP_HEAD_BYTES) as u64;
        if self.offset + needed > self.room_bytes {
            let path = segment_path(&self.dir, before.seq + 1);
            self.segment = self.spare.take(&path)?;
            self.reading = Arc::new(File::open(&path)?);
            self.offset = 0;
            self.room_bytes = self.spare.len();
            self.buffer.extend_from_slice(&segment_head(before));
        }
        let head_len = self.buffer.len();
        encode_group(group, &mut self.buffer);
        let place = Place {
            segment: Arc::clone(&self.reading),
            offset: self.offset + head_len as u64,
            len: self.buffer.len() - head_len,
            records: group.len(),
        };
        self.segment.write_at(&self.buffer, self.offset)?;
        crash::point("guard-written");
        self.segment.sync()?;
        self.offset += self.buffer.len() as u64;
        // early: when all write at once, a segment lasts little longer than making the next
        if self.offset > self.room_bytes / 8 {
            self.spare.prepare();
        }
        Ok(place)
    }
}

/// Removes the segments whose every record is at most `through` and which were last written to
/// before `older_than`; never the last one. Tells how many went.
pub(super) fn retire(
    dir: &Path,
    through: u64,
    older_than: std::time::SystemTime,
) -> io::Result<usize> {
    let segments = segments(dir)?;
    let mut retired = 0;
    for (first_seq, next) in segments.iter().zip(segments.iter().skip(1)) {
        let path = segment_path(dir, *first_seq);
        let is_old = fs::metadata(&path)?.modified()? < older_than;
        if *next > through + 1 || !is_old {
            break;
        }
        fs::remove_file(&path)?;
        crash::point("segment-retired");
        retired += 1;
    }
    if retired > 0 {
        sync_dir(dir)?;
    }
    Ok(retired)
}
