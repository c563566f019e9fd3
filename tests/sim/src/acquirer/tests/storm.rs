//! A seeded storm of operations under a bad mix of rules, with kills and torn lines: whatever
//! happens, the ledger balances, no order is charged twice, and what was answered is what is on
//! disk.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::shop::{ALIPAY, Shop, WECHAT, number};
use crate::acquirer::answer::{Answer, State};
use crate::acquirer::config::{AcquirerConfig, Tender};
use crate::acquirer::desk::Desk;
use crate::acquirer::request::Ask;
use crate::acquirer::{Connection, Delivery, LedgerReader, Operation, Rule, Then, Verdict, When};

/// Numbers from a seed.
struct Dice(u64, u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.1 += 1;
        let hash = Sha256::digest([self.0.to_le_bytes(), self.1.to_le_bytes()].concat());
        u64::from_le_bytes(hash[..8].try_into().unwrap()) % n
    }

    fn order(&mut self) -> String {
        number(u32::try_from(self.below(40)).unwrap())
    }
}

fn rules() -> Vec<Rule> {
    let chance = |rule: Rule, probability| Rule {
        when: When {
            probability: Some(probability),
            ..rule.when.clone()
        },
        ..rule
    };
    let wait = |then| Verdict::Verifying { for_ms: 3, then };
    let no = || Verdict::Decline {
        code: "NO".to_owned(),
    };
    vec![
        chance(Rule::on(Operation::Charge).verdict(no()), 0.1),
        chance(
            Rule::on(Operation::Charge).verdict(wait(Then::Approve)),
            0.2,
        ),
        chance(Rule::on(Operation::Card).verdict(wait(Then::Never)), 0.3),
        chance(Rule::on(Operation::Qr).verdict(wait(Then::Approve)), 0.5),
        chance(
            Rule::on(Operation::Reverse).verdict(Verdict::CustomerPaysFirst),
            0.3,
        ),
        chance(
            Rule::on(Operation::Reverse).verdict(wait(Then::Approve)),
            0.3,
        ),
        chance(
            Rule::on(Operation::Refund).verdict(wait(Then::Approve)),
            0.3,
        ),
        chance(Rule::on(Operation::Refund).verdict(no()), 0.1),
    ]
}

fn ask(dice: &mut Dice) -> Ask {
    let order = dice.order();
    let amount = format!("{}.{:02}", 1 + dice.below(3), dice.below(100));
    let kind = dice.below(8);
    let same = u32::from_str_radix(&order, 16).unwrap();
    let body = |field: &str| {
        format!(
            r#"{{"order":"{order}","store":"s{}","counter":"c1","amount":"{same}.10","currency":"CNY"{field}}}"#,
            same % 3
        )
    };
    let code = |code: &str| format!(r#","code":"{code}""#);
    let open = |tender, body: String| Ask::open(tender, body.as_bytes()).ok();
    let opened = match kind {
        0 => open(Tender::CustomerCode, body(&code(WECHAT))),
        1 => open(Tender::CustomerCode, body(&code(ALIPAY))),
        2 => open(Tender::MerchantQr, body("")),
        3 => open(Tender::Card, body(r#","pan":"4761739001010010""#)),
        _ => None,
    };
    opened.unwrap_or_else(|| match kind {
        4 => Ask::Reverse { order },
        5 | 6 => {
            let refund = number(u32::try_from(dice.below(90)).unwrap());
            let body = format!(r#"{{"amount":"{amount}","currency":"CNY"}}"#);
            Ask::refund(order, refund, body.as_bytes()).unwrap()
        }
        _ => Ask::Query { order },
    })
}

/// An answer never contradicts what is on disk: final states stay, but for a payment that is paid
/// back.
fn follows(before: State, after: State) -> bool {
    before == after
        || matches!(before, State::Verifying | State::Pending)
        || (before == State::Approved && matches!(after, State::Reversed | State::Verifying))
}

#[test]
fn a_storm_with_kills_keeps_every_order_and_every_account_balanced() {
    for seed in 1..=4 {
        let folder = tempfile::tempdir().unwrap();
        let mut config = AcquirerConfig::new(folder.path().join("ledger.jsonl"));
        config.rules = rules();
        config.seed = seed;
        let mut dice = Dice(seed, 0);
        let mut desk = Desk::open(config.clone()).unwrap();
        let mut told = BTreeMap::<String, Answer>::new();
        for step in 0..600 {
            let ask = ask(&mut dice);
            let script = desk.script(&ask);
            if let Ok(answer) = desk.perform(&ask, script.verdict)
                && answer.refund.is_none()
                && answer.state != State::NotFound
            {
                let before = told.insert(answer.order.clone(), answer.clone());
                let before = before.map_or(State::Pending, |before| before.state);
                assert!(
                    follows(before, answer.state),
                    "seed {seed}: {before:?}, then {answer:?}"
                );
            }
            desk.reader().audit().unwrap();
            if step % 97 == 96 {
                desk = killed(desk, &config, &mut dice);
            }
        }
        let totals = desk.reader().totals("CNY");
        let on_disk = LedgerReader::from_file(&config.ledger).unwrap();
        assert_eq!(on_disk.totals("CNY"), totals);
        assert_eq!(on_disk.balances(), desk.reader().balances());
        for (order, answer) in told {
            let kept = on_disk
                .order(&order)
                .map(|account| account.charged.is_zero());
            if matches!(answer.state, State::Approved | State::Reversed) {
                assert_eq!(kept, Some(false), "{answer:?} was promised");
            }
        }
        assert!(
            !totals.charged.is_zero() && !totals.refunded.is_zero() && !totals.reversed.is_zero()
        );
    }
}

/// Killed while it wrote: the file ends in a part of a line.
fn killed(desk: Desk, config: &AcquirerConfig, dice: &mut Dice) -> Desk {
    use std::io::Write as _;
    let before = (desk.reader().balances(), desk.reader().orders());
    desk.die();
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&config.ledger)
        .unwrap();
    let torn = br#"{"seq":99999,"at_ms":1,"facts":[{"closed":{"order":"x"}}]}"#;
    let length = usize::try_from(dice.below(torn.len() as u64 + 1)).unwrap();
    file.write_all(&torn[..length]).unwrap();
    drop(file);
    let desk = Desk::open(config.clone()).unwrap();
    assert_eq!((desk.reader().balances(), desk.reader().orders()), before);
    desk
}

#[tokio::test]
async fn a_storm_over_http_under_every_fault_balances() {
    let faults = [
        Delivery::Silence {
            money_moved: true,
            connection: Connection::Drop,
        },
        Delivery::Silence {
            money_moved: false,
            connection: Connection::Drop,
        },
        Delivery::Error {
            status: 502,
            money_moved: true,
        },
        Delivery::Error {
            status: 500,
            money_moved: false,
        },
        Delivery::Duplicate,
        Delivery::OtherOrder,
        Delivery::WrongSignature,
        Delivery::Garbage,
        Delivery::Slow { ms: 2 },
        Delivery::Late { ms: 2 },
    ];
    let shop = Shop::with(|config| {
        config.rules = rules();
        config.rules.extend(faults.map(|delivery| Rule {
            when: When {
                probability: Some(0.06),
                ..When::default()
            },
            ..Rule::default().delivery(delivery)
        }));
    });
    let shop = &shop;
    let customers = (0..4u32).map(|customer| async move {
        for n in 0..40 {
            let order = number(customer * 100 + n % 13);
            let amount = format!("{}.00", n % 13 + 1);
            let path = format!("/v1/orders/{order}/reverse");
            let body = super::shop::charge(&order, &amount);
            let (method, path, body) = match n % 5 {
                4 => ("POST", path, serde_json::json!({})),
                _ => ("POST", "/v1/charges".to_owned(), body),
            };
            if let Ok(reply) = shop.ask(method, &path, &body).await
                && reply.trusted
                && reply.body["order"] == order
                && reply.body["state"] == "approved"
            {
                let account = shop.acquirer.ledger().order(&order).unwrap();
                assert_eq!(account.charged, account.amount, "approved is on disk");
            }
        }
    });
    futures_util::future::join_all(customers).await;
    shop.acquirer.ledger().audit().unwrap();
    let totals = shop.acquirer.ledger().totals("CNY");
    assert!(
        totals.orders > 20 && !totals.charged.is_zero(),
        "{totals:?}"
    );
}
