//! The books: what was published, what came back, what is parked. One way whatever the state.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Batch, Effect, Event, Machine, Moment, News, REBUILD_DOUBLINGS_MAX, UNHEARD_DOUBLINGS_MAX,
    UNHEARD_PAUSE,
};
use crate::ports::PublishRefused;

/// Receipts overtake each other by less than this; a database that lost records goes on asking.
const OVERTAKEN_FOR: Duration = Duration::from_secs(1);

impl Machine {
    pub(super) fn take(&mut self, event: Event, now: Instant, effects: &mut Vec<Effect>) -> News {
        match event {
            Event::Up => {
                self.rewind(self.receipted, now);
                self.asks = true;
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
                // what is missing may be on its way: the lane overtakes the backlog, and one worker
                // of the head office another
                let coming = self.in_flight.front().is_some_and(|batch| {
                    after >= self.receipted && now.duration_since(batch.at) < self.resend_after()
                });
                // a receipt that was overtaken by a later one asks for what is there
                let overtaken = after < self.receipted && self.silence(now) < OVERTAKEN_FOR;
                if after < self.tip && !coming && !overtaken && (quiet || self.resends == 0) {
                    self.resends += 1;
                    self.rewind(after, now);
                }
                News::None
            }
            // the broker's word retires nothing, but why wait for a receipt that can't come?
            Event::Unheard if self.in_flight.is_empty() => News::None,
            Event::Unheard => {
                let doublings = self.unheard.min(UNHEARD_DOUBLINGS_MAX);
                self.rewind(self.receipted, now);
                self.blocked = true;
                self.retry_at = now + UNHEARD_PAUSE * 2u32.saturating_pow(doublings);
                self.unheard = self.unheard.saturating_add(1);
                News::Busy
            }
            Event::Published {
                first,
                through,
                bytes,
            } => {
                let records = through.saturating_add(1).saturating_sub(first);
                let batch = Batch {
                    through,
                    records,
                    at: now,
                };
                self.charge_line(bytes, now);
                match &mut self.lane {
                    Some(lane) if lane.has(first) => lane.published(batch),
                    _ => {
                        self.in_flight.push_back(batch);
                        self.next = through.saturating_add(1);
                        self.merge_lane();
                    }
                }
                News::None
            }
            Event::HeadOfficeRefuses { seq, why } => {
                self.head_office_refuses(seq, why, now, effects);
                News::None
            }
            Event::Parked { seq } => {
                self.parking.remove(&seq);
                self.parked.insert(seq);
                self.rewind(self.receipted, now);
                News::None
            }
            Event::Unparked { seq } => {
                self.parked.remove(&seq);
                News::None
            }
            Event::Refused {
                why: PublishRefused::TooLarge,
                records,
            } => {
                if records <= 1 {
                    self.blocked = true;
                    let why = "the link takes no message as large as this record alone";
                    self.park(self.next, why.into(), effects);
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
                self.blocked = now < self.retry_at;
                News::None
            }
            Event::Wrote | Event::PaymentMoved => News::None,
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
        self.asks = false;
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
            self.merge_lane();
            self.suspects.retain(|seq, _| *seq > through);
            // part of a batch: it has been under way for so long at least
            let age = |batch: &Batch| now.duration_since(batch.at);
            took = took.or(Some(self.in_flight.front().map_or(Duration::ZERO, age)));
            effects.push(Effect::Retire(through));
        }
        let Some(took) = took else { return News::None };
        self.progress_at = now;
        self.resends = 0;
        self.unheard = 0;
        self.rebuilds_in_vain = 0;
        self.blocked = false;
        self.batch_records = (self.batch_records * 2).min(self.settings.batch_records.max(1));
        News::Receipted { took }
    }

    /// What was published above `after` counts as never sent.
    fn rewind(&mut self, after: u64, now: Instant) {
        self.in_flight.clear();
        self.lane = None;
        self.next = after.saturating_add(1);
        self.rewound_at = now;
        self.blocked = false;
    }

    pub(super) fn resend_if_due(&mut self, now: Instant) {
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

    pub(super) fn rebuild(&mut self, at: Moment, effects: &mut Vec<Effect>) {
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

    /// A first refusal may be the line's fault: it is sent once more. A second one is the record's.
    fn head_office_refuses(
        &mut self,
        seq: u64,
        why: String,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        if seq <= self.receipted || seq > self.tip || self.parked.contains(&seq) {
            return;
        }
        match self.suspects.get(&seq) {
            None => {
                self.suspects.insert(seq, now);
                self.rewind(self.receipted, now);
            }
            Some(first) if now.duration_since(*first) >= self.resend_after() => {
                self.park(seq, format!("the head office: {why}"), effects);
            }
            Some(_) => {}
        }
    }

    fn park(&mut self, seq: u64, why: String, effects: &mut Vec<Effect>) {
        if !self.parked.contains(&seq) && self.parking.insert(seq) {
            effects.push(Effect::Park { seq, why });
        }
    }

    /// The backlog has come to where the lane began.
    fn merge_lane(&mut self) {
        if let Some(lane) = self.lane.take_if(|lane| self.next >= lane.from) {
            self.next = self.next.max(lane.next);
            let sent = lane.sent.into_iter();
            let receipted = self.receipted;
            self.in_flight
                .extend(sent.filter(|batch| batch.through > receipted));
        }
    }

    fn charge_line(&mut self, bytes: usize, now: Instant) {
        let Some(rate) = self.settings.bytes_per_s else {
            return;
        };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let took_ms = bytes.saturating_mul(1_000) / rate.get();
        self.owed_until = self.owed_until.max(now) + Duration::from_millis(took_ms);
    }
}
