//! Letters in each provider's words, signed as the provider signs.

use super::{alipay, unionpay, wechat};
use crate::acquirer::letters::Provider;

/// How a letter is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::acquirer) enum Seal {
    Right,
    /// With another of the provider's keys, where it has several.
    OtherKey,
    Forged,
}

/// What there is to tell of one order.
#[derive(Debug, Clone)]
pub(in crate::acquirer) struct Told {
    pub order: String,
    pub reference: String,
    pub fen: u64,
    /// What stands on the sticker.
    pub label: Option<String>,
    pub sent_at: Option<String>,
}

/// As it is posted.
#[derive(Debug, Clone)]
pub(in crate::acquirer) struct Letter {
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

pub(in crate::acquirer) fn write(provider: Provider, told: &Told, seal: Seal) -> Letter {
    match provider {
        Provider::Alipay => Letter {
            content_type: "application/x-www-form-urlencoded; charset=utf-8",
            headers: Vec::new(),
            body: alipay::letter(told, seal),
        },
        Provider::WechatV3 => wechat::letter_v3(told, seal),
        Provider::WechatV2 => Letter {
            content_type: "text/xml; charset=utf-8",
            headers: Vec::new(),
            body: wechat::letter_v2(told, seal),
        },
        Provider::UnionPay => Letter {
            content_type: "application/x-www-form-urlencoded; charset=utf-8",
            headers: Vec::new(),
            body: unionpay::letter(told, seal),
        },
    }
}

/// Whether the answer says that the shop has it.
pub(in crate::acquirer) fn is_taken(provider: Provider, status: u16, body: &str) -> bool {
    match provider {
        Provider::Alipay => status == 200 && body.trim() == "success",
        Provider::WechatV3 => matches!(status, 200 | 204),
        Provider::WechatV2 => status == 200 && body.contains("SUCCESS"),
        Provider::UnionPay => status == 200,
    }
}
