//! In-memory ports for the tests of device actors: lines that are plugged in and out, clocks that
//! stand still.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{DuplexStream, duplex},
    time::timeout,
};

use super::{DeviceDeps, Fact, FactKind};
use crate::{
    domain::{
        ids::PaymentId,
        money::{Currency, Money},
        timestamp::Timestamp,
    },
    ports::{Duplex, Entropy, LineOpener, Reply, WallClock},
    signal::{Health, Signal, Signals},
    supervisor::{Restarts, Supervision, Supervisor, SupervisorDeps},
};

/// Jitter of nothing, and the same random bytes always.
pub(crate) struct NoJitter;

impl Entropy for NoJitter {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0x7f);
    }
}

/// A wall clock that goes with tokio's.
pub(crate) struct TestClock(tokio::time::Instant);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl WallClock for TestClock {
    fn now(&self) -> Timestamp {
        let passed = u64::try_from(self.0.elapsed().as_millis()).expect("short");
        Timestamp::from_unix_ms(1_772_000_000_000).plus_ms(passed)
    }
}

/// Opens what was plugged in, once each; `NotFound` otherwise.
#[derive(Clone, Default)]
pub(crate) struct ScriptedOpener(Arc<Mutex<VecDeque<DuplexStream>>>);

impl ScriptedOpener {
    /// The far end of a line that the next attempt to open finds. `pipe` is its buffer in bytes.
    pub(crate) fn plug_in(&self, pipe: usize) -> DuplexStream {
        let (near, far) = duplex(pipe);
        self.0.lock().expect("unpoisoned").push_back(near);
        far
    }
}

impl LineOpener for ScriptedOpener {
    fn open(&self) -> Reply<'_, io::Result<Box<dyn Duplex>>> {
        let near = self.0.lock().expect("unpoisoned").pop_front();
        Box::pin(async move {
            match near {
                Some(near) => Ok(Box::new(near) as Box<dyn Duplex>),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        })
    }

    fn describe(&self) -> String {
        String::from("memory")
    }
}

/// Where a device actor's facts and signals end up.
pub(crate) struct Desk {
    pub(crate) deps: DeviceDeps,
    facts: tokio::sync::mpsc::UnboundedReceiver<Fact>,
    signals: tokio::sync::broadcast::Receiver<Signal>,
}

impl Desk {
    pub(crate) fn new(id: &str) -> Self {
        let (sink, facts) = tokio::sync::mpsc::unbounded_channel();
        let signals = Signals::default();
        let listener = signals.listen();
        let deps = DeviceDeps {
            id: id.parse().expect("an id"),
            counter: "01".parse().expect("an id"),
            facts: Arc::new(move |fact| drop(sink.send(fact))),
            signals,
            clock: Arc::new(TestClock::new()),
            entropy: Arc::new(NoJitter),
            restarts: Restarts::default(),
        };
        Self {
            deps,
            facts,
            signals: listener,
        }
    }

    pub(crate) fn supervision(&self) -> Supervision {
        Supervisor::start(SupervisorDeps {
            signals: self.deps.signals.clone(),
            clock: self.deps.clock.clone(),
            entropy: self.deps.entropy.clone(),
        })
    }

    /// The next fact that is not about health.
    pub(crate) async fn fact(&mut self) -> FactKind {
        loop {
            match self.any_fact().await {
                FactKind::HealthChanged(_) => {}
                fact => return fact,
            }
        }
    }

    async fn any_fact(&mut self) -> FactKind {
        let fact = timeout(Duration::from_secs(600), self.facts.recv()).await;
        fact.expect("a fact in time").expect("a fact").kind
    }

    /// Waits until the device says that it is so, dropping other facts; gives why.
    pub(crate) async fn health(&mut self, state: &str) -> String {
        loop {
            if let FactKind::HealthChanged(health) = self.any_fact().await
                && health.as_str() == state
            {
                return match health {
                    Health::Starting | Health::Ready => String::new(),
                    Health::Absent(why)
                    | Health::Mute(why)
                    | Health::Babbling(why)
                    | Health::Quarantined(why) => why,
                };
            }
        }
    }

    /// The next thing that was dropped, in words.
    pub(crate) async fn ignored(&mut self) -> String {
        loop {
            let signal = timeout(Duration::from_secs(600), self.signals.recv()).await;
            if let Signal::Ignored { why, .. } = signal.expect("in time").expect("a signal") {
                return why;
            }
        }
    }

    /// Lets `passing` pass and asserts that no fact but of health came.
    pub(crate) async fn no_fact_within(&mut self, passing: Duration) {
        let quiet = timeout(passing, self.fact()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    }

    /// All signals so far, as text, to look for what must not be in them.
    pub(crate) fn signals_shown(&mut self) -> String {
        std::iter::from_fn(|| self.signals.try_recv().ok())
            .map(|s| format!("{s:?}\n"))
            .collect()
    }
}

/// A payment's id; `n` tells them apart and orders them.
pub(crate) fn payment(n: u8) -> PaymentId {
    PaymentId::new(
        Timestamp::from_unix_ms(1_772_000_000_000 + i64::from(n)),
        [n; 10],
    )
}

pub(crate) fn money(amount: &str) -> Money {
    Money::parse(amount, Currency::Cny).expect("an amount")
}
