//! What one fsync takes on the journal's disk while the store works, since the bound on the store's
//! latency allows one.

use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep},
};

use crate::world::Spread;

const BYTES: usize = 1_024;
const PAUSE: Duration = Duration::from_millis(10);

/// Small writes at the end of a file of its own, each with its fdatasync.
pub struct Fsync {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<Duration>>,
}

impl Fsync {
    pub fn begin(file: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut file = File::create(file).unwrap();
            let mut all = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let written = spawn_blocking(move || {
                    file.write_all(&[7; BYTES]).unwrap();
                    let begun = Instant::now();
                    file.sync_data().unwrap();
                    (file, begun.elapsed())
                });
                let (same, took) = written.await.unwrap();
                file = same;
                all.push(took);
                sleep(PAUSE).await;
            }
            all
        });
        Self { stop, task }
    }

    pub async fn end(self) -> Spread {
        self.stop.store(true, Ordering::Relaxed);
        Spread::of(self.task.await.unwrap())
    }
}
