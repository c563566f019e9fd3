//! The acquirers' part of the store's configuration: the sandbox's own protocol for everything, or
//! the real providers' protocols, each for its own codes. Behind all of them is the one ledger.

use std::{fs, io, net::SocketAddr, path::Path};

use clap::ValueEnum;

use crate::acquirer::{CardHostSettings, alipay, sign, wechat};

/// The master key of the lab's only terminal at the card host: known to everybody.
const MASTER: [u8; 16] = *b"a key for labs..";

/// Where the acquirer is reached.
#[derive(Clone, Copy, Debug)]
pub struct Doors {
    pub http: SocketAddr,
    pub card_host: SocketAddr,
}

/// What the card host must be told.
pub fn card_host() -> CardHostSettings {
    CardHostSettings {
        master: MASTER,
        batch: 1,
        store: "0001".to_owned(),
    }
}

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
            Self::Real => &["alipay", "wechat_pay"],
        }
    }

    /// The tables; keys are left in `folder`.
    pub fn tables(self, folder: &Path, doors: Doors, speed: u32) -> io::Result<String> {
        let key_file = |name: &str, key: &str| {
            let file = folder.join(name);
            fs::write(&file, key)?;
            io::Result::Ok(file.display().to_string())
        };
        let pace = format!("probe_interval_ms = 500\nspeed = {speed}\n");
        let common = format!("base_url = \"http://{}\"\n{pace}", doors.http);
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
            let key = key_file("wechat-merchant.key", wechat::MERCHANT_KEY)?;
            let certificate = key_file("wechat-merchant.pem", wechat::MERCHANT_CERTIFICATE)?;
            let api_key = key_file("wechat-api-v3.key", wechat::API_V3_KEY)?;
            let public = key_file("wechat-public.pem", wechat::PLATFORM_PUBLIC_KEY)?;
            tables.push_str(&format!(
                "[acquirers.wechat]\ndriver = \"wechat\"\ninterface = \"v3\"\n{common}\
                 appid = \"{}\"\nmchid = \"{}\"\nkey_file = \"{key}\"\n\
                 certificate_file = \"{certificate}\"\napi_v3_key_file = \"{api_key}\"\n\
                 wechat_public_key_id = \"{}\"\nwechat_public_key_file = \"{public}\"\n\
                 notify_url = \"https://pay.example.com/wechat\"\n\
                 tenders = [\"customer_code\"]\nschemes = [\"wechat_pay\"]\n",
                wechat::APPID,
                wechat::MCHID,
                wechat::PLATFORM_PUBLIC_KEY_ID,
            ));
            let key = key_file("card-host-master.key", &sign::hex(&MASTER))?;
            let kept = folder.join("card-host").display().to_string();
            // before the sandbox's own way, which takes cards as well
            tables.push_str(&format!(
                "[acquirers.card-host]\ndriver = \"card_host\"\nbase_url = \"tcp://{}\"\n{pace}\
                 priority = 10\nterminal = \"00000001\"\nmerchant = \"898110000000001\"\n\
                 key_file = \"{key}\"\ncipher = \"3des\"\nkeys = \"double\"\nmac = \"ecb\"\n\
                 tpdu = \"6000060000\"\nheader = \"613100000000\"\nfirst_batch = 1\n\
                 operator = \"01\"\nreader = 6\necho = 301\nunsealed_refusals = false\n\
                 order_in_62 = true\nbook = \"{kept}.book\"\nbook_key_file = \"{kept}-book.key\"\n\
                 keep_days = 90\ntenders = [\"card\"]\n\
                 schemes = [\"union_pay\", \"visa\", \"mastercard\"]\n",
                doors.card_host
            ));
        }
        Ok(tables)
    }
}
