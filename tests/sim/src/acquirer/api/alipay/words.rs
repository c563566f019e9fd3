//! What the desk says, in Alipay's words.

use serde_json::{Value, json};

use super::ask::Method;
use crate::acquirer::answer::{Answer, State};

/// The object of the method's answer. `is_known`: the refund moved its money an earlier time.
pub(super) fn object(method: Method, answer: &Answer, is_known: bool) -> Value {
    match method {
        Method::Pay => paid(answer),
        Method::Precreate => match answer.state {
            State::Pending => success(answer, json!({ "qr_code": answer.qr })),
            _ => refused(answer),
        },
        Method::Query => found(answer),
        Method::Cancel => cancelled(answer),
        Method::Close => closed(answer),
        Method::Refund => match answer.state {
            State::Approved => success(
                answer,
                json!({ "fund_change": if is_known { "N" } else { "Y" }, "refund_fee": amount(answer) }),
            ),
            State::Verifying => success(answer, json!({ "fund_change": "N" })),
            State::NotFound => failed(&answer.order, "ACQ.TRADE_NOT_EXIST"),
            _ => refused(answer),
        },
        Method::RefundQuery => match answer.state {
            State::Approved => success(
                answer,
                json!({
                    "refund_status": "REFUND_SUCCESS", "refund_amount": amount(answer),
                    "out_request_no": answer.refund,
                }),
            ),
            _ => success(answer, json!({})),
        },
    }
}

fn paid(answer: &Answer) -> Value {
    match answer.state {
        State::Approved => success(
            answer,
            json!({
                "total_amount": amount(answer), "receipt_amount": amount(answer),
                "buyer_pay_amount": amount(answer), "buyer_logon_id": "159****5620",
                "fund_bill_list": [{ "fund_channel": "ALIPAYACCOUNT", "amount": amount(answer) }],
            }),
        ),
        State::Verifying | State::Pending => json!({
            "code": "10003", "msg": "order success pay inprocess", "out_trade_no": answer.order,
            "trade_no": answer.reference,
        }),
        State::Closed | State::Reversed => failed(&answer.order, "ACQ.TRADE_HAS_CLOSE"),
        State::Declined | State::NotFound => refused(answer),
    }
}

fn found(answer: &Answer) -> Value {
    let status = match answer.state {
        // a precreated order comes into being when the customer scans
        State::Pending | State::NotFound => return failed(&answer.order, "ACQ.TRADE_NOT_EXIST"),
        State::Verifying => "WAIT_BUYER_PAY",
        State::Approved => "TRADE_SUCCESS",
        State::Declined | State::Closed | State::Reversed => "TRADE_CLOSED",
    };
    success(
        answer,
        json!({ "trade_status": status, "total_amount": amount(answer) }),
    )
}

fn cancelled(answer: &Answer) -> Value {
    match answer.state {
        State::Closed if answer.reference.is_none() => {
            success(answer, json!({ "action": "absent", "retry_flag": "N" }))
        }
        State::Closed | State::Declined => {
            success(answer, json!({ "action": "close", "retry_flag": "N" }))
        }
        State::Reversed => success(answer, json!({ "action": "refund", "retry_flag": "N" })),
        // too late, say
        State::Approved if answer.code.is_some() => refused(answer),
        // put off
        _ => success(answer, json!({ "retry_flag": "Y" })),
    }
}

/// After it was tried: what it found already closed it did not close (`not_closable`).
fn closed(answer: &Answer) -> Value {
    match answer.state {
        State::Closed => success(answer, json!({})),
        _ => not_closable(answer),
    }
}

/// Alipay closes nothing but what waits for its buyer.
pub(super) fn not_closable(answer: &Answer) -> Value {
    match answer.state {
        State::Pending | State::NotFound => failed(&answer.order, "ACQ.TRADE_NOT_EXIST"),
        _ => failed(&answer.order, "ACQ.TRADE_STATUS_ERROR"),
    }
}

fn success(answer: &Answer, more: Value) -> Value {
    let mut object = json!({
        "code": "10000", "msg": "Success", "out_trade_no": answer.order,
        "trade_no": answer.reference.as_deref().unwrap_or_default(),
    });
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn refused(answer: &Answer) -> Value {
    let code = answer.code.as_deref().unwrap_or("PAYMENT_FAIL");
    let text = answer.text.as_deref().unwrap_or_default();
    failed_with(&answer.order, &format!("ACQ.{code}"), text)
}

/// A business failure; it names its order, as the real one does.
pub(super) fn failed(order: &str, sub_code: &str) -> Value {
    failed_with(order, sub_code, "")
}

fn failed_with(order: &str, sub_code: &str, text: &str) -> Value {
    json!({
        "code": "40004", "msg": "Business Failed", "sub_code": sub_code, "sub_msg": text,
        "out_trade_no": order, "receipt_amount": "0.00", "buyer_pay_amount": "0.00",
    })
}

/// Whatever happened, it does not say.
pub(super) fn unavailable() -> Value {
    json!({
        "code": "20000", "msg": "Service Currently Unavailable",
        "sub_code": "isp.unknow-error", "sub_msg": "",
    })
}

fn amount(answer: &Answer) -> String {
    let amount = answer.amount.unwrap_or_default();
    format!("{amount:.2}")
}
