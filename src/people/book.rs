//! The book of people and tokens: one private file, which the controller and the command line both
//! change.
//!
//! The file is the truth. A change is made under a lock, on what is in the file then, and is on
//! disk before it counts; a reader looks whether the file is another one and reads it again. In it
//! are hashes only: whoever reads it can't sign in with what is there.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use store_actors::{
    domain::{
        ids::CounterId,
        people::{Role, Scope, deed::Deed},
        timestamp::Timestamp,
    },
    language::Language,
};
use thiserror::Error;

use crate::adapters::private_file;

const VERSION: u32 = 1;
/// People, and tokens, at most.
pub const KEPT_MAX: usize = 1_000;

/// All that the file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    version: u32,
    /// SHA-256 of the code that makes a manager, once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub setup: Option<String>,
    #[serde(default)]
    pub people: Vec<Person>,
    #[serde(default)]
    pub tokens: Vec<Token>,
    /// Of the command line, on their way into the journal.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub deeds: Vec<Deed>,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            version: VERSION,
            setup: None,
            people: Vec::new(),
            tokens: Vec::new(),
            deeds: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub name: String,
    pub role: Role,
    /// BCP 47, one of the shop's.
    pub language: String,
    /// Argon2id, as a PHC string.
    pub secret: String,
    /// Counts changes of the secret, the role and the lock: sessions of before end.
    pub generation: u32,
    #[serde(default)]
    pub locked: bool,
    pub changed_at: Timestamp,
}

impl Person {
    pub fn language(&self) -> Language {
        Language::from_tag(&self.language).unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Eight hexadecimal characters.
    pub id: String,
    pub name: String,
    /// SHA-256 of the token: 256 random bits need no slow hash.
    pub sha256: String,
    pub scopes: Vec<Scope>,
    /// Only at these; empty: at all.
    #[serde(default)]
    pub counters: Vec<CounterId>,
    pub made_at: Timestamp,
    /// The person, or empty for the command line.
    pub made_by: String,
}

impl Contents {
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    pub fn person_mut(&mut self, name: &str) -> Option<&mut Person> {
        self.people.iter_mut().find(|person| person.name == name)
    }

    /// Somebody can still look after people.
    pub fn has_manager(&self) -> bool {
        let manages = |person: &Person| person.role == Role::Manager && !person.locked;
        self.people.iter().any(manages)
    }
}

/// Why the book can't be read or written.
#[derive(Debug, Error)]
pub enum BookFailed {
    #[error("{} can't be read or written", .file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("{} is damaged: {why}; put back a copy, or move it away to begin anew", .file.display())]
    Damaged { file: PathBuf, why: String },
}

/// Which file it was: another one is there after every change.
type Stamp = (u64, i64, i64, u64);

pub struct Book {
    file: PathBuf,
    kept: Mutex<(Option<Stamp>, Arc<Contents>)>,
}

impl Book {
    /// The book in this folder, which is made if it is missing; empty before its first change.
    ///
    /// # Errors
    /// The folder can't be made, or the file can't be read.
    pub fn open(dir: &Path) -> Result<Self, BookFailed> {
        let book = Self {
            file: dir.join("people.json"),
            kept: Mutex::default(),
        };
        let made = private_file::make_dir(dir);
        made.map_err(|source| book.failed(source))?;
        book.read()?;
        Ok(book)
    }

    /// What is in the file now.
    ///
    /// # Errors
    /// It can't be read.
    pub fn read(&self) -> Result<Arc<Contents>, BookFailed> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.stamp()?;
        if kept.0 != now || now.is_none() {
            let contents = match now {
                Some(_) => Arc::new(self.load()?),
                None => Arc::default(),
            };
            *kept = (now, contents);
        }
        Ok(Arc::clone(&kept.1))
    }

    /// Changes the book; it is on disk when this returns. Blocks: not for a server's thread.
    ///
    /// # Errors
    /// The file's, and those of `change`, after which nothing has changed.
    pub fn change<T, E: From<BookFailed>>(
        &self,
        change: impl FnOnce(&mut Contents) -> Result<T, E>,
    ) -> Result<T, E> {
        let _lock = self.lock().map_err(|source| self.failed(source))?;
        let stamp = self.stamp()?;
        let mut contents = match stamp {
            Some(_) => self.load()?,
            None => Contents::default(),
        };
        let done = change(&mut contents)?;
        let bytes = serde_json::to_vec_pretty(&contents);
        let bytes = bytes.map_err(|cause| self.failed(cause.into()))?;
        private_file::write(&self.file, &bytes).map_err(|source| self.failed(source))?;
        Ok(done)
    }

    /// Held until it is dropped: no other program changes the file meanwhile.
    fn lock(&self) -> io::Result<File> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.file.with_extension("lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    fn stamp(&self) -> Result<Option<Stamp>, BookFailed> {
        match fs::metadata(&self.file) {
            Ok(found) => Ok(Some((
                found.ino(),
                found.mtime(),
                found.mtime_nsec(),
                found.len(),
            ))),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn load(&self) -> Result<Contents, BookFailed> {
        let bytes = fs::read(&self.file).map_err(|source| self.failed(source))?;
        let damaged = |why: String| BookFailed::Damaged {
            file: self.file.clone(),
            why,
        };
        let contents: Contents =
            serde_json::from_slice(&bytes).map_err(|cause| damaged(cause.to_string()))?;
        if contents.version != VERSION {
            let why = format!("it is of version {}, not {VERSION}", contents.version);
            return Err(damaged(why));
        }
        Ok(contents)
    }

    fn failed(&self, source: io::Error) -> BookFailed {
        BookFailed::File {
            file: self.file.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> Person {
        Person {
            name: name.into(),
            role: Role::Cashier,
            language: "en".into(),
            secret: "$argon2id$".into(),
            generation: 0,
            locked: false,
            changed_at: Timestamp::from_unix_ms(0),
        }
    }

    fn add(book: &Book, name: &str) {
        let added = book.change(|contents| {
            contents.people.push(person(name));
            Ok::<_, BookFailed>(())
        });
        added.unwrap();
    }

    #[test]
    fn two_who_have_it_open_see_each_others_changes_and_lose_none() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (
            Book::open(dir.path()).unwrap(),
            Book::open(dir.path()).unwrap(),
        );
        assert_eq!(*one.read().unwrap(), Contents::default());
        std::thread::scope(|scope| {
            for (book, letter) in [(&one, 'a'), (&other, 'b')] {
                scope.spawn(move || (0..20).for_each(|n| add(book, &format!("{letter}{n}"))));
            }
        });
        assert_eq!(one.read().unwrap().people.len(), 40);
        assert_eq!(one.read().unwrap(), other.read().unwrap());
        let mode = fs::metadata(dir.path().join("people.json")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_refused_changes_nothing_and_a_damaged_file_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let book = Book::open(dir.path()).unwrap();
        add(&book, "a");
        let refused: Result<(), BookFailed> = book.change(|contents| {
            contents.people.clear();
            Err(BookFailed::Damaged {
                file: PathBuf::new(),
                why: String::new(),
            })
        });
        assert!(refused.is_err());
        assert_eq!(book.read().unwrap().people.len(), 1);
        let file = dir.path().join("people.json");
        for text in ["{", r#"{"version":2}"#, r#"{"version":1,"wages":[]}"#] {
            fs::write(&file, text).unwrap();
            assert!(Book::open(dir.path()).is_err(), "{text}");
            assert!(book.change(|_| Ok::<_, BookFailed>(())).is_err(), "{text}");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
}
