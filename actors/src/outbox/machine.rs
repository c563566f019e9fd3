//! The outbox's decisions, pure: what it has published, what came back, and what that means.
//!
//! An event changes the books in one way whatever the state (`take`); what follows from it is the
//! state's own method. States:
//!
//! | state | meaning | leaves it |
//! |---|---|---|
//! | offline | the link is down | link up |
//! | online | receipts keep up with the shop | link down, a late receipt, a backlog |
//! | draining | a backlog goes out in small batches with pauses | the backlog is gone, … |
//! | slow | receipts are late or nobody is there: one small batch at a time, sent again now and then | a receipt in time, none for long |
//! | stuck | the link says it is up and nothing is receipted: it is rebuilt | a receipt |
//!
//! While a backlog goes out, what is written meanwhile overtakes it in a lane of its own (`lane`).
//! A record that can't be shipped as it is, because the link takes no message so large or the head
//! office refuses it twice, is parked: a stub goes in its place and the rest flows (OUT-2).

mod books;
mod lane;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::{ports::PublishRefused, signal::OutboxStatus};

use super::OutboxSettings;
use lane::Lane;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Online,
    Slow,
    Offline,
    Draining,
    Stuck,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Online => "online",
            State::Slow => "slow",
            State::Offline => "offline",
            State::Draining => "draining",
            State::Stuck => "stuck",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Up,
    Down,
    Receipt {
        through: u64,
    },
    Missing {
        after: u64,
    },
    /// The broker has nobody to hand it to.
    Unheard,
    /// The journal may have grown.
    Wrote,
    /// It has, and people pay.
    PaymentMoved,
    Published {
        first: u64,
        through: u64,
        /// What went over the line.
        bytes: usize,
    },
    /// The head office can't take this record as it came.
    HeadOfficeRefuses {
        seq: u64,
        why: String,
    },
    /// It is on disk that a stub goes in its place.
    Parked {
        seq: u64,
    },
    Unparked {
        seq: u64,
    },
    Refused {
        why: PublishRefused,
        records: usize,
    },
    /// The journal gave nothing.
    Unread,
    Tick,
}

/// Under what circumstances an event is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub now: Instant,
    /// Sequence number of the last record on disk.
    pub tip: u64,
    /// A random byte, for jitter.
    pub chance: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The head office has everything up to here.
    Retire(u64),
    Rebuild(String),
    /// A receipt that can't be true. `beyond`: it names records that do not exist.
    Ignored {
        through: u64,
        beyond: bool,
    },
    /// This record can't be shipped as it is.
    Park {
        seq: u64,
        why: String,
    },
}

/// What to read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fetch {
    pub from: u64,
    pub records: usize,
    pub pause: Duration,
}

/// What an event was, once the books are right.
enum News {
    LinkUp,
    LinkDown,
    /// A receipt, and how long its batch had been under way.
    Receipted {
        took: Duration,
    },
    Busy,
    None,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub through: u64,
    pub records: u64,
    pub at: Instant,
}

/// Records in a batch while receipts are late, and in the first one.
const PROBE_RECORDS: usize = 20;

/// Pause before it is tried again when no head office is there; doubled each time, at most so
/// often.
const UNHEARD_PAUSE: Duration = Duration::from_millis(20);
const UNHEARD_DOUBLINGS_MAX: u32 = 7;

/// A payment's records follow each other within this time, but for the customer's share of it.
pub(super) const LIVE_FOR: Duration = Duration::from_millis(500);

/// Doublings of the time between two rebuilds in vain.
const REBUILD_DOUBLINGS_MAX: u32 = 4;

#[derive(Debug)]
pub(super) struct Machine {
    settings: OutboxSettings,
    state: State,
    tip: u64,
    receipted: u64,
    /// What is published next.
    next: u64,
    in_flight: VecDeque<Batch>,
    /// When a receipt last showed that the way is open; or since when it is waited for.
    progress_at: Instant,
    rewound_at: Instant,
    /// Times the same was published again since the last receipt.
    resends: u32,
    rebuild_due: Instant,
    rebuilds_in_vain: u32,
    rebuilds: u64,
    receipts_ignored: u64,
    /// Records of one batch that the link takes; shrinks when it says that a batch is too large.
    batch_records: usize,
    /// The link came up and the head office has not said yet where it stands: perhaps it holds far
    /// more than it could tell. Its answer to a few records says so.
    asks: bool,
    /// Nothing goes until something has changed, nor before `retry_at`.
    blocked: bool,
    retry_at: Instant,
    /// Times in a row that nobody was there.
    unheard: u32,
    /// What overtakes the backlog.
    lane: Option<Lane>,
    /// Records in whose place a stub goes, and those that are about to be.
    parked: BTreeSet<u64>,
    parking: BTreeSet<u64>,
    /// Records that the head office refused once, and when: perhaps they were torn on the way.
    suspects: BTreeMap<u64, Instant>,
    /// The line's cap is used up until then.
    owed_until: Instant,
    /// When a payment last moved.
    paid_at: Option<Instant>,
}

impl Machine {
    pub(super) fn new(
        settings: OutboxSettings,
        receipted: u64,
        parked: BTreeSet<u64>,
        at: Moment,
    ) -> Self {
        let batch_records = settings.batch_records.max(1);
        Self {
            settings,
            state: State::Offline,
            tip: at.tip,
            receipted,
            next: receipted.saturating_add(1),
            in_flight: VecDeque::new(),
            progress_at: at.now,
            rewound_at: at.now,
            resends: 0,
            rebuild_due: at.now,
            rebuilds_in_vain: 0,
            rebuilds: 0,
            receipts_ignored: 0,
            batch_records,
            asks: true,
            blocked: false,
            retry_at: at.now,
            unheard: 0,
            lane: None,
            parked,
            parking: BTreeSet::new(),
            suspects: BTreeMap::new(),
            owed_until: at.now,
            paid_at: None,
        }
    }

    pub(super) fn on(&mut self, event: Event, at: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        let idle = !self.is_waiting();
        self.tip = self.tip.max(at.tip);
        if event == Event::PaymentMoved {
            self.paid_at = Some(at.now);
        }
        let news = self.take(event, at.now, &mut effects);
        if idle && self.is_waiting() {
            self.progress_at = at.now;
        }
        self.state = match self.state {
            State::Offline => self.offline(news, at),
            State::Online => self.online(news, at),
            State::Draining => self.draining(news, at),
            State::Slow => self.slow(news, at, &mut effects),
            State::Stuck => self.stuck(news, at, &mut effects),
        };
        if self.state == State::Draining && self.depth() > self.settings.drain_above {
            let begins = self.tip.saturating_add(1);
            self.lane.get_or_insert_with(|| Lane::beginning_at(begins));
        }
        effects
    }

    // ---- one method per state ----------------------------------------------------------------

    fn offline(&mut self, news: News, at: Moment) -> State {
        match news {
            News::LinkUp if self.rebuilds_in_vain > 0 => {
                self.rebuild_due = self.rebuild_due.max(at.now + self.stuck_after());
                State::Stuck
            }
            News::LinkUp => {
                self.progress_at = at.now;
                self.flowing()
            }
            _ => State::Offline,
        }
    }

    fn online(&mut self, news: News, at: Moment) -> State {
        match news {
            News::LinkDown => State::Offline,
            News::Busy => State::Slow,
            _ if self.is_late(at.now) => State::Slow,
            _ if self.depth() > self.settings.drain_above => State::Draining,
            _ => State::Online,
        }
    }

    fn draining(&mut self, news: News, at: Moment) -> State {
        match news {
            News::LinkDown => State::Offline,
            News::Busy => State::Slow,
            _ if self.is_late(at.now) => State::Slow,
            // not at the threshold itself: a shop that is merely busy would flicker
            _ if self.depth() <= self.settings.drain_above / 2 => State::Online,
            _ => State::Draining,
        }
    }

    fn slow(&mut self, news: News, at: Moment, effects: &mut Vec<Effect>) -> State {
        let in_time = Duration::from_millis(self.settings.slow_after_ms);
        match news {
            News::LinkDown => State::Offline,
            News::LinkUp => self.flowing(),
            News::Receipted { took } if took < in_time => self.flowing(),
            _ if !self.is_waiting() => self.flowing(),
            _ if self.silence(at.now) >= self.stuck_after() => {
                self.rebuild(at, effects);
                State::Stuck
            }
            _ => {
                self.resend_if_due(at.now);
                State::Slow
            }
        }
    }

    fn stuck(&mut self, news: News, at: Moment, effects: &mut Vec<Effect>) -> State {
        match news {
            News::LinkDown => State::Offline,
            News::Receipted { .. } => self.flowing(),
            _ if at.now >= self.rebuild_due => {
                self.rebuild(at, effects);
                State::Stuck
            }
            _ => {
                self.resend_if_due(at.now);
                State::Stuck
            }
        }
    }

    // ---- what the books say ------------------------------------------------------------------

    /// How long it waits for the line's cap, or for somebody to be there, before a tick changes
    /// anything.
    pub(super) fn waits_for(&self, now: Instant) -> Option<Duration> {
        let retry = self.retry_at.saturating_duration_since(now);
        let is_unheard = self.blocked && self.state != State::Offline && !retry.is_zero();
        is_unheard.then_some(retry).or_else(|| self.held_for(now))
    }

    /// By the cap on the line, if that is what the backlog waits for.
    fn held_for(&self, now: Instant) -> Option<Duration> {
        let is_backlog = !matches!(self.state, State::Offline | State::Online);
        let owed = self.owed_until.saturating_duration_since(now);
        (is_backlog && !owed.is_zero()).then_some(owed)
    }

    pub(super) fn fetch(&self, now: Instant) -> Option<Fetch> {
        let in_lane = self.lane.as_ref().filter(|_| self.state == State::Draining);
        if let Some(lane) = in_lane
            && !self.blocked
            && let Some(fetch) = lane.fetch(self.tip, self.batch_records)
        {
            return Some(fetch);
        }
        if self.held_for(now).is_some() {
            return None;
        }
        let mut pause = Duration::ZERO;
        let probe = self.batch_records.min(PROBE_RECORDS);
        let (batch, window) = match self.state {
            State::Offline => return None,
            _ if self.asks => (probe, probe),
            State::Slow | State::Stuck => (probe, probe),
            State::Draining if self.is_live(now) => {
                pause = Duration::from_millis(self.settings.live_pause_ms);
                let small = self.batch_records.min(self.settings.live_records);
                (small, self.settings.window_records)
            }
            State::Draining => {
                pause = Duration::from_millis(self.settings.drain_pause_ms);
                (self.batch_records, self.settings.window_records)
            }
            State::Online => (self.batch_records, self.settings.window_records),
        };
        let ends = self
            .lane
            .as_ref()
            .map_or(self.tip, |lane| lane.from.saturating_sub(1));
        let left = ends.saturating_add(1).saturating_sub(self.next);
        let under_way: u64 = self.in_flight.iter().map(|batch| batch.records).sum();
        let records = usize::try_from(left).unwrap_or(usize::MAX).min(batch);
        let under_way = usize::try_from(under_way).unwrap_or(usize::MAX);
        let room = under_way == 0 || under_way.saturating_add(records) <= window;
        (records > 0 && room && !self.blocked).then_some(Fetch {
            from: self.next,
            records,
            pause,
        })
    }

    /// Whether people pay: the machine, the line and the disk belong to them then.
    fn is_live(&self, now: Instant) -> bool {
        self.paid_at
            .is_some_and(|at| now.duration_since(at) < LIVE_FOR)
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// Whether records from here on are what goes next, in the backlog or in the lane.
    pub(super) fn is_next(&self, from: u64) -> bool {
        let in_lane = self.lane.as_ref().is_some_and(|lane| lane.next == from);
        self.next == from || in_lane
    }

    pub(super) const fn receipted(&self) -> u64 {
        self.receipted
    }

    pub(super) const fn depth(&self) -> u64 {
        self.tip.saturating_sub(self.receipted)
    }

    /// The status, but for the age, which is the actor's to know.
    pub(super) fn status(&self) -> OutboxStatus {
        OutboxStatus {
            state: self.state.as_str(),
            last_seq: self.tip,
            receipted: self.receipted,
            depth: self.depth(),
            oldest_age_ms: None,
            money: None,
            rebuilds: self.rebuilds,
            receipts_ignored: self.receipts_ignored,
            parked: self.parked.len(),
        }
    }

    fn is_waiting(&self) -> bool {
        self.depth() > 0 || !self.in_flight.is_empty()
    }

    fn flowing(&self) -> State {
        if self.depth() > self.settings.drain_above {
            State::Draining
        } else {
            State::Online
        }
    }

    fn is_late(&self, now: Instant) -> bool {
        let bound = Duration::from_millis(self.settings.slow_after_ms);
        self.in_flight
            .front()
            .is_some_and(|batch| now.duration_since(batch.at) >= bound)
    }

    fn silence(&self, now: Instant) -> Duration {
        now.duration_since(self.progress_at)
    }

    const fn resend_after(&self) -> Duration {
        Duration::from_millis(self.settings.resend_after_ms)
    }

    const fn stuck_after(&self) -> Duration {
        Duration::from_millis(self.settings.stuck_after_ms)
    }
}
