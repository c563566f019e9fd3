//! Payments while a backlog goes out, and the same payments when there is none (OUT-3).

use std::{sync::Arc, time::Duration};

use store_actors::domain::record::Record;
use tokio::time::{Instant, sleep};

use crate::{
    LIMITS,
    postgres::Postgres,
    world::{
        Spread, acquirer, backlog,
        controller::{Controller, counter, journal},
        gate::Gate,
        mosquitto::Mosquitto,
        office::Office,
        scanners::Scanners,
        tills::Tills,
    },
};

const COUNTERS: usize = 16;
/// Between two payments of a counter.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug)]
pub struct Live {
    pub draining: Spread,
    pub quiet: Spread,
}

/// A small shop in a great hurry, through one drain and for as long afterwards.
pub async fn run(postgres: &Postgres, records: &[Record]) -> Live {
    let folder = tempfile::tempdir().unwrap();
    backlog::write(&journal(folder.path()), records).await;
    let database = postgres.database("live").await;
    let broker = Mosquitto::start_with(LIMITS).await;
    let _office = Office::start(&broker.url(), &database).await;
    let acquirer = acquirer(&folder.path().join("ledger.jsonl"), Duration::ZERO);
    let gate = Gate::before(broker.port).await;
    let scanners = Scanners::open(COUNTERS).await;
    let url = acquirer.url();
    let mut store = Controller::configure(folder.path(), &url, &scanners.ports, Some(gate.port));
    store.start().await;
    store.ready().await;
    let tills = Arc::new(Tills::open(&store.base).await);
    // connections made, caches warm
    pay_until(&tills, sleep(Duration::from_secs(1))).await;
    let begun = gate.open();
    let backlog = u64::try_from(records.len()).unwrap();
    let draining = pay_until(&tills, store.receipted(backlog)).await;
    let took = begun.elapsed();
    let quiet = pay_until(&tills, sleep(took.max(Duration::from_secs(3)))).await;
    println!(
        "live: {} payments while {backlog} records drained in {:.1} s, {} without",
        draining.len(),
        took.as_secs_f64(),
        quiet.len()
    );
    Live {
        draining: Spread::of(draining),
        quiet: Spread::of(quiet),
    }
}

/// Every counter pays until `end`; how long each payment took that ended by then.
async fn pay_until(tills: &Arc<Tills>, end: impl Future<Output = ()>) -> Vec<Duration> {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let clients: Vec<_> = (0..COUNTERS)
        .map(|nth| {
            let (tills, stopped) = (Arc::clone(tills), stopped.clone());
            tokio::spawn(async move {
                let name = counter(nth);
                let mut took = Vec::new();
                // not all in the same instant
                sleep(PAUSE * u32::try_from(nth).unwrap() / u32::try_from(COUNTERS).unwrap()).await;
                while !*stopped.borrow() {
                    let due = Instant::now() + PAUSE;
                    took.push(tills.pay(&name).await);
                    tokio::time::sleep_until(due).await;
                }
                took
            })
        })
        .collect();
    end.await;
    stop.send_replace(true);
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await.unwrap());
    }
    all
}
