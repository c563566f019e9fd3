//! The folder where acquirers' bills are dropped: each new file is unpacked, read and handed over.
//!
//! `bills_dir/<acquirer>/<file>`: whose bill it is, its folder says. A file is taken once it has
//! not changed between two looks, so that one that is still being copied is not read half. Nothing
//! is moved or deleted: what was read is known by its SHA-256. What can't be read is logged, and
//! read again when it changes. Reading is on a thread that may block.

use std::{
    collections::HashMap,
    fs,
    io::{self, Cursor, Read as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use sha2::{Digest, Sha256};
use store_actors::{
    domain::{day::Day, ids::AcquirerId, office::bill::Bill},
    office::requests::TakeBill,
    wire::bill,
};
use thiserror::Error;
use tokio::task::spawn_blocking;

/// A bill of a very large merchant, unpacked.
const BILL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Files in a zip: Alipay's has two.
const ZIPPED_MAX: usize = 16;

#[derive(Debug, Error)]
pub enum BillUnreadable {
    #[error("it can't be read")]
    Io(#[from] io::Error),
    #[error("it is no zip file, or a damaged one")]
    Zip(#[from] zip::result::ZipError),
    #[error("it is larger than {BILL_BYTES_MAX} bytes, unpacked")]
    TooLarge,
    #[error("the zip file has no bill in it")]
    Empty,
    #[error(transparent)]
    Refused(#[from] bill::BillRefused),
}

/// How a file was when it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    len: u64,
    modified: Option<SystemTime>,
    /// It was taken, or refused, as it is.
    done: bool,
}

/// The folder, and what was seen in it.
#[derive(Debug)]
pub struct BillsFolder {
    dir: PathBuf,
    acquirers: Vec<AcquirerId>,
    offset_minutes: i32,
    seen: HashMap<PathBuf, Look>,
}

impl BillsFolder {
    pub fn new(dir: PathBuf, acquirers: Vec<AcquirerId>, offset_minutes: i32) -> Self {
        Self {
            dir,
            acquirers,
            offset_minutes,
            seen: HashMap::new(),
        }
    }

    /// What is new and whole. Blocks.
    pub fn look(&mut self) -> Vec<TakeBill> {
        let mut taken = Vec::new();
        for acquirer in self.acquirers.clone() {
            let Ok(entries) = fs::read_dir(self.dir.join(acquirer.as_str())) else {
                continue;
            };
            for path in entries.flatten().map(|entry| entry.path()) {
                if self.is_new_and_whole(&path) {
                    taken.extend(self.take(&path, &acquirer));
                }
            }
        }
        taken
    }

    fn is_new_and_whole(&mut self, path: &Path) -> bool {
        let Ok(found) = fs::metadata(path) else {
            return false;
        };
        if !found.is_file() {
            return false;
        }
        let (len, modified) = (found.len(), found.modified().ok());
        let before = self.seen.get(path).copied();
        let is_same = before.is_some_and(|one| (one.len, one.modified) == (len, modified));
        let is_done = is_same && before.is_some_and(|one| one.done);
        let done = is_same;
        self.seen.insert(
            path.to_owned(),
            Look {
                len,
                modified,
                done,
            },
        );
        is_same && !is_done
    }

    fn take(&self, path: &Path, acquirer: &AcquirerId) -> Option<TakeBill> {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match read(path, self.offset_minutes) {
            Ok((sha256, bill)) => {
                for bad in bill.bad.iter().take(20) {
                    tracing::warn!(file = %name, line = bad.line, why = %bad.why, "a bill's line can't be read");
                }
                Some(TakeBill {
                    acquirer: acquirer.clone(),
                    named_day: day_in(&name),
                    name,
                    sha256,
                    bill,
                })
            }
            Err(why) => {
                tracing::error!(file = %path.display(), %why, "a bill can't be read");
                None
            }
        }
    }

    /// To be handed over once more, e.g. when the office gave no answer.
    pub fn again(&mut self, acquirer: &AcquirerId, name: &str) {
        let path = self.dir.join(acquirer.as_str()).join(name);
        if let Some(look) = self.seen.get_mut(&path) {
            look.done = false;
        }
    }
}

/// Looks at the folder for ever, and hands over what is new with `hand_over`, which tells whether
/// the office took it.
pub async fn watch<F>(
    mut folder: BillsFolder,
    every: Duration,
    mut hand_over: impl FnMut(TakeBill) -> F,
) where
    F: Future<Output = bool>,
{
    loop {
        let looked = spawn_blocking(move || {
            let taken = folder.look();
            (folder, taken)
        });
        let Ok((looked, taken)) = looked.await else {
            tracing::error!("looking for bills has died");
            return;
        };
        folder = looked;
        for bill in taken {
            let (acquirer, name) = (bill.acquirer.clone(), bill.name.clone());
            if !hand_over(bill).await {
                folder.again(&acquirer, &name);
            }
        }
        tokio::time::sleep(every).await;
    }
}

/// The file's SHA-256, and what it says.
fn read(path: &Path, offset_minutes: i32) -> Result<(String, Bill), BillUnreadable> {
    let file = fs::File::open(path)?;
    let bytes = bounded(file)?;
    let sum = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let text = if bytes.starts_with(b"PK\x03\x04") {
        unzipped(&bytes)?
    } else {
        bytes
    };
    Ok((sum, bill::read(&text, offset_minutes)?))
}

fn bounded(from: impl io::Read) -> Result<Vec<u8>, BillUnreadable> {
    let mut bytes = Vec::new();
    let read = from.take(BILL_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if read as u64 > BILL_BYTES_MAX {
        return Err(BillUnreadable::TooLarge);
    }
    Ok(bytes)
}

/// The first file in it that is not the sums. Names in Alipay's are GBK; nothing is written to
/// disk, so a name can do no harm.
fn unzipped(bytes: &[u8]) -> Result<Vec<u8>, BillUnreadable> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes))?;
    for nth in 0..zip.len().min(ZIPPED_MAX) {
        let entry = zip.by_index(nth)?;
        if entry.is_file() && !bill::alipay::is_summary(entry.name_raw()) {
            return bounded(entry);
        }
    }
    Err(BillUnreadable::Empty)
}

/// The day in a file's name: `2026-11-22` or `20261122`.
fn day_in(name: &str) -> Option<Day> {
    let digits: String = name.chars().filter(|one| *one != '-').collect();
    let starts = digits.char_indices().map(|(at, _)| at);
    let mut days = starts.filter_map(|at| {
        let text = digits.get(at..at + 8)?;
        let (year, rest) = text.split_at_checked(4)?;
        let (month, day) = rest.split_at_checked(2)?;
        Day::parse(&format!("{year}-{month}-{day}")).filter(|_| year.starts_with("20"))
    });
    days.next()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;

    use super::*;

    const BILL: &str = "kind,order,time,amount\npayment,aa,2026-11-22 10:00:00,12.50\nnonsense\n";

    fn folder(dir: &Path) -> BillsFolder {
        fs::create_dir_all(dir.join("a")).unwrap();
        BillsFolder::new(
            dir.to_owned(),
            vec!["a".parse().unwrap(), "b".parse().unwrap()],
            480,
        )
    }

    #[test]
    fn a_file_is_taken_once_it_rests_and_again_when_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = folder(dir.path());
        let file = dir.path().join("a/bill-20261122.csv");
        fs::write(&file, BILL).unwrap();
        fs::write(dir.path().join("elsewhere.csv"), BILL).unwrap();
        assert_eq!(folder.look().len(), 0);
        let taken = folder.look();
        assert_eq!(taken.len(), 1);
        assert_eq!((taken[0].bill.lines.len(), taken[0].bill.bad.len()), (1, 1));
        assert_eq!(taken[0].named_day, Day::parse("2026-11-22"));
        assert_eq!(folder.look().len(), 0);
        folder.again(&taken[0].acquirer, &taken[0].name);
        assert_eq!(folder.look().len(), 1);
        fs::write(&file, format!("{BILL}refund,aa,2026-11-22 11:00:00,1\n")).unwrap();
        let again: Vec<_> = [folder.look(), folder.look()]
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(again.len(), 1);
        assert_ne!(again[0].sha256, taken[0].sha256);
    }

    #[test]
    fn alipays_zip_is_unpacked_past_the_sums() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = folder(dir.path());
        let (sums, ..) = encoding_rs::GBK.encode("2088_20261122_业务明细(汇总).csv");
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default();
        // the writer takes names of UTF-8 only; the one below has the same number of bytes
        let place = "S".repeat(sums.len());
        zip.start_file(&place, options).unwrap();
        zip.write_all(b"no bill").unwrap();
        zip.start_file("2088_20261122_x.csv", options).unwrap();
        zip.write_all(BILL.as_bytes()).unwrap();
        let mut bytes = zip.finish().unwrap().into_inner();
        while let Some(at) = bytes
            .windows(place.len())
            .position(|some| some == place.as_bytes())
        {
            bytes[at..at + place.len()].copy_from_slice(&sums);
        }
        fs::write(dir.path().join("a/2088_20261122.csv.zip"), &bytes).unwrap();
        fs::write(dir.path().join("a/broken.zip"), &bytes[..bytes.len() / 2]).unwrap();
        let taken: Vec<_> = [folder.look(), folder.look()]
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].bill.lines.len(), 1);
    }
}
