//! What WeChat Pay tells a shop whose QR was paid: signed, and encrypted within.

use serde_json::json;

use super::signature;
use crate::acquirer::api::wechat::keys::{PlatformKey, seal};
use crate::acquirer::api::wechat::{APPID, MCHID};

/// One message as it is posted to the shop.
#[derive(Debug, Clone)]
pub struct Notification {
    /// `Wechatpay-Serial`, `-Timestamp`, `-Nonce`, `-Signature`.
    pub headers: [String; 4],
    pub body: String,
}

/// That a QR's order was paid; signed with the certificate's key, or the public key.
#[must_use]
pub fn notification(order: &str, fen: u64, by_public_key: bool) -> Notification {
    let paid = json!({
        "appid": APPID, "mchid": MCHID, "out_trade_no": order, "transaction_id": "SBX1",
        "trade_type": "NATIVE", "trade_state": "SUCCESS", "trade_state_desc": "支付成功",
        "amount": { "total": fen, "currency": "CNY" },
    });
    let body = json!({
        "id": "EV-2018022511223320873", "create_time": "2026-11-26T10:34:56+08:00",
        "resource_type": "encrypt-resource", "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
        "resource": {
            "algorithm": "AEAD_AES_256_GCM", "original_type": "transaction",
            "associated_data": "transaction", "nonce": "fdasflkja484",
            "ciphertext": seal(*b"fdasflkja484", "transaction", &paid.to_string()),
        },
    })
    .to_string();
    let key = match by_public_key {
        true => PlatformKey::PublicKey,
        false => PlatformKey::Certificate,
    };
    Notification {
        headers: signature(&body, key.serial(), key),
        body,
    }
}
