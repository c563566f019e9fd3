//! Card readers by PC/SC: one operating-system thread per reader, and the port on top of it.
//!
//! A blocked `SCardTransmit` can be ended by nobody, so each reader's calls run on a thread of its
//! own; when the reader's actor gives an exchange up, the thread is left behind with its context
//! and a new one takes the reader over as soon as the old call has ended. A context that has lost
//! its `pcscd` never finds the next one, although it says that it is valid: after such an error it
//! is dropped and a new one is made, with back-off. Readers are known by name, because their order
//! changes. What a card says is not understood here.

mod desk;
mod worker;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store_actors::ports::{CardReader, ReaderEvent, ReaderFailed, Reply};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use desk::Desk;
use worker::{Request, Worker};

/// Why the readers of this machine cannot be listed; for `doctor`.
#[derive(Debug, thiserror::Error)]
pub enum ListFailed {
    #[error("the PC/SC service does not run: start pcscd")]
    NoService(#[source] pcsc::Error),
    #[error("the readers cannot be listed")]
    Failed(#[source] pcsc::Error),
}

/// The names of the readers of this machine. Blocks for as long as `pcscd` takes to answer.
///
/// # Errors
/// [`ListFailed`]; no reader at all is an empty list.
pub fn list_readers() -> Result<Vec<String>, ListFailed> {
    let context = pcsc::Context::establish(pcsc::Scope::User).map_err(ListFailed::NoService)?;
    match context.list_readers_owned() {
        Ok(names) => Ok(names
            .iter()
            .map(|name| name.to_string_lossy().into_owned())
            .collect()),
        Err(pcsc::Error::NoReadersAvailable) => Ok(Vec::new()),
        Err(error) => Err(ListFailed::Failed(error)),
    }
}

/// One reader, known by its PC/SC name, or by the beginning of it if only one reader's begins so.
///
/// Its threads end within half a second after it is dropped, unless a card hangs.
#[derive(Debug)]
pub struct PcscReader {
    desk: Arc<Desk>,
    worker: Mutex<Worker>,
}

impl PcscReader {
    /// Begins to look for the reader. Returns at once; the reader may come at any time.
    ///
    /// # Errors
    /// When the operating system makes no thread.
    pub fn open(name: &str) -> std::io::Result<Self> {
        let desk = Arc::new(Desk::new(name));
        let worker = Mutex::new(Worker::spawn(&desk, Vec::new())?);
        Ok(Self { desk, worker })
    }

    fn worker(&self) -> MutexGuard<'_, Worker> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CardReader for PcscReader {
    fn events(&self) -> mpsc::Receiver<ReaderEvent> {
        self.desk.subscribe()
    }

    fn transmit(
        &self,
        apdu: Zeroizing<Vec<u8>>,
    ) -> Reply<'_, Result<Zeroizing<Vec<u8>>, ReaderFailed>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.desk.card_lying().and_then(|card| {
            let request = Request { apdu, card, reply };
            self.worker().send(request)
        });
        Box::pin(async move {
            sent?;
            // the thread has gone without an answer: it was left behind, or the reader is lost
            answer.await.unwrap_or_else(|_| Err(ReaderFailed::CardGone))
        })
    }

    fn reset(&self) {
        let mut worker = self.worker();
        worker.stop();
        self.desk
            .gone("a card did not answer; the reader is taken over");
        match worker.replace(&self.desk) {
            Ok(next) => *worker = next,
            Err(error) => tracing::error!(%error, reader = self.describe(), "no thread for reader"),
        }
    }

    fn describe(&self) -> String {
        format!("pcsc:{}", self.desk.name())
    }
}

impl Drop for PcscReader {
    fn drop(&mut self) {
        self.worker().stop();
    }
}

#[cfg(test)]
mod tests;
