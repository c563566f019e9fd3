//! The driver against the sandbox's gateway, against forged and foreign words, and byte for byte.

mod answers;
mod bytes;
mod operations;

use std::sync::Arc;

use secrecy::SecretString;
use store_actors::{
    domain::{
        code,
        ids::{PaymentId, RefundId},
        payment::{NoAnswer, Verdict},
    },
    ports::{Acquirer as _, AcquirerProfile, Charge, Instrument, WallClock as _},
};
use store_sim::acquirer::{Rule, unionpay};

use super::{UnionPay, UnionPayConfig};
use crate::adapters::acquirers::{
    Way,
    testing::{Moved, Shop, charge, profile},
};

/// UnionPay's own sample.
const CODE: &str = "6220835931895481436";

fn config(url: &str, profile: AcquirerProfile) -> UnionPayConfig {
    UnionPayConfig {
        url: url.to_owned(),
        merchant: unionpay::MERCHANT.to_owned(),
        key: SecretString::from(unionpay::MERCHANT_KEY),
        certificate: unionpay::MERCHANT_CERTIFICATE.to_owned(),
        root: unionpay::ROOT_CERTIFICATE.to_owned(),
        middle: unionpay::MIDDLE_CERTIFICATE.to_owned(),
        signer: "中国银联股份有限公司".to_owned(),
        terminal: unionpay::TERMINAL.to_owned(),
        notify_url: "https://pay.example.com/unionpay".to_owned(),
        voids: true,
        way: Way::default(),
        profile,
    }
}

fn driver(config: UnionPayConfig) -> UnionPay {
    let _ = rustls::crypto::ring::default_provider().install_default(); // another test was first
    UnionPay::new(config, Arc::new(Moved(0))).unwrap()
}

fn shop(rules: Vec<Rule>) -> Shop<UnionPay> {
    shop_with(rules, |_| {})
}

fn shop_with(rules: Vec<Rule>, change: impl FnOnce(&mut UnionPayConfig)) -> Shop<UnionPay> {
    Shop::spoken_by(
        |acquirer| acquirer.rules = rules,
        |url| {
            let mut config = config(url, profile(2_000));
            change(&mut config);
            driver(config)
        },
    )
}

/// UnionPay takes only what was made just now.
fn order(n: u8) -> PaymentId {
    PaymentId::new(Moved(0).now(), [n; 10])
}

fn refund(n: u8) -> RefundId {
    RefundId::new(Moved(0).now(), [n; 10])
}

fn coded(order: PaymentId, amount: &str) -> Charge {
    Charge {
        instrument: Instrument::Code(code::classify(CODE).unwrap()),
        ..charge(order, amount)
    }
}

impl Shop<UnionPay> {
    async fn pay(&self, order: PaymentId, amount: &str) -> Result<Verdict, NoAnswer> {
        let answered = self.driver.charge(coded(order, amount)).await?;
        assert_eq!(answered.order, order);
        Ok(answered.verdict)
    }
}
