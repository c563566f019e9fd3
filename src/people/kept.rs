//! A value in memory with a copy of it in a private file, as it was after its last change.
//!
//! One writer at a time, each with all that there is then. What can't be read is as if it had never
//! been there, and is said; so this is for what the store can do without.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{sync::Mutex as Turn, task::spawn_blocking};

use crate::adapters::private_file;

#[derive(Debug)]
pub(super) struct Kept<T> {
    file: PathBuf,
    value: Arc<Mutex<T>>,
    writing: Turn<()>,
}

impl<T: Default + DeserializeOwned> Kept<T> {
    /// As it was left.
    pub fn open(file: PathBuf) -> Self {
        let found = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(T::default()),
            Err(cause) => Err(cause),
        };
        let value = found.unwrap_or_else(|cause| {
            tracing::warn!(file = %file.display(), %cause, "can't be read: it begins anew");
            T::default()
        });
        Self {
            file,
            value: Arc::new(Mutex::new(value)),
            writing: Turn::default(),
        }
    }
}

impl<T> Kept<T> {
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the file up to date with what `copy` makes of the value. Where that fails it is said,
    /// and the value holds until the next restart.
    pub async fn write<C: Serialize>(&self, copy: impl FnOnce(&T) -> C + Send + 'static)
    where
        T: Send + 'static,
    {
        let _turn = self.writing.lock().await;
        let (file, value) = (self.file.clone(), Arc::clone(&self.value));
        let written = spawn_blocking(move || {
            let bytes = {
                let value = value.lock().unwrap_or_else(PoisonError::into_inner);
                serde_json::to_vec(&copy(&value))?
            };
            private_file::write(&file, &bytes)
        });
        let file = self.file.display();
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => tracing::error!(%file, %cause, "can't be written"),
            Err(cause) => tracing::error!(%file, %cause, "can't be written"),
        }
    }
}
