//! When the store crashes, what was broken, and the story of it.
//!
//! Every effect on the world passes here: a write begun or done, a question sent or answered, a
//! message, a receipt. The crash comes between two of them, at a number thrown beforehand; from
//! then on nothing of this life has any effect.

use std::{
    future::pending,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use store_actors::{
    domain::{invariant::Violation, timestamp::Timestamp},
    ports::WallClock,
};
use tokio::{sync::Notify, time::Instant};

/// When a storm begins: 2027-01-15 at a quarter to midnight in Shanghai, so that a day ends in it.
const BEGIN_MS: i64 = 1_800_027_900_000;

/// What is left of a storm when it is over. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Annals(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    violations: Vec<String>,
    story: Option<Vec<String>>,
    effects: u64,
}

impl Annals {
    pub fn with_story() -> Self {
        let annals = Self::default();
        annals.told().story = Some(Vec::new());
        annals
    }

    pub fn broken(&self, what: impl Into<String>) {
        let what = what.into();
        self.tell(format!("BROKEN: {what}"));
        let mut told = self.told();
        // one broken rule breaks others behind it: the first are enough
        if told.violations.len() < 20 {
            told.violations.push(what);
        }
    }

    pub fn check(&self, checked: Result<(), Violation>) {
        if let Err(violation) = checked {
            self.broken(format!("{}: {}", violation.rule.name(), violation.what));
        }
    }

    pub fn tell(&self, line: String) {
        if let Some(story) = &mut self.told().story {
            story.push(line);
        }
    }

    pub fn violations(&self) -> Vec<String> {
        self.told().violations.clone()
    }

    pub fn story(&self) -> Vec<String> {
        self.told().story.clone().unwrap_or_default()
    }

    pub fn effects(&self) -> u64 {
        self.told().effects
    }

    fn is_told(&self) -> bool {
        self.told().story.is_some()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One life of the store. Clones are the same.
#[derive(Clone, Debug)]
pub struct Fate(Arc<Life>);

#[derive(Debug)]
struct Life {
    annals: Annals,
    began: Instant,
    began_ms: i64,
    effects: AtomicU64,
    /// After so many effects; never if 0.
    crash_at: u64,
    is_over: AtomicBool,
    over: Notify,
    /// No faults any more: the world lets the store come to an end.
    is_calm: bool,
}

impl Fate {
    /// A life that begins so long after the storm did.
    pub fn new(annals: Annals, after_ms: u64, crash_at: u64, is_calm: bool) -> Self {
        Self(Arc::new(Life {
            annals,
            began: Instant::now(),
            began_ms: BEGIN_MS + i64::try_from(after_ms).unwrap_or(0),
            effects: AtomicU64::new(0),
            crash_at,
            is_over: AtomicBool::new(false),
            over: Notify::new(),
            is_calm,
        }))
    }

    /// Something has an effect on the world now; false if the store is dead and it has none.
    pub fn effect(&self, what: impl FnOnce() -> String) -> bool {
        if self.is_over() {
            return false;
        }
        self.tell(what);
        let count = self.0.effects.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.annals.told().effects += 1;
        if count == self.0.crash_at {
            self.tell(|| "the store crashes".into());
            self.0.is_over.store(true, Ordering::Relaxed);
            self.0.over.notify_waiters();
        }
        true
    }

    /// As `effect`, for whoever waits: the dead wait for ever.
    pub async fn lives(&self, what: impl FnOnce() -> String) {
        if !self.effect(what) {
            pending::<()>().await;
        }
    }

    pub fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }

    pub fn is_calm(&self) -> bool {
        self.0.is_calm
    }

    pub async fn until_over(&self) {
        let over = self.0.over.notified();
        if !self.is_over() {
            over.await;
        }
    }

    pub fn tell(&self, what: impl FnOnce() -> String) {
        if self.0.annals.is_told() {
            let at = self.now().to_string();
            let time = at.get(11..23).unwrap_or_default();
            self.0.annals.tell(format!("{time}  {}", what()));
        }
    }

    pub fn annals(&self) -> &Annals {
        &self.0.annals
    }

    /// Since the storm began.
    pub fn elapsed_ms(&self) -> u64 {
        self.now().since_ms(Timestamp::from_unix_ms(BEGIN_MS))
    }
}

impl WallClock for Fate {
    fn now(&self) -> Timestamp {
        let lived = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_unix_ms(self.0.began_ms).plus_ms(lived)
    }
}
