//! What every device actor shares: who it is, whom it tells, and how its health is made known.
//!
//! A change of health is told twice: as a fact to the counter, which plans with it, and as a signal
//! to whoever watches. While the actor itself is dead its supervisor speaks for it, through the
//! `ChildSpec` made here.

use std::{fmt, sync::Arc};

use super::{Fact, FactKind, FactSink};
use crate::{
    domain::{
        ids::{CounterId, DeviceId},
        timestamp::Timestamp,
    },
    ports::{Entropy, WallClock},
    signal::{DeviceKind, DeviceStatus, Health, Signal, Signals},
    supervisor::{ChildSpec, ChildState, Restarts},
};

/// What a device actor of any kind needs. Cloned for each incarnation.
#[derive(Clone)]
pub struct DeviceDeps {
    pub id: DeviceId,
    pub counter: CounterId,
    pub facts: FactSink,
    pub signals: Signals,
    pub clock: Arc<dyn WallClock>,
    pub entropy: Arc<dyn Entropy>,
    /// Shared by all incarnations; a fresh one for each device.
    pub restarts: Restarts,
}

impl fmt::Debug for DeviceDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceDeps")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl DeviceDeps {
    /// How such a device is supervised: under its id, with the usual policy.
    pub(super) fn child_spec(&self, kind: DeviceKind, line: String) -> ChildSpec {
        let deps = self.clone();
        let observer = move |state: &ChildState| {
            let health = match state {
                // the new incarnation speaks for itself
                ChildState::Running => return,
                ChildState::BackingOff(_) => Health::Starting,
                ChildState::Quarantined(why) => Health::Quarantined(why.clone()),
                ChildState::Stopped => Health::Absent(String::from("switched off")),
            };
            Vitals::new(deps.clone(), kind, line.clone()).tell(health);
        };
        ChildSpec {
            restarts: self.restarts.clone(),
            observer: Some(Arc::new(observer)),
            ..ChildSpec::new(self.id.as_str())
        }
    }
}

/// A device's health as last told.
pub(super) struct Vitals {
    deps: DeviceDeps,
    kind: DeviceKind,
    line: String,
    health: Health,
    since: Timestamp,
    last_word_at: Option<Timestamp>,
}

impl Vitals {
    pub(super) fn new(deps: DeviceDeps, kind: DeviceKind, line: String) -> Self {
        let since = deps.clock.now();
        Self {
            deps,
            kind,
            line,
            health: Health::Starting,
            since,
            last_word_at: None,
        }
    }

    pub(super) fn deps(&self) -> &DeviceDeps {
        &self.deps
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// Tells `health` if it is news.
    pub(super) fn set(&mut self, health: Health) {
        if health != self.health {
            self.tell(health);
        }
    }

    /// Tells `health`, news or not: at the start of a life.
    pub(super) fn tell(&mut self, health: Health) {
        if health.as_str() != self.health.as_str() {
            self.since = self.deps.clock.now();
        }
        self.health = health.clone();
        self.deps.signals.emit(Signal::DeviceChanged(self.status()));
        self.fact(FactKind::HealthChanged(health));
    }

    /// The device was heard.
    pub(super) fn word(&mut self) {
        self.last_word_at = Some(self.deps.clock.now());
    }

    pub(super) fn fact(&self, kind: FactKind) {
        (self.deps.facts)(Fact {
            device: self.deps.id.clone(),
            kind,
        });
    }

    /// Something that was dropped on purpose, made visible. Never what was read (SEC-1).
    pub(super) fn ignored(&self, why: impl Into<String>) {
        self.deps.signals.emit(Signal::Ignored {
            device: self.deps.id.clone(),
            why: why.into(),
        });
    }

    pub(super) fn status(&self) -> DeviceStatus {
        DeviceStatus {
            id: self.deps.id.clone(),
            counter: self.deps.counter.clone(),
            kind: self.kind,
            health: self.health.clone(),
            since: self.since,
            last_word_at: self.last_word_at,
            restarts: self.deps.restarts.get(),
            line: self.line.clone(),
        }
    }
}
