//! Customers with habits: what comes to a counter, and what is done there with hands.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    counter::LabCounter,
    random::Random,
    till::{Till, TillFailed, has_ended, state},
};
use crate::acquirer::Customers;

/// How a customer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    ShowsCode,
    ScansQr,
    TapsCard,
    /// The till lets the customer choose.
    Whatever,
    /// The cashier types the amount at the terminal.
    AtTheTerminal,
    /// Walks away before paying.
    ChangesMind,
}

/// What a customer's visit came to, for the report.
#[derive(Clone, Debug)]
pub struct Visit {
    pub payment: Value,
    pub tender: &'static str,
    pub took: Duration,
}

/// Longer than any payment takes with the acquirer's clock sped up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a card is held to the reader before it is tried again, and how long it is away in
/// between: longer than the reader's own look at it.
const HOLDS_CARD: Duration = Duration::from_millis(2_500);
const LIFTS_CARD: Duration = Duration::from_millis(900);
/// A code that nothing came of is shown again.
const SHOWS_AGAIN: Duration = Duration::from_millis(1_500);

impl Habit {
    pub fn draw(random: &mut Random, has_reader: bool) -> Self {
        match random.below(100) {
            0..38 => Self::ShowsCode,
            38..60 => Self::ScansQr,
            60..78 if has_reader => Self::TapsCard,
            60..78 => Self::ShowsCode,
            78..88 => Self::Whatever,
            88..95 => Self::AtTheTerminal,
            _ => Self::ChangesMind,
        }
    }

    pub const fn tender(self) -> &'static str {
        match self {
            Self::ShowsCode | Self::ChangesMind => "customer_code",
            Self::ScansQr => "merchant_qr",
            Self::TapsCard => "card",
            Self::Whatever | Self::AtTheTerminal => "any",
        }
    }
}

/// One visit, from the amount to the outcome.
pub async fn visit(
    counter: &LabCounter,
    till: &Till,
    customers: &Customers,
    habit: Habit,
    key: &str,
    random: &mut Random,
) -> Result<Visit, TillFailed> {
    let amount = format!("{}.{:02}", random.below(300), 1 + random.below(99));
    let begun = Instant::now();
    let opened = if habit == Habit::AtTheTerminal {
        match type_amount(counter, till, &amount).await? {
            Some(opened) => opened,
            // the terminal was away: the till takes over
            None => till.open(key, &counter.id, &amount, habit.tender()).await?,
        }
    } else {
        till.open(key, &counter.id, &amount, habit.tender()).await?
    };
    let id = opened
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let payment = match habit {
        Habit::ScansQr => scan_qr(till, customers, &id, random).await?,
        Habit::TapsCard => tap(counter, till, &id).await?,
        Habit::ChangesMind => {
            sleep(random.millis(5, 60)).await;
            match till.cancel(&id).await {
                // it was faster
                Err(TillFailed::Refused(..)) => till.payment(&id).await?,
                cancelled => cancelled?,
            }
        }
        Habit::ShowsCode | Habit::Whatever | Habit::AtTheTerminal => {
            show_code(counter, till, &id, random).await?
        }
    };
    Ok(Visit {
        payment,
        tender: habit.tender(),
        took: begun.elapsed(),
    })
}

async fn show_code(
    counter: &LabCounter,
    till: &Till,
    id: &str,
    random: &mut Random,
) -> Result<Value, TillFailed> {
    let code = wallet_code(random);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let payment = till
            .until(id, PATIENCE, |payment| state(payment) != "opened")
            .await?;
        if state(&payment) != "collecting" {
            return till.until(id, PATIENCE, has_ended).await;
        }
        if let Err(error) = counter.scanner.scan(&code).await {
            tracing::debug!(counter = counter.id, %error, "the scanner does not scan");
        }
        let payment = till
            .until(id, SHOWS_AGAIN, |payment| state(payment) != "collecting")
            .await?;
        if state(&payment) != "collecting" || Instant::now() > deadline {
            return till.until(id, PATIENCE, has_ended).await;
        }
    }
}

/// Alipay, WeChat Pay or UnionPay, of the right length and prefix.
fn wallet_code(random: &mut Random) -> String {
    if random.percent(40) {
        format!("28{}", random.digits(16))
    } else if random.percent(65) {
        format!("13{}", random.digits(16))
    } else {
        format!("62{}", random.digits(17))
    }
}

async fn scan_qr(
    till: &Till,
    customers: &Customers,
    id: &str,
    random: &mut Random,
) -> Result<Value, TillFailed> {
    let has_qr = |payment: &Value| payment.pointer("/qr/text").is_some();
    let shown = till.until(id, PATIENCE, has_qr).await?;
    if let Some(qr) = shown.pointer("/qr/text").and_then(Value::as_str)
        && state(&shown) == "submitted"
    {
        sleep(random.millis(10, 150)).await;
        // a customer whose phone has no network gives up, and the QR expires
        if !random.percent(4)
            && let Err(error) = customers.pay(qr, "alipay")
        {
            tracing::debug!(?error, "the customer's phone refuses the QR");
        }
    }
    till.until(id, PATIENCE, has_ended).await
}

async fn tap(counter: &LabCounter, till: &Till, id: &str) -> Result<Value, TillFailed> {
    till.until(id, PATIENCE, |payment| state(payment) != "opened")
        .await?;
    let Some(card) = &counter.card else {
        return till.until(id, PATIENCE, has_ended).await;
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        card.insert().await;
        let held = till
            .until(id, HOLDS_CARD, |payment| state(payment) != "collecting")
            .await;
        card.remove().await;
        if state(&held?) != "collecting" || Instant::now() > deadline {
            return till.until(id, PATIENCE, has_ended).await;
        }
        // told that the card could not be read: held to the reader once more
        sleep(LIFTS_CARD).await;
    }
}

/// `None` if the terminal does not ask for an amount in time.
async fn type_amount(
    counter: &LabCounter,
    till: &Till,
    amount: &str,
) -> Result<Option<Value>, TillFailed> {
    let before = newest(till, &counter.id).await?;
    let deadline = Instant::now() + Duration::from_secs(4);
    while counter.terminal.type_amount(amount).await.is_err() {
        if Instant::now() > deadline {
            return Ok(None);
        }
        sleep(Duration::from_millis(50)).await;
    }
    let deadline = Instant::now() + Duration::from_secs(4);
    loop {
        let now = newest(till, &counter.id).await?;
        if now.is_some() && now != before {
            let id = now.unwrap_or_default();
            return till.payment(&id).await.map(Some);
        }
        if Instant::now() > deadline {
            return Ok(None);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn newest(till: &Till, counter: &str) -> Result<Option<String>, TillFailed> {
    let found = till
        .get(&format!("/v1/payments?counter={counter}&limit=1"))
        .await?;
    let first = found.get("payments").and_then(|payments| payments.get(0));
    Ok(first
        .and_then(|payment| payment.get("id"))
        .and_then(Value::as_str)
        .map(str::to_owned))
}
