//! What Alipay tells a shop: that a trade was paid, as a form signed over all but `sign` and
//! `sign_type`.

use std::collections::BTreeMap;

use jiff::tz::Offset;

use super::{APP_ID, sign};
use crate::acquirer::api::letter::{Seal, Told};
use crate::acquirer::money::yuan;

/// The form's body.
pub(in crate::acquirer::api) fn letter(told: &Told, seal: Seal) -> String {
    let now = Offset::constant(8).to_datetime(jiff::Timestamp::now());
    let now = now.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let amount = yuan(told.fen);
    let mut fields = BTreeMap::from(
        [
            ("notify_time", now.as_str()),
            ("notify_type", "trade_status_sync"),
            ("notify_id", told.reference.as_str()),
            ("app_id", APP_ID),
            ("charset", "utf-8"),
            ("version", "1.0"),
            ("trade_no", told.reference.as_str()),
            ("out_trade_no", told.order.as_str()),
            ("trade_status", "TRADE_SUCCESS"),
            ("total_amount", amount.as_str()),
            ("receipt_amount", amount.as_str()),
            ("buyer_pay_amount", amount.as_str()),
            ("gmt_create", now.as_str()),
            ("gmt_payment", now.as_str()),
            ("subject", "南京路 & \"Road\""),
            ("buyer_logon_id", "159****5620"),
            ("seller_id", "2088102119685838"),
            (
                "fund_bill_list",
                r#"[{"amount":"8.80","fundChannel":"ALIPAYACCOUNT"}]"#,
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    if let Some(label) = &told.label {
        // as the merchant sent it: percent-encoded once more
        let label = form_urlencoded::byte_serialize(label.as_bytes()).collect();
        fields.insert("passback_params".to_owned(), label);
    }
    let signature = sign::by_gateway(&sign::content(&fields), seal == Seal::Forged);
    fields.insert("sign_type".to_owned(), "RSA2".to_owned());
    fields.insert("sign".to_owned(), signature);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(&fields);
    form.finish()
}

/// That an order was paid, through a printed QR with this label or a shown one.
#[must_use]
pub fn notification(order: &str, fen: u64, label: Option<&str>) -> String {
    let told = Told {
        order: order.to_owned(),
        reference: "SBX1".to_owned(),
        fen,
        label: label.map(str::to_owned),
        sent_at: None,
    };
    letter(&told, Seal::Right)
}
