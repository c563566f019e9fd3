//! A card host and its driver, as a test needs them.

use std::{path::Path, sync::Arc};

use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        money::{Currency, Money},
        payment::{NoAnswer, Verdict, answer::RefundVerdict},
        tender::{Scheme, Tender},
        timestamp::Timestamp,
    },
    ports::{Acquirer as _, AcquirerProfile, Charge, Instrument, PinBlock, WallClock as _},
    wire::{
        emv::{CardKind, CardRead, CryptogramKind, EmvData, Expiry, Pan, Track2},
        iso8583::{Cipher, CipherKey, Envelope, Header, KeyScheme, MacMethod, Station, Tpdu},
    },
};
use store_sim::acquirer::{
    Acquirer, AcquirerConfig, AcquirerHandle, CardHost as Host, CardHostSettings, Rule,
};
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::adapters::{
    acquirers::{
        cardhost::{CardHost, CardHostConfig, OfflineAs, SettlementRules},
        testing::profile,
    },
    clock::SystemClock,
};

pub const PAN: &str = "4761739001010010";
pub const TERMINAL: &str = "T0000001";
const MASTER: [u8; 16] = *b"0123456789abcdef";

pub struct Shop {
    pub folder: TempDir,
    pub acquirer: AcquirerHandle,
    pub host: Host,
    pub driver: CardHost,
}

impl Shop {
    pub fn open(rules: Vec<Rule>) -> Self {
        Self::with(rules, |_| {})
    }

    pub fn with(rules: Vec<Rule>, change: impl Fn(&mut CardHostConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = AcquirerConfig::new(folder.path().join("ledger.jsonl"));
        config.rules = rules;
        let acquirer = Acquirer::start(config).unwrap();
        let settings = CardHostSettings {
            master: MASTER,
            batch: 7,
            store: "0001".into(),
        };
        let host = acquirer.card_host(settings).unwrap();
        let mut config = driver_config(folder.path(), host.addr().port());
        change(&mut config);
        let driver = CardHost::new(config, Arc::new(SystemClock)).unwrap();
        Self {
            folder,
            acquirer,
            host,
            driver,
        }
    }

    /// As after a crash: nothing of the old driver is left but its files.
    pub fn restart(self) -> Self {
        self.restart_with(|_| {})
    }

    /// Nobody listens at the host's address any more.
    pub fn without_host(self) -> Self {
        self.restart_with(|config| {
            config.port = 1;
            config.offline_as = OfflineAs::Advice;
        })
    }

    pub fn restart_with(self, change: impl Fn(&mut CardHostConfig)) -> Self {
        let mut config = driver_config(self.folder.path(), self.host.addr().port());
        let Self {
            folder,
            acquirer,
            host,
            driver,
        } = self;
        drop(driver);
        change(&mut config);
        let driver = CardHost::new(config, Arc::new(SystemClock)).unwrap();
        Self {
            folder,
            acquirer,
            host,
            driver,
        }
    }

    pub async fn charge(&self, order: PaymentId, amount: &str) -> Result<Verdict, NoAnswer> {
        let answered = self.driver.charge(charge(order, amount)).await?;
        assert_eq!(answered.order, order);
        Ok(answered.verdict)
    }

    pub async fn query(&self, order: PaymentId) -> Result<Verdict, NoAnswer> {
        Ok(self.driver.query(order).await?.verdict)
    }

    pub async fn reverse(&self, order: PaymentId) -> Result<Verdict, NoAnswer> {
        Ok(self.driver.reverse(order).await?.verdict)
    }

    pub async fn refund(
        &self,
        order: PaymentId,
        n: u8,
        amount: &str,
    ) -> Result<RefundVerdict, NoAnswer> {
        let refund = RefundId::from_bytes([n; 16]);
        self.driver.refund(order, refund, cny(amount)).await
    }

    /// Charged, refunded and reversed, by the ledger.
    pub fn moved(&self, order: PaymentId) -> [String; 3] {
        let ledger = self.acquirer.ledger();
        ledger.audit().unwrap();
        let account = ledger.order(&order.to_string());
        let sums = account.map_or([0.into(); 3], |o| [o.charged, o.refunded, o.reversed]);
        sums.map(|sum| sum.normalize().to_string())
    }
}

pub fn driver_config(folder: &Path, port: u16) -> CardHostConfig {
    CardHostConfig {
        host: "127.0.0.1".into(),
        port,
        envelope: Envelope {
            tpdu: Tpdu {
                to: [0, 6],
                from: [0, 0],
            },
            header: Header([0x60, 0x31, 0, 0, 0, 0]),
        },
        station: Station {
            terminal: TERMINAL.into(),
            merchant: "898110000000001".into(),
            operator: "01".into(),
            reader: 6,
            echo: 301,
        },
        master: CipherKey::new(Cipher::TripleDes, &MASTER).unwrap(),
        keys: KeyScheme::Double,
        mac: MacMethod::Ecb,
        first_batch: 1,
        unsealed_refusals: false,
        order_in_62: true,
        book: folder.join("terminal.book"),
        book_key: folder.join("terminal.key"),
        keep_days: 90,
        settlement: SettlementRules::default(),
        offline_as: OfflineAs::default(),
        profile: AcquirerProfile {
            tenders: vec![Tender::Card],
            schemes: vec![Scheme::Visa],
            ..profile(1_500)
        },
    }
}

/// Made now, as the counter makes them.
pub fn order(n: u8) -> PaymentId {
    let now = SystemClock.now();
    PaymentId::new(Timestamp::from_unix_ms(now.unix_ms() + 1_000), [n; 10])
}

pub fn cny(amount: &str) -> Money {
    Money::parse(amount, Currency::Cny).unwrap()
}

pub fn charge(order: PaymentId, amount: &str) -> Charge {
    let pin_block = Some(PinBlock(Zeroizing::new(vec![7; 8])));
    Charge {
        order,
        counter: "01".parse().unwrap(),
        money: cny(amount),
        instrument: Instrument::Card {
            card: Box::new(card()),
            pin_block,
        },
        reference: None,
    }
}

pub fn card() -> CardRead {
    let track2 = [
        0x47, 0x61, 0x73, 0x90, 0x01, 0x01, 0x00, 0x10, 0xD3, 0x01, 0x22, 0x01, 0x12, 0x34, 0x5F,
    ];
    CardRead {
        scheme: CardKind::Visa.scheme(),
        kind: CardKind::Visa,
        aid: CardKind::Visa.aid(),
        label: None,
        pan: Pan::parse(PAN).unwrap(),
        psn: Some(1),
        expiry: Expiry {
            year: 2030,
            month: 12,
        },
        cryptogram: CryptogramKind::Online,
        emv_data: EmvData::from_bytes(&[0x9F, 0x36, 0x02, 0x00, 0x07, 0x9F, 0x27, 0x01, 0x80]),
        signature: false,
        track2: Some(Track2::from_compressed(&track2).unwrap()),
    }
}
