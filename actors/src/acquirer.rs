//! An acquirer's actor: the one way to an acquirer's driver.
//!
//! It puts the last time-out on every question, keeps questions of background work from crowding
//! out live ones, and judges whether the acquirer can be reached (`domain/link`), from a probe that
//! does not wait for sales and from questions that got nowhere. It decides nothing: what an answer
//! means is the payment's business.

pub mod own_terminal;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, timeout},
};

use crate::{
    domain::{
        ids::{PaymentId, RefundId},
        link::{Link, Sample, Trouble},
        money::Money,
        payment::{Answer, NoAnswer, Operation, answer::RefundVerdict},
        sticker::Claim,
        timestamp::Timestamp,
    },
    ports::{Acquirer, Charge, WallClock},
    signal::{AcquirerStatus, Signal, Signals},
    supervisor::Heartbeat,
};

/// Questions under way at once. Each counter has one live charge at most, and none of them shall
/// wait for another's customer; live charges have a share of their own (OUT-3's sibling for
/// acquirers).
const LIVE_AT_ONCE: usize = 1_024;
const BACKGROUND_AT_ONCE: usize = 16;

/// Beyond the driver's own time-out, for its connection and its scheduling.
const MARGIN: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct AcquirerDeps {
    pub port: Arc<dyn Acquirer>,
    pub signals: Signals,
    pub clock: Arc<dyn WallClock>,
    /// Outlives the actor, so that a restart forgets nothing.
    pub status: Arc<watch::Sender<AcquirerStatus>>,
}

impl AcquirerDeps {
    pub fn new(port: Arc<dyn Acquirer>, signals: Signals, clock: Arc<dyn WallClock>) -> Self {
        let status = AcquirerStatus {
            id: port.profile().id.clone(),
            reachable: true,
            why: None,
            since: clock.now(),
            clock_ahead_s: None,
        };
        signals.emit(Signal::AcquirerChanged(status.clone()));
        Self {
            port,
            signals,
            clock,
            status: Arc::new(watch::channel(status).0),
        }
    }
}

/// The actor in front of one acquirer's driver.
pub struct AcquirerDesk {
    deps: AcquirerDeps,
    live: Arc<Semaphore>,
    background: Arc<Semaphore>,
    link: Link,
}

impl AcquirerDesk {
    pub fn new(deps: AcquirerDeps) -> Self {
        let (live, background) = (
            Semaphore::new(LIVE_AT_ONCE),
            Semaphore::new(BACKGROUND_AT_ONCE),
        );
        let mut link = Link::new(deps.port.profile().link);
        if !deps.status.borrow().reachable {
            link.was_down();
        }
        Self {
            deps,
            live: Arc::new(live),
            background: Arc::new(background),
            link,
        }
    }

    /// One sample of the link, from a probe or from a question that got nowhere.
    fn sampled(&mut self, sample: Sample, why: Option<&NoAnswer>) {
        self.link.sampled(sample);
        let reachable = self.link.is_up();
        if reachable == self.deps.status.borrow().reachable {
            return;
        }
        let slow = || {
            let slow = self.link.trouble() == Some(Trouble::Slow);
            slow.then(|| {
                format!(
                    "answers take longer than {} ms",
                    self.deps.port.profile().link.slow_ms
                )
            })
        };
        let why = why.map(ToString::to_string).or_else(slow);
        let status = AcquirerStatus {
            id: self.deps.port.profile().id.clone(),
            reachable,
            why: why.filter(|_| !reachable),
            since: self.now(),
            clock_ahead_s: self.deps.port.clock_ahead_s(),
        };
        tracing::info!(acquirer = %status.id, reachable, why = ?status.why, "the link is judged anew");
        self.deps.status.send_replace(status.clone());
        self.deps.signals.emit(Signal::AcquirerChanged(status));
    }

    /// Shown when it is news: a second more or less is the header's own grain.
    fn compare_clocks(&self) {
        let ahead_s = self.deps.port.clock_ahead_s();
        let shown = self.deps.status.borrow().clone();
        let is_news = match (ahead_s, shown.clock_ahead_s) {
            (Some(now), Some(before)) => now.abs_diff(before) > 1,
            (now, before) => now != before,
        };
        if is_news {
            let status = AcquirerStatus {
                clock_ahead_s: ahead_s,
                ..shown
            };
            self.deps.status.send_replace(status.clone());
            self.deps.signals.emit(Signal::AcquirerChanged(status));
        }
    }

    fn now(&self) -> Timestamp {
        self.deps.clock.now()
    }

    fn probe(&self, ctx: &mut Context<Self>) {
        let port = Arc::clone(&self.deps.port);
        let limit = self.limit();
        let begun = Instant::now();
        let asked = async move {
            timeout(limit, port.probe())
                .await
                .unwrap_or(Err(NoAnswer::TimedOut))
        };
        ctx.spawn(asked.into_actor(self).map(move |probed, this, _| {
            let sample = match &probed {
                // a refusal is a sign of life
                Err(failure) if is_about_the_link(failure) => Sample::Lost,
                _ => Sample::Answered {
                    took_ms: elapsed_ms(begun),
                },
            };
            this.sampled(sample, probed.as_ref().err());
            this.compare_clocks();
        }));
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(self.deps.port.profile().clock.answer_timeout_ms) + MARGIN
    }

    /// Runs one question under its limits and reports how it went.
    fn ask<T: 'static>(
        &self,
        operation: Operation,
        share: &Arc<Semaphore>,
        word: fn(&T) -> &'static str,
        question: impl Future<Output = Result<T, NoAnswer>> + 'static,
    ) -> ResponseActFuture<Self, Result<T, NoAnswer>> {
        let (limit, share) = (self.limit(), Arc::clone(share));
        let begun = Instant::now();
        let asked = async move {
            // waiting for a place counts: nothing has left the house, and the caller will ask again
            let Ok(Ok(_place)) = timeout(limit, share.acquire_owned()).await else {
                return Err(NoAnswer::Internal("too many questions at once".into()));
            };
            timeout(limit, question)
                .await
                .unwrap_or(Err(NoAnswer::TimedOut))
        };
        Box::pin(asked.into_actor(self).map(move |answer, this, _| {
            // an answer says nothing of the link that the probe does not say better
            if let Err(failure) = &answer
                && is_about_the_link(failure)
            {
                this.sampled(Sample::Lost, Some(failure));
            }
            this.deps.signals.emit(Signal::AcquirerAnswered {
                acquirer: this.deps.port.profile().id.clone(),
                operation,
                outcome: answer.as_ref().map_or_else(no_answer_word, word),
                took_ms: elapsed_ms(begun),
            });
            answer
        }))
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Whether a missing answer says anything about the way to the acquirer.
fn is_about_the_link(failure: &NoAnswer) -> bool {
    matches!(
        failure,
        NoAnswer::NotSent(_) | NoAnswer::TimedOut | NoAnswer::Broken(_) | NoAnswer::ServerFailed(_)
    )
}

fn no_answer_word(failure: &NoAnswer) -> &'static str {
    match failure {
        NoAnswer::NotSent(_) => "not_sent",
        NoAnswer::TimedOut => "timed_out",
        NoAnswer::Broken(_) => "broken",
        NoAnswer::ServerFailed(_) => "server_failed",
        NoAnswer::Forged => "forged",
        NoAnswer::AnotherOrder => "another_order",
        NoAnswer::Unintelligible(_) => "unintelligible",
        NoAnswer::Refused(_) => "refused",
        NoAnswer::Internal(_) => "internal",
    }
}

impl Actor for AcquirerDesk {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.probe(ctx);
        let interval = self.deps.port.profile().probe_interval;
        ctx.run_interval(interval, |this, ctx| this.probe(ctx));
    }
}

impl Handler<Heartbeat> for AcquirerDesk {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Context<Self>) {}
}

/// Charges once; the driver never repeats a charge by itself.
#[derive(Debug, Message)]
#[rtype(result = "Answer")]
pub struct AskCharge(pub Charge);

/// As `AskCharge`, for a card that was accepted offline: behind the live ones.
#[derive(Debug, Message)]
#[rtype(result = "Answer")]
pub struct AskForward(pub Charge);

#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Answer")]
pub struct AskQuery(pub PaymentId);

#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Answer")]
pub struct AskReverse {
    pub order: PaymentId,
    /// Its QR was shown: nobody was charged.
    pub was_shown: bool,
}

/// As `AskQuery`, of a transaction that began at the provider.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Answer")]
pub struct AskLookUp {
    pub payment: PaymentId,
    pub claim: Claim,
}

#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<RefundVerdict, NoAnswer>")]
pub struct AskRefund {
    pub order: PaymentId,
    /// Of a payment that began at the provider.
    pub claim: Option<Claim>,
    pub refund: RefundId,
    pub money: Money,
}

impl Handler<AskCharge> for AcquirerDesk {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, AskCharge(charge): AskCharge, _: &mut Context<Self>) -> Self::Result {
        let port = Arc::clone(&self.deps.port);
        self.ask(
            Operation::Charge,
            &self.live,
            |a| a.verdict.label(),
            async move { port.charge(charge).await },
        )
    }
}

impl Handler<AskForward> for AcquirerDesk {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, AskForward(charge): AskForward, _: &mut Context<Self>) -> Self::Result {
        let port = Arc::clone(&self.deps.port);
        self.ask(
            Operation::Charge,
            &self.background,
            |a| a.verdict.label(),
            async move { port.forward(charge).await },
        )
    }
}

impl Handler<AskQuery> for AcquirerDesk {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, AskQuery(order): AskQuery, _: &mut Context<Self>) -> Self::Result {
        let port = Arc::clone(&self.deps.port);
        self.ask(
            Operation::Query,
            &self.background,
            |a| a.verdict.label(),
            async move { port.query(order).await },
        )
    }
}

impl Handler<AskLookUp> for AcquirerDesk {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, ask: AskLookUp, _: &mut Context<Self>) -> Self::Result {
        let port = Arc::clone(&self.deps.port);
        self.ask(
            Operation::Query,
            &self.background,
            |a| a.verdict.label(),
            async move { port.look_up(ask.payment, ask.claim).await },
        )
    }
}

impl Handler<AskReverse> for AcquirerDesk {
    type Result = ResponseActFuture<Self, Answer>;

    fn handle(&mut self, ask: AskReverse, _: &mut Context<Self>) -> Self::Result {
        let port = Arc::clone(&self.deps.port);
        let question = async move {
            match ask.was_shown {
                true => port.close(ask.order).await,
                false => port.reverse(ask.order).await,
            }
        };
        self.ask(
            Operation::Reverse,
            &self.background,
            |a| a.verdict.label(),
            question,
        )
    }
}

impl Handler<AskRefund> for AcquirerDesk {
    type Result = ResponseActFuture<Self, Result<RefundVerdict, NoAnswer>>;

    fn handle(&mut self, ask: AskRefund, _: &mut Context<Self>) -> Self::Result {
        let port = Arc::clone(&self.deps.port);
        let question = async move {
            match ask.claim {
                Some(claim) => {
                    port.refund_claim(ask.order, claim, ask.refund, ask.money)
                        .await
                }
                None => port.refund(ask.order, ask.refund, ask.money).await,
            }
        };
        self.ask(
            Operation::Refund,
            &self.background,
            RefundVerdict::label,
            question,
        )
    }
}
