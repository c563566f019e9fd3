//! Who is at the store's pages and its API: people by name and secret, programs by their tokens.
//!
//! What may be done and how often a secret may be guessed is decided in the core
//! (`store_actors::domain::people`); here it meets the book, the clock, chance and the journal.
//! What somebody did to people, tokens and approvals is in the journal before it counts; a sign-in
//! is written down as well, but holds where the journal has failed: whoever mends the store must be
//! let in. Deliberately not here: HTTP.

mod approvals;
pub mod book;
mod kept;
mod local;
mod manage;
mod own;
pub mod proof;
mod sessions;
#[cfg(test)]
mod tests;

use std::{fmt, future::Future, path::PathBuf, pin::Pin, sync::Arc};

use store_actors::{
    domain::people::{
        self,
        approval::ApprovalRefused,
        attempts::{Attempts, Try},
        deed::{By, Deed, What},
        secret::SecretRefused,
        session::{Session, SessionRules},
    },
    ports::{Entropy, JournalFailed, WallClock},
};
use thiserror::Error;
use tokio::task::spawn_blocking;

use approvals::Approvals;
pub use approvals::Wanted;
use book::{Book, BookFailed, Contents, Person, Token};
use kept::Kept;
pub use local::LOCAL_TOKEN;
use local::Local;
pub use manage::{Change, NewPerson, NewToken};
use proof::{Busy, Hasher};
use sessions::Sessions;

/// Longer is no secret of anybody's, bytes.
const SECRET_BYTES_MAX: usize = 1_024;

/// What every token of a program begins with, so that it is known where it should not be.
pub const TOKEN_START: &str = "sc_";

/// Writes a deed down; done when it is on disk.
pub type WriteDeed = Arc<dyn Fn(Deed) -> Written + Send + Sync>;
pub type Written = Pin<Box<dyn Future<Output = Result<(), JournalFailed>>>>;

/// Why something came to nothing.
#[derive(Debug, Error)]
pub enum PeopleRefused {
    #[error("name or secret is wrong")]
    Wrong,
    #[error("too many failures; try again in {seconds} s")]
    Wait { seconds: u64, is_locked_out: bool },
    #[error("this person is locked; a manager can unlock")]
    Locked,
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Secret(#[from] SecretRefused),
    #[error("this code is used, or was never given; the log has the newest one")]
    WrongCode,
    #[error("a name has 1 to 64 characters, none of them a control character or a slash")]
    NotAName,
    #[error("this name is taken")]
    NameTaken,
    #[error("there is nobody of this name")]
    NoSuchPerson,
    #[error("there is no such token")]
    NoSuchToken,
    #[error("a token needs a scope")]
    NoScope,
    #[error("somebody has to look after people: this is the last manager")]
    LastManager,
    #[error("there is no room for more")]
    TooMany,
    #[error("{0} may not approve this")]
    MayNotApprove(String),
    #[error(transparent)]
    Approval(#[from] ApprovalRefused),
    #[error(transparent)]
    Book(#[from] BookFailed),
    #[error(transparent)]
    Journal(#[from] JournalFailed),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeopleSettings {
    /// Where the book and the sessions are.
    pub dir: PathBuf,
    pub rules: SessionRules,
}

/// Everybody who may do something.
pub struct People {
    book: Arc<Book>,
    sessions: Sessions,
    attempts: Kept<Attempts>,
    approvals: Approvals,
    hasher: Hasher,
    rules: SessionRules,
    clock: Arc<dyn WallClock>,
    entropy: Arc<dyn Entropy>,
    write: WriteDeed,
    local: Local,
}

impl fmt::Debug for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("People")
    }
}

impl People {
    /// # Errors
    /// The book can't be read.
    pub fn open(
        settings: &PeopleSettings,
        clock: Arc<dyn WallClock>,
        entropy: Arc<dyn Entropy>,
        write: WriteDeed,
    ) -> Result<Self, BookFailed> {
        Ok(Self {
            book: Arc::new(Book::open(&settings.dir)?),
            sessions: Sessions::open(settings.dir.join("sessions.json")),
            attempts: Kept::open(settings.dir.join("attempts.json")),
            approvals: Approvals::default(),
            hasher: Hasher::default(),
            rules: settings.rules,
            clock,
            entropy,
            write,
            local: Local::new(&settings.dir),
        })
    }

    /// Everybody, as they are now.
    ///
    /// # Errors
    /// The book can't be read.
    pub fn contents(&self) -> Result<Arc<Contents>, PeopleRefused> {
        Ok(self.book.read()?)
    }

    /// A code that makes the first manager, once, if there is nobody yet. The one before is worth
    /// nothing any more.
    ///
    /// # Errors
    /// The book can't be read or written.
    pub async fn setup_code(&self) -> Result<Option<String>, PeopleRefused> {
        if !self.contents()?.people.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.new_setup_code().await?))
    }

    /// A code that makes one more manager, for a store whose managers have all forgotten theirs.
    ///
    /// # Errors
    /// The book can't be read or written.
    pub async fn new_setup_code(&self) -> Result<String, PeopleRefused> {
        let code = proof::random(&*self.entropy);
        let hash = proof::sha256(&code);
        self.change(move |contents| {
            contents.setup = Some(hash.clone());
            Ok(())
        })
        .await?;
        Ok(code)
    }

    /// Whether this code makes a manager.
    pub fn is_setup_code(&self, code: &str) -> bool {
        let contents = self.contents();
        contents.is_ok_and(|contents| is_code(&contents, code))
    }

    /// Makes a manager with a code, and signs in.
    ///
    /// # Errors
    /// The code is not one, or the person is refused.
    pub async fn set_up(
        &self,
        code: &str,
        new: NewPerson,
        from: &str,
    ) -> Result<(String, Person), PeopleRefused> {
        // before the slow hash; of 256 random bits nobody guesses one
        if !self.is_setup_code(code) {
            return Err(PeopleRefused::WrongCode);
        }
        let person = self.hashed(new).await?;
        let by = By::Unknown(None);
        let (added, code) = (person.clone(), code.to_owned());
        let deed = self.deed(by, What::SetUp, Some(&person.name), from);
        self.change_and_record(deed, move |contents| {
            if !is_code(contents, &code) {
                return Err(PeopleRefused::WrongCode);
            }
            contents.setup = None;
            manage::add(contents, added.clone())
        })
        .await?;
        let session = self.begin_session(&person).await;
        Ok((session, person))
    }

    /// Signs in: the value for the cookie, and who it is.
    ///
    /// # Errors
    /// It is not who it says, or has to wait.
    pub async fn sign_in(
        &self,
        name: &str,
        secret: &str,
        from: &str,
    ) -> Result<(String, Person), PeopleRefused> {
        let person = self.prove(name, secret, from, What::SignInFailed).await?;
        let session = self.begin_session(&person).await;
        let by = By::Person(person.name.clone());
        self.note(self.deed(by, What::SignedIn, None, from)).await;
        Ok((session, person))
    }

    /// Whose name and secret these are.
    async fn prove(
        &self,
        claimed: &str,
        secret: &str,
        from: &str,
        failed: What,
    ) -> Result<Person, PeopleRefused> {
        let name = people::name(claimed).unwrap_or_default();
        let place = self.hasher.place()?;
        let locks_out = self.begin_try(name, from)?;
        // before the secret is looked at: whoever guesses and restarts the store gets no more tries
        self.keep_attempts().await;
        let known = self.contents()?.person(name).cloned();
        let hash = known.as_ref().map(|person| person.secret.clone());
        let fits = secret.len() <= SECRET_BYTES_MAX;
        let is_right = place.is_right(secret, hash.filter(|_| fits)).await?;
        if let Some(person) = known.as_ref().filter(|_| is_right) {
            self.attempts.lock().succeeded(name, from);
            self.keep_attempts().await;
            return match person.locked {
                true => Err(PeopleRefused::Locked),
                false => Ok(person.clone()),
            };
        }
        // a name that is not known may be a secret in the wrong field: it is not written down
        let by = By::Unknown(known.map(|person| person.name));
        let what = if locks_out { What::LockedOut } else { failed };
        self.note(self.deed(by, what, None, from)).await;
        Err(PeopleRefused::Wrong)
    }

    /// Whether a failure now locks out.
    fn begin_try(&self, name: &str, from: &str) -> Result<bool, PeopleRefused> {
        match self.attempts.lock().begin(name, from, self.clock.now()) {
            Try::Go { locks_out } => Ok(locks_out),
            Try::Wait { ms, is_locked_out } => Err(PeopleRefused::Wait {
                seconds: ms.div_ceil(1_000),
                is_locked_out,
            }),
        }
    }

    async fn begin_session(&self, person: &Person) -> String {
        let now = self.clock.now();
        let value = proof::random(&*self.entropy);
        let session = Session {
            person: person.name.clone(),
            began_at: now,
            seen_at: now,
            generation: person.generation,
        };
        if let Ok(contents) = self.contents() {
            self.sessions
                .retain(|session| self.is_held(session, &contents).is_some());
        }
        self.sessions.add(proof::sha256(&value), session).await;
        value
    }

    /// Whose session it is, if it holds.
    fn is_held<'a>(&self, session: &Session, contents: &'a Contents) -> Option<&'a Person> {
        let person = contents.person(&session.person)?;
        let is_same = person.generation == session.generation && !person.locked;
        let holds = session.holds(person.role, self.clock.now(), &self.rules);
        (is_same && holds).then_some(person)
    }

    /// Who is signed in with this cookie; `has_acted`: it is more than a page that looks again.
    pub async fn session(&self, value: &str, has_acted: bool) -> Option<Person> {
        let hash = proof::sha256(value);
        let session = self.sessions.get(&hash)?;
        let contents = self.contents().ok()?;
        let person = self.is_held(&session, &contents)?.clone();
        if has_acted {
            self.sessions.seen(&hash, self.clock.now()).await;
        }
        Some(person)
    }

    /// Ends the session of this cookie.
    pub async fn sign_out(&self, value: &str, from: &str) {
        if let Some(session) = self.sessions.remove(&proof::sha256(value)).await {
            let by = By::Person(session.person);
            self.note(self.deed(by, What::SignedOut, None, from)).await;
        }
    }

    /// Whose token it is.
    pub fn token(&self, value: &str) -> Option<Token> {
        let hash = proof::sha256(value);
        if let Some(token) = self.local.token(&hash) {
            return Some(token);
        }
        let contents = self.contents().ok()?;
        let mut tokens = contents.tokens.iter();
        tokens
            .find(|token| proof::is_same(&token.sha256, &hash))
            .cloned()
    }

    /// A deed that happens now.
    pub fn deed(&self, by: By, what: What, to: Option<&str>, from: &str) -> Deed {
        Deed {
            at: self.clock.now(),
            nonce: proof::nonce::<4>(&*self.entropy),
            by,
            what,
            to: to.map(str::to_owned),
            money: None,
            approved_by: None,
            from: (!from.is_empty()).then(|| from.to_owned()),
        }
    }

    /// Writes down what has happened already.
    pub async fn note(&self, deed: Deed) {
        let what = deed.what.as_str();
        if let Err(failed) = (self.write)(deed).await {
            tracing::error!(what, %failed, "a deed is not written down");
        }
    }

    /// Changes the book off the server's thread.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Contents) -> Result<T, PeopleRefused> + Send + 'static,
    ) -> Result<T, PeopleRefused> {
        let book = Arc::clone(&self.book);
        let changed = spawn_blocking(move || book.change(change)).await;
        changed.map_err(|_| PeopleRefused::Busy(Busy))?
    }

    /// Changes the book once the deed is in the journal; what is refused is not written down.
    async fn change_and_record<T: Send + 'static>(
        &self,
        deed: Deed,
        change: impl Fn(&mut Contents) -> Result<T, PeopleRefused> + Send + 'static,
    ) -> Result<T, PeopleRefused> {
        change(&mut Contents::clone(&*self.contents()?))?;
        (self.write)(deed).await?;
        self.change(change).await
    }

    async fn keep_attempts(&self) {
        let (now, contents) = (self.clock.now(), self.contents());
        let is_known = move |name: &str| {
            let contents = contents.as_ref();
            contents.is_ok_and(|contents| contents.person(name).is_some())
        };
        let copy = move |attempts: &Attempts| attempts.to_keep(is_known, now);
        self.attempts.write(copy).await;
    }
}

fn is_code(contents: &Contents, code: &str) -> bool {
    let hash = contents.setup.as_deref();
    hash.is_some_and(|hash| proof::is_same(hash, &proof::sha256(code)))
}
