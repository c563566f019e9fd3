//! What the desk says, in the third interface's words.

use serde_json::{Value, json};

use crate::acquirer::answer::{Answer, State};
use crate::acquirer::api::wechat::{APPID, MCHID, Method, fen};
use crate::acquirer::config::Tender;

/// Status and body. `facts`: how the order is paid, and whether something of it was refunded.
pub(super) fn of(method: Method, answer: &Answer, facts: Option<(Tender, bool)>) -> (u16, Value) {
    match (method, answer.state) {
        (Method::Charge, State::Approved) => (200, order(answer, facts)),
        (Method::Charge, State::Verifying | State::Pending) => (202, order(answer, facts)),
        (Method::Charge, State::Closed | State::Reversed) => problem(400, "ORDER_REVERSED", answer),
        (Method::Native, State::Pending | State::Verifying) => {
            (200, json!({ "code_url": answer.qr }))
        }
        (Method::Native, State::Approved) => problem(400, "ORDER_PAID", answer),
        (Method::Native, State::Closed | State::Reversed) => problem(400, "ORDER_CLOSED", answer),
        (Method::Query, State::NotFound) => problem(404, "ORDER_NOT_EXIST", answer),
        // buried before it was known
        (Method::Query, State::Closed) if answer.reference.is_none() => {
            problem(404, "ORDER_NOT_EXIST", answer)
        }
        (Method::Query, _) => (200, order(answer, facts)),
        (Method::Close, State::Closed | State::Reversed | State::Declined) => (204, Value::Null),
        (Method::Close, State::Approved) => problem(400, "ORDER_PAID", answer),
        (Method::Reverse, State::Closed) if answer.reference.is_none() => {
            problem(404, "ORDER_NOT_EXIST", answer)
        }
        (Method::Reverse, State::Closed | State::Reversed | State::Declined) => (
            200,
            json!({ "appid": APPID, "mchid": MCHID, "out_trade_no": answer.order }),
        ),
        (Method::Reverse | Method::Close, State::Verifying | State::Pending)
            if answer.code.is_none() =>
        {
            problem(400, "USERPAYING", answer)
        }
        (Method::Refund | Method::RefundQuery, State::Approved) => (200, refund(answer, "SUCCESS")),
        (Method::Refund | Method::RefundQuery, State::Verifying) => {
            (200, refund(answer, "PROCESSING"))
        }
        (Method::RefundQuery, State::Declined) => (200, refund(answer, "CLOSED")),
        (Method::Refund | Method::RefundQuery, State::NotFound) => {
            problem(404, "RESOURCE_NOT_EXISTS", answer)
        }
        (Method::Close, State::NotFound) => problem(404, "ORDER_NOT_EXIST", answer),
        _ => problem(403, "TRADE_ERROR", answer),
    }
}

fn order(answer: &Answer, facts: Option<(Tender, bool)>) -> Value {
    let is_code = facts.is_none_or(|(tender, _)| tender == Tender::CustomerCode);
    let is_refunded = facts.is_some_and(|(_, is_refunded)| is_refunded);
    let is_paid = answer.state == State::Approved;
    let state = match answer.state {
        State::Approved if is_refunded => "REFUND",
        State::Approved => "SUCCESS",
        State::Verifying if is_code => "USERPAYING",
        State::Pending | State::Verifying => "NOTPAY",
        State::Declined if is_code => "PAYERROR",
        State::Reversed if is_code => "REVOKED",
        _ => "CLOSED",
    };
    let mut order = json!({
        "appid": APPID, "mchid": MCHID, "out_trade_no": answer.order, "trade_state": state,
        "trade_state_desc": answer.text.as_deref().unwrap_or(state),
        "amount": { "total": answer.amount.map(fen), "currency": "CNY" },
    });
    // an unpaid order says neither how it is paid nor by whom
    if is_paid && let Some(order) = order.as_object_mut() {
        let reference = answer.reference.as_deref().unwrap_or_default();
        let trade_type = if is_code { "MICROPAY" } else { "NATIVE" };
        order.insert("transaction_id".to_owned(), reference.into());
        order.insert("trade_type".to_owned(), trade_type.into());
        order.insert(
            "payer".to_owned(),
            json!({ "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" }),
        );
    }
    order
}

fn refund(answer: &Answer, status: &str) -> Value {
    json!({
        "refund_id": answer.reference, "out_refund_no": answer.refund, "out_trade_no": answer.order,
        "status": status, "amount": { "refund": answer.amount.map(fen), "currency": "CNY" },
    })
}

fn problem(status: u16, code: &str, answer: &Answer) -> (u16, Value) {
    let is_own = !matches!(status, 404) && answer.state == State::Declined;
    let has_word = is_own || matches!(code, "TRADE_ERROR");
    let code = answer.code.as_deref().filter(|_| has_word).unwrap_or(code);
    let message = answer.text.as_deref().unwrap_or("see the code");
    (status, json!({ "code": code, "message": message }))
}
