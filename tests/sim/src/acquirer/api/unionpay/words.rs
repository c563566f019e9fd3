//! What the desk says, in UnionPay's codes. 00 to what moves money means that it was taken on.

use super::ask::Method;
use crate::acquirer::answer::{Answer, State};
use crate::acquirer::config::Tender;
use crate::acquirer::money::fen;

type Said = Vec<(&'static str, String)>;

pub(super) fn of(method: Method, answer: &Answer, tender: Option<Tender>) -> Said {
    let buried = answer.reference.is_none();
    match (method, answer.state) {
        (Method::Consume, State::Approved | State::Verifying | State::Pending) => {
            accepted(answer, "queryId")
        }
        (Method::ApplyQr, State::Approved | State::Verifying | State::Pending) => {
            let mut said = said("00", "成功[0000000]");
            said.push(("qrCode", answer.qr.clone().unwrap_or_default()));
            said
        }
        (Method::Query | Method::GivenBack, State::NotFound) => said("34", "查无此交易"),
        // reversed before it was known
        (Method::Query | Method::Reversal, State::Closed) if buried => said("34", "查无此交易"),
        (Method::Query, _) => found(answer, tender),
        (Method::GivenBack, _) => found(answer, None),
        (Method::Reversal, State::Closed | State::Reversed | State::Declined) => {
            accepted(answer, "queryId")
        }
        (Method::Reversal, State::Verifying | State::Pending) => {
            said("05", "交易已受理，请稍后查询")
        }
        (Method::GiveBack, State::Approved | State::Verifying) => accepted(answer, "queryId"),
        (Method::GiveBack, State::NotFound) => said("35", "原交易不存在或状态不正确"),
        _ => refused(answer),
    }
}

fn said(code: &str, text: &str) -> Said {
    vec![("respCode", code.to_owned()), ("respMsg", text.to_owned())]
}

fn accepted(answer: &Answer, reference: &'static str) -> Said {
    let mut said = said("00", "成功[0000000]");
    said.push((reference, answer.reference.clone().unwrap_or_default()));
    said
}

fn found(answer: &Answer, tender: Option<Tender>) -> Said {
    let (code, text) = match answer.state {
        State::Approved => ("00".to_owned(), "成功[0000000]".to_owned()),
        State::Verifying | State::Pending => ("05".to_owned(), "交易已受理".to_owned()),
        State::Reversed => ("45".to_owned(), "原交易已被成功撤销".to_owned()),
        State::Closed | State::NotFound => ("01".to_owned(), "交易失败".to_owned()),
        State::Declined => why(answer),
    };
    let mut said = accepted(answer, "queryId");
    said.extend([
        ("origRespCode", code),
        ("origRespMsg", text),
        ("txnAmt", answer.amount.map_or(0, fen).to_string()),
        ("currencyCode", "156".to_owned()),
    ]);
    let kind = match tender {
        Some(Tender::MerchantQr) => Some("07"),
        Some(Tender::CustomerCode) => Some("06"),
        _ => None,
    };
    if let Some(kind) = kind {
        said.extend([
            ("txnType", "01".to_owned()),
            ("txnSubType", kind.to_owned()),
        ]);
    }
    said
}

fn refused(answer: &Answer) -> Said {
    let (code, text) = why(answer);
    said(&code, &text)
}

/// UnionPay's codes have two digits; what has another form is the issuer's own no.
fn why(answer: &Answer) -> (String, String) {
    let code = answer.code.as_deref().unwrap_or_default();
    let text = answer.text.as_deref().unwrap_or("交易失败");
    match code.len() == 2 {
        true => (code.to_owned(), text.to_owned()),
        false => ("60".to_owned(), format!("{text} [{code}]")),
    }
}
