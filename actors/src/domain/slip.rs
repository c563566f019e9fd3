//! The customer's slip, as lines of text for whatever prints it.

use super::{
    payment::{Payment, State},
    refund::RefundState,
};

/// Lines of at most 32 characters of half width where the parts allow it. Nothing in it could buy
/// anything (SEC-1).
pub fn lines(payment: &Payment) -> Vec<String> {
    let mut lines = vec![
        match payment.state {
            State::Approved => "交易成功 APPROVED".to_owned(),
            State::ApprovedOffline => "已离线受理 ACCEPTED OFFLINE".to_owned(),
            other => other.as_str().to_uppercase(),
        },
        format!("金额 {}", payment.money),
        format!("柜台 {}", payment.counter),
        format!("时间 {}", payment.changed_at),
        payment.id.to_string(),
    ];
    let presented = payment.presented.as_ref();
    lines.extend(
        presented
            .and_then(|p| p.masked_pan.as_ref())
            .map(|pan| format!("卡号 {pan}")),
    );
    lines.extend(
        payment
            .acquirer_ref
            .as_ref()
            .map(|reference| format!("流水 {reference}")),
    );
    lines.extend(
        payment
            .reference
            .as_ref()
            .map(|reference| format!("备注 {reference}")),
    );
    let refunded = payment
        .refunds
        .iter()
        .filter(|refund| refund.state == RefundState::Refunded);
    lines.extend(refunded.map(|refund| format!("退款 {}", refund.money)));
    lines
}
