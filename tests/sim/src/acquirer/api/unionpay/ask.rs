//! What is asked of UnionPay, as the desk understands it.

use jiff::{civil::DateTime, tz::Offset};
use serde_json::json;

use super::{Complaint, Fields, TERMINAL, complaint};
use crate::acquirer::answer::State;
use crate::acquirer::config::Tender;
use crate::acquirer::desk::Desk;
use crate::acquirer::money;
use crate::acquirer::request::Ask;

const HOUR_S: i64 = 3600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Consume,
    ApplyQr,
    Query,
    Reversal,
    GiveBack,
    GivenBack,
}

pub(super) struct Asked {
    pub method: Method,
    pub ask: Ask,
}

fn of<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", String::as_str)
}

impl Asked {
    pub fn of(desk: &Desk, fields: &Fields, is_query: bool) -> Result<Self, Complaint> {
        let kind = (of(fields, "txnType"), of(fields, "txnSubType"));
        let (method, ask) = match (is_query, kind) {
            (true, ("00", "00")) => query(desk, fields)?,
            (false, ("01", "06")) => (Method::Consume, open(desk, Tender::CustomerCode, fields)?),
            (false, ("01", "07")) => (Method::ApplyQr, open(desk, Tender::MerchantQr, fields)?),
            (false, ("99", "01")) => (Method::Reversal, reversal(desk, fields)?),
            (false, ("31", "00")) => (Method::GiveBack, void(desk, fields)?),
            (false, ("04", "00")) => (Method::GiveBack, refund(desk, fields)?),
            _ => return Err(complaint("32", "无此交易权限")),
        };
        let ask = ask.check_ids().map_err(|why| complaint("10", why))?;
        Ok(Self { method, ask })
    }
}

/// A transaction is known by its number and its time together.
fn query(desk: &Desk, fields: &Fields) -> Result<(Method, Ask), Complaint> {
    let asked = of(fields, "orderId").to_owned();
    if let Some(order) = desk.order_of_refund(&asked) {
        let refund = asked;
        return Ok((Method::GivenBack, Ask::RefundQuery { order, refund }));
    }
    match desk.sent_at(&asked) {
        Some(sent_at) if sent_at != of(fields, "txnTime") => {
            Err(complaint("34", "查无此交易[txnTime]"))
        }
        _ => Ok((Method::Query, Ask::Query { order: asked })),
    }
}

fn reversal(desk: &Desk, fields: &Fields) -> Result<Ask, Complaint> {
    let order = of(fields, "orderId").to_owned();
    let is_qr = matches!(desk.facts(&order), Some((Tender::MerchantQr, _)));
    match desk.sent_at(&order) {
        Some(sent_at) if sent_at != of(fields, "txnTime") => {
            Err(complaint("34", "查无此交易[txnTime]"))
        }
        _ if is_qr => Err(complaint("36", "与原交易信息不符")),
        _ => Ok(Ask::Reverse { order }),
    }
}

/// Whole, of a paid order, on its own settlement day.
fn void(desk: &Desk, fields: &Fields) -> Result<Ask, Complaint> {
    let order = of(fields, "origOrderId");
    if desk.amount(order).map(money::fen) != of(fields, "txnAmt").parse().ok() {
        return Err(complaint("36", "与原交易信息不符[txnAmt]"));
    }
    let day = |at_s: i64| (at_s + 9 * HOUR_S).div_euclid(24 * HOUR_S);
    let original = desk.sent_at(order).and_then(|sent_at| instant_s(&sent_at));
    let now_s = jiff::Timestamp::now().as_second();
    if original.is_some_and(|original| day(original) != day(now_s)) {
        return Err(complaint("39", "交易不在受理时间范围内"));
    }
    refund(desk, fields)
}

fn refund(desk: &Desk, fields: &Fields) -> Result<Ask, Complaint> {
    check_time(desk, fields)?;
    let order = of(fields, "origOrderId").to_owned();
    if desk
        .sent_at(&order)
        .is_some_and(|sent_at| sent_at != of(fields, "origTxnTime"))
    {
        return Err(complaint("35", "原交易不存在或状态不正确"));
    }
    let query = Ask::Query {
        order: order.clone(),
    };
    let found = desk.perform(&query, None).map(|answer| answer.state);
    match found {
        Ok(State::Approved) => {}
        Ok(State::Reversed) => return Err(complaint("45", "原交易已被成功退货或已被成功撤销")),
        _ => return Err(complaint("35", "原交易不存在或状态不正确")),
    }
    let body = json!({ "amount": yuan(fields)?, "currency": "CNY" });
    let refund = of(fields, "orderId").to_owned();
    let ask = Ask::refund(order, refund, body.to_string().as_bytes());
    ask.map_err(|why| complaint("10", why))
}

fn open(desk: &Desk, tender: Tender, fields: &Fields) -> Result<Ask, Complaint> {
    check_time(desk, fields)?;
    for (name, wanted) in [
        ("currencyCode", "156"),
        ("channelType", "08"),
        ("termId", TERMINAL),
    ] {
        if of(fields, name) != wanted {
            return Err(complaint("10", format!("报文格式错误[{name}]")));
        }
    }
    if !of(fields, "backUrl").starts_with("http") {
        return Err(complaint("13", "报文交易要素缺失[backUrl]"));
    }
    let mut order = json!({
        "order": of(fields, "orderId"),
        "store": "0001",
        "counter": of(fields, "termId"),
        "amount": yuan(fields)?,
        "currency": "CNY",
        "sent_at": of(fields, "txnTime"),
        "provider": "union_pay",
    });
    if let Some(order) = order.as_object_mut() {
        if let Some(code) = fields.get("qrNo") {
            order.insert("code".to_owned(), code.as_str().into());
        }
        if let Some(until_s) = instant_s(of(fields, "payTimeout")) {
            order.insert("pay_until_ms".to_owned(), (until_s * 1000).into());
        }
    }
    Ask::open(tender, order.to_string().as_bytes()).map_err(|why| complaint("10", why))
}

/// A new transaction bears the time of now.
fn check_time(desk: &Desk, fields: &Fields) -> Result<(), Complaint> {
    let sent = instant_s(of(fields, "txnTime"));
    let now_s = jiff::Timestamp::now().as_second();
    match sent {
        Some(sent) if sent.abs_diff(now_s) <= desk.config.skew_limit_s => Ok(()),
        _ => Err(complaint("10", "报文格式错误[txnTime无效]")),
    }
}

/// UnionPay's clock is Beijing's.
fn instant_s(text: &str) -> Option<i64> {
    let local = DateTime::strptime("%Y%m%d%H%M%S", text).ok()?;
    let at = Offset::constant(8).to_timestamp(local).ok()?;
    Some(at.as_second())
}

fn yuan(fields: &Fields) -> Result<String, Complaint> {
    let amount = of(fields, "txnAmt");
    let is_whole = amount.bytes().all(|b| b.is_ascii_digit());
    let fen: Option<u64> = amount.parse().ok().filter(|_| is_whole);
    let fen = fen.ok_or_else(|| complaint("10", "报文格式错误[txnAmt]"))?;
    Ok(money::yuan(fen))
}
