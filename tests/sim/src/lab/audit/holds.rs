//! What the journal calls held is held at the acquirer, and what it says was taken was taken there,
//! once and by that payment.

use serde_json::Value;

use super::state;
use crate::acquirer::{LedgerReader, OrderState};

/// How a pre-authorisation differs from the acquirer's ledger, if it does.
pub(super) fn agree(id: &str, payment: &Value, ledger: &LedgerReader) -> Result<(), String> {
    if payment.get("pre_authorisation") != Some(&Value::Bool(true)) {
        return Ok(());
    }
    let order = ledger.order(id);
    let is_held = order.is_some_and(|order| order.state == OrderState::Held);
    let takes = |order: &crate::acquirer::OrderAccount| {
        order.completes.as_deref() == Some(id) && order.state == OrderState::Approved
    };
    let takers: Vec<String> = ledger
        .orders()
        .into_iter()
        .filter(takes)
        .map(|order| order.order)
        .collect();
    let by = payment.get("completed_by").and_then(Value::as_str);
    let is_right = match state(payment) {
        "authorised" => is_held && takers.is_empty(),
        "completed" => is_held && takers.iter().map(String::as_str).eq(by),
        _ => !is_held,
    };
    match is_right {
        true => Ok(()),
        false => Err(format!("held there: {is_held}, taken by {takers:?}")),
    }
}
