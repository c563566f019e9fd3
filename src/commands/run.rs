//! `run`: the store, from its configuration to its end.

use std::{path::Path, sync::Arc, time::Duration};

use store_actors::{ports::JournalDisk, signal::Signals};

use super::Failed;
use crate::{
    adapters::{clock::SystemClock, journal},
    config::Config,
    crash, logging,
    metrics::Metrics,
    shutdown::StopSignals,
    web::{self, OutboxApi, StoreApi, shop::Shop},
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
    let journal = Arc::clone(&store.journal);
    match store.journal.unsettled().await {
        Ok(unsettled) => metrics.take_up(&unsettled),
        Err(failed) => tracing::error!(%failed, "what was under way can't be read for the metrics"),
    }
    let bound = web::serve(
        &config.api,
        web::Parts {
            store: StoreApi::of(&store.running.store),
            outbox: OutboxApi::of(store.running.outbox.as_ref()),
            disk: Arc::clone(&store.journal) as Arc<dyn JournalDisk>,
            signals,
            clock: Arc::new(SystemClock),
            metrics: Arc::new(move || metrics.page().map_err(|failed| failed.to_string())),
            totals: Arc::new(move |day| {
                let journal = Arc::clone(&journal);
                Box::pin(async move { journal.totals(&day).await })
            }),
            shop: shop(&config),
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

/// What pages know of the shop.
fn shop(config: &Config) -> Shop {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let counters = config.counters.iter();
    let acquirers = config.acquirers.iter();
    Shop {
        name: config.store.name.clone(),
        currency: config.store.currency,
        utc_offset_minutes: config.store.utc_offset_minutes,
        collect_timeout_ms: counters
            .map(|counter| (counter.id.clone(), ms(counter.collect_timeout)))
            .collect(),
        qr_expiry_ms: acquirers
            .map(|acquirer| (acquirer.id.clone(), acquirer.clock.qr_expiry_ms))
            .collect(),
    }
}
