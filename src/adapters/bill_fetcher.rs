//! Fetches yesterday's bills by itself and drops them where the office looks for bills.
//!
//! One file for each acquirer and day, named so that the day is told where the file does not tell
//! it. What was fetched is there; what is not is asked for again until the day is over. A person
//! may drop a file of that name instead, and it is not fetched.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use store_actors::{
    domain::{day::Day, ids::AcquirerId},
    ports::WallClock,
};
use tokio::task::spawn_blocking;

use super::acquirers::bill_source::{BillFile, BillSource};

/// Between two looks whether something is to be fetched.
const INTERVAL: Duration = Duration::from_secs(300);
const MINUTE_MS: i64 = 60_000;

/// Acquirers that hand out bills.
pub type Sources = Vec<(AcquirerId, Arc<dyn BillSource>)>;

/// What is fetched, and when.
pub struct BillFetcher {
    pub dir: PathBuf,
    pub sources: Sources,
    /// Minutes after the store's midnight.
    pub at_minute: u32,
    pub offset_minutes: i32,
    pub clock: Arc<dyn WallClock>,
}

impl BillFetcher {
    /// For as long as the program runs.
    pub async fn run(self) {
        loop {
            if let Some(day) = self.due() {
                for (acquirer, source) in &self.sources {
                    self.fetch(acquirer, &**source, day).await;
                }
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Yesterday, once its bills are said to be ready.
    fn due(&self) -> Option<Day> {
        let now = self.clock.now();
        let today = Day::of(now, self.offset_minutes);
        let begun_ms = now.since_ms(today.begins_at(self.offset_minutes));
        let ready_ms = u64::from(self.at_minute) * MINUTE_MS.unsigned_abs();
        (begun_ms >= ready_ms).then(|| today.plus(-1))
    }

    async fn fetch(&self, acquirer: &AcquirerId, source: &dyn BillSource, day: Day) {
        let folder = self.dir.join(acquirer.as_str());
        if is_there(&folder, day) {
            return;
        }
        match source.bill(day).await {
            Ok(bill) => {
                let kept = spawn_blocking(move || keep(&folder, day, &bill)).await;
                match kept {
                    Ok(Ok(file)) => {
                        tracing::info!(%acquirer, %day, file = %file.display(), "a bill is fetched");
                    }
                    Ok(Err(failed)) => {
                        tracing::error!(%acquirer, %day, %failed, "a bill can't be kept");
                    }
                    Err(failed) => tracing::error!(%acquirer, %failed, "a bill can't be kept"),
                }
            }
            Err(why) => tracing::warn!(%acquirer, %day, %why, "there is no bill yet"),
        }
    }
}

fn name(day: Day, extension: &str) -> String {
    format!("{day}.{extension}")
}

fn is_there(folder: &Path, day: Day) -> bool {
    ["zip", "csv"]
        .iter()
        .any(|extension| folder.join(name(day, extension)).exists())
}

/// Whole or not at all: the office may look at any time.
fn keep(folder: &Path, day: Day, bill: &BillFile) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let file = folder.join(name(day, bill.extension));
    // not where the office looks for bills: it reads whatever lies there
    let unfinished = folder.with_extension("fetching");
    let mut written = File::create(&unfinished)?;
    written.write_all(&bill.bytes)?;
    // an empty file left by a power cut would count as fetched
    written.sync_all()?;
    fs::rename(&unfinished, &file)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use store_actors::{
        domain::{payment::NoAnswer, timestamp::Timestamp},
        ports::Reply,
    };

    use super::*;

    struct At(Timestamp);

    impl WallClock for At {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    /// The first time there is none.
    #[derive(Default)]
    struct Provider(Mutex<Vec<Day>>);

    impl BillSource for Provider {
        fn bill(&self, day: Day) -> Reply<'_, Result<BillFile, NoAnswer>> {
            let mut asked = self.0.lock().unwrap();
            asked.push(day);
            let bill = BillFile {
                extension: "csv",
                bytes: b"bill".to_vec(),
            };
            let answer = match asked.len() {
                1 => Err(NoAnswer::Refused("not yet".into())),
                _ => Ok(bill),
            };
            Box::pin(async { answer })
        }
    }

    fn fetcher(dir: &Path, provider: &Arc<Provider>, at: &str) -> BillFetcher {
        BillFetcher {
            dir: dir.to_owned(),
            sources: vec![(
                "wechat".parse().unwrap(),
                Arc::clone(provider) as Arc<dyn BillSource>,
            )],
            at_minute: 10 * 60 + 30,
            offset_minutes: 480,
            clock: Arc::new(At(Timestamp::parse(at).unwrap())),
        }
    }

    #[tokio::test]
    async fn yesterdays_bill_is_fetched_once_when_it_is_ready() {
        let folder = tempfile::tempdir().unwrap();
        let provider = Arc::new(Provider::default());
        let early = fetcher(folder.path(), &provider, "2026-11-27T10:29:59+08:00");
        assert_eq!(early.due(), None);
        let due = fetcher(folder.path(), &provider, "2026-11-27T10:30:00+08:00");
        let day = due.due().unwrap();
        assert_eq!(day.to_string(), "2026-11-26");
        let acquirer = "wechat".parse().unwrap();
        for asked in [1, 2, 2] {
            due.fetch(&acquirer, &*due.sources[0].1, day).await;
            assert_eq!(provider.0.lock().unwrap().len(), asked);
        }
        let file = folder.path().join("wechat/2026-11-26.csv");
        assert_eq!(fs::read(file).unwrap(), b"bill");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
