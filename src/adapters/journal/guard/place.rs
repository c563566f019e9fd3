//! Where a group lies in the guard log, for whoever needs it again before the store has it.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

use store_actors::domain::record::Record;

use super::{GROUP_HEAD_BYTES, scan};

#[derive(Debug)]
pub(in crate::adapters::journal) struct Place {
    pub(super) segment: Arc<File>,
    pub(super) offset: u64,
    /// With its head.
    pub(super) len: usize,
    pub records: usize,
}

impl Place {
    /// Of its records, as encoded.
    pub(in crate::adapters::journal) const fn bytes(&self) -> usize {
        self.len.saturating_sub(GROUP_HEAD_BYTES)
    }

    /// Errors: it is not there any more as it was written, though the disk had said that it is.
    pub(in crate::adapters::journal) fn read(&self) -> io::Result<Vec<Record>> {
        let mut bytes = vec![0; self.len];
        self.segment.read_exact_at(&mut bytes, self.offset)?;
        let group = scan::group(&bytes).filter(|(_, len)| *len == self.len);
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a group is damaged");
        group.map(|(records, _)| records).ok_or_else(damaged)
    }
}
