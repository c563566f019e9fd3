//! When to stop: SIGTERM from a service manager, SIGINT from a keyboard.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The two signals, listened for from its making on.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// # Errors
    /// The signals can't be listened for.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Ends at the first of the two, with its name. Call it again to learn that somebody is losing
    /// patience.
    pub async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
