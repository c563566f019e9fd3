//! What the second interface tells a shop: that an order was paid, as XML with a signature in it.
//! An order of the shop's is signed as the shop signed it, with HMAC-SHA256; one that WeChat Pay
//! made itself with MD5.

use super::{Fields, signature, xml};
use crate::acquirer::api::letter::{Seal, Told};
use crate::acquirer::api::wechat::{APPID, MCHID};

pub(in crate::acquirer::api) fn letter(told: &Told, seal: Seal) -> String {
    let is_hmac = told.label.is_none();
    let total = told.fen.to_string();
    let mut fields: Fields = [
        ("return_code", "SUCCESS"),
        ("result_code", "SUCCESS"),
        ("appid", APPID),
        ("mch_id", MCHID),
        ("nonce_str", "5d2b6c2a8db53831f7eda20af46e531c"),
        ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        ("trade_type", "NATIVE"),
        ("bank_type", "OTHERS"),
        ("total_fee", total.as_str()),
        ("fee_type", "CNY"),
        ("cash_fee", total.as_str()),
        ("transaction_id", told.reference.as_str()),
        ("out_trade_no", told.order.as_str()),
        ("time_end", "20261126103456"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    if is_hmac {
        fields.insert("sign_type".to_owned(), "HMAC-SHA256".to_owned());
    }
    if let Some(label) = &told.label {
        fields.insert("attach".to_owned(), label.clone());
    }
    let mut sign = signature(&fields, is_hmac);
    if seal == Seal::Forged {
        sign = sign.chars().rev().collect();
    }
    fields.insert("sign".to_owned(), sign);
    xml::write(&fields)
}
