//! Ingest: messages in, one transaction for all that has arrived, then receipts, then
//! acknowledgements.
//!
//! The order is the whole point (OUT-1): a receipt lets a store forget, so it is sent after the
//! COMMIT and says what was committed. A receipt that is lost is sent again when the store sends
//! its records again. What can't be committed is not acknowledged; the connection is given up, so
//! that the broker hands the messages to another worker, and comes back when the database does.
//! What the database refuses for its content is searched for by halving, and parked (OUT-2).

mod arrival;
mod park;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rumqttc::v5::mqttbytes::v5::Publish;
use store_actors::{
    domain::ids::ChainId,
    ports::WallClock,
    wire::uplink::{Channel, Receipt, RefusedRecord, StatusMessage, StoreRef, shared_filter},
};
use tokio::time::{Instant, MissedTickBehavior, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::arrival::Incoming;
use super::{
    database::{Arrival, Database, DatabaseFailed, Outcome},
    link::{Link, LinkEvent, LinkLost, MESSAGES_MAX},
    metrics::Metrics,
};
use crate::{adapters::mqtt::broker::Broker, crash};

/// How often stores are asked for what they have not sent by themselves.
const ASK_INTERVAL: Duration = Duration::from_secs(5);

/// Attempts at a transaction that met another writer.
const BUSY_ATTEMPTS: u32 = 5;

#[derive(Clone, Debug)]
pub struct IngestOptions {
    pub chain: ChainId,
    pub broker: Broker,
    pub client_id: String,
    pub group: String,
    pub receive_maximum: u16,
    pub retry: Duration,
    pub commit_timeout: Duration,
    pub batch_records_max: usize,
}

/// One worker.
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

/// What arrived by the time the last transaction was done.
#[derive(Debug, Default)]
struct Gathered {
    messages: Vec<Publish>,
    arrivals: Vec<Arrival>,
    statuses: BTreeMap<StoreRef, StatusMessage>,
    records: usize,
}

impl Ingest {
    /// Works until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let ended = stop.run_until_cancelled(self.connection(&stop)).await;
            self.metrics.broker_up.set(0);
            let Some(Err(why)) = ended else { continue };
            warn!(why = %chain_of(&why), "connection given up; trying again");
            self.metrics.connections_lost.inc();
            stop.run_until_cancelled(sleep(self.options.retry)).await;
        }
    }

    /// One connection, from the database's first answer on.
    async fn connection(&self, stop: &CancellationToken) -> Result<(), GivenUp> {
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
        loop {
            let event = tokio::select! {
                event = link.next() => event,
                _ = asking.tick() => {
                    self.ask_for_missing(&link).await?;
                    continue;
                }
            };
            match event {
                LinkEvent::Up => {
                    info!(broker = %broker.host, port = broker.port, %client_id, "connected and subscribed");
                    self.metrics.broker_up.set(1);
                }
                LinkEvent::Down(why) => return Err(why.into()),
                LinkEvent::Message(first) => self.batch(&mut link, first).await?,
            }
            if stop.is_cancelled() {
                link.close().await;
                return Ok(());
            }
        }
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

    /// Commits what has arrived, and then says so.
    async fn batch(&self, link: &mut Link, first: Publish) -> Result<(), GivenUp> {
        let mut gathered = Gathered::default();
        self.gather(&mut gathered, first);
        let mut lost = None;
        while lost.is_none()
            && gathered.records < self.options.batch_records_max
            && gathered.messages.len() < MESSAGES_MAX
        {
            match link.next_now() {
                Some(LinkEvent::Message(message)) => self.gather(&mut gathered, message),
                Some(LinkEvent::Down(why)) => lost = Some(why),
                Some(LinkEvent::Up) => {}
                None => break,
            }
        }
        let outcome = self.commit(gathered.arrivals).await?;
        if !gathered.statuses.is_empty() {
            self.within(
                self.database
                    .keep_statuses(&gathered.statuses, self.clock.now()),
            )
            .await?;
        }
        self.count(&outcome);
        self.send_receipts(link, &outcome);
        crash::point("office-receipted");
        for message in &gathered.messages {
            if link.ack(message).await.is_err() {
                return Err(link.why().into());
            }
        }
        lost.map_or(Ok(()), |why| Err(why.into()))
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
    /// heals.
    fn send_receipts(&self, link: &Link, outcome: &Outcome) {
        let at = self.clock.now();
        for (store, standing) in &outcome.standings {
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
