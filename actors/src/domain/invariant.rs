//! The invariants, numbered as in the architecture page: pure predicates, used by tests and counted
//! in production.
//!
//! Each predicate takes what it needs and says which rule was broken and how. A broken rule is a
//! defect of this program, never an outcome: it is shown and counted, and nothing is hidden by
//! stopping.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ids::PaymentId,
    money::Money,
    offline::{OfflineTotal, budget::Share, may_go_offline},
    payment::{Effect, NoAnswer, Operation, Payment, State, answer::Answer, machine::Event},
    record::Record,
};

/// A rule of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// One payment id moves money at most once.
    Pay1,
    /// Nothing leaves the house before its intent is durable.
    Pay2,
    /// Every payment ends, or is listed as unknown.
    Pay3,
    /// A failing status query never makes a payment failed.
    Pay4,
    /// An answer for one payment never settles another.
    Pay5,
    /// No wallet code is ever approved offline; cards are, within the budget.
    Pay6,
    /// Sequence numbers have no gaps; each record carries the hash of the one before.
    Jrn2,
    /// The head office holds every acknowledged record exactly once.
    Out1,
    /// A dead device is seen within its bound.
    Dev1,
}

impl Rule {
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Pay1 => "PAY-1",
            Rule::Pay2 => "PAY-2",
            Rule::Pay3 => "PAY-3",
            Rule::Pay4 => "PAY-4",
            Rule::Pay5 => "PAY-5",
            Rule::Pay6 => "PAY-6",
            Rule::Jrn2 => "JRN-2",
            Rule::Out1 => "OUT-1",
            Rule::Dev1 => "DEV-1",
        }
    }
}

/// A broken rule, with what broke it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: Rule,
    pub what: String,
}

fn broken(rule: Rule, what: impl Into<String>) -> Result<(), Violation> {
    Err(Violation {
        rule,
        what: what.into(),
    })
}

/// What the store's books say of one payment.
#[derive(Clone, Copy, Debug)]
pub struct Booked {
    pub state: State,
    pub money: Money,
    /// The sum of the refunds that came through.
    pub refunded: Money,
}

/// PAY-1, against an acquirer's ledger: under one order number it charged at most once, and it
/// `holds` (charged less paid back) what the books say.
pub fn moved_at_most_once(booked: Booked, charges: usize, holds: Money) -> Result<(), Violation> {
    if charges > 1 {
        return broken(Rule::Pay1, format!("charged {charges} times"));
    }
    let expected = match booked.state {
        State::Approved | State::Confirmed => booked.money.checked_sub(booked.refunded),
        _ => Ok(Money::zero(booked.money.currency())),
    };
    match expected {
        Ok(expected) if expected == holds => Ok(()),
        Ok(expected) => broken(
            Rule::Pay1,
            format!("the books say {expected}, the acquirer holds {holds}"),
        ),
        Err(cause) => broken(Rule::Pay1, format!("refunded beyond the payment: {cause}")),
    }
}

/// PAY-2: whatever asks the outside to move money stands behind a `Record`.
pub fn intent_first(
    before: &Payment,
    after: &Payment,
    effects: &[Effect],
) -> Result<(), Violation> {
    let recorded_at = effects.iter().position(|effect| *effect == Effect::Record);
    let sent_at = effects.iter().position(|effect| {
        matches!(
            effect,
            Effect::Charge | Effect::Forward | Effect::Reverse | Effect::Refund(_)
        )
    });
    match (sent_at, recorded_at) {
        (Some(sent), Some(recorded)) if recorded < sent => Ok(()),
        (Some(_), _) => broken(
            Rule::Pay2,
            format!("{} moves money before its intent is recorded", after.id),
        ),
        (None, None) if before.state != after.state => broken(
            Rule::Pay2,
            format!("{} became {} unrecorded", after.id, after.state.as_str()),
        ),
        _ => Ok(()),
    }
}

/// PAY-3: ended, or held by somebody who is still asking.
pub fn ended_or_listed(payment: &Payment, listed: &BTreeSet<PaymentId>) -> Result<(), Violation> {
    if payment.is_settled() || listed.contains(&payment.id) {
        return Ok(());
    }
    broken(
        Rule::Pay3,
        format!(
            "{} is {} and nobody asks for it",
            payment.id,
            payment.state.as_str()
        ),
    )
}

/// PAY-4: no answer to a query declines or cancels anything.
pub fn silence_is_no_decline(
    event: &Event,
    before: &Payment,
    after: &Payment,
) -> Result<(), Violation> {
    let Event::Answer {
        operation,
        answer: Err(no_answer),
    } = event
    else {
        return Ok(());
    };
    let proves_itself =
        *operation == Operation::Charge && matches!(no_answer, NoAnswer::NotSent(_));
    if before.state != after.state && after.state.is_final() && !proves_itself {
        return broken(
            Rule::Pay4,
            format!("{} became {} on silence", after.id, after.state.as_str()),
        );
    }
    Ok(())
}

/// PAY-5: only an answer that names this payment settles it.
pub fn only_its_own_answer(
    event: &Event,
    before: &Payment,
    after: &Payment,
) -> Result<(), Violation> {
    let Event::Answer { answer, .. } = event else {
        return Ok(());
    };
    let names_another = matches!(answer, Answer::Ok(answered) if answered.order != after.id);
    if names_another && before.state != after.state && after.state.is_final() {
        return broken(
            Rule::Pay5,
            format!("{} was settled by another order's answer", after.id),
        );
    }
    Ok(())
}

/// PAY-6, of one step: only a card ever becomes accepted offline.
pub fn only_cards_offline(after: &Payment) -> Result<(), Violation> {
    let is_offline = after.offline.is_some() || after.state.is_accepted_offline();
    if is_offline && !may_go_offline(after.actual_tender()) {
        let tender = after.actual_tender().as_str();
        return broken(
            Rule::Pay6,
            format!("{} is a {tender} and was accepted offline", after.id),
        );
    }
    Ok(())
}

/// PAY-6, of the store at a moment: all that is accepted and not confirmed is within the total.
pub fn within_the_budget(used: Share, total: OfflineTotal) -> Result<(), Violation> {
    if Share::from(total).covers(used) {
        return Ok(());
    }
    let (units, count) = (used.minor_units, used.count);
    broken(
        Rule::Pay6,
        format!("{count} payments of {units} minor units are at risk, more than the budget"),
    )
}

/// PAY-2, PAY-4, PAY-5 and PAY-6 of one step of the machine.
pub fn of_step(
    event: &Event,
    before: &Payment,
    after: &Payment,
    effects: &[Effect],
) -> Result<(), Violation> {
    intent_first(before, after, effects)?;
    silence_is_no_decline(event, before, after)?;
    only_its_own_answer(event, before, after)?;
    only_cards_offline(after)
}

/// JRN-2: consecutive numbers, each record naming the hash of the one before.
pub fn is_chained(records: &[Record]) -> Result<(), Violation> {
    for (one, next) in records.iter().zip(records.iter().skip(1)) {
        if next.seq != one.seq + 1 {
            return broken(
                Rule::Jrn2,
                format!("record {} is followed by {}", one.seq, next.seq),
            );
        }
        if next.prev != one.hash() {
            return broken(
                Rule::Jrn2,
                format!("record {} does not continue record {}", next.seq, one.seq),
            );
        }
    }
    Ok(())
}

/// OUT-1: the head office holds 1 to `acknowledged`, each once.
pub fn held_exactly_once(acknowledged: u64, held: &[u64]) -> Result<(), Violation> {
    let mut times: BTreeMap<u64, u32> = BTreeMap::new();
    held.iter()
        .for_each(|seq| *times.entry(*seq).or_default() += 1);
    if let Some((seq, n)) = times.iter().find(|(_, n)| **n > 1) {
        return broken(Rule::Out1, format!("record {seq} is held {n} times"));
    }
    match (1..=acknowledged).find(|seq| !times.contains_key(seq)) {
        Some(seq) => broken(Rule::Out1, format!("record {seq} is missing")),
        None => Ok(()),
    }
}

/// DEV-1: silence longer than the bound is not called ready.
pub fn silence_is_seen(silent_ms: u64, bound_ms: u64, shown_ready: bool) -> Result<(), Violation> {
    if shown_ready && silent_ms > bound_ms {
        return broken(
            Rule::Dev1,
            format!("silent for {silent_ms} ms and still shown ready"),
        );
    }
    Ok(())
}
