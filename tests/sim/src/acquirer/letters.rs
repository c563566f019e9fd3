//! What the provider tells by itself: that a QR was paid, or a printed one. Posted to the shop's
//! door, and again, at the provider's intervals, until the shop says that it has it.
//!
//! Rules of the operation `notification` make letters late, lost, doubled or wrongly signed, as
//! they do answers. Letters are kept in memory alone: a sandbox that is killed forgets them, and
//! the shop finds out by asking.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::rt;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::api::letter::{self, Letter, Seal};
use super::desk::{Desk, now_ms};
use super::rules::Delivery;

/// Who tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Alipay,
    WechatV3,
    WechatV2,
    UnionPay,
}

/// Pauses before a letter is sent again, in seconds; the last one for ever.
const PAUSES_S: [u64; 6] = [15, 15, 30, 180, 600, 1_200];
/// A letter is given up after so many tries.
const TRIES_MAX: usize = 15;
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the shop's doors are, and what is still to be told.
#[derive(Debug, Default)]
pub(super) struct PostOffice(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// `127.0.0.1:8620` and the path, by provider.
    doors: BTreeMap<Provider, (String, String)>,
    letters: Vec<Due>,
    /// On their way.
    sending: usize,
    sent: u64,
    taken: u64,
}

#[derive(Debug, Clone)]
struct Due {
    provider: Provider,
    order: String,
    due_ms: i64,
    tries: usize,
}

impl PostOffice {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn open_door(&self, provider: Provider, address: &str, path: &str) {
        let door = (address.to_owned(), path.to_owned());
        self.inner().doors.insert(provider, door);
    }

    /// There is something to tell of this order, if anybody listens.
    pub fn tell(&self, provider: Provider, order: &str) {
        let mut inner = self.inner();
        if inner.doors.contains_key(&provider) {
            inner.letters.push(Due {
                provider,
                order: order.to_owned(),
                due_ms: now_ms(),
                tries: 0,
            });
        }
    }

    /// Letters that wait, tries that were made, and letters that were taken.
    pub fn counts(&self) -> (usize, u64, u64) {
        let inner = self.inner();
        let waiting = inner.letters.len() + inner.sending;
        (waiting, inner.sent, inner.taken)
    }

    fn take_due(&self) -> Vec<Due> {
        let mut inner = self.inner();
        let now = now_ms();
        let all = std::mem::take(&mut inner.letters).into_iter();
        let (due, later): (Vec<Due>, Vec<Due>) = all.partition(|one| one.due_ms <= now);
        inner.letters = later;
        inner.sending += due.len();
        due
    }

    fn again(&self, desk: &Desk, mut letter: Due) {
        letter.tries += 1;
        if letter.tries >= TRIES_MAX {
            return;
        }
        let last = PAUSES_S.len() - 1;
        let pause_s = PAUSES_S.get((letter.tries - 1).min(last)).copied();
        let pause_ms = desk.config.scaled(pause_s.unwrap_or(1_200) * 1_000);
        letter.due_ms = now_ms().saturating_add_unsigned(pause_ms);
        self.inner().letters.push(letter);
    }
}

/// Sends what is due; called by the sandbox's clock.
pub(super) fn send_due(desk: &Arc<Desk>) {
    for letter in desk.post.take_due() {
        let desk = Arc::clone(desk);
        rt::spawn(async move {
            if !send(&desk, &letter).await {
                desk.post.again(&desk, letter);
            }
            desk.post.inner().sending -= 1;
        });
    }
}

/// Whether the shop has it.
async fn send(desk: &Desk, due: &Due) -> bool {
    let delivery = desk.script_of_letter(&due.order).delivery;
    let seal = match delivery {
        Some(Delivery::Silence { .. } | Delivery::Error { .. }) => return false,
        Some(Delivery::WrongSignature) => Seal::Forged,
        Some(Delivery::OtherKey) => Seal::OtherKey,
        _ => Seal::Right,
    };
    if let Some(Delivery::Late { ms } | Delivery::Slow { ms }) = delivery {
        rt::time::sleep(Duration::from_millis(desk.config.scaled(ms))).await;
    }
    let Some(told) = desk.told(&due.order) else {
        return true;
    };
    let letter = letter::write(due.provider, &told, seal);
    let taken = post(desk, due.provider, &letter).await;
    if delivery == Some(Delivery::Duplicate) {
        post(desk, due.provider, &letter).await;
    }
    taken
}

async fn post(desk: &Desk, provider: Provider, letter: &Letter) -> bool {
    let door = {
        let mut inner = desk.post.inner();
        inner.sent += 1;
        inner.doors.get(&provider).cloned()
    };
    let Some((address, path)) = door else {
        return false;
    };
    let posted = timeout(PATIENCE, exchange(&address, &path, letter)).await;
    let Ok(Some((status, body))) = posted else {
        return false;
    };
    let taken = letter::is_taken(provider, status, &body);
    desk.post.inner().taken += u64::from(taken);
    taken
}

/// One request on a connection of its own; status and body of the answer.
async fn exchange(address: &str, path: &str, letter: &Letter) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: {}\r\n\
         content-length: {}\r\n",
        letter.content_type,
        letter.body.len()
    );
    for (name, value) in &letter.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(letter.body.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
