//! Matching the day's money before its bill comes: each payment is asked about once more, some
//! while after it was confirmed, a few at a time and behind everything live. What the acquirer says
//! otherwise becomes a difference at once, and not tomorrow.
//!
//! It remembers nothing over a restart: asking again finds nothing new. A question without an
//! answer tells nothing, and is asked again at the next look if the way was cut.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use actix::prelude::*;
use tokio::time::{sleep, timeout};

use super::{
    Office,
    requests::{OfficeRefused, TakeAnswers},
};
use crate::{
    acquirer::{AskLookUp, AskQuery},
    counter::AcquirerRoute,
    domain::{
        day::Day,
        ids::PaymentId,
        office::movement::Movement,
        payment::{Answer, NoAnswer},
        timestamp::Timestamp,
    },
    ports::{ASK_TIMEOUT, JournalDisk, WallClock},
    supervisor::{Handle, Heartbeat},
};

const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// Questions to one acquirer at one look, and the pause between two of them.
const ASKED_AT_ONCE: usize = 20;
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Clone)]
pub struct MatchingDeps {
    pub disk: Arc<dyn JournalDisk>,
    pub office: Handle<Office>,
    pub acquirers: Vec<AcquirerRoute>,
    pub clock: Arc<dyn WallClock>,
    /// From UTC to the clock whose midnight ends the business day.
    pub offset_minutes: i32,
    /// So long after it was confirmed a payment is asked about.
    pub after_ms: u64,
}

/// The actor.
pub struct Matching {
    deps: MatchingDeps,
    asked: BTreeSet<PaymentId>,
    at_work: bool,
}

impl fmt::Debug for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matching({} asked)", self.asked.len())
    }
}

impl Matching {
    pub const fn new(deps: MatchingDeps) -> Self {
        Self {
            deps,
            asked: BTreeSet::new(),
            at_work: false,
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.at_work {
            return;
        }
        self.at_work = true;
        let round = self.deps.clone().round(std::mem::take(&mut self.asked));
        ctx.spawn(round.into_actor(self).map(|asked, this, _| {
            this.asked = asked;
            this.at_work = false;
        }));
    }
}

impl MatchingDeps {
    /// Gives what has been asked about by then.
    async fn round(self, mut asked: BTreeSet<PaymentId>) -> BTreeSet<PaymentId> {
        let now = self.clock.now();
        let Some(movements) = self.latest(now).await else {
            return asked;
        };
        let orders: BTreeSet<PaymentId> = movements.iter().map(|one| one.order).collect();
        asked.retain(|order| orders.contains(order));
        for route in &self.acquirers {
            let is_due = |one: &&Movement| {
                one.acquirer.as_ref() == Some(&route.profile.id)
                    && one.refund.is_none()
                    && now.since_ms(one.at) >= self.after_ms
                    && !asked.contains(&one.order)
            };
            let due = movements.iter().filter(is_due);
            let due: Vec<PaymentId> = due.map(|one| one.order).take(ASKED_AT_ONCE).collect();
            let answers = self.ask_about(route, &due).await;
            asked.extend(answers.iter().map(|(order, _)| *order));
            if let Err(why) = self.compare(route, answers.clone()).await {
                tracing::warn!(acquirer = %route.profile.id, %why, "not compared; asked again later");
                answers.iter().for_each(|(order, _)| {
                    asked.remove(order);
                });
            }
        }
        asked
    }

    /// Yesterday's, too: what was confirmed before midnight is asked about after it.
    async fn latest(&self, now: Timestamp) -> Option<Vec<Movement>> {
        let today = Day::of(now, self.offset_minutes);
        let mut all = Vec::new();
        for day in [today.plus(-1), today] {
            let read = timeout(ASK_TIMEOUT, self.disk.movements(day, None)).await;
            all.extend(read.ok()?.ok()?.into_iter().flat_map(|day| day.movements));
        }
        Some(all)
    }

    async fn ask_about(
        &self,
        route: &AcquirerRoute,
        due: &[PaymentId],
    ) -> Vec<(PaymentId, Answer)> {
        let mut answers = Vec::new();
        for order in due {
            if !route.status.borrow().reachable {
                break;
            }
            let answer = self.ask(route, *order).await;
            let is_cut = matches!(
                answer,
                Err(NoAnswer::NotSent(_)
                    | NoAnswer::TimedOut
                    | NoAnswer::Broken(_)
                    | NoAnswer::Internal(_))
            );
            if is_cut {
                break;
            }
            answers.push((*order, answer));
            sleep(PAUSE).await;
        }
        answers
    }

    async fn ask(&self, route: &AcquirerRoute, order: PaymentId) -> Answer {
        let internal = |why: String| NoAnswer::Internal(why);
        let read = timeout(ASK_TIMEOUT, self.disk.payment(order)).await;
        let read = read.map_err(|_| NoAnswer::TimedOut)?;
        let payment = read.map_err(|why| internal(why.to_string()))?;
        let bound = Duration::from_millis(route.profile.clock.question_bound_ms());
        let asked = match payment.and_then(|payment| payment.claim) {
            Some(claim) => {
                let look_up = AskLookUp {
                    payment: order,
                    claim,
                };
                route.desk.ask(look_up, bound).await
            }
            None => route.desk.ask(AskQuery(order), bound).await,
        };
        asked.map_err(|failed| internal(failed.to_string()))?
    }

    async fn compare(
        &self,
        route: &AcquirerRoute,
        answers: Vec<(PaymentId, Answer)>,
    ) -> Result<(), OfficeRefused> {
        if answers.is_empty() {
            return Ok(());
        }
        let take = TakeAnswers {
            acquirer: route.profile.id.clone(),
            answers,
        };
        let found = self.office.ask(take, ASK_TIMEOUT).await;
        let found = found.map_err(|failed| OfficeRefused::NoAnswer(failed.to_string()))??;
        if found > 0 {
            tracing::warn!(acquirer = %route.profile.id, found, "it says otherwise of payments");
        }
        Ok(())
    }
}

impl Actor for Matching {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(LOOK_INTERVAL, |this, ctx| this.look(ctx));
    }
}

impl Handler<Heartbeat> for Matching {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Context<Self>) {}
}
