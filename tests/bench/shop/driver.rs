//! The peer: the store's own driver, asked by the bench.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use store_actors::{
    domain::{
        code::classify,
        ids::PaymentId,
        link::LinkRules,
        money::{Currency, Money},
        payment::{AcquirerClock, Verdict},
        tender::{Scheme, Tender},
    },
    ports::{Acquirer, AcquirerProfile, Charge, Entropy, Instrument, WallClock},
};
use store_controller::adapters::{
    acquirers::sandbox::{Sandbox, SandboxConfig},
    clock::{OsEntropy, SystemClock},
};
use tokio::time::Instant;

pub struct Direct {
    driver: Sandbox,
    codes: AtomicU64,
}

impl Direct {
    pub fn new(url: &str) -> Self {
        let config = SandboxConfig {
            url: url.to_owned(),
            merchant: "sandbox-merchant".to_owned(),
            key: "sandbox-merchant-key-for-tests-only".into(),
            store: crate::world::controller::STORE.parse().unwrap(),
            way: Default::default(),
            profile: AcquirerProfile {
                id: "sandbox".parse().unwrap(),
                name: "Sandbox".to_owned(),
                tenders: vec![Tender::CustomerCode],
                schemes: vec![Scheme::Alipay],
                currencies: vec![Currency::Cny],
                pre_authorises: false,
                limits: Vec::new(),
                clock: AcquirerClock::USUAL,
                probe_interval: Duration::from_secs(5),
                link: LinkRules::USUAL,
            },
        };
        let driver = Sandbox::new(config, Arc::new(SystemClock), Arc::new(OsEntropy));
        Self {
            driver: driver.unwrap(),
            codes: AtomicU64::new(1),
        }
    }

    /// One charge, approved.
    pub async fn charge(&self) -> Duration {
        let mut random = [0; 10];
        OsEntropy.fill(&mut random);
        let code = format!("29{:016}", self.codes.fetch_add(1, Ordering::Relaxed));
        let charge = Charge {
            order: PaymentId::new(SystemClock.now(), random),
            counter: "001".parse().unwrap(),
            money: Money::from_minor_units(1_250, Currency::Cny).unwrap(),
            instrument: Instrument::Code(classify(&code).unwrap()),
            reference: None,
        };
        let begun = Instant::now();
        let answer = self.driver.charge(charge).await.unwrap();
        let took = begun.elapsed();
        assert!(matches!(answer.verdict, Verdict::Approved { .. }));
        took
    }
}
