//! Copies of the store: one before a store that was not closed is opened, since sled may erase what
//! it finds torn; and stores of no use any more, put aside for whoever wants to look.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use nix::fcntl::OFlag;

use super::{
    directory::{Directory, disk, sync_dir},
    failed::OpenFailed,
    priority::behind_all_others,
    writer::has_room,
};

/// Copies the store as the crash left it. Without room for it the store is opened all the same: the
/// guard log stands behind it.
pub(super) fn make(dir: &Directory) -> Result<(), OpenFailed> {
    let (from, to) = (dir.store(), dir.copy());
    remove(&to)?;
    let failed = || disk("copy the store to", &to);
    let len = len(&from).map_err(failed())?;
    if !has_room(dir.root(), len.saturating_mul(2)) {
        tracing::warn!(len, "no room for a copy of the store before it is opened");
        return Ok(());
    }
    fs::create_dir_all(&to).map_err(failed())?;
    for entry in files(&from).map_err(failed())? {
        let Some(name) = entry.file_name() else {
            continue;
        };
        copy_file(&entry, &to.join(name), PAST_CACHE_FROM_BYTES).map_err(failed())?;
    }
    Ok(())
}

/// From here on a file is copied past the page cache: nobody reads the copy unless the store is
/// broken, and in memory it would push out what is read next. Its bytes would also be waited for by
/// the store's first sync.
const PAST_CACHE_FROM_BYTES: u64 = 256 * 1024 * 1024;

/// What is written past the page cache lies in memory, and in the file, at multiples of this.
const BLOCK_BYTES: usize = 4_096;
const PIECE_BYTES: usize = 4 * 1024 * 1024;

fn copy_file(from: &Path, to: &Path, past_cache_from: u64) -> io::Result<()> {
    if fs::metadata(from)?.len() >= past_cache_from {
        match copy_past_cache(from, to) {
            // not on every file system
            Err(cause) if cause.kind() == io::ErrorKind::InvalidInput => {}
            done => return done,
        }
    }
    fs::copy(from, to).map(|_| ())
}

fn copy_past_cache(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let target = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(OFlag::O_DIRECT.bits())
        .open(to)?;
    let mut memory = vec![0; PIECE_BYTES + BLOCK_BYTES];
    let begin = memory.as_ptr().align_offset(BLOCK_BYTES);
    let end = begin.saturating_add(PIECE_BYTES);
    let piece = memory.get_mut(begin..end).unwrap_or_default();
    let mut len = 0;
    loop {
        let read = read_full(&mut source, piece)?;
        // the last one ends in what the one before it left, which is cut off again
        let blocks = read.next_multiple_of(BLOCK_BYTES);
        target.write_all_at(piece.get(..blocks).unwrap_or_default(), len)?;
        len += read as u64;
        if read < PIECE_BYTES {
            return target.set_len(len);
        }
    }
}

/// As much as there is, and fits.
fn read_full(source: &mut File, piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = piece.get_mut(filled..)
        && !rest.is_empty()
    {
        match source.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(filled)
}

/// The store is whole: its copy is of no more use.
pub(super) fn drop(dir: &Directory) -> Result<(), OpenFailed> {
    remove(&dir.copy())
}

/// The same while the store is at work already. A copy that stays is removed by the next start.
pub(super) fn drop_behind(dir: &Directory) {
    behind_all_others();
    if let Err(cause) = drop(dir) {
        tracing::warn!(%cause, "the copy of the store stays");
    }
}

/// Puts the copy, without sled's snapshots, where the store was, and the store aside. Tells whether
/// there was a copy.
pub(super) fn put_back(dir: &Directory) -> Result<bool, OpenFailed> {
    let copy = dir.copy();
    if !copy.is_dir() {
        return Ok(false);
    }
    put_store_aside(dir)?;
    let failed = || disk("put back the copy of the store in", &copy);
    for file in files(&copy).map_err(failed())? {
        let is_snapshot = file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("snap."));
        if is_snapshot {
            fs::remove_file(&file).map_err(failed())?;
        }
    }
    fs::rename(&copy, dir.store()).map_err(failed())?;
    sync_dir(dir.root()).map_err(failed())?;
    Ok(true)
}

/// Moves the store into `aside`, where the last one put there makes room.
pub(super) fn put_store_aside(dir: &Directory) -> Result<(), OpenFailed> {
    let (from, to) = (dir.store(), dir.aside().join("sled"));
    if !from.is_dir() {
        return Ok(());
    }
    let failed = || disk("put the store aside in", &to);
    fs::create_dir_all(dir.aside()).map_err(failed())?;
    remove(&to)?;
    fs::rename(&from, &to).map_err(failed())?;
    sync_dir(dir.root()).map_err(failed())
}

fn remove(dir: &Path) -> Result<(), OpenFailed> {
    match fs::remove_dir_all(dir) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(disk("remove", dir)(cause)),
        _ => Ok(()),
    }
}

fn files(dir: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn len(dir: &Path) -> io::Result<u64> {
    files(dir)?
        .iter()
        .map(|file| Ok(fs::metadata(file)?.len()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_past_the_page_cache_has_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let bytes: Vec<u8> = (0..251)
            .cycle()
            .take(2 * PIECE_BYTES + BLOCK_BYTES + 5)
            .collect();
        fs::write(&to, vec![7; 3 * PIECE_BYTES]).unwrap();
        for len in [
            bytes.len(),
            2 * PIECE_BYTES,
            PIECE_BYTES + 1,
            BLOCK_BYTES,
            1,
            0,
        ] {
            fs::write(&from, &bytes[..len]).unwrap();
            copy_file(&from, &to, 0).unwrap();
            assert!(fs::read(&to).unwrap() == bytes[..len], "{len} bytes");
        }
    }
}
