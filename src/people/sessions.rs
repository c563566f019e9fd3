//! Who is signed in, kept in a private file over a restart: a counter's screen keeps its place.
//!
//! Of the value in the cookie only the hash is kept. Each sign-in and sign-out is on disk before it
//! is answered; when somebody was last seen, every minute at most.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use store_actors::domain::{people::session::Session, timestamp::Timestamp};

use super::kept::Kept;

/// Sessions at most; the one that was not seen for longest goes.
const KEPT_MAX: usize = 1_000;
/// When somebody was seen is on disk at least so often, milliseconds.
const SEEN_MS: u64 = 60_000;

#[derive(Debug)]
pub struct Sessions {
    kept: Kept<BTreeMap<String, Session>>,
    /// When somebody's being seen was last a reason to write.
    seen: Mutex<Timestamp>,
}

impl Sessions {
    /// As they were left. What can't be read is no session: people sign in again.
    pub fn open(file: PathBuf) -> Self {
        Self {
            kept: Kept::open(file),
            seen: Mutex::default(),
        }
    }

    pub fn get(&self, hash: &str) -> Option<Session> {
        self.kept.lock().get(hash).cloned()
    }

    pub async fn add(&self, hash: String, session: Session) {
        {
            let mut kept = self.kept.lock();
            if kept.len() >= KEPT_MAX {
                let oldest = kept.iter().min_by_key(|(_, session)| session.seen_at);
                if let Some(oldest) = oldest.map(|(hash, _)| hash.clone()) {
                    kept.remove(&oldest);
                }
            }
            kept.insert(hash, session);
        }
        self.write().await;
    }

    /// Ends a session; `None` if there is none.
    pub async fn remove(&self, hash: &str) -> Option<Session> {
        let removed = self.kept.lock().remove(hash);
        if removed.is_some() {
            self.write().await;
        }
        removed
    }

    /// Its owner has just done something.
    pub async fn seen(&self, hash: &str, now: Timestamp) {
        if let Some(session) = self.kept.lock().get_mut(hash) {
            session.seen_at = session.seen_at.max(now);
        }
        let is_due = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = now.since_ms(*seen) >= SEEN_MS;
            *seen = if is_due { now } else { *seen };
            is_due
        };
        if is_due {
            self.write().await;
        }
    }

    /// Forgets those that hold no more.
    pub fn retain(&self, holds: impl Fn(&Session) -> bool) {
        self.kept.lock().retain(|_, session| holds(session));
    }

    async fn write(&self) {
        self.kept.write(Clone::clone).await;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn sessions_come_back_and_a_torn_file_is_no_sign_in() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sessions.json");
        let at = Timestamp::from_unix_ms(1_800_000_000_000);
        let session = Session {
            person: "L".into(),
            began_at: at,
            seen_at: at,
            generation: 0,
        };
        let sessions = Sessions::open(file.clone());
        sessions.add("ab".into(), session.clone()).await;
        sessions.add("cd".into(), session.clone()).await;
        assert_eq!(sessions.remove("cd").await, Some(session));
        sessions.seen("ab", at.plus_ms(SEEN_MS)).await;
        let again = Sessions::open(file.clone());
        assert_eq!(again.get("ab").unwrap().seen_at, at.plus_ms(SEEN_MS));
        assert_eq!(again.get("cd"), None);
        fs::write(&file, "{").unwrap();
        assert_eq!(Sessions::open(file).get("ab"), None);
    }
}
