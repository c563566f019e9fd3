//! Frames with a length in front. The length is the only delimiter, so a lost or inserted byte
//! shifts everything after it; the search below recovers by taking every position for a possible
//! beginning.
//!
//! A candidate that looks right at first and turns out wrong costs one skipped byte, not its
//! claimed length: the bytes stay in the buffer and the frames inside them are still found.

use super::{EncodeError, GarbageReason, LengthWidth, Sink, apdu};

/// What says how long a frame is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Header {
    Length {
        width: LengthWidth,
        starts_with: Option<u8>,
        ends_with: Option<u8>,
    },
    ZvtApdu,
}

#[derive(Debug)]
pub(super) struct Prefixed {
    header: Header,
    max_len: usize,
    buffer: Vec<u8>,
}

/// What the bytes at one position are.
pub(super) enum Candidate<'a> {
    Frame { body: &'a [u8], frame_len: usize },
    NotAFrame,
    MoreNeeded,
}

impl Prefixed {
    pub(super) fn new(header: Header, max_len: usize) -> Self {
        Self {
            header,
            max_len,
            buffer: Vec::new(),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut Sink<'_>) {
        self.buffer.extend_from_slice(bytes);
        self.scan(false, sink);
    }

    pub(super) fn idle(&mut self, sink: &mut Sink<'_>) {
        self.scan(true, sink);
    }

    pub(super) fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Takes every frame out of the buffer. With `no_more`, a candidate that needs more bytes is
    /// none.
    fn scan(&mut self, no_more: bool, sink: &mut Sink<'_>) {
        let mut at = 0;
        while let Some(rest) = self.buffer.get(at..).filter(|rest| !rest.is_empty()) {
            match self.candidate(rest) {
                Candidate::Frame { body, frame_len } => {
                    sink.data(body.to_vec());
                    at += frame_len;
                }
                Candidate::NotAFrame => {
                    sink.skip(GarbageReason::NotAFrame, 1);
                    at += 1;
                }
                Candidate::MoreNeeded if no_more => {
                    sink.skip(GarbageReason::Interrupted, 1);
                    at += 1;
                }
                Candidate::MoreNeeded => break,
            }
        }
        self.buffer.drain(..at.min(self.buffer.len()));
    }

    fn candidate<'a>(&self, rest: &'a [u8]) -> Candidate<'a> {
        match self.header {
            Header::Length {
                width,
                starts_with,
                ends_with,
            } => by_length(rest, self.max_len, width.bytes(), starts_with, ends_with),
            Header::ZvtApdu => apdu::candidate(rest, self.max_len),
        }
    }
}

fn by_length(
    rest: &[u8],
    max_len: usize,
    width: usize,
    starts_with: Option<u8>,
    ends_with: Option<u8>,
) -> Candidate<'_> {
    let Some((prefix, after)) = rest.split_at_checked(width) else {
        return Candidate::MoreNeeded;
    };
    let body_len = prefix.iter().fold(0_usize, |len, byte| {
        len.saturating_mul(256).saturating_add((*byte).into())
    });
    if body_len == 0 || body_len > max_len {
        return Candidate::NotAFrame;
    }
    if let (Some(expected), Some(first)) = (starts_with, after.first())
        && *first != expected
    {
        return Candidate::NotAFrame;
    }
    let Some(body) = after.get(..body_len) else {
        return Candidate::MoreNeeded;
    };
    if ends_with.is_some() && body.last().copied() != ends_with {
        return Candidate::NotAFrame;
    }
    Candidate::Frame {
        body,
        frame_len: width + body_len,
    }
}

pub(super) fn encode(
    message: &[u8],
    width: LengthWidth,
    starts_with: Option<u8>,
    ends_with: Option<u8>,
) -> Result<Vec<u8>, EncodeError> {
    let right =
        |expected: Option<u8>, found: Option<&u8>| expected.is_none() || expected.as_ref() == found;
    if !right(starts_with, message.first()) || !right(ends_with, message.last()) {
        return Err(EncodeError::Unexpected);
    }
    let bytes_len = message.len();
    let prefix = match width {
        LengthWidth::Two => u16::try_from(bytes_len)
            .ok()
            .map(|len| len.to_be_bytes().to_vec()),
        LengthWidth::Four => u32::try_from(bytes_len)
            .ok()
            .map(|len| len.to_be_bytes().to_vec()),
    };
    let too_long = EncodeError::TooLong {
        bytes_len,
        max_len: usize::from(u16::MAX),
    };
    let mut frame = prefix.ok_or(too_long)?;
    frame.extend_from_slice(message);
    Ok(frame)
}
