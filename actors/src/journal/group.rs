//! Making a group of records out of what waits: as many whole appends as fit, in their order.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::Appended;
use crate::{
    domain::{
        payment::State,
        record::{Body, Record, RecordRefused, Tip},
        timestamp::Timestamp,
    },
    ports::{GROUP_BYTES_MAX, GROUP_RECORDS_MAX, JournalFailed},
};

pub(super) type Reply = Result<Appended, JournalFailed>;

/// One append, not yet on disk.
#[derive(Debug)]
pub(super) struct Waiting {
    pub bodies: Vec<Body>,
    /// What of the bodies is stored: made while the group before is being written, and gone once
    /// it is in a group's records.
    texts: Vec<String>,
    pub answer: oneshot::Sender<Reply>,
}

impl Waiting {
    /// Errors: `Refused` if a body can't be a record.
    pub(super) fn new(
        bodies: Vec<Body>,
        answer: oneshot::Sender<Reply>,
    ) -> Result<Self, JournalFailed> {
        let texts =
            texts_of(&bodies).map_err(|refused| JournalFailed::Refused(refused.to_string()))?;
        Ok(Self {
            bodies,
            texts,
            answer,
        })
    }

    fn encoded_len(&self) -> usize {
        self.texts
            .iter()
            .map(|text| Record::encoded_len_of(text))
            .sum()
    }

    pub(super) fn answer(self, reply: Reply) {
        // nobody waiting any more is no error
        let _ = self.answer.send(reply);
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

#[derive(Debug)]
pub(super) struct Placed {
    pub waiting: Waiting,
    pub appended: Appended,
}

/// What is written together.
#[derive(Debug)]
pub(super) struct Group {
    pub placed: Vec<Placed>,
    /// Where the chain stands when it is written.
    pub tip: Tip,
    bytes: usize,
    records: usize,
}

impl Group {
    /// Takes from the front of `waiting` what fits into one group. What fits into none is answered
    /// here and now.
    pub(super) fn gather(
        waiting: &mut VecDeque<Waiting>,
        tip: Tip,
        now: Timestamp,
    ) -> (Group, Vec<Record>) {
        let mut group = Group {
            placed: Vec::new(),
            tip,
            bytes: 0,
            records: 0,
        };
        let mut records = Vec::new();
        while let Some(mut next) = waiting.pop_front() {
            let (len, bytes) = (next.bodies.len(), next.encoded_len());
            if len > GROUP_RECORDS_MAX || bytes > GROUP_BYTES_MAX {
                let refused = format!("{len} records of {bytes} bytes in one append");
                next.answer(Err(JournalFailed::Refused(refused)));
                continue;
            }
            let is_full =
                group.records + len > GROUP_RECORDS_MAX || group.bytes + bytes > GROUP_BYTES_MAX;
            if is_full {
                waiting.push_front(next);
                break;
            }
            let first_seq = group.tip.seq + 1;
            for text in std::mem::take(&mut next.texts) {
                records.push(group.tip.append_text(now, text));
            }
            let appended = Appended {
                first_seq,
                last_seq: group.tip.seq,
            };
            group.placed.push(Placed {
                waiting: next,
                appended,
            });
            group.bytes += bytes;
            group.records += len;
        }
        (group, records)
    }

    pub(super) fn len(&self) -> usize {
        self.records
    }

    /// To be answered, or written once more.
    pub(super) fn into_waiting(self) -> Vec<Waiting> {
        let again = |Placed { mut waiting, .. }| {
            // they could be written before
            waiting.texts = texts_of(&waiting.bodies).unwrap_or_default();
            waiting
        };
        self.placed.into_iter().map(again).collect()
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
