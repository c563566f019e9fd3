//! The card host's batches against the store's records of them.

use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    acquirer::Settled,
    lab::{
        acquirers::CARD_HOST,
        report::Settlements,
        shop::Shop,
        till::{Till, TillFailed},
    },
};

/// How long what stands in a settlement's way may take to come to an end.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// Settles what is open and compares batch by batch. Nothing where no card was paid there.
pub(super) async fn against_host(
    shop: &Shop,
    wrong: &mut Vec<String>,
) -> Result<Settlements, TillFailed> {
    let is_used = || shop.card_host.in_open_batch() > 0 || !shop.card_host.settled().is_empty();
    if !is_used() {
        return Ok(Settlements::default());
    }
    if let Err(failed) = settle(&shop.till, CARD_HOST).await {
        wrong.push(format!("the last batch is not settled: {failed}"));
    }
    let theirs = shop.card_host.settled();
    let listed = shop.till.get("/v1/office/settlements").await?;
    let ours: Vec<&Value> = listed
        .get("settlements")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|one| one.get("acquirer").and_then(Value::as_str) == Some(CARD_HOST))
        .collect();
    let before = wrong.len();
    for batch in &theirs {
        let number = u64::from(batch.batch);
        let mut same = ours.iter().filter(|one| of(one, "/batch") == Some(number));
        match (same.next(), same.next()) {
            (Some(one), None) if is_equal(one, batch) => {}
            (Some(one), None) => {
                wrong.push(format!("batch {number}: {one}, and the host {batch:?}"))
            }
            _ => wrong.push(format!("batch {number} has no record, or two")),
        }
    }
    if ours.len() != theirs.len() {
        let (ours, theirs) = (ours.len(), theirs.len());
        wrong.push(format!(
            "{ours} batches in the records, {theirs} at the host"
        ));
    }
    let (open, late) = (shop.card_host.in_open_batch(), shop.card_host.too_late());
    if open > 0 || late > 0 {
        wrong.push(format!(
            "{open} transactions in no settled batch, {late} came too late"
        ));
    }
    Ok(Settlements {
        batches: theirs.len(),
        transactions: theirs.iter().map(|one| one.debits.1 + one.credits.1).sum(),
        mismatched: wrong.len() - before,
    })
}

/// Asks until what stands in its way has come to an end.
pub(super) async fn settle(till: &Till, acquirer: &str) -> Result<Value, TillFailed> {
    let deadline = Instant::now() + SETTLED_WITHIN;
    loop {
        match till.settle(acquirer).await {
            Ok(settled) => return Ok(settled),
            Err(failed) if Instant::now() > deadline => return Err(failed),
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}

fn of(settlement: &Value, at: &str) -> Option<u64> {
    settlement.pointer(at).and_then(Value::as_u64)
}

fn is_equal(ours: &Value, theirs: &Settled) -> bool {
    let is_side = |name: &str, (fen, count): (u64, usize)| {
        let amount = ours.pointer(&format!("/{name}/amount"));
        let amount: Option<Decimal> = amount
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok());
        let fen = i64::try_from(fen).ok().map(|fen| Decimal::new(fen, 2));
        of(ours, &format!("/{name}/count")) == u64::try_from(count).ok() && amount == fen
    };
    is_side("debits", theirs.debits)
        && is_side("credits", theirs.credits)
        && theirs.balanced
        && ours.get("balanced") == Some(&Value::Bool(true))
        && of(ours, "/uploaded") == u64::try_from(theirs.uploaded.len()).ok()
}
