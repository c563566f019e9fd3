//! The default mix of faults: what goes wrong in a shop in a bad hour.
//!
//! Devices are unplugged and go mute all the time; at set points of the run the broker, the head
//! office, the acquirer's line and the controller itself go. The acquirer's own moods are its
//! rules.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    args::Args,
    crashes::{self, Point, Victim},
    random::Random,
    shop::Shop,
    spoil::Spoil,
};
use crate::{
    acquirer::{Connection, Delivery, Operation, Rule, Then, Verdict},
    device::Faults,
};

/// The acquirer's moods. Durations are before its clock is sped up.
pub fn moods() -> Vec<Rule> {
    let decline = |code: &str| Verdict::Decline {
        code: code.to_owned(),
    };
    let silence = |money_moved, connection| Delivery::Silence {
        money_moved,
        connection,
    };
    let error = |status, money_moved| Delivery::Error {
        status,
        money_moved,
    };
    let verifying = |for_ms, then| Verdict::Verifying { for_ms, then };
    let charge = |chance| Rule {
        ..chanced(Operation::Charge, chance)
    };
    vec![
        charge(0.05).verdict(decline("INSUFFICIENT_FUNDS")),
        charge(0.06).verdict(verifying(8_000, Then::Approve)),
        charge(0.02).verdict(verifying(
            8_000,
            Then::Decline {
                code: "CUSTOMER_REFUSED".to_owned(),
            },
        )),
        charge(0.01).verdict(verifying(8_000, Then::Never)),
        charge(0.02).delivery(silence(true, Connection::Hold)),
        charge(0.01).delivery(silence(true, Connection::Drop)),
        charge(0.02).delivery(silence(false, Connection::Hold)),
        charge(0.01).delivery(silence(false, Connection::Drop)),
        charge(0.01).delivery(error(500, true)),
        charge(0.01).delivery(error(503, false)),
        charge(0.02).delivery(Delivery::Slow { ms: 4_000 }),
        charge(0.01).delivery(Delivery::Slow { ms: 30_000 }),
        charge(0.01).delivery(Delivery::Late { ms: 30_000 }),
        charge(0.01).delivery(Delivery::Duplicate),
        charge(0.01).delivery(Delivery::OtherOrder),
        charge(0.01).delivery(Delivery::WrongSignature),
        charge(0.01).delivery(Delivery::Garbage),
        chanced(Operation::Query, 0.1).delivery(error(502, false)),
        chanced(Operation::Query, 0.05).verdict(Verdict::NotFound),
        chanced(Operation::Reverse, 0.2).verdict(Verdict::CustomerPaysFirst),
        chanced(Operation::Reverse, 0.1).delivery(silence(true, Connection::Drop)),
        chanced(Operation::Refund, 0.1).delivery(silence(true, Connection::Drop)),
        chanced(Operation::Notification, 0.1).delivery(silence(false, Connection::Drop)),
        chanced(Operation::Notification, 0.1).delivery(Delivery::Duplicate),
        chanced(Operation::Notification, 0.1).delivery(Delivery::Late { ms: 20_000 }),
        chanced(Operation::Notification, 0.1).delivery(Delivery::WrongSignature),
    ]
}

/// As `moods`, for the steps of acquirers' procedures: refunds are taken on before they are done,
/// and cards take so long that a cashier can cancel meanwhile.
pub fn thorough_moods() -> Vec<Rule> {
    let verifying = Verdict::Verifying {
        for_ms: 8_000,
        then: Then::Approve,
    };
    let refund = chanced(Operation::Refund, 0.3).verdict(verifying);
    let card = chanced(Operation::Card, 0.4).delivery(Delivery::Slow { ms: 6_000 });
    [refund, card].into_iter().chain(moods()).collect()
}

fn chanced(operation: Operation, probability: f64) -> Rule {
    let mut rule = Rule::on(operation);
    rule.when.probability = Some(probability);
    rule
}

/// Unplugs and mutes devices, one at a time, until it is dropped.
pub async fn devices(shop: Arc<Shop>, seed: u64) {
    let mut random = Random::new(seed, 1_001);
    loop {
        sleep(random.millis(300, 1_500)).await;
        let count = u64::try_from(shop.counters.len()).unwrap_or(1);
        let at = usize::try_from(random.below(count)).unwrap_or(0);
        let Some(counter) = shop.counters.get(at) else {
            continue;
        };
        let outage = random.millis(200, 1_200);
        if let Some(own) = counter.own.as_ref().filter(|_| random.percent(30)) {
            shop.say(format_args!(
                "counter {}: the terminal's line is cut for {outage:?}",
                counter.id
            ));
            let cut = own.terminal.unplug().await;
            sleep(outage).await;
            if let Err(error) = cut.and(own.terminal.plug().await) {
                tracing::warn!(counter = counter.id, %error, "a line could not be cut");
            }
            continue;
        }
        let mute = Faults {
            mute: true,
            ..Faults::default()
        };
        let split = Faults {
            split: Some(Duration::from_micros(200)),
            ..Faults::default()
        };
        let garbage = Faults {
            garbage: b"\x00\xff{\"nonsense".to_vec(),
            ..Faults::default()
        };
        let outcome = match random.below(6) {
            0 => {
                shop.say(format_args!(
                    "counter {}: the scanner's cable is pulled for {outage:?}",
                    counter.id
                ));
                let pulled = counter.scanner.unplug().await;
                sleep(outage).await;
                pulled.and(counter.scanner.plug().await)
            }
            1 => {
                shop.say(format_args!(
                    "counter {}: the terminal's cable is pulled for {outage:?}",
                    counter.id
                ));
                let pulled = counter.terminal.unplug().await;
                sleep(outage).await;
                pulled.and(counter.terminal.plug().await)
            }
            2 => {
                shop.say(format_args!(
                    "counter {}: the terminal is mute for {outage:?}",
                    counter.id
                ));
                let set = counter.terminal.faults(|faults| *faults = mute).await;
                sleep(outage).await;
                set.and(
                    counter
                        .terminal
                        .faults(|faults| *faults = Faults::default())
                        .await,
                )
            }
            3 => {
                let set = counter.scanner.faults(|faults| *faults = split).await;
                sleep(outage).await;
                set.and(
                    counter
                        .scanner
                        .faults(|faults| *faults = Faults::default())
                        .await,
                )
            }
            4 => {
                let set = counter.terminal.faults(|faults| *faults = garbage).await;
                sleep(outage / 4).await;
                set.and(
                    counter
                        .terminal
                        .faults(|faults| *faults = Faults::default())
                        .await,
                )
            }
            _ => counter.scanner.babble(b"\x1b[?garbage\x00\xff\r").await,
        };
        if let Err(error) = outcome {
            tracing::warn!(counter = counter.id, %error, "a fault could not be made");
        }
    }
}

/// A fault at a point of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    Broker,
    HeadOfficeKilled,
    Acquirer,
    ControllerKilled,
    PowerCut,
    /// A power cut of a disk that comes back so.
    Spoiled(Spoil),
    /// At a point, after so many passes.
    Killed(Point, u64),
}

impl Outage {
    /// Whether the controller must open its journal again after it.
    pub fn is_crash(self) -> bool {
        match self {
            Self::ControllerKilled | Self::PowerCut | Self::Spoiled(_) => true,
            Self::Killed(point, _) => point.victim == Victim::Controller,
            Self::Broker | Self::HeadOfficeKilled | Self::Acquirer => false,
        }
    }
}

/// At which share of the payments, in percent, what happens.
const PLAN: [(u32, Outage); 4] = [
    (15, Outage::Broker),
    (35, Outage::HeadOfficeKilled),
    (55, Outage::ControllerKilled),
    (75, Outage::Acquirer),
];

/// After how many of the `payments` what happens.
pub fn plan(payments: u32, args: &Args) -> Vec<(u32, Outage)> {
    if !args.crashes() {
        let after = |(share, outage)| (payments * share / 100, outage);
        return PLAN.map(after).to_vec();
    }
    let mut random = Random::new(args.seed, 1_002);
    let points: Vec<Outage> = args
        .points()
        .filter(|point| !point.is_step())
        .map(|point| Outage::Killed(point, point.passes(&mut random)))
        .collect();
    let cuts = vec![Outage::PowerCut; usize::try_from(args.cuts).unwrap_or(0)];
    let kills = vec![Outage::ControllerKilled; usize::try_from(args.kills).unwrap_or(0)];
    // each kind is spread over the whole run
    let mut crashes: Vec<(usize, Outage)> = Vec::new();
    let spoils = Spoil::ALL.into_iter().cycle().map(Outage::Spoiled);
    let spoils: Vec<Outage> = spoils
        .take(usize::try_from(args.spoils).unwrap_or(0))
        .collect();
    for kind in [points, cuts, spoils, kills] {
        let count = kind.len().max(1);
        let placed = kind.into_iter().enumerate();
        crashes.extend(placed.map(|(n, outage)| ((2 * n + 1) * 1_000_000 / count, outage)));
    }
    crashes.sort_by_key(|(place, _)| *place);
    let count = u32::try_from(crashes.len()).unwrap_or(u32::MAX);
    let after = |n: u32| payments / count.saturating_add(1) * n;
    let outages = crashes.into_iter().map(|(_, outage)| outage);
    (1..).map(after).zip(outages).collect()
}

/// Makes one outage happen and ends it.
pub async fn make(shop: &Shop, outage: Outage) -> std::io::Result<()> {
    match outage {
        Outage::Broker => {
            shop.say(format_args!("the broker is gone for 3 s"));
            shop.broker_cable.pull();
            sleep(Duration::from_secs(3)).await;
            shop.broker_cable.plug();
        }
        Outage::Acquirer => {
            shop.say(format_args!("the line to the acquirer is cut for 5 s"));
            shop.acquirer_cable.pull();
            shop.card_host_cable.pull();
            sleep(Duration::from_secs(5)).await;
            shop.acquirer_cable.plug();
            shop.card_host_cable.plug();
        }
        Outage::HeadOfficeKilled => {
            shop.say(format_args!("the head office is killed (-9), back in 2 s"));
            shop.head_office.lock().await.kill().await?;
            sleep(Duration::from_secs(2)).await;
            shop.head_office.lock().await.start()?;
        }
        Outage::ControllerKilled => {
            shop.say(format_args!(
                "the store controller is killed (-9) and started again"
            ));
            shop.note_violations().await;
            let mut controller = shop.controller.lock().await;
            controller.kill().await?;
            controller.start()?;
        }
        Outage::PowerCut => cut_power(shop, None).await?,
        Outage::Spoiled(spoil) => cut_power(shop, Some(spoil)).await?,
        Outage::Killed(point, passes) => {
            shop.say(format_args!(
                "{} shall die at {}",
                point.victim.name(),
                point.name
            ));
            shop.note_violations().await;
            crashes::kill_at(shop, point, passes).await?;
        }
    }
    Ok(())
}

async fn cut_power(shop: &Shop, spoil: Option<Spoil>) -> std::io::Result<()> {
    let Some(disk) = &shop.disk else {
        return Ok(());
    };
    shop.note_violations().await;
    let mut controller = shop.controller.lock().await;
    disk.cut()?;
    controller.kill().await?;
    disk.restore().await?;
    if let Some(spoil) = spoil {
        shop.say(format_args!(
            "the disk comes back spoiled: {}",
            spoil.name()
        ));
        spoil.on(&shop.journal)?;
    }
    controller.start()
}
