//! The cable between a device and the controller: a pseudo-terminal, or TCP with the device as the
//! server.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener as StdListener};

use tokio::net::{TcpListener, TcpStream};

use super::pty::Pty;

/// A cable. Reading waits and never fails; what cannot be written is lost, as on a wire.
#[derive(Debug)]
pub enum Line {
    Pty(Pty),
    Tcp(Tcp),
}

/// What became of bytes that were written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    Bytes(usize),
    /// The line takes no more now.
    Full,
    /// Nobody is at the other end.
    Nobody,
}

impl Line {
    /// A TCP line that listens on `address`; with port 0 on any free port, and on the same again
    /// when re-plugged.
    pub fn listen(address: SocketAddr) -> io::Result<Self> {
        let mut tcp = Tcp {
            address,
            listener: None,
            peer: None,
        };
        tcp.plug()?;
        Ok(Self::Tcp(tcp))
    }

    /// The address of a TCP line.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Pty(_) => None,
            Self::Tcp(tcp) => Some(tcp.address),
        }
    }

    pub(super) fn is_plugged(&self) -> bool {
        match self {
            Self::Pty(pty) => pty.is_plugged(),
            Self::Tcp(tcp) => tcp.listener.is_some(),
        }
    }

    pub(super) fn plug(&mut self) -> io::Result<()> {
        match self {
            _ if self.is_plugged() => Ok(()),
            Self::Pty(pty) => pty.plug(),
            Self::Tcp(tcp) => tcp.plug(),
        }
    }

    pub(super) fn unplug(&mut self) -> io::Result<()> {
        match self {
            Self::Pty(pty) => pty.unplug(),
            Self::Tcp(tcp) => {
                (tcp.listener, tcp.peer) = (None, None);
                Ok(())
            }
        }
    }

    /// Waits for bytes; may be cancelled.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> usize {
        match self {
            Self::Pty(pty) => pty.read(buffer).await,
            Self::Tcp(tcp) => tcp.read(buffer).await,
        }
    }

    pub(super) fn try_write(&mut self, bytes: &[u8]) -> Written {
        match self {
            Self::Pty(pty) => pty.try_write(bytes),
            Self::Tcp(tcp) => tcp.try_write(bytes),
        }
    }
}

/// The device's end of a TCP line. One peer at a time; a new one takes the place of the old.
#[derive(Debug)]
pub struct Tcp {
    address: SocketAddr,
    listener: Option<TcpListener>,
    peer: Option<TcpStream>,
}

impl Tcp {
    fn plug(&mut self) -> io::Result<()> {
        let listener = StdListener::bind(self.address)?;
        listener.set_nonblocking(true)?;
        self.address = listener.local_addr()?;
        self.listener = Some(TcpListener::from_std(listener)?);
        Ok(())
    }

    async fn read(&mut self, buffer: &mut [u8]) -> usize {
        loop {
            let Some(listener) = &self.listener else {
                std::future::pending().await
            };
            let Some(peer) = &self.peer else {
                self.peer = accept(listener).await;
                continue;
            };
            tokio::select! {
                newer = accept(listener) => self.peer = newer.or(self.peer.take()),
                ready = peer.readable() => match ready.and_then(|()| peer.try_read(buffer)) {
                    Ok(len) if len > 0 => return len,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Ok(_) | Err(_) => self.peer = None,
                },
            }
        }
    }

    fn try_write(&mut self, bytes: &[u8]) -> Written {
        let Some(peer) = &self.peer else {
            return Written::Nobody;
        };
        match peer.try_write(bytes) {
            Ok(len) => Written::Bytes(len),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Written::Full,
            Err(_) => {
                self.peer = None;
                Written::Nobody
            }
        }
    }
}

async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    let (peer, _) = listener.accept().await.ok()?;
    // split bytes are to arrive split
    peer.set_nodelay(true).ok()?;
    Some(peer)
}
