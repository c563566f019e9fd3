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
    pub answer: oneshot::Sender<Reply>,
}

impl Waiting {
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
    /// Takes from the front of `waiting` what fits into one group. What can't be a record is
    /// answered here and now.
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
        while let Some(next) = waiting.pop_front() {
            let (made, tip) = match make(&next.bodies, group.tip, now) {
                Ok(made) => made,
                Err(refused) => {
                    next.answer(Err(JournalFailed::Refused(refused.to_string())));
                    continue;
                }
            };
            let bytes = made.iter().map(Record::encoded_len).sum::<usize>();
            if made.len() > GROUP_RECORDS_MAX || bytes > GROUP_BYTES_MAX {
                let refused = format!("{} records of {bytes} bytes in one append", made.len());
                next.answer(Err(JournalFailed::Refused(refused)));
                continue;
            }
            let is_full = group.records + made.len() > GROUP_RECORDS_MAX
                || group.bytes + bytes > GROUP_BYTES_MAX;
            if is_full {
                waiting.push_front(next);
                break;
            }
            let appended = Appended {
                first_seq: group.tip.seq + 1,
                last_seq: tip.seq,
            };
            group.placed.push(Placed {
                waiting: next,
                appended,
            });
            group.tip = tip;
            group.bytes += bytes;
            group.records += made.len();
            records.extend(made);
        }
        (group, records)
    }

    pub(super) fn len(&self) -> usize {
        self.records
    }

    pub(super) fn into_waiting(self) -> Vec<Waiting> {
        self.placed
            .into_iter()
            .map(|placed| placed.waiting)
            .collect()
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

fn make(
    bodies: &[Body],
    mut tip: Tip,
    now: Timestamp,
) -> Result<(Vec<Record>, Tip), RecordRefused> {
    let records = bodies
        .iter()
        .map(|body| tip.append(now, body))
        .collect::<Result<_, _>>()?;
    Ok((records, tip))
}
