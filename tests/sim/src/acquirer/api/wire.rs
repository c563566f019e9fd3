//! A second handle on each connection: for the rules that break one, and for a kill, which breaks
//! all.

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One connection.
pub(in crate::acquirer) struct Wire(Arc<TcpStream>);

impl Wire {
    /// The bytes' own way to the other side, past the server.
    pub fn raw(&self) -> &TcpStream {
        &self.0
    }

    /// Nothing more is read or written; the other side sees the connection closed.
    pub fn hang_up(&self) {
        let _ = self.0.shutdown(Shutdown::Both); // already closed by the other side: as good
    }
}

/// The connections of one sandbox; none are taken once they were cut.
#[derive(Debug)]
pub(in crate::acquirer) struct Wires(Mutex<Option<Vec<Weak<TcpStream>>>>);

impl Wires {
    pub fn new() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }

    pub fn keep(&self, connection: TcpStream) -> Wire {
        let wire = Wire(Arc::new(connection));
        match self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
        {
            Some(live) => {
                live.retain(|other| other.strong_count() > 0);
                live.push(Arc::downgrade(&wire.0));
            }
            None => wire.hang_up(),
        }
        wire
    }

    /// Hangs up on everybody, for good. The server's own threads may end a little later.
    pub fn cut(&self) {
        let live = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let live = live.unwrap_or_default();
        live.iter()
            .filter_map(Weak::upgrade)
            .for_each(|wire| Wire(wire).hang_up());
    }
}
