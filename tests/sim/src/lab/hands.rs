//! What a person types into an open lab, to do by hand what customers, cashiers and bad luck do.

use std::{collections::BTreeMap, io, thread, time::Duration};

use serde_json::Value;
use tokio::{sync::mpsc, time::sleep};

use super::{
    counter::LabCounter,
    faults::{self, Outage},
    shop::Shop,
};

const HELP: &str = "\
scan 01 CODE         a customer's code before the scanner, e.g. 289431869362714645
tap 01 | lift 01     a card to the reader, and away
type 01 12.50        an amount at the terminal
pay QRTEXT           a customer scans and pays a QR (qr.text of the payment)
unplug 01 scanner    pull a cable: scanner or terminal; `plug` puts it back
broker | acquirer    cut that line for a moment
kill controller      kill -9 and start again; or: kill head-office";

/// Obeys until there is nothing more to read; then waits for ever, since the shop stays open.
pub async fn obey(shop: &Shop) {
    let mut lines = typed();
    while let Some(line) = lines.recv().await {
        if line.trim().is_empty() {
            continue;
        }
        match one(shop, &line).await {
            Ok(done) => shop.say(format_args!("{done}")),
            Err(why) => shop.say(format_args!("{why}")),
        }
    }
    std::future::pending().await
}

/// Tells each step of the payments at the counter that is left to hands.
pub async fn tell_steps(shop: &Shop, counter: &str) {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let path = format!("/v1/payments?counter={counter}&limit=5");
    loop {
        let found = shop.till.get(&path).await.unwrap_or_default();
        let payments = found
            .get("payments")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        for payment in payments.iter().rev() {
            let text = |name: &str| {
                payment
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let (id, now) = (text("id").to_owned(), text("state").to_owned());
            if known.get(&id) == Some(&now) {
                continue;
            }
            let words = payment
                .pointer("/words/zh")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let (amount, currency) = (text("amount"), text("currency"));
            shop.say(format_args!(
                "counter {counter}  {amount:>8} {currency}  {now:<10} {words}"
            ));
            known.insert(id, now);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Lines of standard input, read by a thread of their own: one that waits there ends with the
/// process.
fn typed() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    let read = move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("hands".to_owned()).spawn(read) {
        tracing::warn!(%error, "nothing can be typed");
    }
    lines
}

async fn one(shop: &Shop, line: &str) -> Result<String, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let counter = |id: &str| -> Result<&LabCounter, String> {
        let found = shop.counters.iter().find(|counter| counter.id == id);
        found.ok_or_else(|| format!("there is no counter {id}"))
    };
    let told = |outcome: Result<(), crate::device::DeviceError>| match outcome {
        Ok(()) => Ok("done".to_owned()),
        Err(why) => Err(why.to_string()),
    };
    let outage = async |which| match faults::make(shop, which).await {
        Ok(()) => Ok("it is back".to_owned()),
        Err(why) => Err(why.to_string()),
    };
    match words[..] {
        ["scan", id, code] => told(counter(id)?.scanner.scan(code).await),
        ["type", id, amount] => told(counter(id)?.terminal.type_amount(amount).await),
        ["unplug", id, "scanner"] => told(counter(id)?.scanner.unplug().await),
        ["unplug", id, "terminal"] => told(counter(id)?.terminal.unplug().await),
        ["plug", id, "scanner"] => told(counter(id)?.scanner.plug().await),
        ["plug", id, "terminal"] => told(counter(id)?.terminal.plug().await),
        ["tap", id] => {
            let card = counter(id)?
                .card
                .as_ref()
                .ok_or("this counter has no reader")?;
            card.insert().await;
            Ok("the card lies on the reader".to_owned())
        }
        ["lift", id] => {
            let card = counter(id)?
                .card
                .as_ref()
                .ok_or("this counter has no reader")?;
            card.remove().await;
            Ok("the card is away".to_owned())
        }
        ["pay", qr] => match shop.acquirer.customers().pay(qr, "alipay") {
            Ok(_) => Ok("paid".to_owned()),
            Err(why) => Err(format!("the phone says: {why:?}")),
        },
        ["broker"] => outage(Outage::Broker).await,
        ["acquirer"] => outage(Outage::Acquirer).await,
        ["kill", "controller"] => outage(Outage::ControllerKilled).await,
        ["kill", "head-office"] => outage(Outage::HeadOfficeKilled).await,
        _ => Err(format!("what can be done by hand:\n{HELP}")),
    }
}
