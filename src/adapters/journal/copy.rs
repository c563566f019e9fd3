//! Copies of the store: one before a store that was not closed is opened, since sled may erase what
//! it finds torn; and stores of no use any more, put aside for whoever wants to look.

use std::{fs, io, path::Path};

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
        fs::copy(&entry, to.join(name)).map_err(failed())?;
    }
    Ok(())
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
