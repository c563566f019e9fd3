//! Making a group of records out of what waits: as many whole appends as fit, in their order.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{
    Appended,
    answer::{Answer, Reply},
};
use crate::{
    domain::{
        payment::State,
        record::{Body, Fact, RecordRefused, Tip},
        timestamp::Timestamp,
    },
    ports::{GroupSize, JournalFailed},
};

/// One append, not yet on disk.
#[derive(Debug)]
pub(super) struct Waiting {
    pub bodies: Vec<Body>,
    /// What of the bodies is stored: made while the group before is being written, and gone once
    /// it is in a group's facts.
    texts: Vec<String>,
    size: GroupSize,
    since: Instant,
    answer: Answer,
}

impl Waiting {
    /// Errors: `Refused` if a body can't be a record, or all of them fit into no group.
    pub(super) fn new(bodies: Vec<Body>, answer: Answer) -> Result<Self, JournalFailed> {
        let texts =
            texts_of(&bodies).map_err(|refused| JournalFailed::Refused(refused.to_string()))?;
        let size = GroupSize::of_texts(texts.iter().map(String::as_str));
        if !size.fits() {
            let GroupSize { records, bytes } = size;
            let refused = format!("{records} records of {bytes} bytes in one append");
            return Err(JournalFailed::Refused(refused));
        }
        Ok(Self {
            bodies,
            texts,
            size,
            since: Instant::now(),
            answer,
        })
    }

    pub(super) fn answer(self, reply: Reply) {
        self.answer.say(reply);
    }

    /// Who waits since then or longer is told that nobody can say: it may be written all the same.
    pub(super) fn give_up(&self, since: Instant) {
        if self.since <= since {
            self.answer.say(Err(JournalFailed::NoAnswer));
        }
    }

    fn opens_payment(&self) -> bool {
        self.bodies
            .iter()
            .any(|body| matches!(body, Body::Payment { payment } if payment.state == State::Opened))
    }
}

fn texts_of(bodies: &[Body]) -> Result<Vec<String>, RecordRefused> {
    bodies.iter().map(Body::to_text).collect()
}

/// What is written together.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub appends: Vec<Waiting>,
    size: GroupSize,
}

impl Group {
    /// Takes from the front of `waiting` what fits into one group.
    pub(super) fn gather(waiting: &mut VecDeque<Waiting>, now: Timestamp) -> (Group, Vec<Fact>) {
        let (mut group, mut facts) = (Group::default(), Vec::new());
        while let Some(mut next) = waiting.pop_front_if(|next| group.size.and(next.size).fits()) {
            let texts = std::mem::take(&mut next.texts).into_iter();
            facts.extend(texts.map(|body| Fact { at: now, body }));
            group.size = group.size.and(next.size);
            group.appends.push(next);
        }
        (group, facts)
    }

    /// Each with its place in the chain, whose last record is the group's last one.
    pub(super) fn placed(self, tip: Tip) -> impl Iterator<Item = (Appended, Waiting)> {
        let before = tip.seq.saturating_sub(self.size.records as u64);
        self.appends.into_iter().scan(before, |last_seq, append| {
            let first_seq = *last_seq + 1;
            *last_seq += append.bodies.len() as u64;
            let appended = Appended {
                first_seq,
                last_seq: *last_seq,
            };
            Some((appended, append))
        })
    }

    pub(super) fn len(&self) -> usize {
        self.size.records
    }

    /// To be answered, or written once more.
    pub(super) fn into_waiting(self) -> Vec<Waiting> {
        let again = |mut waiting: Waiting| {
            // they could be written before
            waiting.texts = texts_of(&waiting.bodies).unwrap_or_default();
            waiting
        };
        self.appends.into_iter().map(again).collect()
    }

    /// Those that begin a payment, and the others. If none does, nothing can be done for any of
    /// them.
    pub(super) fn split_opening(self) -> (Vec<Waiting>, Vec<Waiting>) {
        let (opening, others): (Vec<_>, Vec<_>) = self
            .into_waiting()
            .into_iter()
            .partition(Waiting::opens_payment);
        if opening.is_empty() {
            (others, opening)
        } else {
            (opening, others)
        }
    }
}
