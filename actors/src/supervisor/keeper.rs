//! One task per child: begins its lives, watches each, and decides what follows a death.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use actix::{Actor, Context, Handler};
use tokio::{
    sync::watch,
    time::{Duration, Instant, sleep, timeout},
};

use super::{
    ChildSpec, ChildState, ChildStatus, Heartbeat, SupervisorDeps,
    handle::Slot,
    incarnation::Incarnation,
    policy::{Budget, Verdict},
};
use crate::{domain::timestamp::Timestamp, signal::Signal};

/// What everybody may know of a child.
#[derive(Debug)]
pub(super) struct Seen {
    spec: ChildSpec,
    now: Mutex<(ChildState, Timestamp)>,
}

impl Seen {
    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    pub(super) fn restarts(&self) -> u64 {
        self.spec.restarts.get()
    }

    pub(super) fn status(&self) -> ChildStatus {
        let (state, since) = self
            .now
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        ChildStatus {
            name: self.spec.name.clone(),
            state,
            since,
            restarts: self.restarts(),
        }
    }

    fn set(&self, state: ChildState, at: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = (state.clone(), at);
        if let Some(observer) = &self.spec.observer {
            // an observer's fault must not end the watch over its child
            let told = catch_unwind(AssertUnwindSafe(|| observer(&state)));
            if told.is_err() {
                tracing::error!(child = self.spec.name, "its observer panicked");
            }
        }
    }
}

pub(super) struct Keeper<A: Actor> {
    seen: Arc<Seen>,
    deps: SupervisorDeps,
    factory: Box<dyn Fn() -> A>,
    slot: Slot<A>,
    stopped: watch::Receiver<bool>,
    /// The first life, or why it could not begin.
    first: Option<Result<Incarnation<A>, String>>,
}

/// How the watch over a life ended.
enum End {
    Died(String),
    Asked,
}

/// How long a killed actor may take to leave before its successor begins: one turn of the
/// scheduler.
const LEAVE_BOUND: Duration = Duration::from_secs(1);

impl<A: Actor<Context = Context<A>> + Handler<Heartbeat>> Keeper<A> {
    /// The keeper with its child's first incarnation already behind the slot.
    pub(super) fn new(
        spec: ChildSpec,
        deps: SupervisorDeps,
        factory: impl Fn() -> A + 'static,
        slot: Slot<A>,
        stopped: watch::Receiver<bool>,
    ) -> (Self, Arc<Seen>) {
        let now = Mutex::new((ChildState::Running, deps.clock.now()));
        let seen = Arc::new(Seen { spec, now });
        let shown = Arc::clone(&seen);
        let mut keeper = Self {
            seen,
            deps,
            factory: Box::new(factory),
            slot,
            stopped,
            first: None,
        };
        keeper.first = Some(keeper.give_birth());
        (keeper, shown)
    }

    pub(super) async fn begin(mut self) {
        let mut budget = Budget::new(self.seen.spec.policy);
        let mut life = self.first.take().unwrap_or_else(|| self.give_birth());
        loop {
            let born = Instant::now();
            let end = match &mut life {
                Ok(life) => self.watch(life).await,
                Err(why) => End::Died(std::mem::take(why)),
            };
            self.put(None);
            let why = match end {
                End::Died(why) => why,
                End::Asked => break,
            };
            drop(life);
            let after = self.judge(&mut budget, born, &why);
            if self.stop_comes_within(after).await {
                break;
            }
            self.seen.spec.restarts.count();
            let name = self.seen.spec.name.clone();
            self.deps.signals.emit(Signal::ActorRestarted { name, why });
            life = self.give_birth();
            if life.is_ok() {
                self.show(ChildState::Running);
            }
        }
        self.show(ChildState::Stopped);
    }

    fn give_birth(&self) -> Result<Incarnation<A>, String> {
        let life = Incarnation::start(&*self.factory, self.seen.spec.mailbox)?;
        self.put(Some(&life));
        Ok(life)
    }

    fn put(&self, life: Option<&Incarnation<A>>) {
        let sender = life.map(|life| life.sender.clone());
        let before = {
            let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *slot, sender)
        };
        // dropped with the lock released: it may wake others
        drop(before);
    }

    /// Shows the death and gives the wait before the next life.
    fn judge(&self, budget: &mut Budget, born: Instant, why: &str) -> Duration {
        let name = self.seen.spec.name.clone();
        match budget.death(born, Instant::now(), &*self.deps.entropy) {
            Verdict::Restart { after } => {
                tracing::warn!(child = name, why, ?after, "died, restarting");
                self.show(ChildState::BackingOff(why.to_owned()));
                after
            }
            Verdict::Quarantine { after } => {
                tracing::error!(child = name, why, ?after, "died too often, in quarantine");
                self.show(ChildState::Quarantined(why.to_owned()));
                self.deps.signals.emit(Signal::ActorQuarantined { name });
                after
            }
        }
    }

    fn show(&self, state: ChildState) {
        self.seen.set(state, self.deps.clock.now());
    }

    async fn stop_comes_within(&mut self, bound: Duration) -> bool {
        timeout(bound, stop_asked(&mut self.stopped)).await.is_ok()
    }

    async fn watch(&mut self, life: &mut Incarnation<A>) -> End {
        let policy = self.seen.spec.policy;
        loop {
            tokio::select! {
                biased;
                why = life.ended() => return End::Died(why),
                () = stop_asked(&mut self.stopped) => {
                    self.wind_down(life).await;
                    return End::Asked;
                }
                () = sleep(policy.heartbeat_every) => {}
            }
            if let Some(why) = beat(life, policy.heartbeat_bound).await {
                life.kill();
                let _ = timeout(LEAVE_BOUND, life.ended()).await;
                return End::Died(why);
            }
        }
    }

    /// Lets the actor handle what is in its mailbox (a heartbeat queues behind it), then ends it.
    async fn wind_down(&self, life: &mut Incarnation<A>) {
        self.put(None);
        if beat(life, self.seen.spec.policy.heartbeat_bound)
            .await
            .is_none()
        {
            life.kill();
            let _ = timeout(LEAVE_BOUND, life.ended()).await;
        }
    }
}

/// Waits for the word to stop. A supervision that is gone is a word to stop too.
async fn stop_asked(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// One heartbeat: `None` if it was answered, else why the life is over.
async fn beat<A>(life: &mut Incarnation<A>, bound: Duration) -> Option<String>
where
    A: Actor<Context = Context<A>> + Handler<Heartbeat>,
{
    // this sender is not the handle's, so it has a place in the mailbox even when that is full
    let Ok(mut answer) = life.sender.send(Heartbeat) else {
        return Some(life.ended().await);
    };
    // in two halves: if the thread itself was held up, the first may have run out before the actor
    // had its turn
    for _half in 0..2 {
        tokio::select! {
            biased;
            why = life.ended() => return Some(why),
            answered = &mut answer => match answered {
                Ok(()) => return None,
                Err(_) => return Some(life.ended().await),
            },
            () = sleep(bound / 2) => {}
        }
    }
    Some(format!(
        "frozen: no answer to a heartbeat for {} ms",
        bound.as_millis()
    ))
}
