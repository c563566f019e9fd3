//! The controller's own machine: a token for the command line, and deeds of people at the shell.
//!
//! Whoever may read the folder of people may look at the store from the command line: at each start
//! a token with scope `read` is left there. And whoever may write it may make and revoke tokens
//! there; the deed is left in the book until the running controller brings it into the journal.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use store_actors::domain::people::{Scope, deed::Deed};
use tokio::task::spawn_blocking;

use super::{
    People, PeopleRefused, TOKEN_START,
    book::{BookFailed, Token},
    proof,
};
use crate::adapters::private_file;

/// The file of the token.
pub const LOCAL_TOKEN: &str = "local.token";
/// How often the book is looked into for deeds of the command line.
const INTERVAL: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Local {
    file: PathBuf,
    sha256: Mutex<Option<String>>,
}

impl Local {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            file: dir.join(LOCAL_TOKEN),
            sha256: Mutex::default(),
        }
    }

    /// As which this hash is known.
    pub(super) fn token(&self, sha256: &str) -> Option<Token> {
        let own = self.sha256.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = own
            .as_deref()
            .is_some_and(|own| proof::is_same(own, sha256));
        is_own.then(|| Token {
            id: "local".to_owned(),
            name: "local".to_owned(),
            sha256: sha256.to_owned(),
            scopes: vec![Scope::Read],
            counters: Vec::new(),
            made_at: Default::default(),
            made_by: String::new(),
        })
    }
}

impl People {
    /// Leaves a new token for the command line of this machine.
    ///
    /// # Errors
    /// It can't be written.
    pub async fn write_local_token(&self) -> Result<(), PeopleRefused> {
        let value = format!("{TOKEN_START}{}", proof::random(&*self.entropy));
        let (file, text) = (self.local.file.clone(), format!("{value}\n"));
        let written = spawn_blocking(move || private_file::write(&file, text.as_bytes())).await;
        let failed = |source| BookFailed::File {
            file: self.local.file.clone(),
            source,
        };
        written
            .map_err(|cause| failed(cause.into()))?
            .map_err(failed)?;
        let mut own = self
            .local
            .sha256
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *own = Some(proof::sha256(&value));
        Ok(())
    }

    /// Brings what people at the shell did into the journal, for as long as the controller runs.
    pub async fn keep_up(&self) {
        let mut pause = tokio::time::interval(INTERVAL);
        loop {
            pause.tick().await;
            if let Err(failed) = self.take_up().await {
                tracing::error!(%failed, "what was done at the shell is not in the journal yet");
            }
        }
    }

    /// Written twice after a crash in between, a deed is the same entry.
    async fn take_up(&self) -> Result<(), PeopleRefused> {
        let left: Vec<Deed> = self.contents()?.deeds.clone();
        if left.is_empty() {
            return Ok(());
        }
        for deed in &left {
            (self.write)(deed.clone()).await?;
        }
        self.change(move |contents| {
            contents.deeds.retain(|deed| !left.contains(deed));
            Ok(())
        })
        .await
    }
}
