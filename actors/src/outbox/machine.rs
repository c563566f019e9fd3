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
//! | slow | receipts are late: one small batch at a time, sent again now and then | a receipt in time, none for long |
//! | stuck | the link says it is up and nothing is receipted: it is rebuilt | a receipt |

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::{ports::PublishRefused, signal::OutboxStatus};

use super::OutboxSettings;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Up,
    Down,
    Receipt {
        through: u64,
    },
    Missing {
        after: u64,
    },
    /// The journal may have grown.
    Wrote,
    Published {
        first: u64,
        through: u64,
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
    /// One record alone is larger than the link takes.
    Oversize(u64),
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
struct Batch {
    through: u64,
    records: u64,
    at: Instant,
}

/// Records in a batch while receipts are late.
const PROBE_RECORDS: usize = 20;

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
    /// Nothing goes until something has changed.
    blocked: bool,
}

impl Machine {
    pub(super) fn new(settings: OutboxSettings, receipted: u64, at: Moment) -> Self {
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
            blocked: false,
        }
    }

    pub(super) fn on(&mut self, event: Event, at: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        let idle = !self.is_waiting();
        self.tip = self.tip.max(at.tip);
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

    // ---- the books ---------------------------------------------------------------------------

    fn take(&mut self, event: Event, now: Instant, effects: &mut Vec<Effect>) -> News {
        match event {
            Event::Up => {
                self.rewind(self.receipted, now);
                News::LinkUp
            }
            Event::Down => {
                self.rewind(self.receipted, now);
                News::LinkDown
            }
            Event::Receipt { through } => self.receipt(through, now, effects),
            Event::Missing { after } => {
                // asked again before an answer can have arrived: once is enough
                let quiet = now.duration_since(self.rewound_at) >= self.resend_after();
                if after < self.tip && (quiet || self.resends == 0) {
                    self.resends += 1;
                    self.rewind(after, now);
                }
                News::None
            }
            Event::Published { first, through } => {
                let records = through.saturating_add(1).saturating_sub(first);
                self.in_flight.push_back(Batch {
                    through,
                    records,
                    at: now,
                });
                self.next = through.saturating_add(1);
                News::None
            }
            Event::Refused {
                why: PublishRefused::TooLarge,
                records,
            } => {
                if records <= 1 {
                    self.blocked = true;
                    effects.push(Effect::Oversize(self.next));
                }
                self.batch_records = (records / 2).max(1);
                News::None
            }
            Event::Refused {
                why: PublishRefused::Busy,
                ..
            } => {
                self.blocked = true;
                News::Busy
            }
            Event::Refused {
                why: PublishRefused::Down,
                ..
            }
            | Event::Unread => {
                self.blocked = true;
                News::None
            }
            Event::Tick => {
                self.blocked = false;
                News::None
            }
            Event::Wrote => News::None,
        }
    }

    fn receipt(&mut self, through: u64, now: Instant, effects: &mut Vec<Effect>) -> News {
        if through > self.tip {
            self.receipts_ignored += 1;
            effects.push(Effect::Ignored {
                through,
                beyond: true,
            });
            return News::None;
        }
        let mut took = None;
        while let Some(batch) = self
            .in_flight
            .pop_front_if(|batch| batch.through <= through)
        {
            took = Some(now.duration_since(batch.at));
        }
        if through < self.receipted {
            self.receipts_ignored += 1;
            effects.push(Effect::Ignored {
                through,
                beyond: false,
            });
        }
        if through > self.receipted {
            self.receipted = through;
            self.next = self.next.max(through.saturating_add(1));
            // part of a batch: it has been under way for so long at least
            let age = |batch: &Batch| now.duration_since(batch.at);
            took = took.or(Some(self.in_flight.front().map_or(Duration::ZERO, age)));
            effects.push(Effect::Retire(through));
        }
        let Some(took) = took else { return News::None };
        self.progress_at = now;
        self.resends = 0;
        self.rebuilds_in_vain = 0;
        self.blocked = false;
        self.batch_records = (self.batch_records * 2).min(self.settings.batch_records.max(1));
        News::Receipted { took }
    }

    /// What was published above `after` counts as never sent.
    fn rewind(&mut self, after: u64, now: Instant) {
        self.in_flight.clear();
        self.next = after.saturating_add(1);
        self.rewound_at = now;
        self.blocked = false;
    }

    fn resend_if_due(&mut self, now: Instant) {
        let doublings = 2u32.saturating_pow(self.resends);
        let wait = self
            .resend_after()
            .saturating_mul(doublings)
            .min(self.stuck_after());
        let Some(batch) = self.in_flight.front() else {
            return;
        };
        if now.duration_since(self.progress_at.max(batch.at)) >= wait {
            self.resends += 1;
            self.rewind(self.receipted, now);
        }
    }

    fn rebuild(&mut self, at: Moment, effects: &mut Vec<Effect>) {
        let doublings = self.rebuilds_in_vain.min(REBUILD_DOUBLINGS_MAX);
        let pause = self
            .stuck_after()
            .saturating_mul(2u32.saturating_pow(doublings));
        self.rebuild_due = at.now + pause + pause * u32::from(at.chance) / 1_024;
        self.rebuilds_in_vain += 1;
        self.rebuilds += 1;
        let why = format!(
            "nothing receipted for {} s with {} records waiting",
            self.silence(at.now).as_secs(),
            self.depth()
        );
        effects.push(Effect::Rebuild(why));
    }

    // ---- what the books say ------------------------------------------------------------------

    pub(super) fn fetch(&self) -> Option<Fetch> {
        let mut pause = Duration::ZERO;
        let (batch, window) = match self.state {
            State::Offline => return None,
            State::Slow | State::Stuck => {
                let probe = self.batch_records.min(PROBE_RECORDS);
                (probe, probe)
            }
            State::Draining => {
                pause = Duration::from_millis(self.settings.drain_pause_ms);
                (self.batch_records, self.settings.window_records)
            }
            State::Online => (self.batch_records, self.settings.window_records),
        };
        let left = self.tip.saturating_add(1).saturating_sub(self.next);
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

    pub(super) const fn state(&self) -> State {
        self.state
    }

    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    pub(super) const fn receipted(&self) -> u64 {
        self.receipted
    }

    pub(super) const fn depth(&self) -> u64 {
        self.tip.saturating_sub(self.receipted)
    }

    /// The status, but for the age, which is the actor's to know.
    pub(super) const fn status(&self) -> OutboxStatus {
        OutboxStatus {
            state: self.state.as_str(),
            last_seq: self.tip,
            receipted: self.receipted,
            depth: self.depth(),
            oldest_age_ms: None,
            rebuilds: self.rebuilds,
            receipts_ignored: self.receipts_ignored,
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
