//! What the desk says, in the second interface's words.

use super::Fields;
use crate::acquirer::answer::{Answer, State};
use crate::acquirer::api::wechat::{Method, fen};
use crate::acquirer::config::Tender;

/// The fields of an answer. `facts`: how the order is paid, and whether something of it was
/// refunded. `was_paid`: before this was asked.
pub(super) fn of(
    method: Method,
    answer: &Answer,
    facts: Option<(Tender, bool)>,
    was_paid: bool,
) -> Fields {
    match (method, answer.state) {
        (Method::Charge, State::Approved) => order(answer, facts),
        (Method::Charge, State::Verifying | State::Pending) => {
            refused("USERPAYING", "需要用户输入支付密码")
        }
        (Method::Charge, State::Closed | State::Reversed) => refused("ORDERREVERSED", "订单已撤销"),
        (Method::Native, State::Pending | State::Verifying) => fields([
            ("trade_type", "NATIVE"),
            ("prepay_id", "wx201"),
            ("code_url", answer.qr.as_deref().unwrap_or_default()),
        ]),
        (Method::Native, State::Approved) => refused("ORDERPAID", "订单已支付"),
        (Method::Native, State::Closed | State::Reversed) => refused("ORDERCLOSED", "订单已关闭"),
        (Method::Query | Method::Close, State::NotFound) => refused("ORDERNOTEXIST", "订单不存在"),
        // buried before it was known
        (Method::Query, State::Closed) if answer.reference.is_none() => {
            refused("ORDERNOTEXIST", "订单不存在")
        }
        (Method::Query, _) => standing(answer, facts),
        (Method::Close, State::Closed | State::Reversed | State::Declined) => fields([]),
        (Method::Close, State::Approved) => refused("ORDERPAID", "订单已支付"),
        (Method::Reverse, State::Closed) if answer.reference.is_none() => {
            refused("ORDERNOTEXIST", "订单不存在")
        }
        (Method::Reverse, State::Closed | State::Reversed | State::Declined) => {
            fields([("recall", "N")])
        }
        (Method::Reverse, State::Verifying | State::Pending) if was_paid => {
            let mut again = refused("SYSTEMERROR", "系统错误");
            again.insert("recall".to_owned(), "Y".to_owned());
            again
        }
        (Method::Reverse | Method::Close, State::Verifying | State::Pending)
            if answer.code.is_none() =>
        {
            refused("USERPAYING", "正在支付中不能发起撤销")
        }
        // taken on: that it is done, the query of it tells
        (Method::Refund, State::Approved | State::Verifying) => refund(answer, ""),
        (Method::RefundQuery, State::Approved) => found(answer, "SUCCESS"),
        (Method::RefundQuery, State::Verifying) => found(answer, "PROCESSING"),
        (Method::RefundQuery, State::Declined) => found(answer, "REFUNDCLOSE"),
        (Method::Refund, State::NotFound) => refused("ORDERNOTEXIST", "订单不存在"),
        (Method::RefundQuery, State::NotFound) => refused("REFUNDNOTEXIST", "退款不存在"),
        _ => {
            let code = answer.code.as_deref().unwrap_or("TRADE_ERROR");
            refused(code, answer.text.as_deref().unwrap_or("交易错误"))
        }
    }
}

pub(super) fn refused(code: &str, text: &str) -> Fields {
    let mut refused = fields([("err_code", code), ("err_code_des", text)]);
    refused.insert("result_code".to_owned(), "FAIL".to_owned());
    refused
}

fn fields<const N: usize>(pairs: [(&str, &str); N]) -> Fields {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut fields: Fields = pairs.into_iter().map(own).collect();
    fields.insert("result_code".to_owned(), "SUCCESS".to_owned());
    fields
}

fn order(answer: &Answer, facts: Option<(Tender, bool)>) -> Fields {
    let is_code = facts.is_none_or(|(tender, _)| tender == Tender::CustomerCode);
    let total = answer.amount.map_or(0, fen).to_string();
    fields([
        ("out_trade_no", answer.order.as_str()),
        (
            "transaction_id",
            answer.reference.as_deref().unwrap_or_default(),
        ),
        ("trade_type", if is_code { "MICROPAY" } else { "NATIVE" }),
        ("total_fee", total.as_str()),
        ("cash_fee", total.as_str()),
        ("fee_type", "CNY"),
        ("bank_type", "OTHERS"),
        ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        ("time_end", "20261126103456"),
    ])
}

fn standing(answer: &Answer, facts: Option<(Tender, bool)>) -> Fields {
    let is_code = facts.is_none_or(|(tender, _)| tender == Tender::CustomerCode);
    let is_refunded = facts.is_some_and(|(_, is_refunded)| is_refunded);
    let state = match answer.state {
        State::Approved if is_refunded => "REFUND",
        State::Approved => "SUCCESS",
        State::Verifying if is_code => "USERPAYING",
        State::Pending | State::Verifying => "NOTPAY",
        State::Declined if is_code => "PAYERROR",
        State::Reversed if is_code => "REVOKED",
        _ => "CLOSED",
    };
    let mut standing = match answer.state {
        State::Approved => order(answer, facts),
        // an unpaid order says neither how it is paid nor by whom
        _ => fields([("out_trade_no", answer.order.as_str())]),
    };
    let desc = answer.text.as_deref().unwrap_or(state);
    standing.insert("trade_state".to_owned(), state.to_owned());
    standing.insert("trade_state_desc".to_owned(), desc.to_owned());
    standing
}

fn refund(answer: &Answer, nth: &str) -> Fields {
    let mut refund = fields([("out_trade_no", answer.order.as_str())]);
    let amount = answer.amount.map_or(0, fen).to_string();
    for (name, value) in [
        (
            "out_refund_no",
            answer.refund.as_deref().unwrap_or_default(),
        ),
        ("refund_id", answer.reference.as_deref().unwrap_or_default()),
        ("refund_fee", amount.as_str()),
    ] {
        refund.insert(format!("{name}{nth}"), value.to_owned());
    }
    refund
}

fn found(answer: &Answer, status: &str) -> Fields {
    let mut found = refund(answer, "_0");
    found.insert("refund_count".to_owned(), "1".to_owned());
    found.insert("refund_status_0".to_owned(), status.to_owned());
    found
}
