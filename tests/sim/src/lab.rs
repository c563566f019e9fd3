//! The lab: a working shop on one machine, and what goes wrong in one.
//!
//! `run` opens the shop, lets customers come, and either goes on until Ctrl-C or, with
//! `--payments`, makes the default mix of faults happen, waits until all is settled and receipted,
//! compares the books and tells whether every invariant held.

pub mod acquirers;
pub mod args;
mod audit;
mod broker;
pub mod cable;
pub mod child;
mod config;
pub mod counter;
pub mod crashes;
mod customer;
mod faults;
mod guard_log;
mod hands;
mod opening;
pub mod people;
pub mod power;
mod prometheus;
pub mod random;
pub mod report;
pub mod shop;
pub mod spoil;
pub mod till;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use rust_decimal::Decimal;
use serde_json::Value;
use tokio::{
    signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    },
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep},
};

use args::Args;
use counter::LabCounter;
use crashes::procedures::die_at_each;
use customer::{Habit, Offers, Visit, visit};
use faults::Outage;
use random::Random;
use report::{Crashes, Report, Timing, percentile};
use shop::Shop;
pub use shop::ShopFailed;

/// Opens the shop in `folder` and runs it. `Ok(true)`: all that could be checked held.
pub async fn run(args: Args, folder: &Path) -> Result<bool, ShopFailed> {
    let mut terminate = signal(SignalKind::terminate())?;
    let shop = Arc::new(Shop::open(&args, folder).await?);
    welcome(&shop, &args);
    let outcome = tokio::select! {
        outcome = serve_all(&shop, &args) => outcome,
        // a run that was broken off has shown nothing
        _ = ctrl_c() => Ok(!args.is_measured()),
        _ = terminate.recv() => Ok(!args.is_measured()),
    };
    shop.say(format_args!("closing"));
    if let Some(shop) = Arc::into_inner(shop) {
        shop.close().await?;
    }
    outcome
}

async fn serve_all(shop: &Arc<Shop>, args: &Args) -> Result<bool, ShopFailed> {
    if let Some(payments) = args.payments {
        return measured(shop, args, payments).await;
    }
    tokio::select! {
        served = open_ended(shop, args) => served.map(|()| true),
        () = hands::obey(shop) => Ok(true),
        () = hands::tell_steps(shop, "01") => Ok(true),
    }
}

fn welcome(shop: &Shop, args: &Args) {
    let (store, office) = (shop.listen, shop.head_office_listen);
    let readers = if args.no_readers { "without" } else { "with" };
    let counters = shop.counters.len();
    shop.say(format_args!(
        "the shop is open: {counters} counters, {readers} card readers"
    ));
    shop.say(format_args!(
        "store API    http://{store}/v1/payments   (/openapi.json, /v1/events, /metrics)"
    ));
    shop.say(format_args!("head office  http://{office}/v1/stores"));
    if let Some(people) = &shop.people {
        for login in [&people.manager, &people.supervisor, &people.cashier] {
            shop.say(format_args!(
                "sign in as   {}, with {}",
                login.name, login.secret
            ));
        }
        shop.say(format_args!("till's token {}", people.token));
    }
    if let Some((_, listen)) = &shop.prometheus {
        shop.say(format_args!("Prometheus   http://{listen}/alerts"));
    }
    if args.payments.is_some() {
        return;
    }
    shop.say(format_args!(
        "counter 01 is yours; customers come to the others. Pay by hand:"
    ));
    let token = shop.people.as_ref().map_or(String::new(), |people| {
        format!("-H 'Authorization: Bearer {}' ", people.token)
    });
    shop.say(format_args!(
        "  curl -s http://{store}/v1/payments {token}-H 'Idempotency-Key: mine-1' -H 'Content-Type: application/json' \\\n\
         \x20            -d '{{\"counter\":\"01\",\"amount\":\"12.50\",\"currency\":\"CNY\",\"tender\":\"any\"}}'"
    ));
    shop.say(format_args!(
        "then type here:  scan 01 289431869362714645   (or tap 01; `help` lists the rest)"
    ));
}

/// So many payments among faults, then the books.
async fn measured(shop: &Arc<Shop>, args: &Args, payments: u32) -> Result<bool, ShopFailed> {
    let torment = (!args.calm).then(|| tokio::spawn(faults::devices(Arc::clone(shop), args.seed)));
    let (visits, mut visited) = mpsc::channel(64);
    let served = Arc::new(AtomicU32::new(0));
    let left = Arc::new(AtomicI64::new(i64::from(payments)));
    // whoever shall die under load has load until then
    let over = Arc::new(AtomicBool::new(args.calm));
    let mut counters = JoinSet::new();
    for at in 0..shop.counters.len() {
        let (shop, left, visits) = (Arc::clone(shop), Arc::clone(&left), visits.clone());
        let over = Arc::clone(&over);
        let seed = args.seed;
        counters.spawn(async move {
            let mut random = Random::new(seed, u64::try_from(at).unwrap_or(0));
            let Some(counter) = shop.counters.get(at) else {
                return;
            };
            let mut number = 0;
            while left.fetch_sub(1, Ordering::Relaxed) > 0 || !over.load(Ordering::Relaxed) {
                number += 1;
                let visit = serve(&shop, counter, &mut random, seed, number).await;
                if visits.send(visit).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(visits);
    let outages = (!args.calm).then(|| {
        let (shop, served, over) = (Arc::clone(shop), Arc::clone(&served), Arc::clone(&over));
        let plan = faults::plan(payments, args);
        let steps = args.points().filter(|point| point.is_step()).collect();
        tokio::spawn(async move {
            let mut crashes = make_all(&shop, plan, &served).await;
            if let Err(error) = die_at_each(&shop, steps, &mut crashes).await {
                shop.say(format_args!("not every step was reached: {error}"));
                crashes.failed.push(error.to_string());
                // what is to be compared must run
                let _ = shop.controller.lock().await.restart().await;
            }
            over.store(true, Ordering::Relaxed);
            crashes
        })
    });
    let mut took: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
    while let Some(visit) = visited.recv().await {
        served.fetch_add(1, Ordering::Relaxed);
        if let Some(visit) = visit {
            let ms = u64::try_from(visit.took.as_millis()).unwrap_or(u64::MAX);
            took.entry(visit.tender).or_default().push(ms);
        }
        shop.check().await?;
    }
    let mut crashes = Crashes::default();
    if let Some(outages) = outages {
        crashes = outages.await.unwrap_or_default();
    }
    if let Some(torment) = torment {
        torment.abort();
        let _ = torment.await;
        mend(shop).await;
    }
    let mut report = Report {
        seed: args.seed,
        counters: args.counters,
        crashes,
        ..Report::default()
    };
    report.timing_ms = took
        .into_iter()
        .map(|(tender, values)| (tender, timing(values)))
        .collect();
    audit::compare(shop, &mut report).await?;
    let steps = args.points().filter(|point| point.is_step()).count();
    let wanted = faults::plan(payments, args).len() + steps;
    if args.crashes() && report.crashes.count() < wanted {
        let what = format!("{} crashes instead of {wanted}", report.crashes.count());
        report.invariants.broken(what);
    }
    report.wall_clock_s = (shop.began.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    conclude(shop, args, &report)?;
    Ok(report.is_clean())
}

/// One outage after the other; ends early if one could not be made, or if the store does not come
/// back.
async fn make_all(shop: &Shop, plan: Vec<(u32, Outage)>, served: &AtomicU32) -> Crashes {
    let mut crashes = Crashes::default();
    for (after, outage) in plan {
        while served.load(Ordering::Relaxed) < after {
            sleep(Duration::from_millis(5)).await;
        }
        let at = Instant::now();
        let cut = matches!(outage, Outage::PowerCut | Outage::Spoiled(_));
        let snapshot = cut && opening::has_snapshot(&shop.journal);
        if let Err(error) = faults::make(shop, outage).await {
            shop.say(format_args!("a fault could not be made: {error}"));
            crashes.failed.push(error.to_string());
            return crashes;
        }
        if outage.is_crash() {
            if let Err(failed) = shop.answers().await {
                shop.say(format_args!("after {outage:?}: {failed}"));
                crashes.failed.push(failed.to_string());
                return crashes;
            }
            crashes.openings.note(shop, snapshot).await;
            let took = at.elapsed();
            shop.say(format_args!("{outage:?}: answers after {took:.0?}"));
        }
        crashes.made(outage);
    }
    crashes
}

/// Every cable in, nothing mute.
async fn mend(shop: &Shop) {
    for counter in &shop.counters {
        let _ = counter.scanner.plug().await;
        let _ = counter.terminal.plug().await;
        if let Some(own) = &counter.own {
            let _ = own.terminal.plug().await;
        }
        let _ = counter
            .scanner
            .faults(|faults| *faults = Default::default())
            .await;
        let _ = counter
            .terminal
            .faults(|faults| *faults = Default::default())
            .await;
    }
}

fn timing(mut values: Vec<u64>) -> Timing {
    values.sort_unstable();
    Timing {
        p50: percentile(&values, 50),
        p99: percentile(&values, 99),
        count: values.len(),
    }
}

fn conclude(shop: &Shop, args: &Args, report: &Report) -> Result<(), ShopFailed> {
    let text = serde_json::to_string_pretty(report).map_err(std::io::Error::from)?;
    if let Some(file) = &args.report {
        std::fs::write(file, format!("{text}\n"))?;
    }
    shop.say(format_args!("{text}"));
    for what in &report.invariants.what {
        shop.say(format_args!("BROKEN {what}"));
    }
    let word = if report.is_clean() {
        "every invariant held"
    } else {
        "NOT CLEAN"
    };
    shop.say(format_args!("{word}, {} s", report.wall_clock_s));
    Ok(())
}

/// Customers at leisure, for somebody who watches.
async fn open_ended(shop: &Arc<Shop>, args: &Args) -> Result<(), ShopFailed> {
    let mut counters = JoinSet::new();
    // the first counter is for whoever watches
    for at in 1..shop.counters.len() {
        let (shop, seed) = (Arc::clone(shop), args.seed);
        counters.spawn(async move {
            let mut random = Random::new(seed, u64::try_from(at).unwrap_or(0));
            let Some(counter) = shop.counters.get(at) else {
                return;
            };
            for number in 1.. {
                sleep(random.millis(2_000, 12_000)).await;
                serve(&shop, counter, &mut random, seed, number).await;
            }
        });
    }
    loop {
        sleep(Duration::from_millis(500)).await;
        shop.check().await?;
    }
}

/// One customer; says how it went. A refund follows now and then.
async fn serve(
    shop: &Shop,
    counter: &LabCounter,
    random: &mut Random,
    seed: u64,
    number: u64,
) -> Option<Visit> {
    let offers = Offers {
        cards: counter.card.is_some(),
        own_terminal: counter.own.is_some(),
        stickers: shop.door.is_some(),
    };
    let habit = Habit::draw(random, offers);
    let key = format!("lab-{seed}-{}-{number}", counter.id);
    let customers = shop.acquirer.customers();
    let is_thorough = shop.is_thorough;
    let to = (&shop.till, &customers);
    match visit(counter, to, habit, &key, random, is_thorough).await {
        Ok(visit) => {
            tell(shop, counter, &visit);
            let brings_back = random.percent(if is_thorough { 35 } else { 6 });
            if till::state(&visit.payment) == "approved" && brings_back {
                let part = if is_thorough && random.percent(40) {
                    2
                } else {
                    1
                };
                refund(shop, counter, &key, &visit.payment, part).await;
            }
            Some(visit)
        }
        Err(failed) => {
            shop.say(format_args!(
                "counter {}: {habit:?} came to nothing: {failed}",
                counter.id
            ));
            None
        }
    }
}

fn tell(shop: &Shop, counter: &LabCounter, visit: &Visit) {
    let text = |name: &str| {
        visit
            .payment
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("-")
    };
    let reason = visit
        .payment
        .pointer("/reason/code")
        .and_then(Value::as_str)
        .unwrap_or("");
    shop.say(format_args!(
        "counter {}  {:>8} {}  {:<13}  {:<9} {reason} {} ms",
        counter.id,
        text("amount"),
        text("currency"),
        visit.tender,
        text("state"),
        visit.took.as_millis(),
    ));
}

/// Of the whole, or a part of so many.
async fn refund(shop: &Shop, counter: &LabCounter, key: &str, payment: &Value, part: u32) {
    let text = |name: &str| {
        payment
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let amount: Decimal = text("amount").parse().unwrap_or_default();
    let part = (amount / Decimal::from(part)).round_dp(2);
    let amount = &format!("{part:.2}");
    match shop
        .till
        .refund(&format!("{key}-refund"), text("id"), amount)
        .await
    {
        Ok(_) => shop.say(format_args!(
            "counter {}  {amount:>8} CNY  brought back",
            counter.id
        )),
        Err(failed) => shop.say(format_args!("counter {}: no refund: {failed}", counter.id)),
    }
}
