//! The disk under the journal: who holds it, whether it has room, keeps what it is given, and how
//! long it takes.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::{
    statfs::{TMPFS_MAGIC, statfs},
    statvfs::statvfs,
};
use tokio::{task::spawn_blocking, time::Instant};

use super::finding::Finding;
use crate::config::Journal;

/// Every payment waits for a few writes: from here on a customer would notice.
const SLOW_ABOVE: Duration = Duration::from_millis(50);

/// What a group of records writes.
const TRIAL_BYTES: usize = 4_096;

/// The program that has the journal open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) pid: Option<u32>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "the controller (process {pid})"),
            None => f.write_str("the controller"),
        }
    }
}

/// Who holds the journal in `dir`, if anybody does.
pub(super) fn holder(dir: &Path) -> Option<Holder> {
    let mut lock = File::open(dir.join("lock")).ok()?;
    match lock.try_lock_shared() {
        Err(fs::TryLockError::WouldBlock) => {}
        Ok(()) | Err(fs::TryLockError::Error(_)) => return None,
    }
    let mut pid = String::new();
    let read = lock.read_to_string(&mut pid).ok();
    Some(Holder {
        pid: read.and_then(|_| pid.trim().parse().ok()),
    })
}

pub(super) async fn check(journal: Journal, controller: Option<Holder>) -> Vec<Finding> {
    let looked = spawn_blocking(move || look(&journal, controller)).await;
    looked.unwrap_or_default()
}

fn look(journal: &Journal, controller: Option<Holder>) -> Vec<Finding> {
    let what = format!("journal {}", journal.dir.display());
    let mut findings = Vec::new();
    if let Some(holder) = controller {
        findings.push(Finding::ok(format!("{what} is held by {holder}")));
    }
    let Some(dir) = existing(&journal.dir) else {
        let action = "correct journal.dir";
        findings.push(Finding::fail(format!("{what} can't be made"), action));
        return findings;
    };
    findings.push(written(&what, &journal.dir, &dir));
    findings.extend(room(&what, &dir, journal.min_free_bytes));
    findings.extend(in_memory(&what, &dir));
    findings
}

/// The directory itself, or the nearest above it in which it would be made.
fn existing(dir: &Path) -> Option<PathBuf> {
    let here = Path::new(".");
    let above = dir.ancestors().map(|dir| match dir.as_os_str().is_empty() {
        true => here,
        false => dir,
    });
    let mut above = above.filter(|dir| dir.exists());
    above.next().filter(|dir| dir.is_dir()).map(Path::to_owned)
}

fn written(what: &str, wanted: &Path, dir: &Path) -> Finding {
    let state = match wanted == dir {
        true => "writable".to_owned(),
        false => format!("not there yet, {} is writable", dir.display()),
    };
    match trial(dir) {
        Ok(took) if took > SLOW_ABOVE => Finding::warn(
            format!(
                "{what}: {state}, but a write takes {} ms to be safe",
                took.as_millis()
            ),
            "every payment waits for it: use a local SSD, and nothing else busy on it",
        ),
        Ok(took) => Finding::ok(format!(
            "{what}: {state}, a write is safe after {}.{:03} ms",
            took.as_millis(),
            took.subsec_micros() % 1_000
        )),
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => Finding::fail(
            format!("{what}: this user may not write in {}", dir.display()),
            format!("sudo install -d -o USER {}", wanted.display()),
        ),
        Err(cause) => Finding::fail(
            format!("{what}: can't write in {}: {cause}", dir.display()),
            "check that the disk is there, mounted for writing and not full",
        ),
    }
}

/// Writes and syncs a file that has no name any more, so that nothing stays behind.
fn trial(dir: &Path) -> io::Result<Duration> {
    let path = dir.join(format!(".doctor-{}", std::process::id()));
    let mut file = File::options().write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    let begun = Instant::now();
    file.write_all(&[0x5a; TRIAL_BYTES])?;
    file.sync_all()?;
    Ok(begun.elapsed())
}

fn room(what: &str, dir: &Path, min_free_bytes: u64) -> Option<Finding> {
    let disk = statvfs(dir).ok()?;
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    let mib = |bytes: u64| bytes / (1024 * 1024);
    let what = format!("{what}: {} MiB free", mib(free));
    let wanted = mib(min_free_bytes);
    let action = format!("make room; below {wanted} MiB (journal.min_free_mib) nobody can pay");
    Some(if free < min_free_bytes {
        Finding::fail(what, action)
    } else if free / 2 < min_free_bytes {
        Finding::warn(what, action)
    } else {
        Finding::ok(what)
    })
}

fn in_memory(what: &str, dir: &Path) -> Option<Finding> {
    let is_in_memory = statfs(dir).ok()?.filesystem_type() == TMPFS_MAGIC;
    is_in_memory.then(|| {
        let what = format!("{what}: in memory, a power cut takes all records");
        Finding::warn(what, "put journal.dir on a disk")
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_held_journal_names_its_holder_and_a_free_one_nobody() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(holder(dir.path()), None);
        let path = dir.path().join("lock");
        fs::write(&path, "4711").unwrap();
        assert_eq!(holder(dir.path()), None);
        let lock = File::open(&path).unwrap();
        lock.lock().unwrap();
        assert_eq!(holder(dir.path()), Some(Holder { pid: Some(4711) }));
    }

    #[test]
    fn too_little_room_is_a_failure_and_nothing_stays_behind() {
        let dir = tempfile::tempdir().unwrap();
        let journal = |min_free_bytes| Journal {
            dir: dir.path().join("a/b"),
            min_free_bytes,
            guard_retention: Duration::ZERO,
            guard_segment_bytes: 1024 * 1024,
        };
        let found = look(&journal(u64::MAX), None);
        assert!(found.iter().any(|finding| {
            let said = finding.to_string();
            said.starts_with("fail") && said.contains("MiB free")
        }));
        let found = look(&journal(0), None);
        assert!(found[0].to_string().contains("not there yet"), "{found:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_way_is_a_failure() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let journal = Journal {
            dir: file.path().join("journal"),
            min_free_bytes: 0,
            guard_retention: Duration::ZERO,
            guard_segment_bytes: 1024 * 1024,
        };
        assert!(look(&journal, None)[0].to_string().starts_with("fail"));
    }
}
