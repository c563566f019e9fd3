//! The books compared: the journal (through the store's API), the acquirer's ledger, the head
//! office's records.

mod holds;
mod own_terminals;
mod settlements;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use store_actors::domain::{
    invariant::{self, Booked},
    money::{Currency, Money, MoneyRefused},
    payment::State,
    record::Hash,
};
use tokio::time::{Instant, sleep};

use super::{
    guard_log::{self, GuardLog},
    report::{Acquirer, HeadOffice, Payments, Report, Told},
    shop::{Shop, ShopFailed},
    till::{Till, TillFailed, state},
};
use crate::acquirer::{MovementKind, OrderAccount};

/// How long everything may take to come to rest after the last customer.
const REST_TIMEOUT: Duration = Duration::from_secs(90);

/// What is wrong, if anything, collected into the report.
pub async fn compare(shop: &Shop, report: &mut Report) -> Result<(), ShopFailed> {
    let told = |failed: TillFailed| ShopFailed::NotReady(failed.to_string());
    let rested = rest(shop).await;
    let mut wrong: Vec<String> = rested.err().into_iter().collect();
    let payments = all_payments(&shop.till).await.map_err(told)?;
    report.payments = by_state(&payments);
    report.told = against_tills(shop, &payments, &mut wrong);
    report.acquirer = against_ledger(shop, &payments, &mut wrong);
    report.own_terminals = own_terminals::against_books(shop, &payments, &mut wrong).await;
    report.settlements = settlements::against_host(shop, &mut wrong)
        .await
        .map_err(told)?;
    // settlements are records as well
    wrong.extend(rest(shop).await.err());
    // what is written meanwhile is not missing
    let last_seq = last_seq(shop).await.map_err(told)?;
    let held = held_at_head_office(shop).await.map_err(told)?;
    report.head_office = against_journal(last_seq, &held, &mut wrong);
    let guard = guard_log::read(&shop.journal.join("guard"))?;
    against_guard_log(&guard, &held, &mut wrong);
    report.guard_log = guard;
    shop.note_violations().await;
    report.invariants.violations =
        shop.violations().await + u64::try_from(wrong.len()).unwrap_or(u64::MAX);
    report.invariants.what = wrong;
    report.devices.restarts = shop.restarts().await;
    Ok(())
}

/// Waits until every payment is settled and the head office has receipted all.
async fn rest(shop: &Shop) -> Result<(), String> {
    let deadline = Instant::now() + REST_TIMEOUT;
    loop {
        shop.check().await.map_err(|failed| failed.to_string())?;
        let open = match all_payments(&shop.till).await {
            Ok(payments) => payments
                .values()
                .filter(|payment| !is_settled(payment))
                .count(),
            Err(failed) => return Err(failed.to_string()),
        };
        let outbox = shop
            .till
            .get("/v1/outbox")
            .await
            .map_err(|failed| failed.to_string())?;
        let depth = outbox
            .get("depth")
            .and_then(Value::as_u64)
            .unwrap_or(u64::MAX);
        // what providers have not been able to tell yet
        let (letters, ..) = shop.acquirer.letters();
        if open == 0 && depth == 0 && letters == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!(
                "{open} payments unsettled, {depth} records unreceipted, {letters} letters undelivered \
                 after {REST_TIMEOUT:?}"
            ));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn is_settled(payment: &Value) -> bool {
    let refunds_done =
        refunds(payment).all(|refund| matches!(state(refund), "refunded" | "refused"));
    let is_held = state(payment) == "authorised";
    let is_being_taken = is_held && payment.get("completed_by").is_some();
    is_end(state(payment)) && refunds_done && !is_being_taken
}

fn refunds(payment: &Value) -> impl Iterator<Item = &Value> {
    payment
        .get("refunds")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

async fn all_payments(till: &Till) -> Result<BTreeMap<String, Value>, TillFailed> {
    let mut payments = BTreeMap::new();
    let mut path = "/v1/payments?limit=500".to_owned();
    loop {
        let page = till.get(&path).await?;
        for payment in page
            .get("payments")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let id = payment
                .get("id")
                .and_then(Value::as_str)
                .unwrap_or_default();
            payments.insert(id.to_owned(), payment.clone());
        }
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(cursor) => path = format!("/v1/payments?limit=500&cursor={cursor}"),
            None => return Ok(payments),
        }
    }
}

fn by_state(payments: &BTreeMap<String, Value>) -> Payments {
    let count = |wanted: &[&str]| {
        payments
            .values()
            .filter(|payment| wanted.contains(&state(payment)))
            .count()
    };
    let all_refunds = payments.values().flat_map(refunds);
    Payments {
        approved: count(&["approved"]),
        declined: count(&["declined"]),
        cancelled: count(&["cancelled"]),
        reversed: count(&["reversed"]),
        authorised: count(&["authorised"]),
        completed: count(&["completed"]),
        confirmed: count(&["confirmed"]),
        refused_later: count(&["refused_later"]),
        unknown: payments
            .values()
            .filter(|payment| !is_end(state(payment)))
            .count(),
        refunded: all_refunds
            .filter(|refund| state(refund) == "refunded")
            .count(),
    }
}

/// JRN-1: whatever a till was told is in the journal, and an end stays one.
fn against_tills(shop: &Shop, payments: &BTreeMap<String, Value>, wrong: &mut Vec<String>) -> Told {
    let told = shop.till.told();
    let mut found = Told {
        payments: told.len(),
        ..Told::default()
    };
    for (id, last) in &told {
        match payments.get(id) {
            None => {
                found.lost += 1;
                wrong.push(format!(
                    "JRN-1: {id} was told to be {last} and is not there"
                ));
            }
            // what is held is taken or let go of later
            Some(_) if last == "authorised" => {}
            Some(payment) if is_end(last) && state(payment) != last => {
                found.taken_back += 1;
                let now = state(payment);
                wrong.push(format!("JRN-1: {id} was told to be {last} and is {now}"));
            }
            Some(_) => {}
        }
    }
    found
}

fn is_end(state: &str) -> bool {
    State::parse(state).is_some_and(State::is_final)
}

/// JRN-2: what was acknowledged first lies there unbroken, and is what the head office has.
fn against_guard_log(guard: &GuardLog, held: &[HeldRecord], wrong: &mut Vec<String>) {
    if guard.broken > 0 {
        wrong.push(format!(
            "JRN-2: the guard log is broken {} times",
            guard.broken
        ));
    }
    for record in held {
        match guard.hashes.get(&record.seq) {
            Some(hash) if *hash == record.hash => {}
            // old segments go
            None if record.seq <= guard.last_seq => {}
            Some(_) => wrong.push(format!("JRN-2: record {} is another one here", record.seq)),
            None => wrong.push(format!(
                "JRN-1: the guard log ends at {}, the head office has {}",
                guard.last_seq, record.seq
            )),
        }
    }
}

/// PAY-1, order by order, in both directions.
fn against_ledger(
    shop: &Shop,
    payments: &BTreeMap<String, Value>,
    wrong: &mut Vec<String>,
) -> Acquirer {
    let ledger = shop.acquirer.ledger();
    let mut mismatched = BTreeSet::new();
    let name = |(id, payment): (&String, &Value)| order_of(id, payment);
    let named: BTreeSet<String> = payments.iter().map(name).collect();
    let elsewhere = |payment: &Value| own_terminals::is_of_one(shop, payment);
    for (id, payment) in payments.iter().filter(|(_, one)| !elsewhere(one)) {
        let agreed = agree(payment, ledger.order(&order_of(id, payment)).as_ref())
            .and_then(|()| holds::agree(id, payment, &ledger));
        if let Err(how) = agreed {
            wrong.push(format!("PAY-1: {id} is {}: {how}", state(payment)));
            mismatched.insert(id.clone());
        }
    }
    for order in ledger
        .orders()
        .into_iter()
        .filter(|order| !named.contains(&order.order))
    {
        wrong.push(format!(
            "PAY-2: the acquirer knows {}, the journal does not",
            order.order
        ));
        mismatched.insert(order.order);
    }
    let totals = ledger.totals("CNY");
    Acquirer {
        charged: totals.charged.to_string(),
        refunded: (totals.refunded + totals.reversed).to_string(),
        mismatched: mismatched.len(),
    }
}

/// Under which the acquirer knows it: the payment's id, or its own number.
fn order_of(id: &str, payment: &Value) -> String {
    let told = payment.pointer("/claim/order").and_then(Value::as_str);
    told.unwrap_or(id).to_owned()
}

fn agree(payment: &Value, order: Option<&OrderAccount>) -> Result<(), String> {
    let said = |refused: MoneyRefused| refused.to_string();
    let money_of = |value: &Value| {
        let amount = value.get("amount").and_then(Value::as_str);
        Money::parse(amount.unwrap_or_default(), Currency::Cny)
    };
    let through = refunds(payment).filter(|refund| state(refund) == "refunded");
    let refunded = through
        .map(money_of)
        .try_fold(Money::zero(Currency::Cny), |sum, refund| {
            sum.checked_add(refund?)
        });
    let booked = Booked {
        state: State::parse(state(payment)).ok_or("a state of no payment")?,
        money: money_of(payment).map_err(said)?,
        refunded: refunded.map_err(said)?,
    };
    let is_charge = |movement: &&crate::acquirer::Movement| movement.kind == MovementKind::Charge;
    let charges = order.map_or(0, |order| order.movements.iter().filter(is_charge).count());
    let net = order.map_or(Decimal::ZERO, OrderAccount::net);
    let holds = Money::from_decimal(net, Currency::Cny).map_err(said)?;
    invariant::moved_at_most_once(booked, charges, holds).map_err(|violation| violation.what)
}

/// What the head office has, of one record.
#[derive(Deserialize)]
struct HeldRecord {
    seq: u64,
    prev: Hash,
    hash: Hash,
}

async fn last_seq(shop: &Shop) -> Result<u64, TillFailed> {
    let outbox = shop.till.get("/v1/outbox").await?;
    Ok(outbox.get("last_seq").and_then(Value::as_u64).unwrap_or(0))
}

/// All of it, also what the store does not know.
async fn held_at_head_office(shop: &Shop) -> Result<Vec<HeldRecord>, TillFailed> {
    let mut held: Vec<HeldRecord> = Vec::new();
    loop {
        let from = held.last().map_or(1, |last| last.seq + 1);
        let page = shop
            .head_office_till
            .get(&format!("/v1/stores/0001/records?from={from}&limit=500"))
            .await?;
        let items = page.get("items").and_then(Value::as_array);
        let before = held.len();
        held.extend(
            items
                .into_iter()
                .flatten()
                .filter_map(|item| HeldRecord::deserialize(item).ok()),
        );
        if held.len() == before {
            return Ok(held);
        }
    }
}

/// OUT-1: every record up to the journal's last, each once, and each proves the one before.
fn against_journal(last_seq: u64, held: &[HeldRecord], wrong: &mut Vec<String>) -> HeadOffice {
    let seqs: Vec<u64> = held.iter().map(|record| record.seq).collect();
    let distinct: BTreeSet<u64> = seqs.iter().copied().collect();
    if let Err(violation) = invariant::held_exactly_once(last_seq, &seqs) {
        wrong.push(format!("{}: {}", violation.rule.name(), violation.what));
    }
    for (one, next) in held.iter().zip(held.iter().skip(1)) {
        if next.seq == one.seq + 1 && next.prev != one.hash {
            wrong.push(format!("JRN-2: {} does not continue the chain", next.seq));
        }
    }
    let len = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    HeadOffice {
        records: len(held.len()),
        missing: last_seq.saturating_sub(len(distinct.len())),
        duplicated: len(held.len() - distinct.len()),
    }
}
