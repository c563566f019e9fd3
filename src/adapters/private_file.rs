//! Small files that only their owner may read: keys, and what keys seal. Whole on disk, or not
//! there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use zeroize::Zeroizing;

/// Reads the file, or makes it where it is not; `None` if it can't be made up. A new one is on disk
/// before it is given.
///
/// # Errors
/// The file can't be read or written.
pub(crate) fn read_or_make(
    file: &Path,
    make: impl FnOnce() -> Option<Zeroizing<Vec<u8>>>,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match fs::read(file) {
        Ok(found) => Ok(Some(Zeroizing::new(found))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let made = make();
            if let Some(made) = &made {
                write(file, made)?;
            }
            Ok(made)
        }
        Err(cause) => Err(cause),
    }
}

/// Beside it first, so that no half of it is ever found.
///
/// # Errors
/// It can't be written; what was there before is there still.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = file.with_extension("new");
    let mut options = OpenOptions::new();
    let mut out = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(&beside, file)?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Makes a folder that only its owner may look into, where it is not there yet.
///
/// # Errors
/// It can't be made.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}
