//! A store as far as its uplink goes: a journal with records, the outbox, the MQTT link.

use std::{sync::Arc, time::Duration};

use actix::{Actor, Addr};
use store_actors::{
    domain::timestamp::Timestamp,
    journal::{Journal, JournalDeps},
    outbox::{GetStatus, Outbox, OutboxDeps, OutboxSettings},
    ports::{Entropy, JournalDisk, WallClock},
    signal::{OutboxStatus, Signals},
    supervisor::{ChildSpec, Supervision, Supervisor, SupervisorDeps},
};
use store_controller::adapters::mqtt::{MqttConfig, MqttUplink, broker::Broker};

use super::disk::ListDisk;
use crate::support::{chain::Chain, eventually};

pub struct Shop {
    pub disk: Arc<ListDisk>,
    pub outbox: Addr<Outbox>,
    _supervision: Supervision,
}

struct Fixed;

impl WallClock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_700_000_000_000)
    }
}

impl Entropy for Fixed {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0x55);
    }
}

pub fn broker_at(port: u16) -> Broker {
    Broker {
        host: "127.0.0.1".into(),
        port,
        tls: None,
        login: None,
        keep_alive: Duration::from_secs(5),
        connection_timeout: Duration::from_secs(5),
    }
}

/// A link that comes back quickly.
pub fn quick(broker: Broker) -> MqttConfig {
    MqttConfig {
        reconnect_min: Duration::from_millis(50),
        reconnect_max: Duration::from_millis(500),
        reconnect_spread: Duration::ZERO,
        ..MqttConfig::new(broker)
    }
}

/// An outbox whose patience is a tenth of the usual.
pub fn impatient() -> OutboxSettings {
    OutboxSettings {
        slow_after_ms: 200,
        resend_after_ms: 500,
        stuck_after_ms: 2_000,
        tick_ms: 50,
        ..OutboxSettings::default()
    }
}

pub fn link(config: MqttConfig, chain: &Chain) -> MqttUplink {
    MqttUplink::start(config, chain.store.clone(), Arc::new(Fixed))
}

impl Shop {
    pub fn open(broker: Broker, chain: &Chain) -> Self {
        Self::open_with(quick(broker), impatient(), chain)
    }

    pub fn open_with(config: MqttConfig, settings: OutboxSettings, chain: &Chain) -> Self {
        let disk = Arc::new(ListDisk::new(chain.records.clone()));
        let signals = Signals::default();
        let supervision = Supervisor::start(SupervisorDeps {
            signals: signals.clone(),
            clock: Arc::new(Fixed),
            entropy: Arc::new(Fixed),
        });
        let journal = JournalDeps {
            disk: disk.clone(),
            clock: Arc::new(Fixed),
            signals: signals.clone(),
        };
        let journal = supervision.child(ChildSpec::new("journal"), move || {
            Journal::new(journal.clone())
        });
        let deps = OutboxDeps {
            disk: disk.clone(),
            journal,
            uplink: Arc::new(link(config, chain)),
            signals,
            clock: Arc::new(Fixed),
            entropy: Arc::new(Fixed),
            settings,
        };
        Self {
            disk,
            outbox: Outbox::new(deps).start(),
            _supervision: supervision,
        }
    }

    pub async fn status(&self) -> OutboxStatus {
        self.outbox.send(GetStatus).await.unwrap()
    }

    pub async fn until(&self, what: &str, is_so: impl Fn(&OutboxStatus) -> bool) -> OutboxStatus {
        eventually(what, || async {
            let status = self.status().await;
            is_so(&status).then_some(status)
        })
        .await
    }

    /// Everything is receipted, and the journal knows.
    pub async fn drained(&self, records: u64) {
        self.until("the drain", |status| {
            status.depth == 0 && status.receipted == records
        })
        .await;
        eventually("the receipt on disk", || async {
            (self.disk.receipted() == records).then_some(())
        })
        .await;
    }
}
