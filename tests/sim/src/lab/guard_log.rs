//! The guard log read by somebody else: its bytes as they are described, without the product's own
//! reader. Tells how many records the groups had, and whether the chain holds from end to end.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::Serialize;
use store_actors::domain::record::{Hash, Record};

const HEAD_BYTES: usize = 64;

/// What lies there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GuardLog {
    pub segments: usize,
    pub records: usize,
    pub groups: usize,
    /// Groups of two records or more, and the records in them.
    pub groups_of_several: usize,
    pub records_in_groups_of_several: usize,
    pub largest_group: usize,
    /// Places where a record does not continue the one before.
    pub broken: usize,
    pub last_seq: u64,
    #[serde(skip)]
    pub hashes: BTreeMap<u64, Hash>,
}

/// Reads every segment, in order.
pub fn read(dir: &Path) -> io::Result<GuardLog> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            names.push(path);
        }
    }
    names.sort();
    let mut log = GuardLog::default();
    let mut last: Option<(u64, Hash)> = None;
    for name in names {
        log.segments += 1;
        let bytes = fs::read(&name)?;
        let mut rest = bytes.get(HEAD_BYTES..).unwrap_or_default();
        while let Some((group, behind)) = first_group(rest) {
            log.groups += 1;
            log.records += group.len();
            log.largest_group = log.largest_group.max(group.len());
            if group.len() > 1 {
                log.groups_of_several += 1;
                log.records_in_groups_of_several += group.len();
            }
            for record in group {
                let continues = last
                    .as_ref()
                    .is_none_or(|(seq, hash)| record.seq == seq + 1 && record.prev == *hash);
                log.broken += usize::from(!continues);
                let hash = record.hash();
                log.last_seq = record.seq;
                log.hashes.insert(record.seq, hash);
                last = Some((record.seq, hash));
            }
            rest = behind;
        }
    }
    Ok(log)
}

/// The group at the front and what follows; `None` where there is none.
fn first_group(bytes: &[u8]) -> Option<(Vec<Record>, &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let records = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let (mut records, behind) = rest.split_at_checked(records)?;
    let found = crc32c::crc32c_append(crc32c::crc32c(len), records);
    if records.is_empty() || found != u32::from_be_bytes(*crc) {
        return None;
    }
    let mut group = Vec::new();
    while !records.is_empty() {
        let (record, rest) = Record::decode(records).ok()?;
        group.push(record);
        records = rest;
    }
    Some((group, behind))
}
