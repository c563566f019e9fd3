//! `run`: the store, from its configuration to its end.

use std::{path::Path, sync::Arc};

use store_actors::{ports::JournalDisk, signal::Signals};

use super::Failed;
use crate::{
    adapters::{clock::SystemClock, journal},
    config::Config,
    crash, logging,
    metrics::Metrics,
    shutdown::StopSignals,
    web::{self, OutboxApi, StoreApi},
    wiring,
};

pub(super) fn run(file: Option<&Path>) -> Result<(), Failed> {
    let config = Config::load(file)?;
    logging::init(&config.log)?;
    crash::arm()?;
    // fails only if a provider is installed already, which serves as well
    let _ = rustls::crypto::ring::default_provider().install_default();
    let journal = config.journal.dir.clone();
    actix::System::new().block_on(serve(config))?;
    // only now has everybody let go of it
    if let Err(failed) = journal::leave_snapshot(&journal) {
        tracing::warn!(%failed, "the next start will take longer");
    }
    Ok(())
}

async fn serve(config: Config) -> Result<(), Failed> {
    let mut stop = StopSignals::listen()?;
    let signals = Signals::default();
    let metrics = Arc::new(Metrics::new(signals.clone())?);
    let counting = Arc::clone(&metrics);
    actix::spawn(async move { counting.run().await });
    let store = wiring::open(&config, signals.clone())?;
    metrics.journal_opened(store.journal.recovery());
    let office = wiring::open_office(&config, &store)?;
    let bound = web::serve(
        &config.api,
        web::Parts {
            store: StoreApi::of(&store.running.store),
            outbox: OutboxApi::of(store.running.outbox.as_ref()),
            office,
            disk: Arc::clone(&store.journal) as Arc<dyn JournalDisk>,
            signals,
            clock: Arc::new(SystemClock),
            metrics: Arc::new(move || metrics.page().map_err(|failed| failed.to_string())),
        },
    )?;
    let serving = actix::spawn(bound.run);
    let listen = &bound.addresses;
    tracing::info!(store = %config.store.store, counters = config.counters.len(), ?listen, "the store is open");
    let asked_by = stop.wait().await;
    tracing::info!(asked_by, "closing");
    bound.stopper.stop().await;
    store.close().await;
    // what it served is done; how it ended is of no use any more
    let _ = serving.await;
    Ok(())
}
