//! ZVT messages as frames: over TCP nothing is put around them, so their own header is the
//! delimiter.
//!
//! A message begins with one of the protocol's classes; anything else is another protocol on the
//! port. What the message says is `wire::zvt`'s.

use super::{EncodeError, prefixed::Candidate};

/// Classes that a terminal or a cash register sends (PA00P015, summary of commands).
const CLASSES: [u8; 8] = [0x04, 0x05, 0x06, 0x08, 0x09, 0x0F, 0x80, 0x84];
/// In the place of the length: two more bytes say it, the low one first.
const LONG: u8 = 0xFF;

pub(super) fn candidate(rest: &[u8], max_len: usize) -> Candidate<'_> {
    if !rest.first().is_some_and(|class| CLASSES.contains(class)) {
        return Candidate::NotAFrame;
    }
    let frame_len = match rest {
        [_, _, LONG, low, high, ..] => 5 + usize::from(u16::from_le_bytes([*low, *high])),
        [_, _, LONG, ..] | [] | [_] | [_, _] => return Candidate::MoreNeeded,
        [_, _, short, ..] => 3 + usize::from(*short),
    };
    if frame_len > max_len {
        return Candidate::NotAFrame;
    }
    match rest.get(..frame_len) {
        Some(body) => Candidate::Frame { body, frame_len },
        None => Candidate::MoreNeeded,
    }
}

/// The message itself, if it is one whole message.
pub(super) fn encode(message: &[u8]) -> Result<Vec<u8>, EncodeError> {
    match candidate(message, message.len()) {
        Candidate::Frame { frame_len, .. } if frame_len == message.len() => Ok(message.to_vec()),
        _ => Err(EncodeError::Unexpected),
    }
}
