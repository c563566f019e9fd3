//! Tills: they ask the store's HTTP API for payments and learn from its feed of events how each
//! ended.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// A payment that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<(String, Instant)>>>>;

#[derive(Debug)]
pub struct Tills {
    base: String,
    http: reqwest::Client,
    waiting: Waiting,
    numbers: AtomicU64,
    /// Counters that were not free yet when they were asked.
    pub refused: AtomicU64,
    feed: JoinHandle<()>,
}

/// Of an event as much as a till needs.
#[derive(Deserialize)]
struct Moved<'a> {
    #[serde(borrow)]
    state: &'a str,
    is_final: bool,
    #[serde(default)]
    reference: Option<String>,
}

impl Tills {
    /// Opens them at a store that answers.
    pub async fn open(base: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let events = http.get(format!("{base}/v1/events")).send().await.unwrap();
        assert!(events.status().is_success());
        let waiting = Waiting::default();
        let feed = tokio::spawn(read(events, Arc::clone(&waiting)));
        Self {
            base: base.to_owned(),
            http,
            waiting,
            numbers: AtomicU64::new(1),
            refused: AtomicU64::new(0),
            feed,
        }
    }

    /// One payment at that counter, from the request to the event that says `approved`.
    pub async fn pay(&self, counter: &str) -> Duration {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let reference = format!("bench-{number}");
        let (tell, told) = oneshot::channel();
        self.waiting.lock().unwrap().insert(reference.clone(), tell);
        let body = json!({
            "counter": counter, "amount": "12.50", "currency": "CNY",
            "tender": "customer_code", "reference": reference,
        });
        let begun = Instant::now();
        loop {
            let request = self.http.post(format!("{}/v1/payments", self.base));
            let request = request.header("Idempotency-Key", &reference).json(&body);
            let answer = request.send().await.unwrap();
            let status = answer.status();
            // read to its end, so that the connection serves the next one
            let text = answer.text().await.unwrap();
            if status.is_success() {
                break;
            }
            // not free yet, or no answer in time: the same key again
            let passes = text.contains("not-ready") || text.contains("no-answer");
            assert!(passes, "{status}: {text}");
            assert!(begun.elapsed() < PATIENCE, "{text}");
            self.refused.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(1)).await;
        }
        let (state, at) = timeout(PATIENCE, told).await.unwrap().unwrap();
        assert_eq!(state, "approved", "{reference}");
        at - begun
    }
}

impl Drop for Tills {
    fn drop(&mut self) {
        self.feed.abort();
    }
}

async fn read(mut events: reqwest::Response, waiting: Waiting) {
    let mut buffer: Vec<u8> = Vec::new();
    while let Ok(Some(chunk)) = events.chunk().await {
        buffer.extend_from_slice(&chunk);
        let mut taken = 0;
        while let Some(length) = end_of_event(&buffer[taken..]) {
            take(&buffer[taken..taken + length], &waiting);
            taken += length;
        }
        buffer.drain(..taken);
    }
}

fn end_of_event(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .map(|at| at + 2)
}

fn take(event: &[u8], waiting: &Waiting) {
    let text = std::str::from_utf8(event).unwrap();
    if !text.lines().any(|line| line == "event: payment") {
        return;
    }
    let Some(data) = text.lines().find_map(|line| line.strip_prefix("data: ")) else {
        return;
    };
    let moved: Moved<'_> = serde_json::from_str(data).unwrap();
    let Some(reference) = moved.reference.filter(|_| moved.is_final) else {
        return;
    };
    if let Some(tell) = waiting.lock().unwrap().remove(&reference) {
        let _ = tell.send((moved.state.to_owned(), Instant::now()));
    }
}
