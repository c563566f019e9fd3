//! From an acquirer's table to its driver, keys read, nothing sent yet.

use std::{path::Path, sync::Arc};

use secrecy::{ExposeSecret as _, SecretString};
use store_actors::{
    ports::{Acquirer, AcquirerProfile, Entropy, WallClock},
    wire::iso8583::CipherKey,
};
use zeroize::Zeroizing;

use super::WiringFailed;
use crate::{
    adapters::acquirers::{
        DriverRefused, ProxyServer, Way,
        alipay::{Alipay, AlipayConfig, Trust},
        bill_source::BillSource,
        cardhost::{CardHost, CardHostConfig},
        key::KeySource,
        notifier::Notifier,
        pointed::Pointed,
        sandbox::{Sandbox, SandboxConfig},
        unionpay::{UnionPay, UnionPayConfig},
        wechat::{Interface, PlatformKey, Wechat, WechatConfig},
    },
    config::{
        self, AlipayAccount, AlipayTrust, CardHostAccount, Config, Driver, SandboxAccount,
        UnionPayAccount, WechatAccount, WechatInterface,
    },
};

pub(crate) fn open_acquirer(
    config: &Config,
    acquirer: &config::Acquirer,
    clock: &Arc<dyn WallClock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Arc<dyn Acquirer>, WiringFailed> {
    let opening = Opening {
        config,
        acquirer,
        clock,
        entropy,
    };
    Ok(match &acquirer.driver {
        Driver::Sandbox(account) => Arc::new(Pointed::new(opening.sandbox(account)?, "sandbox")),
        Driver::Alipay(account) => Arc::new(Pointed::new(opening.alipay(account)?, "alipay")),
        Driver::Wechat(account) => {
            let name = match account.interface {
                WechatInterface::V2 { .. } => "wechat-v2",
                WechatInterface::V3 { .. } => "wechat-v3",
            };
            Arc::new(Pointed::new(opening.wechat(account)?, name))
        }
        Driver::CardHost(account) => opening.card_host(account)?,
        Driver::UnionPay(account) => {
            Arc::new(Pointed::new(opening.union_pay(account)?, "unionpay-qr"))
        }
    })
}

/// A driver of its own for the door: it asks nothing, and drivers remember nothing. `None`: this
/// provider tells nothing by itself.
pub(super) fn open_notifier(
    config: &Config,
    acquirer: &config::Acquirer,
    clock: &Arc<dyn WallClock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Option<Arc<dyn Notifier>>, WiringFailed> {
    let opening = Opening {
        config,
        acquirer,
        clock,
        entropy,
    };
    Ok(match &acquirer.driver {
        Driver::Alipay(account) => Some(Arc::new(opening.alipay(account)?)),
        Driver::Wechat(account) => Some(Arc::new(opening.wechat(account)?)),
        Driver::UnionPay(account) => Some(Arc::new(opening.union_pay(account)?)),
        Driver::Sandbox(_) | Driver::CardHost(_) => None,
    })
}

/// A driver of its own for fetching bills. `None`: this provider hands out none.
pub(crate) fn open_bill_source(
    config: &Config,
    acquirer: &config::Acquirer,
    clock: &Arc<dyn WallClock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Option<Arc<dyn BillSource>>, WiringFailed> {
    // nobody waits for a bill
    let patient = config::Acquirer {
        speed: 1,
        ..acquirer.clone()
    };
    let opening = Opening {
        config,
        acquirer: &patient,
        clock,
        entropy,
    };
    Ok(match &acquirer.driver {
        Driver::Alipay(account) => Some(Arc::new(opening.alipay(account)?)),
        Driver::Wechat(account) => Some(Arc::new(opening.wechat(account)?)),
        Driver::UnionPay(_) | Driver::Sandbox(_) | Driver::CardHost(_) => None,
    })
}

/// How its host is reached.
pub(crate) fn way_to(acquirer: &config::Acquirer) -> Result<Way, WiringFailed> {
    let config::Way { ca_file, proxy } = &acquirer.way;
    let open = |proxy: &config::Proxy| {
        let credentials = proxy.credentials_file.as_deref();
        let credentials = credentials.map(|file| key_of(acquirer, file));
        Ok::<_, WiringFailed>(ProxyServer {
            url: proxy.url.clone(),
            credentials: credentials.transpose()?,
        })
    };
    Ok(Way {
        ca_file: ca_file.clone(),
        proxy: proxy.as_ref().map(open).transpose()?,
    })
}

fn key_of(acquirer: &config::Acquirer, file: &Path) -> Result<SecretString, WiringFailed> {
    let key = KeySource::File(file.to_owned()).read();
    key.map_err(|source| WiringFailed::Key {
        id: acquirer.id.to_string(),
        source,
    })
}

struct Opening<'a> {
    config: &'a Config,
    acquirer: &'a config::Acquirer,
    clock: &'a Arc<dyn WallClock>,
    entropy: &'a Arc<dyn Entropy>,
}

impl Opening<'_> {
    fn sandbox(&self, account: &SandboxAccount) -> Result<Sandbox, WiringFailed> {
        let sandbox = SandboxConfig {
            url: self.acquirer.base_url.clone(),
            merchant: account.merchant.clone(),
            key: self.key(&account.key_file)?,
            store: self.config.store.store.clone(),
            way: self.way()?,
            profile: AcquirerProfile {
                pre_authorises: true,
                ..self.profile()
            },
        };
        let (clock, entropy) = (Arc::clone(self.clock), Arc::clone(self.entropy));
        let driver = Sandbox::new(sandbox, clock, entropy);
        self.opened(driver)
    }

    fn alipay(&self, account: &AlipayAccount) -> Result<Alipay, WiringFailed> {
        let trust = match &account.trust {
            AlipayTrust::PublicKey(file) => Trust::PublicKey(self.key(file)?),
            AlipayTrust::Certificates { app, alipay, root } => Trust::Certificates {
                app: self.key(app)?,
                alipay: self.key(alipay)?,
                root: self.key(root)?,
            },
        };
        let alipay = AlipayConfig {
            url: self.acquirer.base_url.clone(),
            app_id: account.app_id.clone(),
            key: self.key(&account.key_file)?,
            trust,
            store: self.config.store.store.clone(),
            subject: self.config.store.name.clone(),
            notify_url: account.notify_url.clone(),
            way: self.way()?,
            profile: self.profile(),
        };
        let driver = Alipay::new(alipay, Arc::clone(self.clock));
        self.opened(driver)
    }

    fn card_host(&self, account: &CardHostAccount) -> Result<Arc<dyn Acquirer>, WiringFailed> {
        let text = self.key(&account.key_file)?;
        let pairs = text.expose_secret().as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
        let bytes = Zeroizing::new(bytes.unwrap_or_default());
        let master =
            CipherKey::new(account.cipher, &bytes).map_err(|why| WiringFailed::Acquirer {
                id: self.acquirer.id.to_string(),
                source: DriverRefused::Key {
                    what: "the terminal's master key",
                    why: why.to_string(),
                },
            })?;
        let address = self.acquirer.base_url.trim_start_matches("tcp://");
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "0"));
        let card_host = CardHostConfig {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port.parse().unwrap_or(0),
            envelope: account.envelope,
            station: account.station.clone(),
            master,
            keys: account.keys,
            mac: account.mac,
            first_batch: account.first_batch,
            unsealed_refusals: account.unsealed_refusals,
            order_in_62: account.order_in_62,
            book: account.book.clone(),
            book_key: account.book_key_file.clone(),
            keep_days: account.keep_days,
            settlement: account.settlement,
            offline_as: account.offline_as,
            profile: AcquirerProfile {
                pre_authorises: account.pre_authorisation,
                ..self.profile()
            },
        };
        let driver = CardHost::new(card_host, Arc::clone(self.clock));
        let refused = |source| WiringFailed::CardHost {
            id: self.acquirer.id.to_string(),
            source,
        };
        Ok(Arc::new(Pointed::new(
            driver.map_err(refused)?,
            "card-host",
        )))
    }

    fn union_pay(&self, account: &UnionPayAccount) -> Result<UnionPay, WiringFailed> {
        let text = |file: &Path| -> Result<String, WiringFailed> {
            Ok(self.key(file)?.expose_secret().to_owned())
        };
        let union_pay = UnionPayConfig {
            url: self.acquirer.base_url.clone(),
            merchant: account.merchant.clone(),
            key: self.key(&account.key_file)?,
            certificate: text(&account.certificate_file)?,
            root: text(&account.root_certificate_file)?,
            middle: text(&account.middle_certificate_file)?,
            signer: account.signer.clone(),
            terminal: account.terminal.clone(),
            notify_url: account.notify_url.clone(),
            voids: account.voids,
            way: self.way()?,
            profile: self.profile(),
        };
        self.opened(UnionPay::new(union_pay, Arc::clone(self.clock)))
    }

    fn wechat(&self, account: &WechatAccount) -> Result<Wechat, WiringFailed> {
        let wechat = WechatConfig {
            url: self.acquirer.base_url.clone(),
            appid: account.appid.clone(),
            mchid: account.mchid.clone(),
            key: self.key(&account.key_file)?,
            certificate: self.key(&account.certificate_file)?,
            interface: self.wechat_interface(&account.interface)?,
            store: self.config.store.store.clone(),
            description: self.config.store.name.clone(),
            notify_url: account.notify_url.clone(),
            device_ip: account.device_ip.clone(),
            way: self.way()?,
            profile: self.profile(),
        };
        let (clock, entropy) = (Arc::clone(self.clock), Arc::clone(self.entropy));
        self.opened(Wechat::new(wechat, clock, entropy))
    }

    fn wechat_interface(&self, interface: &WechatInterface) -> Result<Interface, WiringFailed> {
        let (api_key_file, public_key, certificates) = match interface {
            WechatInterface::V2 { api_key_file } => {
                let api_key = self.key(api_key_file)?;
                return Ok(Interface::V2 { api_key });
            }
            WechatInterface::V3 {
                api_key_file,
                public_key,
                certificates,
            } => (api_key_file, public_key, certificates),
        };
        let text = |file: &Path| Ok(self.key(file)?.expose_secret().to_owned());
        let certificates = certificates
            .iter()
            .map(|file| text(file).map(PlatformKey::Certificate));
        let mut platform_keys = certificates.collect::<Result<Vec<_>, WiringFailed>>()?;
        if let Some((id, file)) = public_key {
            platform_keys.push(PlatformKey::PublicKey {
                id: id.clone(),
                key: text(file)?,
            });
        }
        Ok(Interface::V3 {
            api_key: self.key(api_key_file)?,
            platform_keys,
        })
    }

    fn way(&self) -> Result<Way, WiringFailed> {
        way_to(self.acquirer)
    }

    fn profile(&self) -> AcquirerProfile {
        let acquirer = self.acquirer;
        AcquirerProfile {
            id: acquirer.id.clone(),
            name: acquirer.name.clone(),
            tenders: acquirer.tenders.clone(),
            schemes: acquirer.schemes.clone(),
            currencies: vec![self.config.store.currency],
            pre_authorises: false,
            limits: acquirer.limits.clone(),
            clock: acquirer.clock.sped_up(acquirer.speed),
            probe_interval: acquirer.probe_interval,
            link: acquirer.link,
        }
    }

    fn key(&self, file: &Path) -> Result<SecretString, WiringFailed> {
        key_of(self.acquirer, file)
    }

    fn opened<D>(&self, driver: Result<D, DriverRefused>) -> Result<D, WiringFailed> {
        driver.map_err(|source| WiringFailed::Acquirer {
            id: self.acquirer.id.to_string(),
            source,
        })
    }
}
