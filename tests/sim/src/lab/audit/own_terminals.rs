//! Terminals that authorise by themselves: the journal against what each of them booked, and the
//! end of their day.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::{Decimal, prelude::ToPrimitive as _};
use serde_json::Value;

use super::{refunds, settlements::settle};
use crate::{
    device::zvt::ZvtState,
    lab::{report::OwnTerminals, shop::Shop, till::state},
};

fn acquirer(payment: &Value) -> &str {
    let named = payment.get("acquirer").and_then(Value::as_str);
    named.unwrap_or_default()
}

/// Whether its acquirer is a counter's own terminal.
pub(super) fn is_of_one(shop: &Shop, payment: &Value) -> bool {
    let own = shop.counters.iter().filter(|one| one.own.is_some());
    let mut names = own.map(|one| format!("{}-terminal", one.id));
    names.any(|name| name == acquirer(payment))
}

/// PAY-1 at each of them: every approved payment is a booking of its own, and together they hold
/// what the terminal does. Then its day is ended, and both count the same.
pub(super) async fn against_books(
    shop: &Shop,
    payments: &BTreeMap<String, Value>,
    wrong: &mut Vec<String>,
) -> OwnTerminals {
    let mut report = OwnTerminals::default();
    let before = wrong.len();
    for counter in &shop.counters {
        let Some(own) = &counter.own else { continue };
        let name = format!("{}-terminal", counter.id);
        let books = own.terminal.state();
        let mut held = 0;
        let mut used = BTreeSet::new();
        let ours = payments.iter().filter(|(_, one)| acquirer(one) == name);
        for (id, payment) in ours {
            report.payments += 1;
            let units = holds(payment);
            held += units;
            if state(payment) == "approved" && !is_booked(payment, &books, &mut used) {
                wrong.push(format!("PAY-1: {id} is approved and no booking of {name}"));
            }
        }
        report.bookings += books.bookings.len();
        if held != books.net() {
            let net = books.net();
            wrong.push(format!(
                "PAY-1: {name} holds {net}, and the journal {held}: {books:?}"
            ));
        }
        match settle(&shop.till, &name).await {
            Err(failed) => wrong.push(format!("{name} does not end its day: {failed}")),
            Ok(ended) if ended.pointer("/settlement/balanced") == Some(&Value::Bool(false)) => {
                wrong.push(format!("{name} counts otherwise: {ended}"));
            }
            Ok(_) => {}
        }
    }
    report.mismatched = wrong.len() - before;
    report
}

fn units(value: &Value) -> i128 {
    let amount = value.get("amount").and_then(Value::as_str);
    let amount: Option<Decimal> = amount.and_then(|text| text.parse().ok());
    let units = amount.and_then(|amount| (amount * Decimal::ONE_HUNDRED).to_i128());
    units.unwrap_or(0)
}

/// What the store holds of it, in minor units.
fn holds(payment: &Value) -> i128 {
    let back = refunds(payment).filter(|refund| state(refund) == "refunded");
    match state(payment) {
        "approved" => units(payment) - back.map(units).sum::<i128>(),
        _ => 0,
    }
}

/// By the receipt's number, which stands first in the reference; no other payment has the same.
fn is_booked(payment: &Value, books: &ZvtState, used: &mut BTreeSet<u16>) -> bool {
    let reference = payment.get("acquirer_ref").and_then(Value::as_str);
    let receipt = reference.and_then(|text| text.split('-').next());
    let receipt: Option<u16> = receipt.and_then(|text| text.parse().ok());
    receipt.is_some_and(|receipt| {
        let is_it = |booking: &&crate::device::zvt::Booking| {
            booking.receipt == receipt
                && !booking.is_refund
                && i128::from(booking.minor) == units(payment)
        };
        books.bookings.iter().any(|booking| is_it(&booking)) && used.insert(receipt)
    })
}
