//! Frames with a delimiter: a terminator, or STX … ETX LRC. Both go byte by byte and keep one
//! message at most.
//!
//! A delimiter cannot occur inside a message ([`encode_terminated`] and [`encode_stx`] refuse it),
//! so the next delimiter is always a safe place to begin again. Escaping (DLE stuffing) is
//! deliberately not here.

use super::{EncodeError, GarbageReason, Sink, Suffix};

const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const CR: u8 = b'\r';
const LF: u8 = b'\n';

#[derive(Debug)]
pub(super) struct Terminator {
    suffix: Suffix,
    max_len: usize,
    buffer: Vec<u8>,
    /// Beyond the maximum: everything up to the next terminator is dropped.
    discarding: bool,
    /// The byte before this one was the CR that ended a frame.
    after_cr: bool,
    last: u8,
}

impl Terminator {
    pub(super) fn new(suffix: Suffix, max_len: usize) -> Self {
        let buffer = Vec::new();
        Self {
            suffix,
            max_len,
            buffer,
            discarding: false,
            after_cr: false,
            last: 0,
        }
    }

    pub(super) fn push(&mut self, byte: u8, sink: &mut Sink<'_>) {
        let after_cr = std::mem::replace(&mut self.after_cr, false);
        if after_cr && byte == LF {
            return;
        }
        let last = std::mem::replace(&mut self.last, byte);
        let ends = match self.suffix {
            Suffix::Cr => byte == CR,
            Suffix::Lf => byte == LF,
            Suffix::CrLf => byte == LF && last == CR,
        };
        if ends {
            self.end(sink);
        } else if self.discarding {
            sink.skip(GarbageReason::TooLong, 1);
        } else {
            self.buffer.push(byte);
            // one byte more than the maximum may be the first half of CR LF
            let spare = usize::from(self.suffix != Suffix::Cr && byte == CR);
            if self.buffer.len() > self.max_len + spare {
                sink.skip(GarbageReason::TooLong, self.buffer.len());
                self.buffer.clear();
                self.discarding = true;
            }
        }
    }

    fn end(&mut self, sink: &mut Sink<'_>) {
        self.after_cr = self.suffix == Suffix::Cr;
        self.last = 0;
        let mut message = std::mem::take(&mut self.buffer);
        if std::mem::replace(&mut self.discarding, false) {
            sink.skip(GarbageReason::TooLong, 1);
            sink.end_garbage();
            return;
        }
        if self.suffix != Suffix::Cr && message.last() == Some(&CR) {
            message.pop();
        }
        if message.is_empty() {
            sink.garbage(GarbageReason::Empty, self.suffix.bytes().len());
        } else {
            sink.data(message);
        }
    }

    pub(super) fn idle(&mut self, sink: &mut Sink<'_>) {
        self.discarding = false;
        self.last = 0;
        if !self.buffer.is_empty() {
            sink.garbage(GarbageReason::Interrupted, self.buffer.len());
            self.buffer.clear();
        }
    }

    pub(super) fn is_partial(&self) -> bool {
        self.discarding || !self.buffer.is_empty()
    }
}

#[derive(Debug)]
pub(super) struct StxEtxLrc {
    max_len: usize,
    buffer: Vec<u8>,
    lrc: u8,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Outside,
    Inside,
    Checksum,
}

impl StxEtxLrc {
    pub(super) fn new(max_len: usize) -> Self {
        Self {
            max_len,
            buffer: Vec::new(),
            lrc: 0,
            step: Step::Outside,
        }
    }

    pub(super) fn push(&mut self, byte: u8, sink: &mut Sink<'_>) {
        match (self.step, byte) {
            (Step::Checksum, _) => self.check(byte, sink),
            (Step::Outside | Step::Inside, STX) => {
                self.abandon(GarbageReason::OutsideFrame, sink);
                sink.end_garbage();
                self.begin();
            }
            (Step::Outside, _) => sink.skip(GarbageReason::OutsideFrame, 1),
            (Step::Inside, ETX) => {
                self.lrc ^= ETX;
                self.step = Step::Checksum;
            }
            (Step::Inside, _) => {
                self.buffer.push(byte);
                self.lrc ^= byte;
                if self.buffer.len() > self.max_len {
                    self.abandon(GarbageReason::TooLong, sink);
                }
            }
        }
    }

    fn begin(&mut self) {
        self.buffer.clear();
        self.lrc = 0;
        self.step = Step::Inside;
    }

    /// Drops the frame under way, its STX included.
    fn abandon(&mut self, reason: GarbageReason, sink: &mut Sink<'_>) {
        match self.step {
            Step::Outside => return,
            Step::Inside => sink.skip(reason, self.buffer.len() + 1),
            Step::Checksum => sink.skip(reason, self.buffer.len() + 2),
        }
        self.buffer.clear();
        self.step = Step::Outside;
    }

    fn check(&mut self, byte: u8, sink: &mut Sink<'_>) {
        if byte != self.lrc {
            self.abandon(GarbageReason::WrongChecksum, sink);
            if byte == STX {
                // the checksum itself was lost and this is the next frame
                sink.end_garbage();
                self.begin();
            } else {
                sink.skip(GarbageReason::WrongChecksum, 1);
                sink.end_garbage();
            }
            return;
        }
        self.step = Step::Outside;
        let message = std::mem::take(&mut self.buffer);
        if message.is_empty() {
            sink.garbage(GarbageReason::Empty, 3);
        } else {
            sink.data(message);
        }
    }

    pub(super) fn idle(&mut self, sink: &mut Sink<'_>) {
        self.abandon(GarbageReason::Interrupted, sink);
    }

    pub(super) fn is_partial(&self) -> bool {
        self.step != Step::Outside
    }
}

pub(super) fn encode_terminated(message: &[u8], suffix: Suffix) -> Result<Vec<u8>, EncodeError> {
    refuse(message, [CR, LF])?;
    Ok([message, suffix.bytes()].concat())
}

pub(super) fn encode_stx(message: &[u8]) -> Result<Vec<u8>, EncodeError> {
    refuse(message, [STX, ETX])?;
    let lrc = message.iter().fold(ETX, |lrc, byte| lrc ^ byte);
    Ok([&[STX], message, &[ETX, lrc]].concat())
}

fn refuse(message: &[u8], delimiters: [u8; 2]) -> Result<(), EncodeError> {
    match message
        .iter()
        .enumerate()
        .find(|(_, byte)| delimiters.contains(byte))
    {
        Some((at, byte)) => Err(EncodeError::Delimiter { byte: *byte, at }),
        None => Ok(()),
    }
}
