//! The session with the host: signed in with working keys, or not; every sealed exchange goes
//! through it.
//!
//! Working keys live in memory alone and are asked for when they are missing: after a start, when
//! the host calls our MAC wrong, and when it asks for a new sign-in.

use std::sync::{Arc, Mutex, PoisonError};

use store_actors::{
    domain::payment::NoAnswer,
    ports::WallClock,
    wire::iso8583::{
        CipherKey, Decoded, Envelope, Field, Header, HostAsks, KeyScheme, MacMethod, Message,
        Response, Station, Trace, WorkingKeys,
    },
};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::{
    book::Book,
    line::{Expected, Line, exchange},
    pages::{Approval, Fact, Pages},
    step,
};

pub(super) struct Session {
    pub line: Line,
    pub envelope: Envelope,
    pub station: Station,
    pub master: CipherKey,
    pub keys: KeyScheme,
    pub mac: MacMethod,
    /// The batch before the host has named one.
    pub first_batch: u32,
    /// Whether a refusal without a MAC counts.
    pub unsealed_refusals: bool,
    pub book: Arc<Mutex<Book>>,
    pub clock: Arc<dyn WallClock>,
    pub working: tokio::sync::Mutex<Option<WorkingKeys>>,
}

/// A host's verified answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub code: String,
    /// What an approval leaves for later messages.
    pub approval: Approval,
}

impl Session {
    /// The keys to seal with; signs in if there are none.
    pub(super) async fn keys(&self) -> Result<WorkingKeys, NoAnswer> {
        let mut working = self.working.lock().await;
        if let Some(keys) = &*working {
            return Ok(keys.clone());
        }
        let keys = self.sign_in().await?;
        *working = Some(keys.clone());
        Ok(keys)
    }

    /// These keys are of no use any more; newer ones stay.
    async fn forget(&self, keys: &WorkingKeys) {
        let mut working = self.working.lock().await;
        if working.as_ref() == Some(keys) {
            *working = None;
        }
    }

    async fn sign_in(&self) -> Result<WorkingKeys, NoAnswer> {
        let trace = self.next_trace().await?;
        let message = self.station.sign_in(trace, self.keys).map_err(unsendable)?;
        let (_, answer) = step("sign-in", self.plain(&message, trace)).await?;
        let answer = Decoded::decode(&answer).map_err(nonsense)?;
        let code = answer.text(Field::ResponseCode).unwrap_or_default();
        if Response::of(&code) != Response::Approved {
            return Err(NoAnswer::Refused(format!("sign-in: code {code}")));
        }
        let missing = || NoAnswer::Unintelligible("the sign-in's answer has no keys".into());
        let wrapped = answer.bytes(Field::Private62).ok_or_else(missing)?;
        let keys = WorkingKeys::open(self.keys, &self.master, wrapped)
            .map_err(|why| NoAnswer::Refused(format!("sign-in: {why}")))?;
        if let Some(number) = batch_of(&answer) {
            self.note_batch(number).await?;
        }
        tracing::info!(terminal = %self.station.terminal, "signed in at the card host");
        Ok(keys)
    }

    async fn note_batch(&self, number: u32) -> Result<(), NoAnswer> {
        // one that is being settled stays what it is until it has ended
        let is_known = |pages: &Pages| pages.settling.is_some() || pages.batch == Some(number);
        if self.read(is_known) {
            return Ok(());
        }
        self.write(vec![Fact::Batch { number }]).await
    }

    /// Whether the host answers at all.
    pub(super) async fn echo(&self) -> Result<(), NoAnswer> {
        let trace = self.next_trace().await?;
        let message = self.station.echo(trace).map_err(unsendable)?;
        self.plain(&message, trace).await.map(|_| ())
    }

    async fn plain(
        &self,
        message: &Message,
        trace: Trace,
    ) -> Result<(Header, Zeroizing<Vec<u8>>), NoAnswer> {
        let header = self.envelope.header.of_class(0x60);
        let envelope = Envelope {
            header,
            ..self.envelope
        };
        let frame = envelope.wrap(&message.encode()).map_err(unsendable)?;
        let mut stream = self.line.connect().await?;
        exchange(&mut stream, &frame, &self.expected(message, trace)).await
    }

    fn expected(&self, message: &Message, trace: Trace) -> Expected<'_> {
        Expected {
            mti: message.mti(),
            trace,
            terminal: &self.station.terminal,
        }
    }

    /// The sealed frame of a message.
    pub(super) fn sealed(
        &self,
        message: &Message,
        keys: &WorkingKeys,
    ) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
        let sealed = message.seal(|bytes| self.mac.mac(&keys.mac, bytes));
        let sealed = sealed.map_err(|why| NoAnswer::NotSent(why.to_string()))?;
        self.envelope.wrap(&sealed).map_err(unsendable)
    }

    /// Sends a sealed frame and gives the host's word on it, verified.
    pub(super) async fn ask(
        &self,
        stream: TcpStream,
        frame: &[u8],
        message: &Message,
        trace: Trace,
        keys: &WorkingKeys,
    ) -> Result<Reply, NoAnswer> {
        let answer = self.verified(stream, frame, message, trace, keys).await?;
        let answer = Decoded::decode(&answer).map_err(nonsense)?;
        let approval = Approval {
            reference: answer.text(Field::Reference).unwrap_or_default(),
            authorisation: answer
                .text(Field::Authorisation)
                .filter(|text| !text.is_empty()),
            date: answer
                .digits(Field::LocalDate)
                .map(|date| date.to_text().to_string()),
            minor: answer.number(Field::Amount).unwrap_or(0),
        };
        let code = answer.text(Field::ResponseCode).unwrap_or_default();
        Ok(Reply { code, approval })
    }

    /// Sends a sealed frame and gives the host's answer, verified.
    pub(super) async fn verified(
        &self,
        mut stream: TcpStream,
        frame: &[u8],
        message: &Message,
        trace: Trace,
        keys: &WorkingKeys,
    ) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
        let expected = self.expected(message, trace);
        let (header, bytes) = exchange(&mut stream, frame, &expected).await?;
        let answer = Decoded::decode(&bytes).map_err(nonsense)?;
        let code = answer.text(Field::ResponseCode).unwrap_or_default();
        let response = Response::of(&code);
        if response == Response::SignInAgain {
            // it has no MAC that we could verify, and it settles nothing
            self.forget(keys).await;
            return Err(NoAnswer::Refused("the host calls our MAC wrong".into()));
        }
        match answer.sealed_part() {
            Some((data, mac)) => {
                let is_right = self.mac.verifies(&keys.mac, data, mac);
                if !is_right.unwrap_or(false) {
                    return Err(NoAnswer::Forged);
                }
            }
            None if self.unsealed_refusals && matches!(response, Response::Declined(_)) => {}
            None => return Err(NoAnswer::Forged),
        }
        if header.asks() == HostAsks::SignIn || code == "77" {
            self.forget(keys).await;
        }
        Ok(bytes)
    }

    /// Sends a message that bears no seal and gives the answer, as it came.
    pub(super) async fn unsealed(
        &self,
        message: &Message,
        trace: Trace,
    ) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
        let frame = self.envelope.wrap(&message.encode()).map_err(unsendable)?;
        let mut stream = self.line.connect().await?;
        let (_, answer) = exchange(&mut stream, &frame, &self.expected(message, trace)).await?;
        Ok(answer)
    }

    /// The working keys are of no use any more: whatever is sent next begins with a sign-in.
    pub(super) async fn sign_in_anew(&self) {
        *self.working.lock().await = None;
    }

    pub(super) async fn is_signed_in(&self) -> bool {
        self.working.lock().await.is_some()
    }

    /// The batch that new transactions are in.
    pub(super) fn batch(&self) -> u32 {
        self.read(|pages| pages.batch).unwrap_or(self.first_batch)
    }

    // ---- the book, off the store's thread where the disk may take its time

    pub(super) fn read<T>(&self, look: impl FnOnce(&Pages) -> T) -> T {
        look(
            &self
                .book
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pages,
        )
    }

    pub(super) async fn next_trace(&self) -> Result<Trace, NoAnswer> {
        let batch = self.first_batch;
        self.on_book(move |book, now_ms| book.next_trace(batch, now_ms))
            .await
    }

    pub(super) async fn write(&self, facts: Vec<Fact>) -> Result<(), NoAnswer> {
        self.on_book(move |book, now_ms| {
            facts
                .into_iter()
                .try_for_each(|fact| book.add(fact, now_ms))
        })
        .await
    }

    async fn on_book<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Book, i64) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let (book, now_ms) = (Arc::clone(&self.book), self.clock.now().unix_ms());
        let done = tokio::task::spawn_blocking(move || {
            work(
                &mut book.lock().unwrap_or_else(PoisonError::into_inner),
                now_ms,
            )
        });
        let failed = |why: String| NoAnswer::Internal(format!("the terminal's book: {why}"));
        match done.await {
            Ok(done) => done.map_err(|cause| failed(cause.to_string())),
            Err(cause) => Err(failed(cause.to_string())),
        }
    }
}

/// 60.2, if the host names one.
fn batch_of(answer: &Decoded<'_>) -> Option<u32> {
    let digits = answer.digits(Field::Batch)?.to_text();
    digits.get(2..8)?.parse().ok()
}

pub(super) fn nonsense(why: store_actors::wire::iso8583::DecodeError) -> NoAnswer {
    NoAnswer::Unintelligible(why.to_string())
}

pub(super) fn unsendable(why: store_actors::wire::iso8583::EncodeError) -> NoAnswer {
    NoAnswer::NotSent(why.to_string())
}
