//! The outbox: ships the journal's records to the head office, in order, until it has receipted
//! them.
//!
//! There is no queue of its own: the outbox *is* the journal above the head office's receipt. What
//! was published and not receipted is published again after a reconnect, after too long a silence,
//! and when the head office asks for it; the head office keeps each record once. `machine` decides,
//! one method per state; `parking` keeps what can't be shipped as it is; `actor` reads, publishes
//! and tells. Deliberately not here: MQTT, and any trust in an acknowledgement that is not the head
//! office's own.

mod actor;
mod counting;
mod machine;
mod money;
mod offline_total;
mod parking;

#[cfg(test)]
mod actor_tests;
#[cfg(test)]
mod machine_tests;

use std::{fmt, num::NonZeroU64, sync::Arc};

use actix::Message;

pub use actor::Outbox;
pub use machine::State;
pub use money::UnsentMoney;
pub use parking::{GetParked, ParkedRecord, SendParked, SendRefused};

use crate::{
    domain::money::Currency,
    journal::Journal,
    ports::{Entropy, JournalDisk, Uplink, WallClock},
    signal::{OutboxStatus, Signals},
    supervisor::Handle,
};

/// What the outbox needs of the world.
#[derive(Clone)]
pub struct OutboxDeps {
    pub disk: Arc<dyn JournalDisk>,
    /// What is parked is written there.
    pub journal: Handle<Journal>,
    pub uplink: Arc<dyn Uplink>,
    pub signals: Signals,
    pub clock: Arc<dyn WallClock>,
    pub entropy: Arc<dyn Entropy>,
    pub settings: OutboxSettings,
}

impl fmt::Debug for OutboxDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxDeps")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxSettings {
    /// Records in one batch, 1 to 1,000. Small batches keep a drain out of the way of live
    /// payments (OUT-3).
    pub batch_records: usize,
    /// Bytes of bodies in one batch, about; 1 KiB to 2 MiB.
    pub batch_bytes: usize,
    /// Records that may be published and not receipted.
    pub window_records: usize,
    /// From so many records on that are not receipted, it drains: it makes a pause after each
    /// batch.
    pub drain_above: u64,
    pub drain_pause_ms: u64,
    /// The pause while something is being written, so while people pay: the backlog has time.
    pub live_pause_ms: u64,
    /// Records of the backlog in one batch meanwhile: who pays waits for one batch at most.
    pub live_records: usize,
    /// Bytes per second that a backlog may take of the line; what is written meanwhile goes first
    /// and counts, but never waits. `None`: no cap.
    pub bytes_per_s: Option<NonZeroU64>,
    /// A batch that is not receipted for so long makes the link slow: one small batch at a time.
    pub slow_after_ms: u64,
    /// After so long without a receipt, records are published again; each further time in vain
    /// doubles it, up to `stuck_after_ms`.
    pub resend_after_ms: u64,
    /// After so long without a receipt, the link is rebuilt; each further time in vain doubles
    /// it, up to sixteen times.
    pub stuck_after_ms: u64,
    /// How often it looks by itself.
    pub tick_ms: u64,
    /// How often the store's status goes up.
    pub status_every_ms: u64,
    /// The program's version, for the status.
    pub version: String,
    /// Of which it is said that no money is unsent before there was any.
    pub currencies: Vec<Currency>,
}

impl Default for OutboxSettings {
    fn default() -> Self {
        Self {
            batch_records: 100,
            batch_bytes: 128 * 1024,
            window_records: 1_000,
            drain_above: 200,
            drain_pause_ms: 1,
            live_pause_ms: 20,
            live_records: 64,
            bytes_per_s: None,
            slow_after_ms: 2_000,
            resend_after_ms: 5_000,
            stuck_after_ms: 20_000,
            tick_ms: 500,
            status_every_ms: 30_000,
            version: env!("CARGO_PKG_VERSION").into(),
            currencies: Vec::new(),
        }
    }
}

/// Asks how the outbox does.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "OutboxStatus")]
pub struct GetStatus;

/// What the store knows and the outbox puts into the store's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct StoreFacts {
    pub counters_ready: usize,
    pub counters: usize,
    /// Payments whose outcome nobody knows.
    pub unknown: usize,
}
