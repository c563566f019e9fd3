//! Frames between DLE STX and DLE ETX with a CRC behind, as ZVT has them on serial lines
//! (PA00P015, serial transport protocol): a DLE inside is doubled, so any byte may be carried.
//!
//! Between frames the two sides say ACK and NAK, bare; each is a message of one byte here. The CRC
//! is CRC-16 with the reflected polynomial 8408 and no start value (KERMIT), over the message and
//! ETX; its two bytes are not doubled, so whatever stands there is taken for them.

use super::{GarbageReason, Sink};

const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const ACK: u8 = 0x06;
const DLE: u8 = 0x10;
const NAK: u8 = 0x15;

#[derive(Debug)]
pub(super) struct DleStxCrc {
    max_len: usize,
    buffer: Vec<u8>,
    /// Bytes of the frame under way, delimiters and doublings included.
    raw_len: usize,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Outside,
    /// A DLE outside any frame.
    Opening,
    Inside,
    /// A DLE inside a frame.
    Escaped,
    Crc,
    CrcHigh(u8),
}

impl DleStxCrc {
    pub(super) fn new(max_len: usize) -> Self {
        Self {
            max_len,
            buffer: Vec::new(),
            raw_len: 0,
            step: Step::Outside,
        }
    }

    pub(super) fn push(&mut self, byte: u8, sink: &mut Sink<'_>) {
        self.raw_len += 1;
        match (self.step, byte) {
            (Step::Outside, DLE) => {
                self.raw_len = 1;
                self.step = Step::Opening;
            }
            (Step::Outside, ACK | NAK) => sink.data(vec![byte]),
            (Step::Outside, _) => sink.skip(GarbageReason::OutsideFrame, 1),
            (Step::Opening, STX) => {
                sink.end_garbage();
                self.buffer.clear();
                self.step = Step::Inside;
            }
            (Step::Opening, DLE) => {
                self.raw_len = 1;
                sink.skip(GarbageReason::OutsideFrame, 1);
            }
            (Step::Opening, _) => self.abandon(GarbageReason::OutsideFrame, sink),
            (Step::Inside, DLE) => self.step = Step::Escaped,
            (Step::Inside, _) => self.keep(byte, sink),
            (Step::Escaped, DLE) => {
                self.step = Step::Inside;
                self.keep(DLE, sink);
            }
            (Step::Escaped, ETX) => self.step = Step::Crc,
            (Step::Escaped, STX) => {
                // the frame before never ended, and this is the next one
                self.raw_len -= 2;
                self.abandon(GarbageReason::OutsideFrame, sink);
                sink.end_garbage();
                self.raw_len = 2;
                self.step = Step::Inside;
            }
            (Step::Escaped, _) => self.abandon(GarbageReason::NotAFrame, sink),
            (Step::Crc, _) => self.step = Step::CrcHigh(byte),
            (Step::CrcHigh(low), _) => self.check(u16::from_le_bytes([low, byte]), sink),
        }
    }

    fn keep(&mut self, byte: u8, sink: &mut Sink<'_>) {
        self.buffer.push(byte);
        if self.buffer.len() > self.max_len {
            self.abandon(GarbageReason::TooLong, sink);
        }
    }

    fn check(&mut self, found: u16, sink: &mut Sink<'_>) {
        if found != crc(&self.buffer) {
            self.abandon(GarbageReason::WrongChecksum, sink);
            return sink.end_garbage();
        }
        if self.buffer.is_empty() {
            return self.abandon(GarbageReason::Empty, sink);
        }
        self.step = Step::Outside;
        sink.data(std::mem::take(&mut self.buffer));
    }

    /// Drops what is under way.
    fn abandon(&mut self, reason: GarbageReason, sink: &mut Sink<'_>) {
        if self.step != Step::Outside {
            sink.skip(reason, self.raw_len);
        }
        self.buffer.clear();
        self.raw_len = 0;
        self.step = Step::Outside;
    }

    pub(super) fn idle(&mut self, sink: &mut Sink<'_>) {
        self.abandon(GarbageReason::Interrupted, sink);
    }

    pub(super) fn is_partial(&self) -> bool {
        self.step != Step::Outside
    }
}

fn crc(message: &[u8]) -> u16 {
    let with_end = message.iter().chain([&ETX]);
    with_end.fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| match crc & 1 {
            1 => (crc >> 1) ^ 0x8408,
            _ => crc >> 1,
        })
    })
}

pub(super) fn encode(message: &[u8]) -> Vec<u8> {
    if let [ACK | NAK] = message {
        return message.to_vec();
    }
    let mut frame = vec![DLE, STX];
    for byte in message {
        frame.push(*byte);
        frame.extend((*byte == DLE).then_some(DLE));
    }
    frame.extend([DLE, ETX]);
    frame.extend(crc(message).to_le_bytes());
    frame
}
