//! What WeChat Pay tells a shop whose QR was paid: signed, and encrypted within.

use serde_json::json;

use super::signature;
use crate::acquirer::api::letter::{Letter, Seal, Told};
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
    let told = Told {
        order: order.to_owned(),
        reference: "SBX1".to_owned(),
        fen,
        label: None,
        sent_at: None,
    };
    let key = match by_public_key {
        true => PlatformKey::PublicKey,
        false => PlatformKey::Certificate,
    };
    signed(&told, key, key.serial())
}

/// As it is posted; the public key signs, unless it shall be the other.
pub(in crate::acquirer::api) fn letter(told: &Told, seal: Seal) -> Letter {
    let key = PlatformKey::PublicKey;
    let Notification { headers, body } = match seal {
        Seal::Right => signed(told, key, key.serial()),
        Seal::OtherKey => signed(told, key.other(), key.other().serial()),
        Seal::Forged => signed(told, PlatformKey::Neither, key.serial()),
    };
    let [serial, timestamp, nonce, signature] = headers;
    Letter {
        content_type: "application/json",
        headers: vec![
            ("Wechatpay-Serial", serial),
            ("Wechatpay-Timestamp", timestamp),
            ("Wechatpay-Nonce", nonce),
            ("Wechatpay-Signature", signature),
        ],
        body,
    }
}

fn signed(told: &Told, key: PlatformKey, serial: &str) -> Notification {
    let mut paid = json!({
        "appid": APPID, "mchid": MCHID, "out_trade_no": told.order,
        "transaction_id": told.reference,
        "trade_type": "NATIVE", "trade_state": "SUCCESS", "trade_state_desc": "支付成功",
        "amount": { "total": told.fen, "currency": "CNY" },
    });
    if let (Some(label), Some(paid)) = (&told.label, paid.as_object_mut()) {
        paid.insert("attach".to_owned(), label.as_str().into());
    }
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
    Notification {
        headers: signature(&body, serial, key),
        body,
    }
}
