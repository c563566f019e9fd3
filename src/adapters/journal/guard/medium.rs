//! The file under a segment, as little of it as the guard log needs: tests put their own in its
//! place and let it fail, or lose what was not synced.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::Path,
};

pub(in crate::adapters::journal) trait Medium: Send {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Everything written is on stable storage when this ends.
    fn sync(&mut self) -> io::Result<()>;
}

impl Medium for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

pub(super) fn open(path: &Path) -> io::Result<Box<dyn Medium>> {
    let file = File::options().read(true).write(true).open(path)?;
    Ok(Box::new(file))
}

/// Zeros are written in pieces of this size, each synced, so that nobody else's sync waits long
/// behind them.
const PIECE_BYTES: u64 = 256 * 1024;

/// A file of `len` zeros: written, not only reserved, since a write into a reserved extent changes
/// the file's metadata, and every sync would have to journal that.
pub(super) fn write_zeros(path: &Path, len: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let zeros = vec![0; usize::try_from(PIECE_BYTES.min(len)).unwrap_or(0)];
    let mut left = len;
    while left > 0 {
        let piece = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all(zeros.get(..piece).unwrap_or_default())?;
        file.sync_data()?;
        left -= piece as u64;
    }
    file.sync_all()
}
