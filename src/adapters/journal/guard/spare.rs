//! The next segment, made of zeros before it is needed, on a thread of its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use super::medium::{self, Medium};
use crate::{adapters::journal::directory::sync_dir, crash};

const SPARE: &str = "spare";
const UNFINISHED: &str = "spare.unfinished";

#[derive(Debug)]
pub(super) struct Spare {
    dir: PathBuf,
    len: u64,
    making: Option<JoinHandle<io::Result<()>>>,
}

impl Spare {
    pub(super) fn of(dir: &Path, len: u64) -> Self {
        Self {
            dir: dir.to_owned(),
            len,
            making: None,
        }
    }

    /// How long each is.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Begins to make one, unless there is one or one is being made.
    pub(super) fn prepare(&mut self) {
        if self.making.is_some() || self.is_there() {
            return;
        }
        let (dir, len) = (self.dir.clone(), self.len);
        let spawned = thread::Builder::new()
            .name("journal-spare".into())
            .spawn(move || make(&dir, len));
        match spawned {
            Ok(making) => self.making = Some(making),
            // it will be made when it is needed
            Err(cause) => tracing::warn!(%cause, "no thread for the next guard segment"),
        }
    }

    /// The spare under its own name from now on, durably; made here and now if there is none yet.
    pub(super) fn take(&mut self, path: &Path) -> io::Result<Box<dyn Medium>> {
        match self.making.take().map(JoinHandle::join) {
            Some(Ok(Ok(()))) => {}
            // there may be room by now
            Some(Ok(Err(cause))) if cause.kind() == io::ErrorKind::StorageFull => {
                make(&self.dir, self.len)?;
            }
            Some(Ok(Err(cause))) => return Err(cause),
            Some(Err(_)) => return Err(io::Error::other("making the next segment panicked")),
            None if self.is_there() => {}
            None => make(&self.dir, self.len)?,
        }
        fs::rename(self.dir.join(SPARE), path)?;
        crash::point("segment-begun");
        sync_dir(&self.dir)?;
        medium::open(path)
    }

    /// One of another size is of no use: the configuration has changed.
    fn is_there(&self) -> bool {
        fs::metadata(self.dir.join(SPARE)).is_ok_and(|spare| spare.len() == self.len)
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        if let Some(making) = self.making.take()
            && !matches!(making.join(), Ok(Ok(())))
        {
            tracing::warn!("the next guard segment could not be made ahead");
        }
    }
}

fn make(dir: &Path, len: u64) -> io::Result<()> {
    let unfinished = dir.join(UNFINISHED);
    medium::write_zeros(&unfinished, len)?;
    crash::point("segment-zeroed");
    fs::rename(&unfinished, dir.join(SPARE))?;
    sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What making one ahead came to.
    fn take_after(made: io::Error) -> io::Result<u64> {
        let dir = tempfile::tempdir()?;
        let mut spare = Spare::of(dir.path(), 4_096);
        spare.making = Some(thread::spawn(move || Err(made)));
        let path = dir.path().join("taken");
        spare.take(&path)?;
        Ok(fs::metadata(path)?.len())
    }

    #[test]
    fn what_found_no_room_ahead_is_made_when_it_is_needed_and_a_disk_that_fails_is_told() {
        assert_eq!(
            take_after(io::ErrorKind::StorageFull.into()).unwrap(),
            4_096
        );
        let failed = take_after(io::Error::from_raw_os_error(5)).unwrap_err();
        assert_eq!(failed.raw_os_error(), Some(5));
    }
}
