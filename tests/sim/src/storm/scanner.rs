//! A scanner's line in a storm: bytes come whole, in pieces or not at all, and the cable is pulled.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use store_actors::ports::{Duplex, LineOpener, Reply};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    time::sleep,
};

use super::{dice::Dice, fate::Fate};

/// The scanner at the far end. Clones are the same.
#[derive(Clone)]
pub struct StormScanner {
    fate: Fate,
    dice: Dice,
    line: Arc<Mutex<Option<DuplexStream>>>,
}

impl StormScanner {
    pub fn new(fate: Fate, dice: Dice) -> Self {
        Self {
            fate,
            dice,
            line: Arc::default(),
        }
    }

    /// The customer's code is held before it.
    pub async fn scan(&self, code: &str) {
        let taken = self.line().take();
        let Some(mut line) = taken else { return };
        let is_pulled = !self.fate.is_calm() && self.dice.percent(5);
        let half = code.len() / 2;
        let (first, rest) = code.split_at(half);
        let wrote = async {
            line.write_all(first.as_bytes()).await?;
            if is_pulled {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe));
            }
            sleep(self.dice.ms(0, 20)).await;
            line.write_all(rest.as_bytes()).await?;
            line.write_all(b"\r").await
        };
        match wrote.await {
            Ok(()) => {
                // opened anew meanwhile: the older line is gone
                self.line().get_or_insert(line);
            }
            Err(_) => self.fate.tell(|| "scanner: its cable is pulled".into()),
        }
    }

    fn line(&self) -> MutexGuard<'_, Option<DuplexStream>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LineOpener for StormScanner {
    fn open(&self) -> Reply<'_, io::Result<Box<dyn Duplex>>> {
        Box::pin(async move {
            if !self.fate.is_calm() && self.dice.percent(20) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let (near, far) = duplex(256);
            *self.line() = Some(far);
            Ok(Box::new(near) as Box<dyn Duplex>)
        })
    }

    fn describe(&self) -> String {
        "storm".into()
    }
}
