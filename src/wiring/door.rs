//! The door for what providers tell by themselves, and what is printed of their QRs.

use std::{collections::BTreeMap, sync::Arc};

use store_actors::{
    ports::{Entropy, WallClock},
    signal::Signals,
};

use super::{OpenStore, WiringFailed, acquirers::open_notifier};
use crate::{
    adapters::clock::{OsEntropy, SystemClock},
    config::Config,
    door,
    stickers::{Printable, Stickers},
};

/// Opens the door of an open store, if the configuration has one.
///
/// # Errors
/// Its address can't be had, or a provider's keys can't be read.
pub(crate) fn open_door(
    config: &Config,
    store: &OpenStore,
    signals: Signals,
) -> Result<Option<door::Bound>, WiringFailed> {
    let Some(listen) = config.notifications.listen else {
        return Ok(None);
    };
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let mut notifiers = BTreeMap::new();
    for acquirer in &config.acquirers {
        if let Some(notifier) = open_notifier(config, acquirer, &clock, &entropy)? {
            notifiers.insert(acquirer.id.clone(), notifier);
        }
    }
    let parts = door::Parts {
        listen,
        body_max_bytes: config.notifications.body_max_bytes,
        notifiers,
        store: store.running.store.clone(),
        signals,
    };
    door::serve(parts).map(Some).map_err(WiringFailed::Door)
}

/// What of this store is printed.
pub(crate) fn stickers(config: &Config) -> Stickers {
    let printable = config.acquirers.iter().filter_map(|acquirer| {
        Some(Printable {
            acquirer: acquirer.id.clone(),
            form: acquirer.sticker.clone()?,
            schemes: acquirer.schemes.clone(),
        })
    });
    Stickers {
        store: config.store.store.clone(),
        store_name: config.store.name.clone(),
        printable: printable.collect(),
    }
}
