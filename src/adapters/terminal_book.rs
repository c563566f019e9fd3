//! The book of a terminal that authorises by itself, in a file beside the journal.
//!
//! Written anew at each start, without what is settled and too old to be undone at the terminal.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use store_actors::{
    acquirer::own_terminal::{Pages, TerminalFact},
    ports::{BookFailed, Reply, TerminalBook},
};

use super::fact_file::FactFile;
use crate::crash;

/// A terminal's refunds are of the same month; its reversals of the same day.
const KEEP_MS: i64 = 31 * 86_400_000;

#[derive(Debug)]
pub struct FileBook {
    facts: Vec<TerminalFact>,
    file: Arc<Mutex<FactFile>>,
}

impl FileBook {
    /// # Errors
    /// It can't be read or written, or another program has it open (`WouldBlock`).
    pub fn open(path: &Path, now_ms: i64) -> io::Result<Self> {
        let (mut file, facts) = FactFile::open(path)?;
        let facts = Pages::of(facts).facts(now_ms.saturating_sub(KEEP_MS));
        file.write_anew(&facts)?;
        Ok(Self {
            facts,
            file: Arc::new(Mutex::new(file)),
        })
    }
}

/// In the names of crash points.
const fn step_of(fact: &TerminalFact) -> &'static str {
    match fact {
        TerminalFact::Last { .. } => "last",
        TerminalFact::Charged { .. } => "charged",
        TerminalFact::Answered { .. } => "answered",
        TerminalFact::Signs { .. } => "signs",
        TerminalFact::Undoing { .. } => "undoing",
        TerminalFact::NotUndone { .. } => "not-undone",
        TerminalFact::Buried { .. } => "buried",
        TerminalFact::Refunding { .. } => "refunding",
        TerminalFact::Refunded { .. } => "refunded",
        TerminalFact::Ending { .. } => "ending",
        TerminalFact::NotEnded => "not-ended",
        TerminalFact::Ended(_) => "ended",
    }
}

impl TerminalBook for FileBook {
    fn facts(&self) -> Vec<TerminalFact> {
        self.facts.clone()
    }

    fn add(&self, fact: TerminalFact) -> Reply<'_, Result<(), BookFailed>> {
        let file = Arc::clone(&self.file);
        Box::pin(async move {
            // off the store's thread: the disk may take its time
            let written = tokio::task::spawn_blocking(move || {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let step = step_of(&fact);
                crash::step(step, "unwritten", "zvt");
                let written = file.add(&fact);
                crash::step(step, "written", "zvt");
                written
            });
            match written.await {
                Ok(written) => written.map_err(|cause| BookFailed(cause.to_string())),
                Err(cause) => Err(BookFailed(cause.to_string())),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use store_actors::{
        acquirer::own_terminal::{Asked, Before, Outcome},
        domain::ids::PaymentId,
    };

    use super::*;

    fn charged(n: u8, at_ms: i64) -> TerminalFact {
        TerminalFact::Charged {
            order: PaymentId::from_bytes([n; 16]),
            asked: Asked {
                minor: 1_250,
                currency: 978,
                at_ms,
                before: Before::Nothing,
            },
        }
    }

    #[tokio::test]
    async fn what_was_added_is_there_after_a_restart_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("01.book");
        let book = FileBook::open(&path, 0).unwrap();
        assert!(FileBook::open(&path, 0).is_err(), "it is held");
        book.add(charged(1, 5)).await.unwrap();
        drop(book);
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend(b"00000000 {\"fact\":");
        std::fs::write(&path, torn).unwrap();
        assert_eq!(FileBook::open(&path, 9).unwrap().facts(), [charged(1, 5)]);
    }

    #[tokio::test]
    async fn what_nobody_knows_is_kept_however_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("01.book");
        let book = FileBook::open(&path, 0).unwrap();
        book.add(charged(1, 0)).await.unwrap();
        book.add(charged(2, 0)).await.unwrap();
        let (order, outcome) = (PaymentId::from_bytes([2; 16]), Outcome::Nothing);
        let settled = TerminalFact::Answered { order, outcome };
        book.add(settled).await.unwrap();
        drop(book);
        let later = FileBook::open(&path, KEEP_MS + 1).unwrap();
        assert_eq!(later.facts(), [charged(1, 0)]);
    }
}
