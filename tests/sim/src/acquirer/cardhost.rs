//! The card host: ISO 8583 over TCP before the sandbox's desk, with the one ledger and the rules of
//! all its doors.
//!
//! It reads messages, opens no PIN block, checks each MAC and seals its answers by its own hand
//! ([`wire`], [`crypto`]), so that a mistake in the store's codec is not made a second time here.
//! A terminal signs in and gets working keys under its master key; [`CardHost::forget_keys`] makes
//! the host call every MAC wrong until it signs in again.
//! The protocol has no order numbers: an order's number here is what field 62 says, or else is made
//! of terminal, batch and trace number ([`CardHost::order_of`]).

mod answer;
mod batch;
mod crypto;
mod wire;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::desk::Desk;
use super::error::AcquirerError;
use super::rules::{Connection, Delivery};
use answer::{Asked, Host};
use batch::Batches;
pub use batch::{Settled, Upset};
use crypto::Keys;

/// What a card host needs beside the sandbox's own settings.
#[derive(Debug, Clone)]
pub struct CardHostSettings {
    /// The master key of every terminal, 16 bytes.
    pub master: [u8; 16],
    /// The batch that a sign-in is told.
    pub batch: u32,
    /// The store whose money is moved.
    pub store: String,
}

/// A running card host. Dropped, it hangs up on everybody.
#[derive(Debug)]
pub struct CardHost {
    addr: SocketAddr,
    host: Arc<Host>,
    over: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl CardHost {
    pub(super) fn start(
        desk: Arc<Desk>,
        settings: CardHostSettings,
    ) -> Result<Self, AcquirerError> {
        let fail = |e| AcquirerError::io("listen for terminals", e);
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let addr = listener.local_addr().map_err(fail)?;
        let batch = settings.batch;
        let host = Arc::new(Host {
            desk,
            settings,
            keys: Mutex::new(None),
            sign_ins: Mutex::new(0),
            batches: Mutex::new(Batches::new(batch)),
            advices: Mutex::default(),
        });
        let (over, end) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(fail)?;
        let serving = Arc::clone(&host);
        let thread = std::thread::Builder::new()
            .name("sandbox-card-host".to_owned())
            .spawn(move || runtime.block_on(serve(listener, serving, end)))
            .map_err(fail)?;
        Ok(Self {
            addr,
            host,
            over,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The working keys are of no use any more: every MAC is wrong until the next sign-in.
    pub fn forget_keys(&self) {
        *self.host.keys() = None;
    }

    /// How often a terminal has signed in.
    #[must_use]
    pub fn sign_ins(&self) -> u32 {
        *self
            .host
            .sign_ins
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The trace numbers of advices (0220) of cards that were accepted offline, as they came.
    #[must_use]
    pub fn advices(&self) -> Vec<u32> {
        self.host.advices().clone()
    }

    /// The next settlements go so, one message each.
    pub fn upset(&self, upset: Upset) {
        self.host.batches().upset(upset);
    }

    /// Batches that have ended, in order.
    #[must_use]
    pub fn settled(&self) -> Vec<Settled> {
        self.host.batches().settled().to_vec()
    }

    /// Transactions in the open batch.
    #[must_use]
    pub fn in_open_batch(&self) -> usize {
        self.host.batches().in_open()
    }

    /// What came for a batch that had ended: a terminal that does that has lost count.
    #[must_use]
    pub fn too_late(&self) -> u32 {
        self.host.batches().too_late()
    }

    /// The order's number in the ledger, of a charge that had no field 62.
    #[must_use]
    pub fn order_of(terminal: &str, batch: u32, stan: u32) -> String {
        answer::order_of(terminal, &format!("{batch:06}{stan:06}"))
    }
}

impl Drop for CardHost {
    fn drop(&mut self) {
        self.over.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the card host's thread panicked");
        }
    }
}

async fn serve(listener: TcpListener, host: Arc<Host>, mut end: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the card host does not listen");
            return;
        }
    };
    // a connection's task ends with the runtime, which ends with this function
    loop {
        tokio::select! {
            _ = end.changed() => return,
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(talk(stream, Arc::clone(&host)));
                }
            }
        }
    }
}

/// Answers frame by frame until either side hangs up.
async fn talk(mut stream: TcpStream, host: Arc<Host>) {
    let mut prefix = [0; 2];
    while stream.read_exact(&mut prefix).await.is_ok() {
        let mut frame = vec![0; usize::from(u16::from_be_bytes(prefix))];
        if stream.read_exact(&mut frame).await.is_err() {
            return;
        }
        let Some(asked) = Asked::read(&frame, &host) else {
            return;
        };
        if deliver(&mut stream, &host, asked).await.is_none() {
            return;
        }
    }
}

/// Lets the answer travel as the rules have it; `None` hangs up.
async fn deliver(stream: &mut TcpStream, host: &Host, asked: Asked) -> Option<()> {
    let delivery = asked.delivery().unwrap_or(Delivery::Plain);
    let scaled = |ms| Duration::from_millis(host.desk.config.scaled(ms));
    let frame = match delivery {
        Delivery::Silence {
            money_moved,
            connection,
        } => {
            let _unsaid = money_moved.then(|| asked.answer(host));
            if connection == Connection::Hold {
                tokio::time::sleep(scaled(host.desk.config.hold_ms)).await;
            }
            return None;
        }
        Delivery::Error { money_moved, .. } | Delivery::Unavailable { money_moved } => {
            let _unsaid = money_moved.then(|| asked.answer(host));
            asked.code("96", host)
        }
        Delivery::Late { ms } => {
            tokio::time::sleep(scaled(ms)).await;
            asked.answer(host)?
        }
        Delivery::Slow { ms } => {
            let answer = asked.answer(host)?;
            tokio::time::sleep(scaled(ms)).await;
            answer
        }
        Delivery::Duplicate => {
            let answer = asked.answer(host)?;
            [answer.clone(), answer].concat()
        }
        Delivery::OtherOrder => asked.answer_about_another(host)?,
        Delivery::WrongSignature => {
            let mut answer = asked.answer(host)?;
            if let Some(last) = answer.last_mut() {
                *last ^= 1;
            }
            answer
        }
        Delivery::Garbage => {
            asked.answer(host)?;
            b"\x00\x13<html>be right back".to_vec()
        }
        // it has one key
        Delivery::Plain | Delivery::OtherKey => asked.answer(host)?,
    };
    stream.write_all(&frame).await.ok()
}

impl Host {
    fn batches(&self) -> std::sync::MutexGuard<'_, Batches> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advices(&self) -> std::sync::MutexGuard<'_, Vec<u32>> {
        self.advices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Option<Keys>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
