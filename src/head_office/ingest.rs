//! Ingest: messages in, one transaction for all that has arrived, then receipts, then
//! acknowledgements. While one transaction is under way, the next messages are taken and read.
//!
//! The order is the whole point (OUT-1): a receipt lets a store forget, so it is sent after the
//! COMMIT and says what was committed. A receipt that is lost is sent again when the store sends
//! its records again. What can't be committed is not acknowledged; the connection is given up, so
//! that the broker hands the messages to another worker, and comes back when the database does.
//! What the database refuses for its content is searched for by halving, and parked (OUT-2).

mod arrival;
mod park;
mod settings;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use rumqttc::v5::mqttbytes::v5::Publish;
use store_actors::{
    domain::ids::ChainId,
    ports::WallClock,
    wire::uplink::{Channel, Receipt, RefusedRecord, StatusMessage, StoreRef, shared_filter},
};
use tokio::time::{Instant, MissedTickBehavior, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{error, info, warn};

use self::arrival::Incoming;
use super::{
    database::{Arrival, Database, DatabaseFailed, Outcome, Standing},
    link::{Link, LinkEvent, LinkLost, MESSAGES_MAX},
    metrics::Metrics,
};
use crate::{adapters::mqtt::broker::Broker, crash};

/// How often stores are asked for what they have not sent by themselves.
const ASK_INTERVAL: Duration = Duration::from_secs(5);

/// The first pause before a new connection is this part of the longest one.
const PAUSES: u32 = 25;

/// Attempts at a transaction that met another writer.
const BUSY_ATTEMPTS: u32 = 5;

#[derive(Clone, Debug)]
pub struct IngestOptions {
    pub chain: ChainId,
    pub broker: Broker,
    pub client_id: String,
    pub group: String,
    pub receive_maximum: u16,
    /// The longest pause before a new connection; each one in vain doubles it.
    pub retry: Duration,
    pub commit_timeout: Duration,
    pub batch_records_max: usize,
}

/// One worker.
#[derive(Clone)]
pub struct Ingest {
    pub options: IngestOptions,
    pub database: Database,
    pub clock: Arc<dyn WallClock>,
    pub metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Why a connection was given up.
#[derive(Debug, thiserror::Error)]
enum GivenUp {
    #[error(transparent)]
    Link(#[from] LinkLost),
    #[error(transparent)]
    Database(#[from] DatabaseFailed),
}

/// What arrives while the last transaction is under way.
#[derive(Debug, Default)]
struct Gathered {
    messages: Vec<Publish>,
    arrivals: Vec<Arrival>,
    statuses: BTreeMap<StoreRef, StatusMessage>,
    records: usize,
}

/// What is being committed, and the messages to acknowledge then.
struct Committing {
    messages: Vec<Publish>,
    outcome: AbortOnDropHandle<Result<Outcome, DatabaseFailed>>,
}

impl Ingest {
    /// Works until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut pause = self.options.retry / PAUSES;
        // it outlives the connection: nobody need send again what is being written
        let mut committing = VecDeque::new();
        while !stop.is_cancelled() {
            let connection = self.connection(&mut pause, &mut committing, &stop);
            let ended = stop.run_until_cancelled(connection).await;
            self.metrics.broker_up.set(0);
            let Some(Err(why)) = ended else { continue };
            if matches!(why, GivenUp::Database(_)) {
                committing.clear();
            }
            // on another connection their acknowledgements would mean something else
            committing
                .iter_mut()
                .for_each(|one: &mut Committing| one.messages.clear());
            warn!(why = %chain_of(&why), "connection given up; trying again");
            self.metrics.connections_lost.inc();
            stop.run_until_cancelled(sleep(pause)).await;
            pause = (2 * pause).min(self.options.retry);
        }
    }

    /// One connection, from the database's first answer on.
    async fn connection(
        &self,
        pause: &mut Duration,
        committing: &mut VecDeque<Committing>,
        stop: &CancellationToken,
    ) -> Result<(), GivenUp> {
        self.ping().await?;
        let IngestOptions {
            chain,
            broker,
            client_id,
            group,
            receive_maximum,
            ..
        } = &self.options;
        let filters = vec![
            shared_filter(group, chain, Channel::Records),
            // every worker takes every status: the broker keeps them, and gives them to new
            // subscribers only
            format!("chain/{chain}/store/+/{}", Channel::Status.as_str()),
        ];
        let mut link = Link::open(broker, client_id, *receive_maximum, filters)?;
        let mut asking = tokio::time::interval(ASK_INTERVAL);
        asking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut published = settings::Published::new();
        let mut gathered = Gathered::default();
        let mut said = BTreeMap::new();
        loop {
            let has_room = self.has_room(&gathered);
            let event = tokio::select! {
                outcome = done(committing) => {
                    let outcome = outcome?;
                    self.answer(&mut link, committing.pop_front(), outcome, &mut said).await?;
                    *pause = self.options.retry / PAUSES;
                    None
                }
                event = link.next(), if has_room => Some(event),
                _ = asking.tick() => {
                    self.ask_for_missing(&link).await?;
                    self.publish_settings(&link, &mut published).await?;
                    None
                }
            };
            match event {
                Some(LinkEvent::Up) => {
                    info!(broker = %broker.host, port = broker.port, %client_id, "connected and subscribed");
                    self.metrics.broker_up.set(1);
                }
                Some(LinkEvent::Down(why)) => {
                    // what has arrived is committed all the same, and receipted on the next
                    // connection
                    committing.extend(self.begin(&mut gathered));
                    return Err(why.into());
                }
                Some(LinkEvent::Message(message)) => self.gather(&mut gathered, message),
                None => {}
            }
            let may_begin = committing.len() < self.database.commits_at_once();
            if may_begin && (link.is_idle() || !self.has_room(&gathered)) {
                committing.extend(self.begin(&mut gathered));
            }
            if stop.is_cancelled() {
                link.close().await;
                return Ok(());
            }
        }
    }

    fn has_room(&self, gathered: &Gathered) -> bool {
        gathered.records < self.options.batch_records_max && gathered.messages.len() < MESSAGES_MAX
    }

    /// Commits what has arrived, on a thread of its own.
    fn begin(&self, gathered: &mut Gathered) -> Option<Committing> {
        if gathered.messages.is_empty() {
            return None;
        }
        let Gathered {
            messages,
            arrivals,
            statuses,
            ..
        } = std::mem::take(gathered);
        let worker = self.clone();
        let commit = async move {
            let mut outcome = worker.commit(arrivals).await?;
            if !statuses.is_empty() {
                let now = worker.clock.now();
                let keep = worker.database.keep_statuses(&statuses, now);
                for (store, watermark) in worker.within(keep).await? {
                    outcome
                        .standings
                        .entry(store)
                        .or_insert(Standing::at(watermark));
                }
            }
            Ok(outcome)
        };
        Some(Committing {
            messages,
            outcome: AbortOnDropHandle::new(tokio::spawn(commit)),
        })
    }

    /// What is committed may be said.
    async fn answer(
        &self,
        link: &mut Link,
        committed: Option<Committing>,
        outcome: Outcome,
        said: &mut BTreeMap<StoreRef, u64>,
    ) -> Result<(), GivenUp> {
        self.count(&outcome);
        self.send_receipts(link, &outcome, said);
        crash::point("office-receipted");
        for message in committed.iter().flat_map(|done| &done.messages) {
            if link.ack(message).await.is_err() {
                return Err(link.why().into());
            }
        }
        Ok(())
    }

    /// A store that believes that everything is here and is wrong sends nothing by itself: it is
    /// told. This database may be an older one than the one that sent the receipts.
    async fn ask_for_missing(&self, link: &Link) -> Result<(), DatabaseFailed> {
        let now = self.clock.now();
        let lagging = self.database.lagging(&self.options.chain, now);
        for lag in self.within(lagging).await? {
            let receipt = Receipt {
                store: lag.store.store.clone(),
                through: lag.watermark,
                at: now,
                want: vec![(lag.watermark + 1, lag.last_known)],
                refused: Vec::new(),
                stubs: None,
            };
            let topic = lag.store.topic(Channel::Receipt);
            if link.publish(topic, receipt.encode()).is_ok() {
                info!(store = %lag.store, watermark = lag.watermark, last_known = lag.last_known, "asked for what is missing");
            }
        }
        Ok(())
    }

    async fn ping(&self) -> Result<(), DatabaseFailed> {
        let answer = self.within(self.database.ping()).await;
        self.metrics.database_up.set(i64::from(answer.is_ok()));
        answer
    }

    fn gather(&self, gathered: &mut Gathered, message: Publish) {
        match arrival::read(&self.options.chain, &message) {
            Incoming::Records(arrival) => {
                self.metrics.messages.with_label_values(&["records"]).inc();
                gathered.records += arrival.records.len();
                gathered.arrivals.push(arrival);
            }
            Incoming::Status(store, status) => {
                self.metrics.messages.with_label_values(&["status"]).inc();
                gathered.statuses.insert(store, status);
            }
            Incoming::Nothing(why) => {
                self.metrics.messages.with_label_values(&["unusable"]).inc();
                warn!(topic = %String::from_utf8_lossy(&message.topic), why, "message passed over");
            }
        }
        gathered.messages.push(message);
    }

    /// One transaction if the database takes it, otherwise as many as it needs to park what it
    /// refuses.
    async fn commit(&self, arrivals: Vec<Arrival>) -> Result<Outcome, DatabaseFailed> {
        let mut outcome = Outcome::default();
        let mut todo = vec![arrivals];
        while let Some(part) = todo.pop() {
            if part.is_empty() {
                continue;
            }
            match self.transaction(&part).await {
                Ok(done) => outcome.add(done),
                Err(DatabaseFailed::Refused(cause)) => {
                    let parts = park::halves(part, &cause);
                    if parts.is_empty() {
                        error!(%cause, "the database refuses even the note of what it refused");
                    }
                    todo.extend(parts);
                }
                Err(failed) => return Err(failed),
            }
        }
        Ok(outcome)
    }

    async fn transaction(&self, arrivals: &[Arrival]) -> Result<Outcome, DatabaseFailed> {
        let begun = Instant::now();
        let mut attempt = 1;
        let done = loop {
            let done = self
                .within(self.database.commit(arrivals, self.clock.now()))
                .await;
            match done {
                Err(DatabaseFailed::Busy(_)) if attempt < BUSY_ATTEMPTS => attempt += 1,
                done => break done,
            }
        };
        match &done {
            Ok(_) => self
                .metrics
                .commit_seconds
                .observe(begun.elapsed().as_secs_f64()),
            Err(_) => self.metrics.commit_failures.inc(),
        }
        let is_up = matches!(done, Ok(_) | Err(DatabaseFailed::Refused(_)));
        self.metrics.database_up.set(i64::from(is_up));
        done
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, DatabaseFailed>>,
    ) -> Result<T, DatabaseFailed> {
        timeout(self.options.commit_timeout, work)
            .await
            .unwrap_or(Err(DatabaseFailed::TimedOut))
    }

    /// One receipt per store that sent something, also for repetitions: that is how a lost receipt
    /// heals. One that was overtaken by a later transaction's says nothing any more.
    fn send_receipts(&self, link: &Link, outcome: &Outcome, said: &mut BTreeMap<StoreRef, u64>) {
        let at = self.clock.now();
        for (store, standing) in &outcome.standings {
            let last = said.entry(store.clone()).or_default();
            if standing.watermark < *last {
                continue;
            }
            *last = standing.watermark;
            let receipt = Receipt {
                store: store.store.clone(),
                through: standing.watermark,
                at,
                want: standing.want.clone(),
                refused: standing
                    .refused
                    .iter()
                    .map(|(seq, why)| RefusedRecord {
                        seq: *seq,
                        why: why.clone(),
                    })
                    .collect(),
                stubs: standing.stubs.clone(),
            };
            match link.publish(store.topic(Channel::Receipt), receipt.encode()) {
                Ok(()) => self.metrics.receipts.inc(),
                Err(why) => warn!(%store, %why, "receipt not sent; the store will ask again"),
            }
        }
    }

    fn count(&self, outcome: &Outcome) {
        let records = |outcome: &str| self.metrics.records.with_label_values(&[outcome]);
        records("stored").inc_by(outcome.stored);
        records("duplicate").inc_by(outcome.duplicates);
        records("conflict").inc_by(outcome.conflicts);
        self.metrics.poison.inc_by(outcome.poison);
        if outcome.conflicts > 0 || outcome.poison > 0 {
            let stores: Vec<_> = outcome.standings.keys().map(ToString::to_string).collect();
            let (conflicts, poison) = (outcome.conflicts, outcome.poison);
            error!(
                conflicts,
                poison,
                among = stores.join(" "),
                "records that contradict what is held, or are none"
            );
        }
    }
}

/// Waits for the first transaction under way; for ever if there is none.
async fn done(committing: &mut VecDeque<Committing>) -> Result<Outcome, DatabaseFailed> {
    match committing.front_mut() {
        Some(last) => (&mut last.outcome)
            .await
            .unwrap_or(Err(DatabaseFailed::TimedOut)),
        None => std::future::pending().await,
    }
}

/// An error with its causes, for the log.
fn chain_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut said: Vec<String> = Vec::new();
    for cause in causes.map(ToString::to_string) {
        if said.last() != Some(&cause) {
            said.push(cause);
        }
    }
    said.join(": ")
}
