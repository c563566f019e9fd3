//! The framing engine: a stream of bytes to whole messages, and back.
//!
//! Serial lines and TCP deliver bytes, not messages: two writes arrive as one read and one write as
//! two, and noise, a half message or another protocol may come before a good frame. One [`Framer`]
//! per line finds the messages, whatever the cut of the reads, and reports everything else as
//! [`Frame::Garbage`] with its length, never with its content (it may hold a customer's code).
//! After garbage it finds the next good frame.
//!
//! Deliberately not here: clocks (the caller measures the inter-byte time and calls
//! [`Framer::idle`]), ports, acknowledgement bytes such as ACK/NAK, and what a message means.

mod apdu;
mod delimited;
mod dle;
mod prefixed;
#[cfg(test)]
mod tests;

/// How messages are delimited on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A message ends with a suffix; scanners and customer displays.
    Terminator { suffix: Suffix },
    /// STX (02), message, ETX (03), LRC: the exclusive-or of every byte after STX up to and
    /// including ETX.
    StxEtxLrc,
    /// A big-endian length, then that many bytes.
    ///
    /// `starts_with` and `ends_with` are what makes a noisy line recover: a length of zero or
    /// beyond the maximum, a body that begins or ends with another byte, means that these were not
    /// length bytes, so one byte is skipped and the search goes on. With `None` only the length and
    /// silence on the line resynchronise.
    LengthPrefix {
        width: LengthWidth,
        starts_with: Option<u8>,
        ends_with: Option<u8>,
    },
    /// DLE STX, message with each DLE doubled, DLE ETX, CRC-16 low byte first; ZVT on serial lines.
    /// A bare ACK (06) or NAK (15) between frames is a message of one byte.
    DleStxCrc,
    /// A ZVT message is its own frame: class, instruction, length, data; ZVT over TCP. What begins
    /// with no class of the protocol is garbage.
    ZvtApdu,
}

impl Framing {
    /// nexo Retailer messages in JSON: four length bytes and one JSON object.
    pub const NEXO_JSON: Self = Self::LengthPrefix {
        width: LengthWidth::Four,
        starts_with: Some(b'{'),
        ends_with: Some(b'}'),
    };
}

/// The suffix of [`Framing::Terminator`]. Reading forgives the two usual slips of a device's
/// set-up: LF after the CR of `Cr`, and CR before the LF of `Lf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffix {
    Cr,
    Lf,
    CrLf,
}

impl Suffix {
    /// The bytes that end a message.
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Cr => b"\r",
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }
}

/// The number of length bytes of [`Framing::LengthPrefix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthWidth {
    Two,
    Four,
}

impl LengthWidth {
    /// The width in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// What came out of the stream.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, without its delimiters; never empty.
    Data(Vec<u8>),
    /// Bytes that belong to no message.
    Garbage {
        reason: GarbageReason,
        bytes_len: usize,
    },
}

impl std::fmt::Debug for Frame {
    /// Shows lengths only: a frame may hold a customer's code (SEC-1).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data(data) => write!(f, "Data({} bytes)", data.len()),
            Self::Garbage { reason, bytes_len } => {
                write!(f, "Garbage({reason:?}, {bytes_len} bytes)")
            }
        }
    }
}

/// Why bytes were dropped. A run of garbage is reported once, with the reason that began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GarbageReason {
    /// A message longer than the maximum, or one that never ended.
    TooLong,
    /// A frame without content.
    Empty,
    /// Bytes outside any frame, or a frame that began inside another.
    OutsideFrame,
    /// The LRC does not match.
    WrongChecksum,
    /// These cannot be length bytes, or the body is not what such a line carries.
    NotAFrame,
    /// The line fell silent in the middle of a frame.
    Interrupted,
}

/// Why a message cannot be sent on this line. Nothing of it may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("an empty message cannot be framed")]
    Empty,
    #[error("a message of {bytes_len} bytes is longer than the line's maximum of {max_len}")]
    TooLong { bytes_len: usize, max_len: usize },
    #[error("byte {byte:#04x} at {at} would end or begin a frame")]
    Delimiter { byte: u8, at: usize },
    #[error("the message does not begin and end as the receiver expects")]
    Unexpected,
}

/// Finds the messages in one line's bytes. Memory: the maximum length and one read.
#[derive(Debug)]
pub struct Framer {
    framing: Framing,
    max_len: usize,
    state: State,
    garbage: Garbage,
}

#[derive(Debug)]
enum State {
    Terminator(delimited::Terminator),
    Stx(delimited::StxEtxLrc),
    Prefixed(prefixed::Prefixed),
    Dle(dle::DleStxCrc),
}

impl Framer {
    /// A framer for messages of at most `max_len` bytes, delimiters not counted (at least 1).
    pub fn new(framing: Framing, max_len: usize) -> Self {
        let max_len = max_len.max(1);
        let state = match framing {
            Framing::Terminator { suffix } => {
                State::Terminator(delimited::Terminator::new(suffix, max_len))
            }
            Framing::StxEtxLrc => State::Stx(delimited::StxEtxLrc::new(max_len)),
            Framing::LengthPrefix {
                width,
                starts_with,
                ends_with,
            } => State::Prefixed(prefixed::Prefixed::new(
                prefixed::Header::Length {
                    width,
                    starts_with,
                    ends_with,
                },
                max_len,
            )),
            Framing::ZvtApdu => {
                State::Prefixed(prefixed::Prefixed::new(prefixed::Header::ZvtApdu, max_len))
            }
            Framing::DleStxCrc => State::Dle(dle::DleStxCrc::new(max_len)),
        };
        Self {
            framing,
            max_len,
            state,
            garbage: Garbage::new(max_len),
        }
    }

    /// Takes the bytes of one read and gives what they complete, in order.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut out = Vec::new();
        let sink = &mut Sink {
            garbage: &mut self.garbage,
            out: &mut out,
        };
        match &mut self.state {
            State::Terminator(state) => bytes.iter().for_each(|byte| state.push(*byte, sink)),
            State::Stx(state) => bytes.iter().for_each(|byte| state.push(*byte, sink)),
            State::Prefixed(state) => state.feed(bytes, sink),
            State::Dle(state) => bytes.iter().for_each(|byte| state.push(*byte, sink)),
        }
        out
    }

    /// The inter-byte time has passed without a byte: what is half received is garbage. Gives the
    /// garbage not yet reported and, where a length was mistaken, the good frames that were hidden
    /// behind it.
    pub fn idle(&mut self) -> Vec<Frame> {
        let mut out = Vec::new();
        let sink = &mut Sink {
            garbage: &mut self.garbage,
            out: &mut out,
        };
        match &mut self.state {
            State::Terminator(state) => state.idle(sink),
            State::Stx(state) => state.idle(sink),
            State::Prefixed(state) => state.idle(sink),
            State::Dle(state) => state.idle(sink),
        }
        self.garbage.flush(&mut out);
        out
    }

    /// Whether bytes wait for more, so that the caller must watch the inter-byte time.
    pub fn is_partial(&self) -> bool {
        let waiting = match &self.state {
            State::Terminator(state) => state.is_partial(),
            State::Stx(state) => state.is_partial(),
            State::Prefixed(state) => state.is_partial(),
            State::Dle(state) => state.is_partial(),
        };
        waiting || self.garbage.len > 0
    }

    /// Forgets everything half received, without a report: for a line that was opened anew.
    pub fn reset(&mut self) {
        *self = Self::new(self.framing, self.max_len);
    }

    /// Puts the delimiters around a message.
    pub fn encode(&self, message: &[u8]) -> Result<Vec<u8>, EncodeError> {
        if message.is_empty() {
            return Err(EncodeError::Empty);
        }
        if message.len() > self.max_len {
            let bytes_len = message.len();
            return Err(EncodeError::TooLong {
                bytes_len,
                max_len: self.max_len,
            });
        }
        match self.framing {
            Framing::Terminator { suffix } => delimited::encode_terminated(message, suffix),
            Framing::StxEtxLrc => delimited::encode_stx(message),
            Framing::LengthPrefix {
                width,
                starts_with,
                ends_with,
            } => prefixed::encode(message, width, starts_with, ends_with),
            Framing::ZvtApdu => apdu::encode(message),
            Framing::DleStxCrc => Ok(dle::encode(message)),
        }
    }
}

/// A run of garbage that is still growing. Reported when a frame begins or ends, on silence, and
/// each time it reaches the maximum length, so that a device that only babbles is seen too.
#[derive(Debug)]
struct Garbage {
    max_len: usize,
    len: usize,
    reason: GarbageReason,
}

impl Garbage {
    fn new(max_len: usize) -> Self {
        Self {
            max_len,
            len: 0,
            reason: GarbageReason::OutsideFrame,
        }
    }

    fn flush(&mut self, out: &mut Vec<Frame>) {
        if self.len > 0 {
            out.push(Frame::Garbage {
                reason: self.reason,
                bytes_len: self.len,
            });
            self.len = 0;
        }
    }
}

/// Where the state machines put what they find; keeps data and garbage in order.
struct Sink<'a> {
    garbage: &'a mut Garbage,
    out: &'a mut Vec<Frame>,
}

impl Sink<'_> {
    fn data(&mut self, data: Vec<u8>) {
        self.garbage.flush(self.out);
        self.out.push(Frame::Data(data));
    }

    /// Garbage that is complete in itself.
    fn garbage(&mut self, reason: GarbageReason, bytes_len: usize) {
        self.garbage.flush(self.out);
        self.out.push(Frame::Garbage { reason, bytes_len });
    }

    /// Garbage that may go on.
    fn skip(&mut self, reason: GarbageReason, bytes_len: usize) {
        if self.garbage.len == 0 {
            self.garbage.reason = reason;
        }
        self.garbage.len = self.garbage.len.saturating_add(bytes_len);
        if self.garbage.len >= self.garbage.max_len {
            self.garbage.flush(self.out);
        }
    }

    fn end_garbage(&mut self) {
        self.garbage.flush(self.out);
    }
}
