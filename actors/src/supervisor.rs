//! Our own supervision tree: every long-lived actor is a child that is rebuilt when it dies.
//!
//! actix 0.13 restarts the same value at once after a stop and never after a panic: the address is
//! dead for ever. So each child here has a factory, and a restart is a new actor behind the same
//! `Handle`. A child's death is seen whatever its cause: a panic in any handler, future or in
//! `started`, a stop, an error (`fail`), and no answer to `Heartbeat` within its bound. It comes
//! back after a back-off with jitter; too many deaths in a window put it into quarantine, which is
//! shown and tried again slowly. One child never stops another (DEV-2): children share a thread and
//! nothing else.
//!
//! Deliberately not here: what a child's death means for a payment (its counter's matter), and a
//! remedy for a handler that blocks the thread itself (nothing on that thread could act; the clippy
//! bans and the process's own watchdog are for that).

mod handle;
mod incarnation;
mod keeper;
mod policy;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix::{Actor, Context, Handler, Message};
use serde::Serialize;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

pub use handle::{AskFailed, Handle, SendFailed};
pub use incarnation::fail;
pub use policy::RestartPolicy;
pub(crate) use policy::jittered;

use crate::{
    domain::timestamp::Timestamp,
    ports::{Entropy, WallClock},
    signal::Signals,
};

/// Asked of every child at intervals; answering shows that its mailbox moves. The answer is the
/// handler's return.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Heartbeat;

/// How many restarts a child has had, readable by the child itself and by whoever shows it.
#[derive(Clone, Debug, Default)]
pub struct Restarts(Arc<AtomicU64>);

impl Restarts {
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// How a child stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "why")]
pub enum ChildState {
    Running,
    /// Dead, and back after a short while.
    BackingOff(String),
    /// Died too often: tried again slowly.
    Quarantined(String),
    Stopped,
}

/// A child as shown.
#[derive(Clone, Debug, Serialize)]
pub struct ChildStatus {
    pub name: String,
    #[serde(flatten)]
    pub state: ChildState,
    pub since: Timestamp,
    pub restarts: u64,
}

/// Told of each change of a child's state, on the actors' thread. It must not block.
pub type Observer = Arc<dyn Fn(&ChildState) + Send + Sync>;

/// What a child is.
#[derive(Clone)]
pub struct ChildSpec {
    /// Unique among the children, for people and signals, e.g. `01-scanner`.
    pub name: String,
    pub policy: RestartPolicy,
    /// Messages that may wait; at least 1. One more makes `try_send` fail, it never waits.
    pub mailbox: usize,
    /// Give the child a clone of this to let it show its own restarts.
    pub restarts: Restarts,
    pub observer: Option<Observer>,
}

impl ChildSpec {
    /// A child with the usual policy and a mailbox of 64 messages.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            policy: RestartPolicy::default(),
            mailbox: 64,
            restarts: Restarts::default(),
            observer: None,
        }
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What the supervisor needs of the world.
#[derive(Clone)]
pub struct SupervisorDeps {
    pub signals: Signals,
    pub clock: Arc<dyn WallClock>,
    pub entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for SupervisorDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SupervisorDeps")
    }
}

/// Where supervision begins.
#[derive(Debug)]
pub struct Supervisor;

impl Supervisor {
    pub fn start(deps: SupervisorDeps) -> Supervision {
        Supervision(Arc::new(Inner {
            deps,
            children: Mutex::new(Vec::new()),
        }))
    }
}

/// The running supervision; clones are the same one. Dropping the last clone stops all children.
#[derive(Clone, Debug)]
pub struct Supervision(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    deps: SupervisorDeps,
    children: Mutex<Vec<Child>>,
}

#[derive(Debug)]
struct Child {
    seen: Arc<keeper::Seen>,
    stop: watch::Sender<bool>,
    keeper: JoinHandle<()>,
}

/// How long one child may take to stop before it is dropped where it stands.
const STOP_BOUND: Duration = Duration::from_secs(5);

impl Supervision {
    /// Starts a child: its first incarnation is built before this returns, each later one by
    /// calling `factory` again.
    ///
    /// Must be called on the actors' thread (inside the actix system), where the child will live.
    pub fn child<A, F>(&self, spec: ChildSpec, factory: F) -> Handle<A>
    where
        A: Actor<Context = Context<A>> + Handler<Heartbeat>,
        F: Fn() -> A + 'static,
    {
        let (handle, slot) = Handle::vacant();
        let (stop, stopped) = watch::channel(false);
        let (keeper, seen) = keeper::Keeper::new(spec, self.0.deps.clone(), factory, slot, stopped);
        let keeper = tokio::task::spawn_local(keeper.begin());
        self.children().push(Child { seen, stop, keeper });
        handle
    }

    /// Restarts of the child `name` so far; `None` if there is no such child.
    pub fn restarts(&self, name: &str) -> Option<u64> {
        let children = self.children();
        children
            .iter()
            .find(|child| child.seen.name() == name)
            .map(|child| child.seen.restarts())
    }

    /// All children in the order of their making.
    pub fn statuses(&self) -> Vec<ChildStatus> {
        self.children()
            .iter()
            .map(|child| child.seen.status())
            .collect()
    }

    /// Stops one child for good; its handles are absent from then on. `false` if there is none of
    /// that name.
    pub async fn retire(&self, name: &str) -> bool {
        let found = {
            let mut children = self.children();
            let at = children.iter().position(|child| child.seen.name() == name);
            at.map(|at| children.remove(at))
        };
        match found {
            Some(child) => {
                child.end().await;
                true
            }
            None => false,
        }
    }

    /// Stops all children, the youngest first, each after it has handled what was in its mailbox.
    /// Takes at most 5 s each.
    pub async fn shutdown(&self) {
        loop {
            let youngest = self.children().pop();
            let Some(child) = youngest else { return };
            child.end().await;
        }
    }

    fn children(&self) -> std::sync::MutexGuard<'_, Vec<Child>> {
        self.0
            .children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Child {
    async fn end(self) {
        self.stop.send_replace(true);
        let abort = self.keeper.abort_handle();
        if timeout(STOP_BOUND, self.keeper).await.is_err() {
            tracing::warn!(child = self.seen.name(), "did not stop in time, dropped");
            abort.abort();
        }
    }
}
