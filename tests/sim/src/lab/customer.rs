//! Customers with habits: what comes to a counter, and what is done there with hands.

mod own_terminal;

use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    counter::LabCounter,
    random::Random,
    till::{Till, TillFailed, has_ended, state},
};
use crate::{
    acquirer::Customers,
    device::terminal::{Question, TerminalState},
};

/// What there is at a counter besides a scanner.
#[derive(Clone, Copy, Debug)]
pub struct Offers {
    /// A reader of the store's own.
    pub cards: bool,
    /// A terminal that authorises by itself: nobody types an amount there for the store.
    pub own_terminal: bool,
    pub stickers: bool,
}

/// How a customer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    ShowsCode,
    ScansQr,
    TapsCard,
    /// Takes a room: the card's money is held first, and taken or let go of later.
    TakesRoom,
    /// The till lets the customer choose.
    Whatever,
    /// The cashier types the amount at the terminal.
    AtTheTerminal,
    /// Walks away before paying.
    ChangesMind,
    /// Scans the QR that is printed at the counter, and types the amount.
    ScansSticker,
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
/// A terminal asks for a signature at once, or not at all.
const SIGNS_WITHIN: Duration = Duration::from_millis(500);
/// A code that nothing came of is shown again.
const SHOWS_AGAIN: Duration = Duration::from_millis(1_500);

impl Habit {
    pub fn draw(random: &mut Random, offers: Offers) -> Self {
        if offers.stickers && random.percent(12) {
            return Self::ScansSticker;
        }
        if offers.own_terminal && random.percent(45) {
            return Self::TapsCard;
        }
        match random.below(100) {
            0..38 => Self::ShowsCode,
            38..60 => Self::ScansQr,
            60..70 if offers.cards || offers.own_terminal => Self::TapsCard,
            70..78 if offers.own_terminal => Self::TapsCard,
            70..78 if offers.cards => Self::TakesRoom,
            60..78 => Self::ShowsCode,
            78..88 => Self::Whatever,
            88..95 if offers.own_terminal => Self::TapsCard,
            88..95 => Self::AtTheTerminal,
            _ => Self::ChangesMind,
        }
    }

    pub const fn tender(self) -> &'static str {
        match self {
            Self::ShowsCode | Self::ChangesMind => "customer_code",
            Self::ScansQr | Self::ScansSticker => "merchant_qr",
            Self::TapsCard | Self::TakesRoom => "card",
            Self::Whatever | Self::AtTheTerminal => "any",
        }
    }
}

/// One visit, from the amount to the outcome. Where it is to be thorough, what is rare is frequent.
pub async fn visit(
    counter: &LabCounter,
    (till, customers): (&Till, &Customers),
    habit: Habit,
    key: &str,
    random: &mut Random,
    is_thorough: bool,
) -> Result<Visit, TillFailed> {
    let amount = format!("{}.{:02}", random.below(300), 1 + random.below(99));
    let begun = Instant::now();
    if habit == Habit::ScansSticker {
        let payment = scan_sticker(counter, till, customers, &amount, random).await?;
        return Ok(Visit {
            payment,
            tender: "sticker",
            took: begun.elapsed(),
        });
    }
    if habit == Habit::TakesRoom {
        let payment = take_room(counter, till, key, &amount, random).await?;
        return Ok(Visit {
            payment,
            tender: "hold",
            took: begun.elapsed(),
        });
    }
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
        Habit::ScansQr => scan_qr(till, customers, &id, random, is_thorough).await?,
        Habit::TapsCard => match &counter.own {
            Some(own) => own_terminal::pay(own, till, &id, random).await?,
            None => tap(counter, till, &id, is_thorough && random.percent(25)).await?,
        },
        Habit::ChangesMind => {
            sleep(random.millis(5, 60)).await;
            match till.cancel(&id).await {
                // it was faster
                Err(TillFailed::Refused(..)) => till.payment(&id).await?,
                cancelled => cancelled?,
            }
        }
        Habit::ShowsCode
        | Habit::Whatever
        | Habit::AtTheTerminal
        | Habit::ScansSticker
        | Habit::TakesRoom => show_code(counter, till, &id, random).await?,
    };
    Ok(Visit {
        payment,
        tender: habit.tender(),
        took: begun.elapsed(),
    })
}

/// What is held is taken, all or a half of it; let go of; or left.
async fn take_room(
    counter: &LabCounter,
    till: &Till,
    key: &str,
    amount: &str,
    random: &mut Random,
) -> Result<Value, TillFailed> {
    let opened = till.hold(key, &counter.id, amount).await?;
    let id = opened.get("id").and_then(Value::as_str).unwrap_or_default();
    let held = tap(counter, till, id, false).await?;
    if state(&held) != "authorised" {
        return Ok(held);
    }
    match random.below(10) {
        0..6 => {
            let whole: Decimal = amount.parse().unwrap_or_default();
            let part = match random.percent(50) {
                true => whole,
                false => (whole / Decimal::TWO).round_dp(2).max(Decimal::new(1, 2)),
            };
            let key = format!("{key}-completion");
            let taken = till.complete(&key, id, &part.to_string()).await?;
            let by = taken.get("id").and_then(Value::as_str).unwrap_or_default();
            till.until(by, PATIENCE, has_ended).await
        }
        6..8 => till.cancel(id).await,
        _ => Ok(held),
    }
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
    is_thorough: bool,
) -> Result<Value, TillFailed> {
    let has_qr = |payment: &Value| payment.pointer("/qr/text").is_some();
    let shown = till.until(id, PATIENCE, has_qr).await?;
    if let Some(qr) = shown.pointer("/qr/text").and_then(Value::as_str)
        && state(&shown) == "submitted"
    {
        sleep(random.millis(10, 150)).await;
        // a customer whose phone has no network gives up, and the QR expires; some have scanned it
        let gives_up = random.percent(if is_thorough { 30 } else { 4 });
        let scanned = match gives_up {
            false => customers.pay(qr, "alipay").map(drop),
            true if random.percent(50) => customers.scan(qr).map(drop),
            true => Ok(()),
        };
        if let Err(error) = scanned {
            tracing::debug!(?error, "the customer's phone refuses the QR");
        }
    }
    till.until(id, PATIENCE, has_ended).await
}

/// Nobody at the till does anything: the provider tells the store.
async fn scan_sticker(
    counter: &LabCounter,
    till: &Till,
    customers: &Customers,
    amount: &str,
    random: &mut Random,
) -> Result<Value, TillFailed> {
    let stickers = till.stickers(&counter.id).await?;
    let none = || TillFailed::NoAnswer("no printed QR here".to_owned());
    let count = u64::try_from(stickers.len()).unwrap_or(0);
    let at = usize::try_from(random.below(count.max(1))).unwrap_or(0);
    let text = stickers.get(at).ok_or_else(none)?;
    let amount = amount.parse().unwrap_or_default();
    let paid = customers.pay_sticker(text, amount, "passer-by");
    let paid = paid.map_err(|refusal| TillFailed::NoAnswer(format!("{refusal:?}")))?;
    let transaction = paid.reference.unwrap_or_default();
    let told = till
        .until_told(&counter.id, &transaction, PATIENCE)
        .await?
        .ok_or_else(|| TillFailed::NoAnswer(format!("{transaction} was never told of")))?;
    let id = told.get("id").and_then(Value::as_str).unwrap_or_default();
    till.until(id, PATIENCE, has_ended).await
}

/// A customer who leaves has held the card to the reader: the cashier cancels what is under way.
async fn tap(
    counter: &LabCounter,
    till: &Till,
    id: &str,
    leaves: bool,
) -> Result<Value, TillFailed> {
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
        if leaves && matches!(&held, Ok(payment) if state(payment) == "submitted") {
            // it may have been faster
            let _ = till.cancel(id).await;
        }
        if state(&held?) != "collecting" || Instant::now() > deadline {
            let ended = till.until(id, PATIENCE, has_ended).await?;
            if ended.get("wants_signature") == Some(&Value::Bool(true)) {
                sign(counter).await;
            }
            return Ok(ended);
        }
        // told that the card could not be read: held to the reader once more
        sleep(LIFTS_CARD).await;
    }
}

/// Where the terminal does not ask in time, the customer signs the slip.
async fn sign(counter: &LabCounter) {
    let asks = |state: &TerminalState| state.question == Some(Question::Signature);
    let signed = match counter.terminal.until(SIGNS_WITHIN, asks).await {
        Ok(_) => counter.terminal.sign().await,
        Err(error) => Err(error),
    };
    if let Err(error) = signed {
        tracing::debug!(counter = counter.id, %error, "the customer signs the slip");
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
