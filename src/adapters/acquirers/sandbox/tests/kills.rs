//! The acquirer killed under the driver, and back.

use std::time::Duration;

use store_actors::{
    domain::payment::{NoAnswer, Verdict},
    ports::Acquirer as _,
};
use store_sim::acquirer::{Acquirer, AcquirerConfig, Connection, Delivery, Operation, Rule};

use crate::adapters::acquirers::testing::{Shop, approved, charge, order};

/// Charges, kills the acquirer while it is at it, starts it again on its ledger and address, and
/// says what the driver was told.
async fn killed_mid_charge(delivery: Delivery) -> (Shop, NoAnswer) {
    let shop = Shop::with(5_000, |config| {
        config.rules = vec![Rule::on(Operation::Charge).delivery(delivery)];
    });
    let Shop {
        folder,
        acquirer,
        driver,
    } = shop;
    let rules = acquirer.rules();
    let addr = acquirer.addr();
    let killed = async {
        let reached = async {
            while rules.used("Charge") == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), reached)
            .await
            .unwrap();
        tokio::task::spawn_blocking(|| acquirer.kill())
            .await
            .unwrap();
    };
    let (said, ()) = tokio::join!(driver.charge(charge(order(1), "1.00")), killed);
    let mut config = AcquirerConfig::new(folder.path().join("ledger.jsonl"));
    config.listen = addr;
    let acquirer = Acquirer::start(config).unwrap();
    (
        Shop {
            folder,
            acquirer,
            driver,
        },
        said.unwrap_err(),
    )
}

#[tokio::test]
async fn killed_after_the_money_moved_the_outcome_is_unknown_and_then_approved() {
    let hold = Delivery::Silence {
        money_moved: true,
        connection: Connection::Hold,
    };
    let (shop, said) = killed_mid_charge(hold).await;
    assert!(matches!(said, NoAnswer::Broken(_)), "{said:?}");
    shop.until(order(1), &approved(1, "1.00")).await;
    assert_eq!(shop.charge(order(1), "1.00").await, Ok(approved(1, "1.00")));
    assert_eq!(shop.moved(order(1)), ["1", "0", "0"]);
}

#[tokio::test]
async fn killed_before_the_money_moved_the_outcome_is_unknown_and_then_nothing() {
    let (shop, said) = killed_mid_charge(Delivery::Late { ms: 60_000 }).await;
    assert!(matches!(said, NoAnswer::Broken(_)), "{said:?}");
    shop.until(order(1), &Verdict::NotFound).await;
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.charge(order(1), "1.00").await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order(1)), ["0", "0", "0"]);
}

#[tokio::test]
async fn while_it_is_down_nothing_is_sent_and_when_it_is_back_all_is_as_before() {
    let shop = Shop::open(vec![]);
    shop.charge(order(1), "1.00").await.unwrap();
    let Shop {
        folder,
        acquirer,
        driver,
    } = shop;
    let addr = acquirer.addr();
    acquirer.kill();
    // a pooled connection may still be found broken; a new one is refused
    let mut said = Vec::new();
    for _ in 0..2 {
        said.push(driver.charge(charge(order(2), "1.00")).await.unwrap_err());
    }
    assert!(matches!(&said[1], NoAnswer::NotSent(_)), "{said:?}");
    let mut config = AcquirerConfig::new(folder.path().join("ledger.jsonl"));
    config.listen = addr;
    let acquirer = Acquirer::start(config).unwrap();
    let shop = Shop {
        folder,
        acquirer,
        driver,
    };
    assert_eq!(shop.query(order(1)).await, Ok(approved(1, "1.00")));
    assert_eq!(shop.query(order(2)).await, Ok(Verdict::NotFound));
    assert_eq!(shop.charge(order(2), "1.00").await, Ok(approved(2, "1.00")));
}
