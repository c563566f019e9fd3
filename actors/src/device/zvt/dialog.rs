//! One command and all that the terminal says to it, until it ends. Pure: bytes, time and the line
//! are the actor's.
//!
//! What comes before the command's own acknowledgement belongs to an earlier command: the terminal
//! acknowledges a new one only when the old one has ended, so a late result can't be taken for the
//! next payment's (PAY-5).

use tokio::{sync::oneshot, time::Instant};

use super::{Done, Failed, Job, settings::ZvtSettings};
use crate::wire::zvt::{Said, StatusInformation};

/// Lines of one slip at most.
const SLIP_LINES_MAX: usize = 512;
/// A frame that the terminal got broken is sent again so often.
const RESENDS_MAX: u8 = 3;

pub(super) struct Dialog {
    pub(super) job: Job,
    pub(super) bytes: Vec<u8>,
    reply: Option<oneshot::Sender<Result<Done, Failed>>>,
    acked: bool,
    aborting: bool,
    /// To be aborted as soon as the terminal has acknowledged it.
    is_unwanted: bool,
    deadline: Instant,
    status: Option<StatusInformation>,
    slip: Vec<String>,
    resends: u8,
}

/// What follows from a message or from the time.
pub(super) enum Next {
    Wait,
    /// It belongs to no command of ours.
    Stray,
    Abort,
    End(Result<Done, Failed>),
}

impl Dialog {
    pub(super) fn new(
        job: Job,
        bytes: Vec<u8>,
        reply: Option<oneshot::Sender<Result<Done, Failed>>>,
        settings: &ZvtSettings,
        now: Instant,
    ) -> Self {
        Self {
            job,
            bytes,
            reply,
            acked: false,
            aborting: false,
            is_unwanted: false,
            deadline: now + settings.ack_timeout,
            status: None,
            slip: Vec::new(),
            resends: 0,
        }
    }

    pub(super) fn hear(&mut self, said: Said, settings: &ZvtSettings, now: Instant) -> Next {
        match said {
            Said::Ack if !self.acked => {
                self.acked = true;
                self.deadline = now + self.job.bound(settings);
                if self.is_unwanted {
                    return self.abort(settings, now);
                }
                match self.job {
                    Job::Display(_) => Next::End(Ok(Done::default())),
                    _ => Next::Wait,
                }
            }
            // the acknowledgement of an abort
            Said::Ack | Said::Refused { .. } if self.aborting => Next::Wait,
            Said::Refused { code } if !self.acked => Next::End(Err(Failed::Refused(code))),
            _ if !self.acked => Next::Stray,
            Said::Ack | Said::Refused { .. } | Said::Other { .. } => Next::Stray,
            Said::Intermediate { .. } => Next::Wait,
            Said::Status(status) => {
                self.status = Some(*status);
                Next::Wait
            }
            Said::Slip { lines } => {
                let room = SLIP_LINES_MAX.saturating_sub(self.slip.len());
                self.slip.extend(lines.into_iter().take(room));
                Next::Wait
            }
            Said::Completed => Next::End(Ok(self.done(None))),
            Said::Aborted { code } => Next::End(Ok(self.done(Some(code)))),
        }
    }

    fn done(&mut self, aborted: Option<u8>) -> Done {
        Done {
            status: self.status.take(),
            aborted,
            slip: std::mem::take(&mut self.slip),
        }
    }

    /// The terminal got it broken: whether it is sent again.
    pub(super) fn resend(&mut self) -> bool {
        self.resends += 1;
        !self.acked && self.resends <= RESENDS_MAX
    }

    pub(super) fn tick(&mut self, settings: &ZvtSettings, now: Instant) -> Next {
        if now < self.deadline {
            return Next::Wait;
        }
        if self.acked && self.job.asks_customer() && !self.aborting {
            return self.abort(settings, now);
        }
        let why = match self.acked {
            true => "the terminal did not end what it had begun",
            false => "the terminal did not answer",
        };
        Next::End(Err(Failed::Lost(why.into())))
    }

    /// The customer or the cashier has had enough.
    pub(super) fn abort(&mut self, settings: &ZvtSettings, now: Instant) -> Next {
        self.is_unwanted = true;
        if self.aborting || !self.acked {
            return Next::Wait;
        }
        self.aborting = true;
        self.deadline = now + settings.abort_timeout;
        Next::Abort
    }

    /// Tells whoever asked. Gives the job back.
    pub(super) fn end(self, ended: Result<Done, Failed>) -> Job {
        if let Some(reply) = self.reply {
            // whoever asked may have gone
            let _ = reply.send(ended);
        }
        self.job
    }
}
