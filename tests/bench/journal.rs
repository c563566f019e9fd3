//! How fast the journal is, beside what else one could do, in one run on one disk.
//!
//! Writers wait for their record to be on stable storage before they write the next one, as
//! counters do. The limit is a raw append with one fdatasync per group; sled used naively flushes
//! per record and doesn't even sync. Rounds alternate between the ways, so that a noisy neighbour
//! hits all of them; the median round counts. Ratios mean more than rates.

#![allow(clippy::unwrap_used, reason = "a bench that can't go on ends")]
#![allow(clippy::print_stdout, reason = "the table is the result")]
#![allow(
    clippy::disallowed_methods,
    reason = "threads are measured from outside the runtime"
)]

use std::{
    cell::{Cell, RefCell},
    fs::File,
    future::Future,
    io::Write,
    path::Path,
    pin::Pin,
    rc::Rc,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use actix::{Actor, Addr, System};
use futures_util::future::join_all;
use sqlx::{
    Connection, QueryBuilder, Sqlite, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use store_actors::{
    domain::{
        ids::PaymentId,
        money::{Currency, Money},
        payment::{Opening, Origin, Payment, State},
        record::Body,
        tender::Tender,
        timestamp::Timestamp,
    },
    journal::{Append, Journal as JournalActor, JournalDeps},
    ports::WallClock,
    signal::Signals,
};
use store_controller::adapters::journal::{Journal, JournalConfig};
use tokio::sync::oneshot;

const BODY_BYTES: usize = 512;
const GROUP_MAX: usize = 256;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_millis(900);
const WRITERS: [usize; 3] = [1, 16, 128];
const STATES: [State; 4] = [
    State::Opened,
    State::Collecting,
    State::Submitted,
    State::Approved,
];

/// What is measured. `write` ends when record `n` of `writer` is durable.
trait Way {
    fn write(&self, writer: usize, n: usize) -> Pin<Box<dyn Future<Output = ()> + '_>>;
}

struct Noon;

impl WallClock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_700_000_000_000)
    }
}

/// Our journal, through the actor and the port.
struct Ours {
    journal: Addr<JournalActor>,
    payments: bool,
}

impl Ours {
    fn new(dir: &Path, payments: bool) -> Self {
        let disk = Arc::new(Journal::open(JournalConfig::new(dir)).unwrap());
        let clock = Arc::new(Noon);
        let deps = JournalDeps {
            disk,
            clock,
            signals: Signals::default(),
        };
        Self {
            journal: JournalActor::new(deps).start(),
            payments,
        }
    }

    fn body(&self, writer: usize, n: usize) -> Body {
        if self.payments {
            return Body::Payment {
                payment: Box::new(payment(writer, n)),
            };
        }
        Body::Device {
            device: "01-scanner".into(),
            event: "x".repeat(BODY_BYTES - 52),
        }
    }
}

impl Way for Ours {
    fn write(&self, writer: usize, n: usize) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        let bodies = vec![self.body(writer, n)];
        Box::pin(async move {
            self.journal.send(Append { bodies }).await.unwrap().unwrap();
        })
    }
}

/// Each payment has four records.
fn payment(writer: usize, n: usize) -> Payment {
    let mut random = [0; 10];
    random[..4].copy_from_slice(&u32::try_from(writer).unwrap().to_be_bytes());
    random[4..8].copy_from_slice(&u32::try_from(n / STATES.len()).unwrap().to_be_bytes());
    let now = Noon.now().plus_ms((n / STATES.len()) as u64);
    let opening = Opening {
        id: PaymentId::new(now, random),
        counter: "01".parse().unwrap(),
        money: Money::from_minor_units(1_250, Currency::Cny).unwrap(),
        tender: Tender::Card,
        origin: Origin::Till,
        reference: Some(format!("{writer}-{:0>210}", n / STATES.len())),
        fingerprint: None,
        number: 0,
    };
    let mut payment = Payment::open(opening, now);
    payment.state = STATES.into_iter().cycle().nth(n % STATES.len()).unwrap();
    payment
}

type Ticket = (Vec<u8>, oneshot::Sender<()>);

/// A thread that gathers what waits, commits it and answers.
struct Gathering(mpsc::Sender<Ticket>);

impl Gathering {
    fn new(mut commit: impl FnMut(&[Ticket]) + Send + 'static) -> Self {
        let (sender, waiting) = mpsc::channel::<Ticket>();
        std::thread::spawn(move || {
            while let Ok(first) = waiting.recv() {
                let mut group = vec![first];
                group.extend(waiting.try_iter().take(GROUP_MAX - 1));
                commit(&group);
                group
                    .into_iter()
                    .for_each(|(_, answer)| answer.send(()).unwrap_or(()));
            }
        });
        Self(sender)
    }

    fn raw(dir: &Path) -> Self {
        let mut file = File::create(dir.join("raw")).unwrap();
        Self::new(move |group| {
            let bytes: Vec<u8> = group.iter().flat_map(|(body, _)| body).copied().collect();
            file.write_all(&bytes).unwrap();
            file.sync_data().unwrap();
        })
    }

    fn sqlite(dir: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let options = SqliteConnectOptions::new()
            .filename(dir.join("sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut db = None;
        Self::new(move |group| {
            runtime.block_on(async {
                let db = match &mut db {
                    Some(db) => db,
                    none => none.insert(open_sqlite(&options).await),
                };
                let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO records (body) ");
                insert.push_values(group, |mut row, (body, _)| {
                    row.push_bind(body.as_slice());
                });
                let mut transaction = db.begin().await.unwrap();
                insert.build().execute(&mut *transaction).await.unwrap();
                transaction.commit().await.unwrap();
            });
        })
    }
}

async fn open_sqlite(options: &SqliteConnectOptions) -> SqliteConnection {
    let mut db = SqliteConnection::connect_with(options).await.unwrap();
    let table = "CREATE TABLE records (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)";
    sqlx::query(table).execute(&mut db).await.unwrap();
    db
}

impl Way for Gathering {
    fn write(&self, _: usize, _: usize) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        let (answer, answered) = oneshot::channel();
        self.0.send((vec![b'x'; BODY_BYTES], answer)).unwrap();
        Box::pin(async move { answered.await.unwrap() })
    }
}

/// What a round gave: records per second, and the longest wait.
#[derive(Clone, Copy, Default)]
struct Measured {
    per_second: f64,
    worst: Duration,
}

fn measure(way: impl FnOnce(&Path) -> Rc<dyn Way>, writers: usize) -> Measured {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    System::new().block_on(async {
        let way = way(dir.path());
        way.write(0, 0).await;
        let (count, worst) = (Cell::new(0usize), RefCell::new(Duration::ZERO));
        let began = Instant::now();
        let writing = (0..writers).map(|writer| {
            let (way, count, worst) = (&way, &count, &worst);
            async move {
                for n in 1.. {
                    let asked = Instant::now();
                    way.write(writer, n).await;
                    count.set(count.get() + 1);
                    let waited = asked.elapsed();
                    worst.replace_with(|worst| waited.max(*worst));
                    if began.elapsed() >= ROUND {
                        return;
                    }
                }
            }
        });
        join_all(writing).await;
        let per_second = count.get() as f64 / began.elapsed().as_secs_f64();
        Measured {
            per_second,
            worst: worst.into_inner(),
        }
    })
}

/// sled as one would use it first: a thread per writer, insert and flush per record.
fn measure_naive(writers: usize) -> Measured {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let db = sled::open(dir.path()).unwrap();
    let began = Instant::now();
    let work = |writer: usize| {
        let (mut count, mut worst) = (0u64, Duration::ZERO);
        while began.elapsed() < ROUND {
            let asked = Instant::now();
            let key = [writer.to_be_bytes(), count.to_be_bytes()].concat();
            db.insert(key, vec![b'x'; BODY_BYTES]).unwrap();
            db.flush().unwrap();
            (count, worst) = (count + 1, worst.max(asked.elapsed()));
        }
        (count, worst)
    };
    let done: Vec<(u64, Duration)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|writer| scope.spawn(move || work(writer)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let count: u64 = done.iter().map(|(count, _)| count).sum();
    let per_second = count as f64 / began.elapsed().as_secs_f64();
    Measured {
        per_second,
        worst: done.into_iter().map(|(_, worst)| worst).max().unwrap(),
    }
}

type Measure = fn(usize) -> Measured;

const WAYS: [(&str, Measure); 5] = [
    ("raw append + fdatasync: the limit", |n| {
        measure(|dir| Rc::new(Gathering::raw(dir)), n)
    }),
    ("the journal, payments", |n| {
        measure(|dir| Rc::new(Ours::new(dir, true)), n)
    }),
    ("the journal, other facts", |n| {
        measure(|dir| Rc::new(Ours::new(dir, false)), n)
    }),
    ("sled, insert + flush each (unsynced)", measure_naive),
    ("SQLite WAL FULL, group commit", |n| {
        measure(|dir| Rc::new(Gathering::sqlite(dir)), n)
    }),
];

fn median(mut rounds: Vec<Measured>) -> Measured {
    rounds.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}

fn main() {
    // `cargo bench --bench journal -- sled` measures only the ways whose name has the word (and the
    // limit)
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let is_wanted = |name: &str| wanted.iter().all(|word| name.contains(word));
    let limit_and_wanted = WAYS.iter().enumerate();
    let ways: Vec<_> = limit_and_wanted
        .filter(|(nth, (name, _))| *nth == 0 || is_wanted(name))
        .map(|(_, way)| way)
        .collect();
    println!(
        "{BODY_BYTES}-byte records, {ROUNDS} rounds of {} ms",
        ROUND.as_millis()
    );
    println!(
        "{:38} {:>8} {:>10} {:>9} {:>10}",
        "", "writers", "records/s", "of limit", "worst ms"
    );
    for writers in WRITERS {
        let mut rounds = vec![Vec::new(); ways.len()];
        for _ in 0..ROUNDS {
            for (results, (_, measure)) in rounds.iter_mut().zip(&ways) {
                results.push(measure(writers));
            }
        }
        let medians: Vec<Measured> = rounds.into_iter().map(median).collect();
        let limit = medians.first().map_or(1.0, |limit| limit.per_second);
        for ((name, _), Measured { per_second, worst }) in ways.iter().zip(&medians) {
            let share = 100.0 * per_second / limit;
            let worst_ms = worst.as_secs_f64() * 1_000.0;
            println!("{name:38} {writers:>8} {per_second:>10.0} {share:>8.0}% {worst_ms:>10.1}");
        }
    }
}
