//! The peers: a thread that gathers what waits, commits it and answers.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    sync::{LazyLock, mpsc},
};

use rusqlite::Connection;
use store_actors::{
    domain::{
        payment::Payment,
        record::{Body, Fact, Tip},
    },
    ports::WallClock,
};
use tokio::sync::oneshot;

use super::{
    measure::{Way, Written},
    payments::{Lives, Noon},
};

const GROUP_MAX: usize = 256;

/// Preallocated; at its end the raw append begins anew at the front, over what it wrote.
const RAW_BYTES: u64 = 128 * 1024 * 1024;

type Ticket<T> = (T, oneshot::Sender<()>);

pub struct Gathering<T> {
    tickets: mpsc::Sender<Ticket<T>>,
    make: Box<dyn Fn(usize, usize) -> T>,
}

impl<T: Send + 'static> Gathering<T> {
    #[allow(
        clippy::disallowed_methods,
        reason = "a peer has a thread of its own, as the journal has"
    )]
    fn new(
        make: impl Fn(usize, usize) -> T + 'static,
        mut commit: impl FnMut(&[Ticket<T>]) + Send + 'static,
    ) -> Self {
        let (tickets, waiting) = mpsc::channel::<Ticket<T>>();
        std::thread::spawn(move || {
            while let Ok(first) = waiting.recv() {
                let mut group = vec![first];
                group.extend(waiting.try_iter().take(GROUP_MAX - 1));
                commit(&group);
                for (_, answer) in group {
                    answer.send(()).unwrap_or(());
                }
            }
        });
        Self {
            tickets,
            make: Box::new(make),
        }
    }
}

impl<T: Send + 'static> Way for Gathering<T> {
    type Fact = T;

    fn make(&self, writer: usize, n: usize) -> T {
        (self.make)(writer, n)
    }

    fn write(&self, fact: T) -> Written<'_> {
        let (answer, answered) = oneshot::channel();
        self.tickets.send((fact, answer)).unwrap();
        Box::pin(async move { answered.await.unwrap() })
    }
}

/// As many bytes as a payment's record has.
fn bytes() -> impl Fn(usize, usize) -> Vec<u8> {
    let len = Lives::new().record_bytes();
    move |_, _| vec![b'x'; len]
}

/// The limit: what the group's bytes and one fdatasync take.
pub fn raw(_: &Path) -> Gathering<Vec<u8>> {
    let mut file = RawFile::default();
    Gathering::new(bytes(), move |group| {
        let records = group.iter().map(|(record, _)| record);
        records.for_each(|record| file.group.extend(record));
        file.write();
    })
}

/// The limit of what is written as we write it: payments whose text is made by who writes them, as
/// our actor makes it, chained by the thread that commits them, and nothing else done with them.
pub fn raw_payments(_: &Path) -> Gathering<Fact> {
    let mut file = RawFile::default();
    let mut tip = Tip::default();
    let lives = Lives::new();
    let make = move |writer, n| {
        let payment = lives.nth(writer, n);
        Fact::new(Noon.now(), &Body::Payment { payment }).unwrap()
    };
    Gathering::new(make, move |group| {
        for (fact, _) in group {
            tip.chain(fact.clone()).encode(&mut file.group);
        }
        file.write();
    })
}

/// The preallocated file, begun anew at the front.
#[derive(Default)]
struct RawFile {
    offset: u64,
    group: Vec<u8>,
}

impl RawFile {
    fn write(&mut self) {
        static PREALLOCATED: LazyLock<File> = LazyLock::new(preallocated);
        let len = self.group.len() as u64;
        if self.offset + len > RAW_BYTES {
            self.offset = 0;
        }
        PREALLOCATED.write_all_at(&self.group, self.offset).unwrap();
        PREALLOCATED.sync_data().unwrap();
        self.offset += len;
        self.group.clear();
    }
}

/// Made once: what it costs is not to be measured, nor to disturb what is.
fn preallocated() -> File {
    let mut file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let zeros = vec![0; 1024 * 1024];
    for _ in 0..RAW_BYTES / zeros.len() as u64 {
        file.write_all(&zeros).unwrap();
    }
    file.sync_all().unwrap();
    file
}

fn database(dir: &Path) -> Connection {
    let db = Connection::open(dir.join("sqlite")).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE records (seq INTEGER PRIMARY KEY, record BLOB NOT NULL);
         CREATE TABLE payments (id BLOB PRIMARY KEY, key TEXT UNIQUE, reference TEXT,
             payment TEXT NOT NULL) WITHOUT ROWID;
         CREATE INDEX by_reference ON payments (reference);",
    )
    .unwrap();
    db
}

const INSERT: &str = "INSERT INTO records (record) VALUES (?)";

/// Records of which SQLite knows nothing but their order.
pub fn sqlite_facts(dir: &Path) -> Gathering<Vec<u8>> {
    let mut db = database(dir);
    Gathering::new(bytes(), move |group| {
        let transaction = db.transaction().unwrap();
        {
            let mut insert = transaction.prepare_cached(INSERT).unwrap();
            for (record, _) in group {
                insert.execute([record]).unwrap();
            }
        }
        transaction.commit().unwrap();
    })
}

/// What our journal does: chained records, and the payment as it is now, found by id, key and
/// reference.
pub fn sqlite_payments(dir: &Path) -> Gathering<Box<Payment>> {
    let mut db = database(dir);
    let mut tip = Tip::default();
    let lives = Lives::new();
    let make = move |writer, n| lives.nth(writer, n);
    Gathering::new(make, move |group: &[Ticket<Box<Payment>>]| {
        let transaction = db.transaction().unwrap();
        {
            let mut insert = transaction.prepare_cached(INSERT).unwrap();
            let upsert = "INSERT INTO payments VALUES (?, ?, ?, ?)
                          ON CONFLICT (id) DO UPDATE SET payment = excluded.payment";
            let mut upsert = transaction.prepare_cached(upsert).unwrap();
            for (payment, _) in group {
                let payment = payment.clone();
                let text = serde_json::to_string(&payment).unwrap();
                let key = payment.fingerprint.as_ref().map(|known| known.key.clone());
                let (id, reference) = (payment.id.to_bytes(), payment.reference.clone());
                let record = tip.append(Noon.now(), &Body::Payment { payment }).unwrap();
                let mut bytes = Vec::with_capacity(record.encoded_len());
                record.encode(&mut bytes);
                insert.execute([bytes]).unwrap();
                upsert
                    .execute(rusqlite::params![id, key, reference, text])
                    .unwrap();
            }
        }
        transaction.commit().unwrap();
    })
}
