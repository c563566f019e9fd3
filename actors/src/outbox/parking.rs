//! Parked records: written down, listed, and sent again when somebody asks.
//!
//! A parked record is never lost: it stays in the journal, its stub keeps the chain at the head
//! office whole, and it counts as missing there until it has come as it is. Whether it has is the
//! head office's own word: its receipts name the stubs that it holds. Until that word has come, or
//! a refusal, what somebody asked for is sent again, less and less often: a broker that lost it, or
//! had nobody to hand it to, says nothing.

use std::{sync::Arc, time::Duration};

use actix::{
    ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture, WrapFuture,
};
use thiserror::Error;
use tokio::time::{Instant, timeout};

use super::{Outbox, State, machine::Event};
use crate::{
    domain::{
        ids::PaymentId,
        record::{Body, Record},
        timestamp::Timestamp,
    },
    journal::Append,
    ports::{ASK_TIMEOUT, JournalDisk, JournalFailed, Parked, PublishRefused},
};

/// How long writing it down may take before it is tried again.
const APPEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Doublings of the time after which a parked record that was asked for goes out once more.
const RESEND_DOUBLINGS_MAX: u32 = 6;

/// What is parked, the oldest first.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Vec<ParkedRecord>, JournalFailed>")]
pub struct GetParked;

/// Sends a parked record once more, as it is, and again until the head office has said whether it
/// takes it; the list tells.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<(), SendRefused>")]
pub struct SendParked {
    pub seq: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedRecord {
    pub seq: u64,
    pub at: Timestamp,
    pub kind: &'static str,
    pub payment: Option<PaymentId>,
    pub bytes: usize,
    pub why: String,
}

#[derive(Debug, Error)]
pub enum SendRefused {
    #[error("this record is not parked")]
    NotParked,
    #[error(transparent)]
    Journal(#[from] JournalFailed),
    #[error(transparent)]
    Link(#[from] PublishRefused),
}

/// A parked record that somebody asked for: when it last went out, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    at: Instant,
    times: u32,
}

impl Asked {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            times: 1,
        }
    }

    fn again(self) -> Self {
        Self {
            at: Instant::now(),
            times: self.times.saturating_add(1),
        }
    }

    fn is_due(&self, resend_after: Duration) -> bool {
        let doublings = self.times.saturating_sub(1).min(RESEND_DOUBLINGS_MAX);
        self.at.elapsed() >= resend_after * (1 << doublings)
    }
}

impl Outbox {
    /// Reads what is parked; nothing goes before.
    pub(super) fn read_parked(&mut self, ctx: &mut Context<Self>) {
        let disk = self.deps.disk.clone();
        let read = async move { timeout(ASK_TIMEOUT, disk.parked()).await };
        ctx.spawn(read.into_actor(self).map(|read, outbox, ctx| match read {
            Ok(Ok(parked)) => {
                let seqs: Vec<u64> = parked.keys().copied().collect();
                outbox.parked = Some(parked);
                for seq in seqs {
                    outbox.feed(Event::Parked { seq }, ctx);
                }
                outbox.pump(ctx);
            }
            _ => drop(ctx.run_later(ASK_TIMEOUT, Self::read_parked)),
        }));
    }

    pub(super) fn park(&mut self, seq: u64, why: String, ctx: &mut Context<Self>) {
        tracing::error!(
            seq,
            why,
            "a record is parked: a stub goes to the head office in its place"
        );
        let body = Body::Parked {
            record: seq,
            why: why.clone(),
        };
        self.write_down(body, ctx, move |outbox, ctx| {
            outbox.parked.get_or_insert_default().insert(seq, why);
            outbox.feed(Event::Parked { seq }, ctx);
        });
    }

    /// The head office's word on the stubs it holds up to its receipt.
    pub(super) fn stubs_held(&mut self, through: u64, seqs: &[u64], ctx: &mut Context<Self>) {
        let parked = self.parked.iter().flatten().map(|(seq, _)| *seq);
        let whole = parked.filter(|seq| *seq <= through && !seqs.contains(seq));
        let whole: Vec<u64> = whole.filter(|seq| !self.unparking.contains(seq)).collect();
        for seq in whole {
            self.unparking.insert(seq);
            self.write_down(Body::Unparked { record: seq }, ctx, move |outbox, ctx| {
                tracing::info!(seq, "the head office holds the parked record");
                outbox.unparking.remove(&seq);
                outbox.asked.remove(&seq);
                outbox.parked.get_or_insert_default().remove(&seq);
                outbox.feed(Event::Unparked { seq }, ctx);
            });
        }
    }

    /// What was asked for and is not answered goes out again, if it is time.
    pub(super) fn resend_asked(&mut self, ctx: &mut Context<Self>) {
        if self.machine.state() == State::Offline {
            return;
        }
        let after = Duration::from_millis(self.deps.settings.resend_after_ms);
        let mut asked = self.asked.iter_mut();
        let Some((&seq, due)) = asked.find(|(_, asked)| asked.is_due(after)) else {
            return;
        };
        *due = due.again();
        let disk = self.deps.disk.clone();
        let read = async move { disk.records(seq, 1, 1).await };
        ctx.spawn(read.into_actor(self).map(move |read, outbox, _| {
            if !outbox.asked.contains_key(&seq) {
                return;
            }
            let sent = match read {
                Ok(records) => outbox.hand_over(seq, &records),
                Err(failed) => Err(failed.into()),
            };
            if let Err(why) = sent {
                tracing::warn!(seq, %why, "a parked record could not be sent again");
            }
        }));
    }

    fn hand_over(&mut self, seq: u64, records: &[Record]) -> Result<(), SendRefused> {
        let sent = self.deps.uplink.publish_records(records, &Parked::new());
        match sent {
            Ok(_) => drop(self.asked.entry(seq).or_insert_with(Asked::now)),
            // however often it is tried
            Err(PublishRefused::TooLarge) => drop(self.asked.remove(&seq)),
            Err(PublishRefused::Down | PublishRefused::Busy) => {}
        }
        sent.map(|_| ()).map_err(Into::into)
    }

    pub(super) fn write_down(
        &mut self,
        body: Body,
        ctx: &mut Context<Self>,
        done: impl FnOnce(&mut Self, &mut Context<Self>) + 'static,
    ) {
        let journal = self.deps.journal.clone();
        let again = body.clone();
        let write = async move {
            let bodies = vec![body];
            journal.ask(Append { bodies }, APPEND_TIMEOUT).await
        };
        ctx.spawn(write.into_actor(self).map(move |written, outbox, ctx| {
            match written {
                Ok(Ok(_)) => done(outbox, ctx),
                // a journal that has stopped takes nothing any more, and the store with it
                Ok(Err(failed)) if !failed.is_passing() => {
                    tracing::error!(error = %failed, "it could not be written down");
                }
                _ => {
                    ctx.run_later(APPEND_TIMEOUT, move |outbox, ctx| {
                        outbox.write_down(again, ctx, done);
                    });
                }
            }
        }));
    }

    async fn read_listed(
        disk: Arc<dyn JournalDisk>,
        parked: Parked,
    ) -> Result<Vec<ParkedRecord>, JournalFailed> {
        let mut listed = Vec::new();
        for (seq, why) in parked {
            if let Some(record) = disk.records(seq, 1, 1).await?.into_iter().next() {
                listed.push(ParkedRecord::of(&record, why));
            }
        }
        Ok(listed)
    }
}

impl ParkedRecord {
    fn of(record: &Record, why: String) -> Self {
        let body = record.decode_body().ok();
        let payment = match &body {
            Some(Body::Payment { payment }) => Some(payment.id),
            _ => None,
        };
        Self {
            seq: record.seq,
            at: record.at,
            kind: body.as_ref().map_or("unknown", Body::kind),
            payment,
            bytes: record.body.len(),
            why,
        }
    }
}

impl Handler<GetParked> for Outbox {
    type Result = ResponseActFuture<Self, Result<Vec<ParkedRecord>, JournalFailed>>;

    fn handle(&mut self, _: GetParked, _: &mut Context<Self>) -> Self::Result {
        let disk = self.deps.disk.clone();
        let known = self.parked.clone();
        let read = async move {
            let parked = match known {
                Some(parked) => parked,
                None => disk.parked().await?,
            };
            Self::read_listed(disk, parked).await
        };
        Box::pin(read.into_actor(self))
    }
}

impl Handler<SendParked> for Outbox {
    type Result = ResponseActFuture<Self, Result<(), SendRefused>>;

    fn handle(&mut self, SendParked { seq }: SendParked, _: &mut Context<Self>) -> Self::Result {
        let is_parked = self.parked.iter().flatten().any(|(known, _)| *known == seq);
        let disk = self.deps.disk.clone();
        let read = async move {
            if !is_parked {
                return Err(SendRefused::NotParked);
            }
            Ok(disk.records(seq, 1, 1).await?)
        };
        Box::pin(
            read.into_actor(self)
                .map(move |read, outbox, _| outbox.hand_over(seq, &read?)),
        )
    }
}
