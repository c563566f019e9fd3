//! What UnionPay tells a shop: that a transaction was done, as a form signed like an answer, with
//! the certificate of its key in it.

use super::{Fields, GATEWAY_CERTIFICATE, MERCHANT, TERMINAL, sign};
use crate::acquirer::api::letter::{Seal, Told};

pub(in crate::acquirer::api) fn letter(told: &Told, seal: Seal) -> String {
    let amount = told.fen.to_string();
    let sent_at = told.sent_at.as_deref().unwrap_or("20261126103456");
    let mut fields: Fields = [
        ("version", "5.1.0"),
        ("encoding", "UTF-8"),
        ("signMethod", "01"),
        ("bizType", "000000"),
        ("accessType", "0"),
        ("merId", MERCHANT),
        ("termId", TERMINAL),
        ("txnType", "01"),
        ("txnSubType", "07"),
        ("orderId", told.order.as_str()),
        ("txnTime", sent_at),
        ("txnAmt", amount.as_str()),
        ("currencyCode", "156"),
        ("queryId", told.reference.as_str()),
        ("respCode", "00"),
        ("respMsg", "成功[0000000]"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    if let Some(label) = &told.label {
        fields.insert("reqReserved".to_owned(), label.clone());
    }
    let signed = sign::by_gateway(&sign::joined(&fields), seal == Seal::Forged);
    let signature = signed
        .rsplit_once("&signature=")
        .map_or("", |(_, sign)| sign);
    fields.insert("signPubKeyCert".to_owned(), GATEWAY_CERTIFICATE.to_owned());
    fields.insert("signature".to_owned(), signature.to_owned());
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(&fields);
    form.finish()
}
