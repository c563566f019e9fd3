//! Closing the day: shortly after each business day ends, its certificate is counted from the
//! journal, signed, and journaled, and so reaches the head office like everything else.
//!
//! Days are closed in order and none is left out, also those on which the controller did not run.
//! What was closed last is asked of the journal, so a restart repeats and skips nothing.

use std::{fmt, sync::Arc, time::Duration};

use actix::prelude::*;
use thiserror::Error;
use tokio::time::timeout;

use crate::{
    domain::{
        certificate::{SignedCertificate, Tally},
        day::Day,
        ids::StoreId,
        record::Body,
    },
    journal::{Append, Journal},
    ports::{ASK_TIMEOUT, JournalDisk, JournalFailed, Signer, WallClock},
    supervisor::{AskFailed, Handle, Heartbeat},
};

/// How often it is looked whether a day has ended.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// A day is closed so long after its end: what was opened in its last moments is on disk by then.
const GRACE_MS: u64 = 60_000;

/// Records read at once; between two reads everything else has its turn.
const CHUNK_RECORDS: usize = 256;
const CHUNK_BYTES: usize = 256 * 1024;

const APPEND_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub struct DayCloseDeps {
    pub store: StoreId,
    /// From UTC to the clock whose midnight ends the day.
    pub offset_minutes: i32,
    pub disk: Arc<dyn JournalDisk>,
    pub journal: Handle<Journal>,
    pub signer: Arc<dyn Signer>,
    pub clock: Arc<dyn WallClock>,
}

impl fmt::Debug for DayCloseDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DayCloseDeps({})", self.store)
    }
}

#[derive(Debug, Error)]
enum CloseFailed {
    #[error(transparent)]
    Journal(#[from] JournalFailed),
    #[error("the journal: {0}")]
    Asking(#[from] AskFailed),
    #[error("the journal's disk gave no answer")]
    Slow,
}

/// The actor.
#[derive(Debug)]
pub struct DayClose {
    deps: DayCloseDeps,
    at_work: bool,
}

impl DayClose {
    pub fn new(deps: DayCloseDeps) -> Self {
        Self {
            deps,
            at_work: false,
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.at_work {
            return;
        }
        self.at_work = true;
        let work = self.deps.clone().close_all();
        ctx.spawn(work.into_actor(self).map(|closed, this, _| {
            this.at_work = false;
            if let Err(failed) = closed {
                tracing::warn!(error = %failed, "the day could not be closed; it is tried again");
            }
        }));
    }
}

impl DayCloseDeps {
    async fn close_all(self) -> Result<(), CloseFailed> {
        while let Some((day, first_seq)) = self.next_day().await? {
            self.close(day, first_seq).await?;
        }
        Ok(())
    }

    /// The day to close, if it has ended, and from where its records are counted.
    async fn next_day(&self) -> Result<Option<(Day, u64)>, CloseFailed> {
        let last = within(self.disk.last_closed()).await?;
        let next = match last.and_then(|signed| signed.read()) {
            Some(last) => (last.day.next(), last.next_seq),
            None => match within(self.disk.records(1, 1, 1)).await?.first() {
                Some(first) => (Day::of(first.at, self.offset_minutes), 1),
                None => return Ok(None),
            },
        };
        let ended_at = next.0.next().begins_at(self.offset_minutes);
        let is_over = self.clock.now() >= ended_at.plus_ms(GRACE_MS);
        Ok(is_over.then_some(next))
    }

    async fn close(&self, day: Day, first_seq: u64) -> Result<(), CloseFailed> {
        let mut tally = Tally::new(day, self.offset_minutes, first_seq);
        let (last_seq, mut next) = (self.disk.tip().seq, first_seq);
        while next <= last_seq {
            let chunk = within(self.disk.records(next, CHUNK_RECORDS, CHUNK_BYTES)).await?;
            for record in chunk.iter().filter(|record| record.seq <= last_seq) {
                tally.feed(record);
                next = record.seq + 1;
            }
            tokio::task::yield_now().await;
        }
        let Some(certificate) = tally.certificate(&self.store) else {
            return Ok(());
        };
        let text = serde_json::to_string(&certificate).unwrap_or_default();
        let signed = SignedCertificate {
            day,
            signature: hex(&self.signer.sign(text.as_bytes())),
            key: hex(&self.signer.public_key()),
            text,
        };
        let bodies = vec![Body::DayClosed {
            certificate: Box::new(signed),
        }];
        self.journal
            .ask(Append { bodies }, APPEND_TIMEOUT)
            .await??;
        tracing::info!(%day, last_seq, "the day is closed");
        Ok(())
    }
}

async fn within<T>(read: impl Future<Output = Result<T, JournalFailed>>) -> Result<T, CloseFailed> {
    Ok(timeout(ASK_TIMEOUT, read)
        .await
        .map_err(|_| CloseFailed::Slow)??)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Actor for DayClose {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
        ctx.run_interval(LOOK_INTERVAL, Self::look);
    }
}

impl Handler<Heartbeat> for DayClose {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Context<Self>) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            certificate::{Disbelief, compare},
            money::{Currency, Money},
            payment::{Opening, Origin, Payment, State},
            tender::Tender,
            timestamp::Timestamp,
        },
        journal::memory::MemoryDisk,
        signal::Signals,
        supervisor::{ChildSpec, Supervisor, SupervisorDeps},
        testing::{SeededEntropy, TestClock, journal_on, until},
    };

    struct Stamp;

    impl Signer for Stamp {
        fn public_key(&self) -> [u8; 32] {
            [1; 32]
        }

        fn sign(&self, text: &[u8]) -> [u8; 64] {
            let mut signature = [0; 64];
            signature[0] = u8::try_from(text.len() % 251).unwrap();
            signature
        }
    }

    fn payment(number: u64, opened_at: Timestamp, state: State) -> Body {
        let opening = Opening {
            id: crate::domain::ids::PaymentId::new(opened_at, [7; 10]),
            counter: if number.is_multiple_of(2) { "02" } else { "01" }
                .parse()
                .unwrap(),
            money: Money::parse("12.50", Currency::Cny).unwrap(),
            tender: Tender::CustomerCode,
            origin: Origin::Till,
            reference: None,
            fingerprint: None,
            number: number.div_ceil(2),
            opened_by: None,
        };
        let mut payment = Payment::open(opening, opened_at);
        payment.state = state;
        Body::Payment {
            payment: Box::new(payment),
        }
    }

    #[actix::test]
    async fn each_day_is_closed_once_and_the_head_office_counts_the_same() {
        tokio::time::pause();
        let disk = MemoryDisk::default();
        let clock: Arc<dyn WallClock> = Arc::new(TestClock::default());
        let signals = Signals::default();
        let supervision = Supervisor::start(SupervisorDeps {
            signals: signals.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
        });
        let journal = journal_on(&disk, &supervision, &clock, &signals);
        let today = Day::of(clock.now(), 480);
        let begun = clock.now();
        for number in 1..=5 {
            let state = if number == 5 {
                State::Unknown
            } else {
                State::Approved
            };
            let bodies = vec![payment(number, begun.plus_ms(number), state)];
            journal
                .ask(Append { bodies }, APPEND_TIMEOUT)
                .await
                .unwrap()
                .unwrap();
        }
        let deps = DayCloseDeps {
            store: "0042".parse().unwrap(),
            offset_minutes: 480,
            disk: Arc::new(disk.clone()),
            journal: journal.clone(),
            signer: Arc::new(Stamp),
            clock: clock.clone(),
        };
        let closing = deps.clone();
        let _closer = supervision.child(ChildSpec::new("day close"), move || {
            DayClose::new(closing.clone())
        });
        let closed = || {
            let records = disk.durable().into_iter();
            let signed = records.filter_map(|record| match record.decode_body().unwrap() {
                Body::DayClosed { certificate } => Some(*certificate),
                _ => None,
            });
            signed.collect::<Vec<_>>()
        };
        // three days later: all three are closed, in order
        tokio::time::advance(Duration::from_secs(3 * 86_400)).await;
        let signed = until("the days are closed", || {
            Some(closed()).filter(|closed| closed.len() >= 3)
        })
        .await;
        let read: Vec<_> = signed.iter().map(|one| one.read().unwrap()).collect();
        let days: Vec<Day> = read.iter().map(|one| one.day).collect();
        assert_eq!(days, [today, today.next(), today.next().next()]);
        let first = &read[0];
        assert_eq!((first.first_seq, first.last_seq), (1, 5));
        assert_eq!(first.counters.len(), 2);
        let one = &first.counters[0];
        assert_eq!((one.payments, one.first_number, one.last_number), (3, 1, 3));
        let states: Vec<_> = one
            .lines
            .iter()
            .map(|line| (line.state.as_str(), line.count, line.minor_units))
            .collect();
        assert_eq!(states, [("approved", 2, 2_500), ("unknown", 1, 1_250)]);
        assert_eq!(one.opened_units(), 3_750);
        assert!(read[1].counters.is_empty() && read[2].counters.is_empty());
        // once: looking again closes nothing again
        tokio::time::advance(Duration::from_secs(300)).await;
        assert_eq!(closed().len(), 3);

        let records = disk.durable();
        let counted = |records: &[crate::domain::record::Record]| {
            let mut tally = Tally::like(first);
            let upto = records.iter().filter(|record| record.seq <= first.last_seq);
            upto.for_each(|record| tally.feed(record));
            tally.certificate(&first.store)
        };
        assert_eq!(compare(first, counted(&records).as_ref()), Ok(()));
        assert_eq!(
            compare(first, counted(&records[..4]).as_ref()),
            Err(Disbelief::Range)
        );
        let mut forged = records.clone();
        forged[2].body = forged[2].body.replace("12.50", "1.00");
        let disbelief = compare(first, counted(&forged).as_ref());
        assert_eq!(disbelief, Err(Disbelief::Counter("01".parse().unwrap())));
    }
}
