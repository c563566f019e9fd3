//! The acquirers' part of the store's configuration: the sandbox's own protocol for everything, or
//! the real providers' protocols, each for its own codes. Behind all of them is the one ledger.

use std::{fs, io, net::SocketAddr, path::Path};

use clap::ValueEnum;

use crate::acquirer::alipay;

/// Which protocols the store speaks with its acquirers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Acquirers {
    /// The sandbox's own.
    #[default]
    Sandbox,
    /// The providers' own, where there is a driver; the rest goes the sandbox's way.
    Real,
}

const EVERY_SCHEME: [&str; 7] = [
    "alipay",
    "wechat_pay",
    "union_pay",
    "emvco_cpm",
    "visa",
    "mastercard",
    "other_card",
];

impl Acquirers {
    /// The schemes that a driver of their own speaks for.
    fn real(self) -> &'static [&'static str] {
        match self {
            Self::Sandbox => &[],
            Self::Real => &["alipay"],
        }
    }

    /// The tables; keys are left in `folder`.
    pub fn tables(self, folder: &Path, acquirer: SocketAddr, speed: u32) -> io::Result<String> {
        let key_file = |name: &str, key: &str| {
            let file = folder.join(name);
            fs::write(&file, key)?;
            io::Result::Ok(file.display().to_string())
        };
        let common =
            format!("base_url = \"http://{acquirer}\"\nprobe_interval_ms = 500\nspeed = {speed}\n");
        let key = key_file("sandbox.key", "sandbox-merchant-key-for-tests-only\n")?;
        let rest: Vec<&str> = EVERY_SCHEME
            .into_iter()
            .filter(|scheme| !self.real().contains(scheme))
            .collect();
        let mut tables = format!(
            "[acquirers.sandbox]\ndriver = \"sandbox\"\n{common}merchant = \"sandbox-merchant\"\n\
             key_file = \"{key}\"\ntenders = [\"customer_code\", \"merchant_qr\", \"card\"]\n\
             schemes = {rest:?}\n"
        );
        if self == Self::Real {
            let key = key_file("alipay-app.key", alipay::APP_KEY)?;
            let public = key_file("alipay-public.pem", alipay::GATEWAY_PUBLIC_KEY)?;
            tables.push_str(&format!(
                "[acquirers.alipay]\ndriver = \"alipay\"\n{common}app_id = \"{}\"\n\
                 key_file = \"{key}\"\nalipay_public_key_file = \"{public}\"\n\
                 tenders = [\"customer_code\", \"merchant_qr\"]\nschemes = [\"alipay\"]\n",
                alipay::APP_ID
            ));
        }
        Ok(tables)
    }
}
