//! The back office: its actor beside the store, the ledger, and the folder of bills.

use std::{sync::Arc, time::Duration};

use store_actors::{
    office::{
        Office, OfficeDeps, OfficeSettings,
        matching::{Matching, MatchingDeps},
        requests::OfficeRefused,
    },
    ports::{Entropy, JournalDisk, WallClock},
    supervisor::ChildSpec,
};

use super::{OpenStore, WiringFailed, open_bill_source};
use crate::{
    adapters::{
        bill_fetcher::{BillFetcher, Sources},
        bills::{self, BillsFolder},
        clock::{OsEntropy, SystemClock},
    },
    config::Config,
    office::Ledger,
    web::OfficeApi,
};

/// How often the folder is looked into.
const BILLS_INTERVAL: Duration = Duration::from_secs(15);

/// From the start to when the ledger adds up the latest months: what was under way goes first.
const WARM_AFTER: Duration = Duration::from_secs(10);

/// Comparing a bill of a large day takes a while.
const BILL_TIMEOUT: Duration = Duration::from_secs(300);

/// Opens the office of an open store.
pub(crate) fn open_office(config: &Config, store: &OpenStore) -> OfficeApi {
    let fees = Arc::clone(&store.fees);
    let disk = Arc::clone(&store.journal) as Arc<dyn JournalDisk>;
    // days end where the journal has ended them from its first run on
    let offset_minutes = store.journal.day_offset_minutes();
    let deps = OfficeDeps {
        disk: Arc::clone(&disk),
        journal: store.running.journal.clone(),
        clock: Arc::new(SystemClock),
        settings: OfficeSettings {
            offset_minutes,
            counters: config.counters.iter().map(|one| one.id.clone()).collect(),
            fees: Arc::clone(&fees),
            owner: config.office.owner.clone(),
            cut_off_ms: config.office.cut_off_ms,
        },
    };
    let spec = ChildSpec::new("office");
    let office = store
        .running
        .supervision
        .child(spec, move || Office::new(deps.clone()));
    if let Some(after_ms) = config.office.match_after_ms {
        let deps = MatchingDeps {
            disk: Arc::clone(&disk),
            office: office.clone(),
            acquirers: store.running.acquirers.clone(),
            clock: Arc::new(SystemClock),
            offset_minutes,
            after_ms,
        };
        let spec = ChildSpec::new("matching");
        let supervision = &store.running.supervision;
        supervision.child(spec, move || Matching::new(deps.clone()));
    }
    if let Some(dir) = &config.office.bills_dir {
        let acquirers = config.acquirers.iter().map(|one| one.id.clone()).collect();
        let folder = BillsFolder::new(dir.clone(), acquirers, offset_minutes);
        let taker = office.clone();
        actix::spawn(bills::watch(folder, BILLS_INTERVAL, move |bill| {
            let (office, name) = (taker.clone(), bill.name.clone());
            async move {
                match office.ask(bill, BILL_TIMEOUT).await {
                    Ok(Ok(read)) => {
                        let (lines, differences) = (read.lines, read.differences);
                        tracing::info!(file = %name, lines, differences, "a bill is compared");
                        true
                    }
                    Ok(Err(why)) => {
                        tracing::error!(file = %name, %why, "a bill can't be compared");
                        !matches!(why, OfficeRefused::Journal(_) | OfficeRefused::NoAnswer(_))
                    }
                    Err(why) => {
                        tracing::warn!(file = %name, %why, "a bill is compared later");
                        false
                    }
                }
            }
        }));
    }
    let ledger = Arc::new(Ledger::new(disk, fees, offset_minutes));
    let ahead = Arc::clone(&ledger);
    actix::spawn(async move {
        tokio::time::sleep(WARM_AFTER).await;
        ahead.warm(ahead.day_of(SystemClock.now())).await;
    });
    OfficeApi::new(office, ledger, config.store.currency)
}

/// Begins to fetch bills, if the configuration has it so.
///
/// # Errors
/// An acquirer's keys can't be read.
pub(crate) fn fetch_bills(config: &Config, store: &OpenStore) -> Result<(), WiringFailed> {
    let office = &config.office;
    let (Some(dir), Some(at_minute)) = (&office.bills_dir, office.fetch_bills_at) else {
        return Ok(());
    };
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let mut sources = Sources::new();
    for acquirer in &config.acquirers {
        if let Some(source) = open_bill_source(config, acquirer, &clock, &entropy)? {
            sources.push((acquirer.id.clone(), source));
        }
    }
    let fetcher = BillFetcher {
        dir: dir.clone(),
        sources,
        at_minute,
        offset_minutes: store.journal.day_offset_minutes(),
        clock,
    };
    actix::spawn(fetcher.run());
    Ok(())
}
