//! The back office: its actor beside the store, the ledger, and the folder of bills.

use std::{sync::Arc, time::Duration};

use store_actors::{
    office::{Office, OfficeDeps, OfficeSettings, requests::OfficeRefused},
    ports::JournalDisk,
    supervisor::ChildSpec,
};

use super::{OpenStore, WiringFailed};
use crate::{
    adapters::{
        bills::{self, BillsFolder},
        clock::SystemClock,
    },
    config::{Config, fees},
    office::Ledger,
    web::OfficeApi,
};

/// How often the folder is looked into.
const BILLS_INTERVAL: Duration = Duration::from_secs(15);

/// Comparing a bill of a large day takes a while.
const BILL_TIMEOUT: Duration = Duration::from_secs(300);

/// Opens the office of an open store.
///
/// # Errors
/// The table of fees can't be read.
pub(crate) fn open_office(config: &Config, store: &OpenStore) -> Result<OfficeApi, WiringFailed> {
    let file = config.office.fees_file.as_deref();
    let fees = Arc::new(file.map(fees::load).transpose()?.unwrap_or_default());
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
    Ok(OfficeApi::new(office, ledger, config.store.currency))
}
