//! One exchange with the host over a TCP connection of its own.
//!
//! What a host sends on a connection that nobody asked for, the answer to another trace number or a
//! second copy, is passed over: an answer is one to this request or none.

use std::{io, time::Duration};

use store_actors::{
    domain::payment::NoAnswer,
    wire::iso8583::{Decoded, Envelope, Field, Header, Mti, Trace, envelope::LENGTH_BYTES},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use zeroize::Zeroizing;

/// Frames passed over before a host is taken for confused.
const STRANGERS_MAX: usize = 8;

/// The host's address and the time it has.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub host: String,
    pub port: u16,
    pub connect_timeout: Duration,
}

/// What an answer must name.
pub(super) struct Expected<'a> {
    pub mti: Mti,
    pub trace: Trace,
    pub terminal: &'a str,
}

impl Line {
    /// No byte of a request has left before this ends well.
    pub(super) async fn connect(&self) -> Result<TcpStream, NoAnswer> {
        let connect = TcpStream::connect((self.host.as_str(), self.port));
        let connected = timeout(self.connect_timeout, connect).await;
        let late = |_| NoAnswer::NotSent("no connection in time".into());
        let failed = |cause: io::Error| NoAnswer::NotSent(cause.to_string());
        let stream = connected.map_err(late)?.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(stream)
    }
}

/// Sends once, and waits for the answer to exactly this.
pub(super) async fn exchange(
    stream: &mut TcpStream,
    frame: &[u8],
    expected: &Expected<'_>,
) -> Result<(Header, Zeroizing<Vec<u8>>), NoAnswer> {
    let broken = |cause: io::Error| NoAnswer::Broken(cause.to_string());
    stream.write_all(frame).await.map_err(broken)?;
    for seen in 0..=STRANGERS_MAX {
        let mut prefix = [0; LENGTH_BYTES];
        if let Err(cause) = stream.read_exact(&mut prefix).await {
            return Err(match seen {
                0 => broken(cause),
                _ => NoAnswer::AnotherOrder,
            });
        }
        let nonsense = |why: String| NoAnswer::Unintelligible(why);
        let length = Envelope::length(prefix).map_err(|why| nonsense(why.to_string()))?;
        let mut answer = Zeroizing::new(vec![0; length]);
        stream.read_exact(&mut answer).await.map_err(broken)?;
        let (envelope, message) =
            Envelope::unwrap_frame(&answer).map_err(|why| nonsense(why.to_string()))?;
        let decoded = Decoded::decode(message).map_err(|why| nonsense(why.to_string()))?;
        if expected.is_met_by(&decoded) {
            return Ok((envelope.header, Zeroizing::new(message.to_vec())));
        }
    }
    Err(NoAnswer::AnotherOrder)
}

impl Expected<'_> {
    fn is_met_by(&self, answer: &Decoded<'_>) -> bool {
        answer.mti() == self.mti.answer()
            && answer.number(Field::Stan) == Some(self.trace.stan.into())
            && answer.text(Field::Terminal).as_deref() == Some(self.terminal.trim())
    }
}
