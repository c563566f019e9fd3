//! Our journal as the store uses it: through the actor and the port.

use std::{path::Path, sync::Arc, thread::park_timeout, time::Duration};

use actix::{Actor, Addr};
use store_actors::{
    domain::record::Body,
    journal::{Append, Journal as JournalActor, JournalDeps, MAILBOX},
    signal::Signals,
};
use store_controller::adapters::journal::{Journal, JournalConfig};

use super::{
    measure::{Way, Written},
    payments::{Lives, Noon},
};

/// Of a record that is no payment, without its padding.
const FACT_BYTES: usize = 57 + 52;

pub struct Ours {
    journal: Addr<JournalActor>,
    lives: Lives,
    payments: bool,
    padding: String,
}

impl Ours {
    pub fn new(dir: &Path, payments: bool) -> Self {
        let disk = Arc::new(Journal::open(JournalConfig::new(dir)).unwrap());
        // as it is some time after its start: the next segment is made
        while !dir.join("guard/spare").exists() {
            park_timeout(Duration::from_millis(1));
        }
        let clock = Arc::new(Noon);
        let deps = JournalDeps {
            disk,
            clock,
            signals: Signals::default(),
        };
        let lives = Lives::new();
        Self {
            journal: JournalActor::create(|ctx| {
                ctx.set_mailbox_capacity(MAILBOX);
                JournalActor::new(deps)
            }),
            payments,
            padding: "x".repeat(lives.record_bytes() - FACT_BYTES),
            lives,
        }
    }
}

impl Way for Ours {
    type Fact = Body;

    fn make(&self, writer: usize, n: usize) -> Body {
        if self.payments {
            let payment = self.lives.nth(writer, n);
            return Body::Payment { payment };
        }
        Body::Device {
            device: "01-scanner".into(),
            event: self.padding.clone(),
        }
    }

    fn write(&self, fact: Body) -> Written<'_> {
        let bodies = vec![fact];
        let appended = self.journal.send(Append { bodies });
        Box::pin(async move {
            appended.await.unwrap().unwrap();
        })
    }
}
