//! The customer's slip, as lines of text for whatever prints it.

use super::{payment::Payment, refund::RefundState};
use crate::language::{Language, Languages, Value};

/// What stands on every slip of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letterhead {
    /// The store's name.
    pub store: String,
    /// How it ended is said in each; the rest in the first.
    pub languages: Languages,
    /// The store's clock against UTC.
    pub utc_offset_minutes: i32,
}

/// Lines of at most 32 characters of half width where the parts allow it. Nothing in it could buy
/// anything (SEC-1).
pub fn lines(payment: &Payment, head: &Letterhead) -> Vec<String> {
    let language = head.languages.first;
    let mut lines = vec![head.store.clone()];
    let ended = head.languages.iter().map(|spoken| how(payment, spoken));
    lines.extend(ended);
    let mut line = |id: &str, name: &'static str, value: String| {
        lines.push(language.say_with(id, [(name, Value::from(value))]));
    };
    line("slip-amount", "money", payment.money.to_string());
    line("slip-counter", "counter", payment.counter.to_string());
    let time = payment.changed_at.local_time(head.utc_offset_minutes);
    line("slip-time", "time", time);
    let presented = payment.presented.as_ref();
    if let Some(pan) = presented.and_then(|presented| presented.masked_pan.as_ref()) {
        line("slip-card", "pan", pan.to_string());
    }
    if let Some(number) = &payment.acquirer_ref {
        line("slip-acquirer-ref", "number", number.clone());
    }
    if let Some(reference) = &payment.reference {
        line("slip-reference", "text", reference.clone());
    }
    for refund in &payment.refunds {
        if refund.state == RefundState::Refunded {
            line("slip-refund", "money", refund.money.to_string());
        }
    }
    if payment.signature.is_some() {
        lines.push(language.say("slip-signed"));
    } else if payment.wants_signature() {
        lines.push(language.say("slip-sign"));
    }
    lines.push(payment.id.to_string());
    lines
}

fn how(payment: &Payment, language: Language) -> String {
    language.say(payment.state.text_id())
}
