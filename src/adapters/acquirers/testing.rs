//! A sandbox acquirer and a driver that speaks one of its dialects, as a test needs them.

pub mod tls;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use secrecy::SecretString;
use store_actors::{
    domain::{
        code,
        ids::{PaymentId, RefundId},
        money::{Currency, Money},
        payment::{AcquirerClock, Answer, NoAnswer, Verdict},
        tender::{Scheme, Tender},
        timestamp::Timestamp,
    },
    ports::{Acquirer as Driver, AcquirerProfile, Charge, Entropy, Instrument, WallClock},
};
use store_sim::acquirer::{Acquirer, AcquirerConfig, AcquirerHandle, Rule};
use tempfile::TempDir;

use super::{
    DriverRefused, Way,
    sandbox::{Sandbox, SandboxConfig},
};

pub const KEY: &str = "sandbox-merchant-key-for-tests-only";
pub const WECHAT: &str = "120061098828009406";

/// The machine's clock, moved by so many seconds.
pub struct Moved(pub i64);

impl WallClock for Moved {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(jiff::Timestamp::now().as_millisecond() + self.0 * 1000)
    }
}

/// Counts: different each time, which is all that a nonce must be.
pub struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, out: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        out.iter_mut()
            .zip(count.iter().cycle())
            .for_each(|(to, from)| *to = *from);
    }
}

pub struct Shop<D = Sandbox> {
    pub folder: TempDir,
    pub acquirer: AcquirerHandle,
    pub driver: D,
}

impl Shop {
    pub fn open(rules: Vec<Rule>) -> Self {
        Self::with(2_000, |config| config.rules = rules)
    }

    pub fn with(answer_timeout_ms: u64, change: impl FnOnce(&mut AcquirerConfig)) -> Self {
        Self::spoken_by(change, |url| driver(url, answer_timeout_ms).unwrap())
    }
}

impl<D: Driver> Shop<D> {
    pub fn spoken_by(
        change: impl FnOnce(&mut AcquirerConfig),
        driver: impl FnOnce(&str) -> D,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = AcquirerConfig::new(folder.path().join("ledger.jsonl"));
        change(&mut config);
        let acquirer = Acquirer::start(config).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default(); // another test was first
        let driver = driver(&acquirer.url());
        Self {
            folder,
            acquirer,
            driver,
        }
    }

    pub async fn charge(&self, order: PaymentId, amount: &str) -> Result<Verdict, NoAnswer> {
        named(order, self.driver.charge(charge(order, amount)).await)
    }

    pub async fn qr(&self, order: PaymentId, amount: &str) -> Result<Verdict, NoAnswer> {
        let instrument = Instrument::MerchantQr;
        let charge = Charge {
            instrument,
            ..charge(order, amount)
        };
        named(order, self.driver.charge(charge).await)
    }

    pub async fn query(&self, order: PaymentId) -> Result<Verdict, NoAnswer> {
        named(order, self.driver.query(order).await)
    }

    pub async fn reverse(&self, order: PaymentId) -> Result<Verdict, NoAnswer> {
        named(order, self.driver.reverse(order).await)
    }

    pub async fn close(&self, order: PaymentId) -> Result<Verdict, NoAnswer> {
        named(order, self.driver.close(order).await)
    }

    /// Charged, refunded and reversed, by the ledger.
    pub fn moved(&self, order: PaymentId) -> [String; 3] {
        let ledger = self.acquirer.ledger();
        ledger.audit().unwrap();
        let account = ledger.order(&order.to_string());
        let sums = account.map_or([0.into(); 3], |o| [o.charged, o.refunded, o.reversed]);
        sums.map(|sum| sum.normalize().to_string())
    }

    /// Queries until the acquirer says this.
    pub async fn until(&self, order: PaymentId, wanted: &Verdict) {
        let said = async {
            while self.query(order).await.as_ref() != Ok(wanted) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), said)
            .await
            .expect("in time");
    }
}

fn named(order: PaymentId, answer: Answer) -> Result<Verdict, NoAnswer> {
    let answered = answer?;
    assert_eq!(answered.order, order);
    Ok(answered.verdict)
}

pub fn config(url: &str, answer_timeout_ms: u64) -> SandboxConfig {
    SandboxConfig {
        url: url.to_owned(),
        merchant: "sandbox-merchant".to_owned(),
        key: SecretString::from(KEY),
        store: "s1".parse().unwrap(),
        way: Way::default(),
        profile: profile(answer_timeout_ms),
    }
}

pub fn profile(answer_timeout_ms: u64) -> AcquirerProfile {
    AcquirerProfile {
        id: "sandbox".parse().unwrap(),
        name: "Sandbox".to_owned(),
        tenders: Tender::CONCRETE.to_vec(),
        schemes: vec![Scheme::Alipay, Scheme::WechatPay],
        currencies: vec![Currency::Cny],
        pre_authorises: false,
        limits: Vec::new(),
        clock: AcquirerClock {
            answer_timeout_ms,
            ..AcquirerClock::USUAL
        },
        probe_interval: std::time::Duration::from_secs(5),
        link: store_actors::domain::link::LinkRules::USUAL,
    }
}

pub fn driver(url: &str, answer_timeout_ms: u64) -> Result<Sandbox, DriverRefused> {
    driver_of(config(url, answer_timeout_ms), Moved(0))
}

pub fn driver_of(config: SandboxConfig, clock: Moved) -> Result<Sandbox, DriverRefused> {
    let _ = rustls::crypto::ring::default_provider().install_default(); // another test was first
    Sandbox::new(
        config,
        Arc::new(clock),
        Arc::new(Counter(AtomicU64::new(1))),
    )
}

pub fn cny(amount: &str) -> Money {
    Money::parse(amount, Currency::Cny).unwrap()
}

pub fn order(n: u8) -> PaymentId {
    PaymentId::new(Timestamp::from_unix_ms(1_760_000_000_000), [n; 10])
}

pub fn refund(n: u8) -> RefundId {
    RefundId::new(Timestamp::from_unix_ms(1_760_000_000_000), [n; 10])
}

pub fn charge(order: PaymentId, amount: &str) -> Charge {
    Charge {
        order,
        counter: "01".parse().unwrap(),
        money: cny(amount),
        instrument: Instrument::Code(code::classify(WECHAT).unwrap()),
        reference: Some("basket 7".to_owned()),
    }
}

/// The acquirer's reference of the nth entry of its ledger.
pub fn approved(entry: u32, amount: &str) -> Verdict {
    Verdict::Approved {
        acquirer_ref: format!("SBX{entry:012}"),
        money: cny(amount),
        signature: false,
    }
}
