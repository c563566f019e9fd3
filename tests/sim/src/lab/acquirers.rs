//! The acquirers' part of the store's configuration: the sandbox's own protocol for everything, or
//! the real providers' protocols, each for its own codes. Behind all of them is the one ledger.

use std::{fs, io, net::SocketAddr, path::Path};

use clap::ValueEnum;

use crate::acquirer::{CardHostSettings, Provider, alipay, sign, unionpay, wechat};

/// The master key of the lab's only terminal at the card host: known to everybody.
const MASTER: [u8; 16] = *b"a key for labs..";

/// The card host's table.
pub const CARD_HOST: &str = "card-host";

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
            Self::Real => &["alipay", "wechat_pay", "union_pay"],
        }
    }

    /// A QR belongs to one provider.
    fn sandbox_tenders(self) -> &'static [&'static str] {
        match self {
            Self::Sandbox => &["customer_code", "merchant_qr", "card"],
            Self::Real => &["customer_code", "card"],
        }
    }

    /// The tables; keys are left in `folder`. Where a provider can be spoken with in several ways,
    /// the seed decides.
    pub fn tables(self, folder: &Path, doors: Doors, speed: u32, seed: u64) -> io::Result<String> {
        let key_file = |name: &str, key: &str| {
            let file = folder.join(name);
            fs::write(&file, key)?;
            io::Result::Ok(file.display().to_string())
        };
        let pace = format!("probe_interval_ms = 500\nspeed = {speed}\n");
        let key = key_file("sandbox.key", "sandbox-merchant-key-for-tests-only\n")?;
        let rest: Vec<&str> = EVERY_SCHEME
            .into_iter()
            .filter(|scheme| !self.real().contains(scheme))
            .collect();
        let shop = Shop {
            common: format!("base_url = \"http://{}\"\n{pace}", doors.http),
            pace,
            key_file: &key_file,
            seed,
        };
        let mut tables = format!(
            "[acquirers.sandbox]\ndriver = \"sandbox\"\n{}merchant = \"sandbox-merchant\"\n\
             key_file = \"{key}\"\ntenders = {:?}\nschemes = {rest:?}\n",
            shop.common,
            self.sandbox_tenders()
        );
        if self == Self::Real {
            tables.push_str(&shop.alipay()?);
            tables.push_str(&shop.wechat()?);
            tables.push_str(&shop.unionpay()?);
            tables.push_str(&shop.card_host(folder, doors)?);
        }
        Ok(tables)
    }
}

/// What all tables share.
struct Shop<'a> {
    /// Where the HTTP door is, and the pace.
    common: String,
    pace: String,
    key_file: &'a dyn Fn(&str, &str) -> io::Result<String>,
    seed: u64,
}

impl Shop<'_> {
    /// Codes go to each provider, QRs to one of the three.
    fn tenders(&self, nth: u64) -> &'static str {
        match self.seed % 3 == nth {
            true => "tenders = [\"customer_code\", \"merchant_qr\"]",
            false => "tenders = [\"customer_code\"]",
        }
    }

    fn is_other_way(&self) -> bool {
        self.seed.is_multiple_of(2)
    }

    /// By Alipay's public key, or by certificates.
    fn alipay(&self) -> io::Result<String> {
        let key = (self.key_file)("alipay-app.key", alipay::APP_KEY)?;
        let trust = if self.is_other_way() {
            let app = (self.key_file)("alipay-app.pem", alipay::APP_CERTIFICATE)?;
            let gateway = (self.key_file)("alipay-gateway.pem", alipay::GATEWAY_CERTIFICATE)?;
            let root = (self.key_file)("alipay-roots.pem", alipay::ROOT_CERTIFICATES)?;
            format!(
                "app_certificate_file = \"{app}\"\nalipay_certificate_file = \"{gateway}\"\n\
                 root_certificate_file = \"{root}\"\n"
            )
        } else {
            let public = (self.key_file)("alipay-public.pem", alipay::GATEWAY_PUBLIC_KEY)?;
            format!("alipay_public_key_file = \"{public}\"\n")
        };
        Ok(format!(
            "[acquirers.alipay]\ndriver = \"alipay\"\n{}app_id = \"{}\"\n\
             key_file = \"{key}\"\n{trust}{}\nschemes = [\"alipay\"]\n{}",
            self.common,
            alipay::APP_ID,
            self.tenders(1),
            sticker("alipay", "https://qr.alipay.com/sandbox?sticker={label}"),
        ))
    }

    /// By the third interface, or by the second.
    fn wechat(&self) -> io::Result<String> {
        let key = (self.key_file)("wechat-merchant.key", wechat::MERCHANT_KEY)?;
        let certificate = (self.key_file)("wechat-merchant.pem", wechat::MERCHANT_CERTIFICATE)?;
        let interface = if self.is_other_way() {
            let api_key = (self.key_file)("wechat-api-v2.key", wechat::API_V2_KEY)?;
            format!("interface = \"v2\"\napi_v2_key_file = \"{api_key}\"\n")
        } else {
            let api_key = (self.key_file)("wechat-api-v3.key", wechat::API_V3_KEY)?;
            let public = (self.key_file)("wechat-public.pem", wechat::PLATFORM_PUBLIC_KEY)?;
            format!(
                "interface = \"v3\"\napi_v3_key_file = \"{api_key}\"\n\
                 wechat_public_key_id = \"{}\"\nwechat_public_key_file = \"{public}\"\n",
                wechat::PLATFORM_PUBLIC_KEY_ID,
            )
        };
        Ok(format!(
            "[acquirers.wechat]\ndriver = \"wechat\"\n{}appid = \"{}\"\nmchid = \"{}\"\n\
             key_file = \"{key}\"\ncertificate_file = \"{certificate}\"\n{interface}\
             notify_url = \"https://pay.example.com/wechat\"\n{}\nschemes = [\"wechat_pay\"]\n{}",
            self.common,
            wechat::APPID,
            wechat::MCHID,
            self.tenders(2),
            match self.is_other_way() {
                true => sticker("wechat", "wxp://f2f/v2?sticker={label}"),
                false => sticker("wechat", "wxp://f2f/v3?sticker={label}"),
            },
        ))
    }

    fn unionpay(&self) -> io::Result<String> {
        let key = (self.key_file)("unionpay-merchant.key", unionpay::MERCHANT_KEY)?;
        let own = (self.key_file)("unionpay-merchant.pem", unionpay::MERCHANT_CERTIFICATE)?;
        let root = (self.key_file)("unionpay-root.pem", unionpay::ROOT_CERTIFICATE)?;
        let middle = (self.key_file)("unionpay-middle.pem", unionpay::MIDDLE_CERTIFICATE)?;
        Ok(format!(
            "[acquirers.unionpay-qr]\ndriver = \"unionpay\"\n{}merchant = \"{}\"\n\
             terminal = \"{}\"\nkey_file = \"{key}\"\ncertificate_file = \"{own}\"\n\
             root_certificate_file = \"{root}\"\nmiddle_certificate_file = \"{middle}\"\n\
             notify_url = \"https://pay.example.com/unionpay\"\n{}\nschemes = [\"union_pay\"]\n\
             [acquirers.unionpay-qr.sticker]\nform = \"emvco\"\naccount_id = 15\n\
             account = \"{}\"\ncategory = \"5411\"\nmerchant_name = \"The lab\"\n\
             city = \"SHANGHAI\"\n",
            self.common,
            unionpay::MERCHANT,
            unionpay::TERMINAL,
            self.tenders(0),
            unionpay::MERCHANT,
        ))
    }

    fn card_host(&self, folder: &Path, doors: Doors) -> io::Result<String> {
        let key = (self.key_file)("card-host-master.key", &sign::hex(&MASTER))?;
        let kept = folder.join("card-host").display().to_string();
        let offline_as = if self.is_other_way() {
            "advice"
        } else {
            "purchase"
        };
        // before the sandbox's own way, which takes cards as well
        Ok(format!(
            "[acquirers.{CARD_HOST}]\ndriver = \"card_host\"\nbase_url = \"tcp://{}\"\n{}\
             priority = 10\nterminal = \"00000001\"\nmerchant = \"898110000000001\"\n\
             key_file = \"{key}\"\ncipher = \"3des\"\nkeys = \"double\"\nmac = \"ecb\"\n\
             tpdu = \"6000060000\"\nheader = \"613100000000\"\nfirst_batch = 1\n\
             operator = \"01\"\nreader = 6\necho = 301\nunsealed_refusals = false\n\
             order_in_62 = true\npre_authorisation = true\noffline_as = \"{offline_as}\"\n\
             book = \"{kept}.book\"\nbook_key_file = \"{kept}-book.key\"\n\
             keep_days = 90\nsettlement_always_uploads = true\ntenders = [\"card\"]\n\
             schemes = [\"union_pay\", \"visa\", \"mastercard\"]\n",
            doors.card_host, self.pace,
        ))
    }
}

/// A provider's own static code.
fn sticker(acquirer: &str, text: &str) -> String {
    format!("[acquirers.{acquirer}.sticker]\nform = \"text\"\ntext = \"{text}\"\n")
}

/// The door that each provider knows, as its table is named.
pub const DOORS: [(Provider, &str); 4] = [
    (Provider::Alipay, "/alipay"),
    (Provider::WechatV3, "/wechat"),
    (Provider::WechatV2, "/wechat"),
    (Provider::UnionPay, "/unionpay-qr"),
];
