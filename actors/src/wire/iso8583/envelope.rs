//! What stands around a message on a line to the host: two bytes of length, five of TPDU, six of
//! header.
//!
//! The TPDU is an address and a sender, and an answer has them changed over. The header says what
//! kind of application speaks, in which version, and, in an answer, what the host wants done next.

use zeroize::Zeroizing;

use super::encode::EncodeError;

/// Bytes in front of a frame that say how many follow.
pub const LENGTH_BYTES: usize = 2;
const TPDU_ID: u8 = 0x60;
const HEAD_BYTES: usize = 5 + 6;
/// No message of this dialect is longer.
pub const LONGEST_FRAME: usize = 4 * 1024;

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {0} bytes is too short for TPDU and header, or too long")]
    Length(usize),
    #[error("the TPDU begins with {0:02X}, not 60")]
    Tpdu(u8),
}

/// Two addresses of the network between terminal and host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tpdu {
    pub to: [u8; 2],
    pub from: [u8; 2],
}

impl Tpdu {
    /// As in the answer.
    #[must_use]
    pub const fn swapped(self) -> Self {
        Self {
            to: self.from,
            from: self.to,
        }
    }

    pub const fn to_bytes(self) -> [u8; 5] {
        let ([a, b], [c, d]) = (self.to, self.from);
        [TPDU_ID, a, b, c, d]
    }
}

/// Application class, software version, state and request, and the version's details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header(pub [u8; 6]);

/// What a host asks for in an answer (the low nibble of the header's third byte).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostAsks {
    Nothing,
    /// Sign in again: the working keys are about to change.
    SignIn,
    /// Something else: new public keys (4), new chip parameters (5), and so on.
    Other(u8),
}

impl Header {
    /// The same header for another class of application: 0x60 magnetic stripe and management, 0x61
    /// chip.
    #[must_use]
    pub const fn of_class(self, class: u8) -> Self {
        let [_, a, b, c, d, e] = self.0;
        Self([class, a, b, c, d, e])
    }

    pub const fn asks(self) -> HostAsks {
        let [_, _, state, ..] = self.0;
        match state & 0xF {
            0 => HostAsks::Nothing,
            3 => HostAsks::SignIn,
            other => HostAsks::Other(other),
        }
    }
}

/// All that stands around a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub tpdu: Tpdu,
    pub header: Header,
}

impl Envelope {
    /// The frame as it goes over the line.
    ///
    /// # Errors
    /// The message is too long.
    pub fn wrap(&self, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
        let length = HEAD_BYTES + message.len();
        let too_long = EncodeError::TooLong(message.len());
        let prefix = u16::try_from(length)
            .ok()
            .filter(|_| length <= LONGEST_FRAME);
        let mut frame = Zeroizing::new(Vec::with_capacity(LENGTH_BYTES + length));
        frame.extend(prefix.ok_or(too_long)?.to_be_bytes());
        frame.extend(self.tpdu.to_bytes());
        frame.extend(self.header.0);
        frame.extend_from_slice(message);
        Ok(frame)
    }

    /// How many bytes follow these two.
    ///
    /// # Errors
    /// No frame has that length.
    pub fn length(prefix: [u8; LENGTH_BYTES]) -> Result<usize, FrameError> {
        match usize::from(u16::from_be_bytes(prefix)) {
            length @ HEAD_BYTES..=LONGEST_FRAME => Ok(length),
            other => Err(FrameError::Length(other)),
        }
    }

    /// Reads what followed the length: the envelope and the message in it.
    ///
    /// # Errors
    /// It is too short, or it doesn't begin as a TPDU does.
    pub fn unwrap_frame(frame: &[u8]) -> Result<(Self, &[u8]), FrameError> {
        let short = FrameError::Length(frame.len());
        let (tpdu, rest) = frame.split_first_chunk::<5>().ok_or(short)?;
        let (header, message) = rest.split_first_chunk::<6>().ok_or(short)?;
        let [id, a, b, c, d] = *tpdu;
        if id != TPDU_ID {
            return Err(FrameError::Tpdu(id));
        }
        let tpdu = Tpdu {
            to: [a, b],
            from: [c, d],
        };
        Ok((
            Self {
                tpdu,
                header: Header(*header),
            },
            message,
        ))
    }
}
