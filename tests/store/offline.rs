//! A card while the acquirer is cut off, through the real programs: accepted, survived by a kill,
//! charged when the line is back, and nowhere a card number.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rust_decimal::Decimal;
use serde_json::{Value, json};
use store_sim::{
    acquirer::{Connection, Delivery, Operation, Rule},
    device::card::ChipProfile,
    lab::{
        acquirers::{Acquirers, CARD_HOST},
        args::Args,
        shop::Shop,
        till::state,
    },
};

use crate::support::eventually;

const PATIENCE: Duration = Duration::from_secs(30);

/// Every file of the shop's folder, whole.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            // one that was renamed meanwhile is found under its new name
            found.extend(fs::read(&path).ok().map(|bytes| (path, bytes)));
        }
    }
    found
}

fn assert_nowhere(pan: &str, folder: &Path) {
    let nibble = |c: char| u8::try_from(c.to_digit(10).unwrap()).unwrap();
    let digits: Vec<u8> = pan.chars().map(nibble).collect();
    let compressed: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    for (path, bytes) in files(folder) {
        for secret in [pan.as_bytes(), &compressed] {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!is_there, "SEC-1: a card number is in {}", path.display());
        }
    }
}

async fn card_readiness(shop: &Shop, wanted: impl Fn(&Value) -> bool) {
    eventually("the counter to be ready so", || async {
        let counters = shop.till.get("/v1/counters").await.ok()?;
        let tenders = counters["counters"][0]["tenders"].as_array()?.clone();
        let card = tenders.into_iter().find(|one| one["tender"] == "card")?;
        wanted(&card).then_some(())
    })
    .await;
}

async fn reaches(shop: &Shop, id: &str, wanted: &str) -> Value {
    eventually(&format!("{id} to be {wanted}"), || async {
        let payment = shop.till.payment(id).await.ok()?;
        (state(&payment) == wanted).then_some(payment)
    })
    .await
}

/// The answer to a till that wants to begin a payment, once.
async fn ask_once(shop: &Shop, tender: &str) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({"counter": "01", "amount": "12.50", "currency": "CNY", "tender": tender});
    let asked = client
        .post(format!("http://{}/v1/payments", shop.listen))
        .header("Idempotency-Key", "once")
        .json(&body);
    asked.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_card_is_accepted_without_the_acquirer_and_charged_once_afterwards() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let args = Args {
        no_readers: false,
        ..Args::calm(1)
    };
    let shop = Shop::open(&args, folder.path()).await.unwrap();
    card_readiness(&shop, |card| {
        card["ready"] == true && card["offline"] == false
    })
    .await;
    shop.acquirer_cable.pull();
    card_readiness(&shop, |card| {
        card["ready"] == true && card["offline"] == true
    })
    .await;

    // a wallet's code needs its acquirer, and is refused in words before anything begins
    let problem = ask_once(&shop, "customer_code").await;
    let obstacles = problem["obstacles"].as_array().unwrap();
    let unreachable = obstacles
        .iter()
        .find(|one| one["code"] == "acquirer_unreachable");
    let words = &unreachable.unwrap_or_else(|| panic!("{problem}"))["words"];
    assert!(
        words["zh"].as_str().unwrap().contains("网络中断"),
        "{words}"
    );

    let opened = shop
        .till
        .open("card-1", "01", "12.50", "card")
        .await
        .unwrap();
    let id = opened["id"].as_str().unwrap().to_owned();
    reaches(&shop, &id, "collecting").await;
    let card = shop.counters[0].card.as_ref().unwrap();
    card.insert().await;
    let accepted = reaches(&shop, &id, "approved_offline").await;
    assert_eq!(accepted["next_action"], "forward", "{accepted}");
    let said = shop.counters[0].terminal.until(PATIENCE, |shown| {
        shown.screen.iter().any(|line| line.contains("已离线受理"))
    });
    let said = said.await.expect("the terminal says that it was accepted");
    let success = |line: &String| line.contains("交易成功");
    assert!(!said.screen.iter().any(success), "nobody has confirmed it");
    card.remove().await;

    let offline = shop.till.get("/v1/offline").await.unwrap();
    assert_eq!(offline["used"]["amount"], "12.50", "{offline}");
    let unknown = shop.till.get("/v1/unknown").await.unwrap();
    assert_eq!(unknown["unknown"][0]["what"], "offline", "{unknown}");
    assert_nowhere(&ChipProfile::unionpay_debit().pan, folder.path());
    assert_nowhere(&ChipProfile::unionpay_credit().pan, folder.path());
    assert_nowhere(&ChipProfile::visa().pan, folder.path());
    assert_nowhere(&ChipProfile::mastercard().pan, folder.path());

    {
        let mut controller = shop.controller.lock().await;
        controller.kill().await.unwrap();
        controller.start().unwrap();
    }
    eventually("the controller to be back", || async {
        let payment = shop.till.payment(&id).await.ok()?;
        (state(&payment) == "approved_offline").then_some(())
    })
    .await;
    assert!(
        shop.acquirer.ledger().order(&id).is_none(),
        "nothing was charged yet"
    );

    let free_at = Instant::from(tokio::time::Instant::now());
    shop.acquirer_cable.plug();
    reaches(&shop, &id, "confirmed").await;
    assert!(free_at.elapsed() < PATIENCE);
    let order = shop.acquirer.ledger().order(&id).unwrap();
    assert_eq!(order.net(), Decimal::new(1250, 2));
    eventually("the vault to be empty", || async {
        let kept = fs::read_dir(folder.path().join("cards")).unwrap().count();
        (kept == 0).then_some(())
    })
    .await;
    let offline = shop.till.get("/v1/offline").await.unwrap();
    assert_eq!(offline["used"]["count"], 0, "{offline}");
    shop.close().await.unwrap();
}

/// Told to the card host afterwards (0220), under one trace number however often an answer is lost;
/// both sides then count it in the same batch.
#[tokio::test]
async fn a_card_accepted_without_its_host_is_told_to_it_as_an_advice() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let args = Args {
        no_readers: false,
        acquirers: Acquirers::Real,
        // an even seed: `offline_as = "advice"`
        seed: 4,
        ..Args::calm(1)
    };
    let shop = Shop::open(&args, folder.path()).await.unwrap();
    let is_offline =
        |offline: bool| move |card: &Value| card["ready"] == true && card["offline"] == offline;
    card_readiness(&shop, is_offline(false)).await;
    shop.acquirer_cable.pull();
    shop.card_host_cable.pull();
    card_readiness(&shop, is_offline(true)).await;

    let opened = shop
        .till
        .open("card-1", "01", "12.50", "card")
        .await
        .unwrap();
    let id = opened["id"].as_str().unwrap().to_owned();
    reaches(&shop, &id, "collecting").await;
    let card = shop.counters[0].card.as_ref().unwrap();
    card.insert().await;
    reaches(&shop, &id, "approved_offline").await;
    card.remove().await;
    assert_eq!(shop.card_host.advices(), Vec::<u32>::new());
    assert!(
        shop.acquirer.ledger().order(&id).is_none(),
        "it was cut off"
    );

    // the host books it, and its answer is lost
    let lost = Delivery::Silence {
        money_moved: true,
        connection: Connection::Drop,
    };
    let rule = Rule::on(Operation::Card).delivery(lost).times(1);
    shop.acquirer.rules().add(rule).unwrap();
    shop.card_host_cable.plug();
    let confirmed = reaches(&shop, &id, "confirmed").await;
    assert_eq!(confirmed["acquirer"], CARD_HOST, "{confirmed}");
    let advices = shop.card_host.advices();
    assert_eq!(advices.len(), 2, "{advices:?}");
    assert_eq!(advices[0], advices[1], "the same advice, once more");

    let order = shop.acquirer.ledger().order(&id).unwrap();
    assert_eq!(order.movements.len(), 1, "{order:?}");
    assert_eq!(order.net(), Decimal::new(1250, 2));
    assert_eq!(shop.card_host.in_open_batch(), 1);
    let settled = shop.till.settle(CARD_HOST).await.unwrap();
    let batch = &settled["settlement"];
    assert_eq!(batch["balanced"], true, "{batch}");
    assert_eq!(
        batch["debits"],
        json!({ "count": 1, "amount": "12.50" }),
        "{batch}"
    );
    assert_eq!(shop.card_host.in_open_batch(), 0);
    shop.acquirer.ledger().audit().unwrap();
    assert_nowhere(&ChipProfile::unionpay_credit().pan, folder.path());
    shop.close().await.unwrap();
}
