//! After the storm: every rule of the house, against the provider's ledger, the head office and
//! what the tills were told.

use std::collections::{BTreeMap, BTreeSet};

use store_actors::domain::{
    ids::{CounterId, PaymentId},
    invariant::{self, Booked},
    money::Money,
    offline::{
        CardToken, OfflineLimits,
        budget::{Exposure, Share},
    },
    payment::{Payment, State},
    record::{Body, Record},
    refund::RefundState,
};

use super::{
    fate::Annals,
    ledger::{Ledger, Order, Standing},
    office::Office,
    till::Notes,
};

/// What is compared.
pub struct Books<'a> {
    pub records: &'a [Record],
    /// Of each acquirer.
    pub ledgers: &'a [Ledger; 2],
    pub office: &'a Office,
    pub notes: &'a Notes,
    pub limits: &'a OfflineLimits,
}

/// Compares everything with everything.
pub fn everything(all: &Books<'_>, annals: &Annals) {
    let Books {
        records,
        ledgers,
        office,
        notes,
        limits,
    } = all;
    annals.check(invariant::is_chained(records));
    let books = latest(records);
    money(&books, ledgers, annals);
    one_way(ledgers, annals);
    holds(&books, ledgers, annals);
    told(&books, notes, annals);
    numbers(&books, annals);
    offline(records, limits, annals);
    keys(&books, annals);
    head_office(records, office, annals);
}

/// The latest state of each payment.
pub fn latest(records: &[Record]) -> BTreeMap<PaymentId, Payment> {
    let bodies = records
        .iter()
        .filter_map(|record| record.decode_body().ok());
    let payments = bodies.filter_map(|body| match body {
        Body::Payment { payment } => Some((payment.id, *payment)),
        _ => None,
    });
    payments.collect()
}

/// A charge that may have reached one acquirer is never tried at another.
fn one_way([first, second]: &[Ledger; 2], annals: &Annals) {
    for id in first.left().intersection(second.left()) {
        annals.broken(format!("PAY-1: {id} left for two acquirers"));
    }
}

fn money(books: &BTreeMap<PaymentId, Payment>, ledgers: &[Ledger; 2], annals: &Annals) {
    for payment in books.values() {
        annals.check(invariant::ended_or_listed(payment, &BTreeSet::new()));
        let zero = Money::zero(payment.money.currency());
        let done = payment.refunds.iter();
        let done = done.filter(|refund| refund.state == RefundState::Refunded);
        let refunded = done
            .map(|refund| refund.money)
            .try_fold(zero, Money::checked_add);
        let orders = || {
            ledgers
                .iter()
                .filter_map(|one| one.orders().get(&payment.id))
        };
        let units: i64 = orders().map(Order::holds_units).sum();
        let holds = u64::try_from(units)
            .ok()
            .and_then(|units| Money::from_minor_units(units, payment.money.currency()).ok());
        let (Some(holds), Ok(refunded)) = (holds, refunded) else {
            annals.broken(format!("PAY-1: {} holds {units}", payment.id));
            continue;
        };
        let booked = Booked {
            state: payment.state,
            money: payment.money,
            refunded,
        };
        let charges = orders().map(|order| order.charges).sum();
        if let Err(violation) = invariant::moved_at_most_once(booked, charges, holds) {
            annals.broken(format!("PAY-1: {}: {}", payment.id, violation.what));
        }
    }
    let mut baskets: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for (id, order) in ledgers.iter().flat_map(Ledger::orders) {
        if order.charges > 0 && !books.contains_key(id) {
            annals.broken(format!("PAY-2: order {id} was charged and is in no book"));
        }
        if let Some(basket) = &order.basket {
            let (held, price) = baskets.entry(basket).or_default();
            *held += order.holds_units();
            let money = order.money.map_or(0, Money::minor_units);
            // what is taken of what was held may be less than was to be paid
            *price = i64::try_from(money).unwrap_or(0).max(*price);
        }
    }
    for (basket, (held, price)) in baskets {
        if held > price {
            annals.broken(format!("basket {basket} was paid {held} and costs {price}"));
        }
    }
}

/// What the books call held is held, and what they say was taken was taken, once.
fn holds(books: &BTreeMap<PaymentId, Payment>, ledgers: &[Ledger; 2], annals: &Annals) {
    let holding = books.values().filter(|one| one.is_pre_authorisation());
    for payment in holding {
        let order = ledgers.iter().find_map(|one| one.orders().get(&payment.id));
        let is_held = order.is_some_and(|order| order.standing == Standing::Held);
        let takers = || ledgers.iter().flat_map(|one| one.takers(payment.id));
        let taken: i64 = takers().map(|(_, order)| order.holds_units()).sum();
        let by = payment.completion().map(|tie| tie.payment);
        let is_right = match payment.state {
            State::Authorised => is_held && takers().count() == 0,
            State::Completed => is_held && takers().all(|(id, _)| Some(*id) == by),
            _ => !is_held,
        };
        let held = i64::try_from(payment.money.minor_units()).unwrap_or(0);
        if !is_right || taken > held {
            annals.broken(format!(
                "PAY-1: {} is {}; held there: {is_held}, taken: {taken}",
                payment.id,
                payment.state.as_str()
            ));
        }
    }
}

fn told(books: &BTreeMap<PaymentId, Payment>, notes: &Notes, annals: &Annals) {
    for (key, id) in &notes.opened {
        if !books.contains_key(id) {
            annals.broken(format!("JRN-1: {key} was acknowledged as {id} and is lost"));
        }
    }
    for id in &notes.accepted {
        let state = books.get(id).map(|payment| payment.state);
        let kept = matches!(
            state,
            Some(State::Confirmed | State::RefusedLater | State::Cancelled)
        );
        if !kept {
            annals.broken(format!("JRN-1: {id} was accepted offline and is {state:?}"));
        }
    }
    for (id, state) in &notes.ended {
        let booked = books.get(id).map(|payment| payment.state);
        if booked != Some(*state) {
            let booked = booked.map_or("lost", |booked| booked.as_str());
            annals.broken(format!(
                "JRN-1: {id} was told {} and is {booked}",
                state.as_str()
            ));
        }
    }
}

/// At every moment what is at risk is within the budget, store-wide and for each card.
fn offline(records: &[Record], limits: &OfflineLimits, annals: &Annals) {
    let mut open: BTreeMap<PaymentId, Exposure> = BTreeMap::new();
    let mut used = Share::default();
    let mut cards: BTreeMap<CardToken, Share> = BTreeMap::new();
    for record in records {
        let Ok(Body::Payment { payment }) = record.decode_body() else {
            continue;
        };
        if let Some(ended) = open.remove(&payment.id) {
            let share = Share::of(ended.money);
            used = used.minus(share);
            let card = cards.entry(ended.card).or_default();
            *card = card.minus(share);
        }
        let Some(exposure) = payment.exposure() else {
            continue;
        };
        let share = Share::of(exposure.money);
        used = used.plus(share);
        let card = cards.entry(exposure.card).or_default();
        *card = card.plus(share);
        annals.check(invariant::within_the_budget(used, limits.total));
        if !Share::from(limits.per_card).covers(*card) {
            let (card, paid) = (exposure.card, card.minor_units);
            annals.broken(format!("PAY-6: card {card} has paid {paid} offline"));
        }
        open.insert(payment.id, exposure);
    }
}

/// Each counter's own numbers: from 1, without gaps, each once.
fn numbers(books: &BTreeMap<PaymentId, Payment>, annals: &Annals) {
    let mut used: BTreeMap<&CounterId, Vec<u64>> = BTreeMap::new();
    for payment in books.values() {
        used.entry(&payment.counter)
            .or_default()
            .push(payment.number);
    }
    for (counter, mut numbers) in used {
        numbers.sort_unstable();
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        if numbers != expected {
            annals.broken(format!("JRN-2: counter {counter} numbered {numbers:?}"));
        }
    }
}

fn keys(books: &BTreeMap<PaymentId, Payment>, annals: &Annals) {
    let mut used: BTreeMap<&str, PaymentId> = BTreeMap::new();
    for payment in books.values() {
        let Some(fingerprint) = &payment.fingerprint else {
            continue;
        };
        if let Some(other) = used.insert(&fingerprint.key, payment.id) {
            let (key, id) = (&fingerprint.key, payment.id);
            annals.broken(format!("key {key} began both {other} and {id}"));
        }
    }
}

fn head_office(records: &[Record], office: &Office, annals: &Annals) {
    let held = office.records();
    let seqs: Vec<u64> = held.iter().map(|record| record.seq).collect();
    annals.check(invariant::held_exactly_once(records.len() as u64, &seqs));
    for (ours, theirs) in records.iter().zip(&held) {
        if ours != theirs {
            annals.broken(format!(
                "OUT-1: the head office holds another record {}",
                theirs.seq
            ));
        }
    }
}
