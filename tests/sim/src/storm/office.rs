//! The head office and the line to it in a storm: messages are lost, late, doubled and out of
//! order; the office dies between arrival and commit; its receipts go the same way.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use store_actors::{
    domain::record::Record,
    ports::{Parked, PublishRefused, StoreStatus, Uplink, UplinkEvent},
};
use tokio::{sync::mpsc, time::sleep};

use super::{dice::Dice, fate::Fate};

/// What the office has committed. Outlives the store's lives. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Office(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    records: BTreeMap<u64, Record>,
    /// Planted: it says what it has received, not what it has committed.
    is_hasty: bool,
}

impl Office {
    pub fn hasty() -> Self {
        let office = Self::default();
        office.held().is_hasty = true;
        office
    }

    pub fn committed_through(&self) -> u64 {
        through(&self.held().records)
    }

    pub fn records(&self) -> Vec<Record> {
        self.held().records.values().cloned().collect()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits; gives what contradicts what is held.
    fn commit(&self, batch: &[Record]) -> Option<u64> {
        let mut held = self.held();
        let mut contradicts = None;
        for record in batch {
            let known = held
                .records
                .entry(record.seq)
                .or_insert_with(|| record.clone());
            if known != record {
                contradicts = Some(record.seq);
            }
        }
        contradicts
    }

    /// What a receipt says now, with these received and perhaps not committed.
    fn receipt(&self, received: &[Record]) -> (u64, bool) {
        let held = self.held();
        let mut records = held.records.clone();
        if held.is_hasty {
            let more = received.iter().map(|record| (record.seq, record.clone()));
            records.extend(more);
        }
        let through = through(&records);
        let has_gap = records
            .keys()
            .next_back()
            .is_some_and(|last| *last > through);
        (through, has_gap)
    }
}

fn through(records: &BTreeMap<u64, Record>) -> u64 {
    let mut through = 0;
    for seq in records.keys() {
        if *seq != through + 1 {
            break;
        }
        through = *seq;
    }
    through
}

/// The line, during one life of the store. Clones are the same.
#[derive(Clone)]
pub struct StormLine {
    office: Office,
    fate: Fate,
    dice: Dice,
    state: Arc<Mutex<LineState>>,
}

#[derive(Default)]
struct LineState {
    events: Option<mpsc::Sender<UplinkEvent>>,
    is_up: bool,
}

impl StormLine {
    /// Must be called within the store's runtime.
    pub fn start(office: Office, fate: Fate, dice: Dice, down: Duration) -> Self {
        let line = Self {
            office,
            fate,
            dice,
            state: Arc::default(),
        };
        tokio::spawn(line.clone().weather(down));
        line
    }

    fn state(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: UplinkEvent) {
        let events = self.state().events.clone();
        if let Some(events) = events.filter(|_| !self.fate.is_over()) {
            // an outbox that takes none is told again by the next receipt
            let _ = events.try_send(event);
        }
    }

    /// Down at first, then up and down for ever.
    async fn weather(self, down: Duration) {
        sleep(down).await;
        loop {
            let pause = match self.fate.is_calm() {
                true => Duration::from_millis(20),
                false => self.dice.ms(10, 5_000),
            };
            sleep(pause).await;
            self.state().is_up = true;
            self.fate.tell(|| "line: up".into());
            self.tell(UplinkEvent::Up);
            match self.fate.is_calm() {
                true => std::future::pending().await,
                false => sleep(self.dice.ms(500, 60_000)).await,
            }
            self.state().is_up = false;
            self.fate.tell(|| "line: down".into());
            let why = "the line is down".into();
            self.tell(UplinkEvent::Down { why });
        }
    }

    fn is_lost(&self) -> bool {
        !self.fate.is_calm() && self.dice.percent(5)
    }

    fn latency(&self) -> Duration {
        match self.fate.is_calm() {
            true => Duration::from_millis(5),
            false => self.dice.ms(2, 600),
        }
    }

    async fn arrives(self, batch: Vec<Record>) {
        sleep(self.latency()).await;
        if self.is_lost() || self.fate.is_over() {
            return;
        }
        let hasty = self.office.held().is_hasty;
        if hasty {
            self.receipt_goes(&batch).await;
        }
        sleep(self.latency()).await;
        if !self.fate.is_calm() && self.dice.percent(4) {
            self.fate
                .tell(|| "office: dies before it has committed".into());
            return;
        }
        let last = batch.last().map_or(0, |record| record.seq);
        if !self
            .fate
            .effect(|| format!("office: commits through {last}"))
        {
            return;
        }
        if let Some(seq) = self.office.commit(&batch) {
            self.fate
                .annals()
                .broken(format!("JRN-2: two records have the number {seq}"));
        }
        if !hasty {
            self.receipt_goes(&batch).await;
        }
    }

    async fn receipt_goes(&self, batch: &[Record]) {
        let (through, has_gap) = self.office.receipt(batch);
        sleep(self.latency()).await;
        for _ in 0..self.copies() {
            if self.is_lost() {
                continue;
            }
            self.tell(UplinkEvent::Receipt { through });
            if has_gap {
                self.tell(UplinkEvent::Missing { after: through });
            }
        }
    }

    fn copies(&self) -> u64 {
        1 + u64::from(!self.fate.is_calm() && self.dice.percent(8))
    }
}

impl Uplink for StormLine {
    fn events(&self) -> mpsc::Receiver<UplinkEvent> {
        let (sender, receiver) = mpsc::channel(1_024);
        let mut state = self.state();
        if state.is_up {
            let _ = sender.try_send(UplinkEvent::Up);
        }
        state.events = Some(sender);
        receiver
    }

    fn publish_records(&self, records: &[Record], _: &Parked) -> Result<usize, PublishRefused> {
        let first = records.first().map_or(0, |record| record.seq);
        let count = records.len();
        if !self
            .fate
            .effect(|| format!("line: {count} records from {first} leave"))
        {
            return Err(PublishRefused::Down);
        }
        if !self.state().is_up {
            return Err(PublishRefused::Down);
        }
        for _ in 0..self.copies() {
            tokio::spawn(self.clone().arrives(records.to_vec()));
        }
        Ok(records.iter().map(Record::encoded_len).sum())
    }

    fn publish_status(&self, _: &StoreStatus) -> Result<(), PublishRefused> {
        Ok(())
    }

    fn rebuild(&self, _: &str) {
        self.fate.tell(|| "line: rebuilt".into());
        let why = "rebuilt".into();
        self.tell(UplinkEvent::Down { why });
        self.tell(UplinkEvent::Up);
    }
}
