//! The product: the real store on a journal with a backlog, the real head office on PostgreSQL.

use std::time::Duration;

use store_actors::domain::record::Record;

use crate::{
    LIMITS,
    postgres::Postgres,
    world::{
        acquirer, backlog,
        controller::{Controller, journal},
        gate::Gate,
        mosquitto::Mosquitto,
        office::{Office, committed, held},
        rate,
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kills {
    None,
    /// Controller and broker, `kill -9` at the same moment, at a third and at two thirds.
    Twice,
}

#[derive(Clone, Copy, Debug)]
pub struct Drained {
    pub per_second: f64,
    pub lost: f64,
    pub doubled: f64,
}

/// Drains it all; the time counts from the moment that the line is up to the last receipt.
#[allow(clippy::cast_precision_loss, reason = "counts of a bench are small")]
pub async fn run(postgres: &Postgres, name: &str, records: &[Record], kills: Kills) -> Drained {
    let folder = tempfile::tempdir().unwrap();
    backlog::write(&journal(folder.path()), records).await;
    let database = postgres.database(name).await;
    let mut broker = Mosquitto::start_with(LIMITS).await;
    let _office = Office::start(&broker.url(), &database).await;
    let acquirer = acquirer(&folder.path().join("ledger.jsonl"), Duration::ZERO);
    let gate = Gate::before(broker.port).await;
    let mut store = Controller::configure(folder.path(), &acquirer.url(), &[], Some(gate.port));
    store.start().await;
    let begun = gate.open();
    if kills == Kills::Twice {
        let total = u64::try_from(records.len()).unwrap();
        for part in 1..=2 {
            // the store's own page says it once a second
            let through = committed(&database, total * part / 3).await;
            println!(
                "{name}: killed at {through}, after {} ms",
                begun.elapsed().as_millis()
            );
            store.kill();
            broker.kill();
            // each by itself, as the machines' supervisors do it
            let (restarted, ()) = tokio::join!(broker.restart(), store.start());
            assert!(restarted);
        }
    }
    let last = store.drained().await;
    let per_second = rate(last, begun.elapsed());
    let found = held(&database, records, last).await;
    println!("{name}: {last} records, {per_second:.0} a second, {found:?}");
    assert_eq!((found.lost, found.doubled), (0, 0), "OUT-1");
    Drained {
        per_second,
        lost: found.lost as f64,
        doubled: found.doubled as f64,
    }
}
