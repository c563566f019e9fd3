//! Messages of the second interface: fields of requests, and what the answers' fields say. Only a
//! success names the order; a refusal is bound by its connection, which serves one request.

use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        money::Money,
        payment::NoAnswer,
        sticker::Notification,
        tender::Scheme,
    },
    ports::Charge,
};

use super::sign::Fields;
use crate::adapters::acquirers::wechat::{
    Shop, Trade,
    words::{Back, RefundState, Standing, TradeState, TradeType, fen, missing, money},
};

/// `micropay` with the customer's code, `unifiedorder` without.
pub(super) fn order(shop: &Shop, charge: &Charge, code: Option<&str>) -> Result<Fields, NoAnswer> {
    let scene = serde_json::json!({ "store_info": { "id": shop.store } });
    let mut fields = named(charge.order);
    let mut put = |name: &str, value: &str| fields.insert(name.to_owned(), value.to_owned());
    put("body", &shop.description);
    put("total_fee", &fen(charge.money)?.to_string());
    put("fee_type", "CNY");
    put("spbill_create_ip", &shop.device_ip);
    put("device_info", charge.counter.as_str());
    put("scene_info", &scene.to_string());
    match code {
        Some(code) => {
            put("auth_code", code);
        }
        None => {
            put("trade_type", "NATIVE");
            put("notify_url", &shop.notify_url);
            put("product_id", &charge.order.to_string());
        }
    }
    Ok(fields)
}

/// An order by its number.
pub(super) fn named<'a>(trade: impl Into<Trade<'a>>) -> Fields {
    let (name, value) = trade.into().named();
    Fields::from([(name.to_owned(), value)])
}

pub(super) fn refund<'a>(
    trade: impl Into<Trade<'a>>,
    refund: RefundId,
    total: Money,
    part: Money,
) -> Result<Fields, NoAnswer> {
    let mut fields = named(trade);
    fields.insert("out_refund_no".to_owned(), refund.to_string());
    fields.insert("total_fee".to_owned(), fen(total)?.to_string());
    fields.insert("refund_fee".to_owned(), fen(part)?.to_string());
    fields.insert("refund_fee_type".to_owned(), "CNY".to_owned());
    Ok(fields)
}

pub(super) fn named_refund(refund: RefundId) -> Fields {
    Fields::from([("out_refund_no".to_owned(), refund.to_string())])
}

pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let value = fields.get(name)?;
    (!value.is_empty()).then_some(value.as_str())
}

fn needed<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, NoAnswer> {
    field(fields, name).ok_or_else(|| missing(name))
}

fn check<'a>(fields: &Fields, trade: impl Into<Trade<'a>>) -> Result<(), NoAnswer> {
    let of = |name| field(fields, name);
    trade.into().check(of("out_trade_no"), of("transaction_id"))
}

fn amount(fields: &Fields, name: &str, currency: &str) -> Result<Option<Money>, NoAnswer> {
    let Some(text) = field(fields, name) else {
        return Ok(None);
    };
    let units = text.parse().map_err(|_| missing(name))?;
    money(units, field(fields, currency)).map(Some)
}

/// A code that is paid: to `micropay`, success is all that there is.
pub(super) fn paid(fields: &Fields, order: PaymentId) -> Result<Standing, NoAnswer> {
    check(fields, order)?;
    Standing::new(
        TradeState::Success,
        TradeType::Code,
        field(fields, "transaction_id"),
        amount(fields, "total_fee", "fee_type")?,
        None,
    )
}

pub(super) fn standing(fields: &Fields, trade: Trade<'_>) -> Result<Standing, NoAnswer> {
    check(fields, trade)?;
    Standing::new(
        word(needed(fields, "trade_state")?)?,
        TradeType::of(field(fields, "trade_type")),
        field(fields, "transaction_id"),
        amount(fields, "total_fee", "fee_type")?,
        field(fields, "trade_state_desc"),
    )
}

/// That a refund is taken on: it is not yet done.
pub(super) fn taken_on(
    fields: &Fields,
    trade: Trade<'_>,
    refund: RefundId,
) -> Result<Back, NoAnswer> {
    check(fields, trade)?;
    back(fields, refund, RefundState::Processing, "")
}

/// The one refund that was asked about: the answer counts from zero.
pub(super) fn refund_standing(
    fields: &Fields,
    trade: Trade<'_>,
    refund: RefundId,
) -> Result<Back, NoAnswer> {
    check(fields, trade)?;
    let state = word(needed(fields, "refund_status_0")?)?;
    back(fields, refund, state, "_0")
}

fn back(
    fields: &Fields,
    refund: RefundId,
    state: RefundState,
    nth: &str,
) -> Result<Back, NoAnswer> {
    let name = |name: &str| format!("{name}{nth}");
    if needed(fields, &name("out_refund_no"))? != refund.to_string() {
        return Err(NoAnswer::AnotherOrder);
    }
    let back = amount(fields, &name("refund_fee"), "fee_type")?;
    Ok(Back {
        state,
        reference: needed(fields, &name("refund_id"))?.to_owned(),
        money: back.ok_or_else(|| missing("refund_fee"))?,
    })
}

/// A payment that WeChat Pay tells of.
pub(super) fn notified(fields: &Fields) -> Result<Notification, NoAnswer> {
    let money = amount(fields, "total_fee", "fee_type")?;
    let label = |name| field(fields, name).map(str::to_owned);
    Ok(Notification {
        order: needed(fields, "out_trade_no")?.to_owned(),
        transaction: needed(fields, "transaction_id")?.to_owned(),
        sent_at: None,
        money: money.ok_or_else(|| missing("total_fee"))?,
        is_paid: field(fields, "return_code") == Some("SUCCESS")
            && field(fields, "result_code") == Some("SUCCESS"),
        scheme: Scheme::WechatPay,
        labels: ["attach", "device_info"]
            .into_iter()
            .filter_map(label)
            .collect(),
    })
}

/// One of the words that both interfaces share.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, NoAnswer> {
    serde_json::from_value(text.into()).map_err(|_| missing("known state"))
}
