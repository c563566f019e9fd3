//! `run`: the store, from its configuration to its end.

use std::{
    fmt,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use store_actors::{ports::JournalDisk, signal::Signals};

use super::Failed;
use crate::{
    adapters::{
        clock::{OsEntropy, SystemClock},
        journal,
        otlp::Otlp,
    },
    config::Config,
    crash, logging,
    metrics::Metrics,
    people::People,
    shutdown::StopSignals,
    web::{self, OutboxApi, SettlingApi, StoreApi, shop::Shop},
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
    if let Some(url) = &config.otlp_url {
        let (chain, store) = (
            config.store.chain.to_string(),
            config.store.store.to_string(),
        );
        actix::spawn(Otlp::new(url, &chain, &store)?.run(signals.clone()));
    }
    metrics.journal_opened(store.journal.recovery());
    let office = wiring::open_office(&config, &store);
    wiring::fetch_bills(&config, &store)?;
    let door = wiring::open_door(&config, &store, signals.clone())?;
    let people = wiring::open_people(&config, &store)?;
    let tls = wiring::open_tls(&config)?;
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
            office,
            settling: SettlingApi::of(Some(&store.running.settling)),
            disk: Arc::clone(&store.journal) as Arc<dyn JournalDisk>,
            signals,
            clock: Arc::new(SystemClock),
            metrics: Arc::new(move || metrics.page().map_err(|failed| failed.to_string())),
            totals: Arc::new(move |day| {
                let journal = Arc::clone(&journal);
                Box::pin(async move { journal.totals(&day).await })
            }),
            shop: shop(&config),
            stickers: Arc::new(wiring::stickers(&config)),
            entropy: Arc::new(OsEntropy),
            people: people.clone(),
            tls: tls.clone(),
        },
    )?;
    let serving = actix::spawn(bound.run);
    let listen = &bound.addresses;
    tracing::info!(store = %config.store.store, counters = config.counters.len(), ?listen, "the store is open");
    if let Some(tls) = &tls {
        say(format_args!(
            "The certificate's SHA-256 is {}",
            tls.fingerprint
        ));
    }
    let door = door.map(|door| {
        tracing::info!(listen = ?door.addresses, "the door for notifications is open");
        (door.handle, actix::spawn(door.run))
    });
    if let (Some(people), Some(address)) = (people, listen.first()) {
        let scheme = if tls.is_some() { "https" } else { "http" };
        tell_setup_link(&people, &format!("{scheme}://{address}")).await?;
        actix::spawn(async move { people.keep_up().await });
    }
    let asked_by = stop.wait().await;
    tracing::info!(asked_by, "closing");
    if let Some((handle, run)) = door {
        handle.stop(true).await;
        let _ = run.await;
    }
    bound.stopper.stop().await;
    store.close().await;
    // what it served is done; how it ended is of no use any more
    let _ = serving.await;
    Ok(())
}

/// Where nobody may sign in yet, somebody who sees this program's output makes the first manager.
async fn tell_setup_link(people: &People, base: &str) -> Result<(), Failed> {
    people.write_local_token().await?;
    if let Some(code) = people.setup_code().await? {
        let link = format!("{base}/setup?code={code}");
        tracing::warn!(
            link,
            "nobody can sign in yet: open this link, once, to make the first manager"
        );
        say(format_args!("To make the first manager, open {link}"));
    }
    Ok(())
}

/// Also where the log goes elsewhere; nobody may be listening.
fn say(what: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{what}");
}

/// What pages know of the shop.
fn shop(config: &Config) -> Shop {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let counters = config.counters.iter();
    let acquirers = config.acquirers.iter();
    Shop {
        currency: config.store.currency,
        letterhead: config.store.letterhead(),
        speech: config.store.speech,
        collect_timeout_ms: counters
            .map(|counter| (counter.id.clone(), ms(counter.collect_timeout)))
            .collect(),
        qr_expiry_ms: acquirers
            .map(|acquirer| (acquirer.id.clone(), acquirer.clock.qr_expiry_ms))
            .collect(),
    }
}
