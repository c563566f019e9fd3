//! What can go wrong on the way, and that none of it settles anything.

use store_actors::{
    domain::payment::{NoAnswer, Verdict},
    ports::Batches as _,
};
use store_sim::acquirer::{Connection, Delivery, Operation, Rule};

use super::shop::{Shop, driver_config, order};

fn silence(money_moved: bool) -> Delivery {
    let connection = Connection::Drop;
    Delivery::Silence {
        money_moved,
        connection,
    }
}

fn once(operation: Operation, delivery: Delivery) -> Rule {
    Rule::on(operation).delivery(delivery).times(1)
}

#[tokio::test]
async fn silence_is_unknown_until_a_reversal_is_answered() {
    for money_moved in [true, false] {
        let shop = Shop::open(vec![once(Operation::Card, silence(money_moved))]);
        let order = order(1);
        let unknown = shop.charge(order, "2.00").await;
        assert!(matches!(unknown, Err(NoAnswer::Broken(_))), "{unknown:?}");
        let unknown = shop.query(order).await;
        assert!(matches!(unknown, Err(NoAnswer::Refused(_))), "{unknown:?}");
        // not sent a second time
        assert_eq!(shop.charge(order, "2.00").await, unknown);
        assert_eq!(shop.reverse(order).await, Ok(Verdict::Reversed));
        assert_eq!(shop.query(order).await, Ok(Verdict::Reversed));
        let moved = if money_moved { "2" } else { "0" };
        assert_eq!(shop.moved(order), [moved, "0", moved]);
    }
}

#[tokio::test]
async fn trap_13_a_reversal_is_repeated_under_the_originals_trace_number_until_answered() {
    // without field 62 the host finds the original by its trace number alone
    let rules = vec![
        once(Operation::Card, silence(true)),
        Rule::on(Operation::Reverse)
            .delivery(silence(false))
            .times(2),
    ];
    let shop = Shop::with(rules, |config| config.order_in_62 = false);
    let order = order(1);
    shop.charge(order, "2.00").await.unwrap_err();
    for _ in 0..2 {
        let unanswered = shop.reverse(order).await;
        assert!(
            matches!(unanswered, Err(NoAnswer::Broken(_))),
            "{unanswered:?}"
        );
    }
    assert_eq!(shop.reverse(order).await, Ok(Verdict::Reversed));
    let known = store_sim::acquirer::CardHost::order_of(super::shop::TERMINAL, 7, 2);
    let account = shop.acquirer.ledger().order(&known).unwrap();
    assert_eq!(account.charged, account.reversed);
    assert!(!account.charged.is_zero());
}

#[tokio::test]
async fn a_wrong_mac_at_the_host_means_a_new_sign_in_and_settles_nothing() {
    let shop = Shop::open(vec![]);
    let (first, second) = (order(1), order(2));
    shop.charge(first, "1.00").await.unwrap();
    shop.host.forget_keys();
    let unknown = shop.charge(second, "2.00").await;
    assert!(matches!(unknown, Err(NoAnswer::Refused(_))), "{unknown:?}");
    assert_eq!(shop.reverse(second).await, Ok(Verdict::Reversed));
    assert_eq!(shop.host.sign_ins(), 2);
    assert_eq!(shop.moved(second), ["0", "0", "0"]);
    assert_eq!(shop.reverse(first).await, Ok(Verdict::Reversed));
}

#[tokio::test]
async fn an_answer_that_is_not_the_hosts_or_not_ours_settles_nothing() {
    for (delivery, why) in [
        (Delivery::WrongSignature, "the answer's signature is wrong"),
        (Delivery::Garbage, "makes no sense"),
        (Delivery::OtherOrder, "no answer in time"),
    ] {
        let shop = Shop::open(vec![once(Operation::Card, delivery.clone())]);
        let order = order(1);
        let unknown = shop.charge(order, "2.00").await.unwrap_err().to_string();
        assert!(unknown.contains(why), "{delivery:?}: {unknown}");
        assert_eq!(shop.reverse(order).await, Ok(Verdict::Reversed));
        assert_eq!(shop.moved(order), ["2", "0", "2"]);
    }
}

#[tokio::test]
async fn an_answer_that_comes_twice_is_one() {
    let shop = Shop::open(vec![once(Operation::Card, Delivery::Duplicate)]);
    let order = order(1);
    let approved = shop.charge(order, "2.00").await.unwrap();
    assert!(matches!(approved, Verdict::Approved { .. }), "{approved:?}");
    assert_eq!(shop.moved(order), ["2", "0", "0"]);
}

#[tokio::test]
async fn a_host_that_fails_or_is_late_settles_nothing() {
    let failing = Delivery::Error {
        status: 500,
        money_moved: true,
    };
    for delivery in [failing, Delivery::Slow { ms: 60_000 }] {
        let shop = Shop::open(vec![once(Operation::Card, delivery)]);
        let order = order(1);
        shop.charge(order, "2.00").await.unwrap_err();
        assert_eq!(shop.reverse(order).await, Ok(Verdict::Reversed));
        assert_eq!(shop.moved(order), ["2", "0", "2"]);
    }
}

#[tokio::test]
async fn a_void_without_an_answer_is_undone_before_it_is_sent_again() {
    // whether the host had heard it or not
    for money_moved in [true, false] {
        let shop = Shop::open(vec![once(Operation::Reverse, silence(money_moved))]);
        let order = order(1);
        shop.charge(order, "2.00").await.unwrap();
        shop.reverse(order).await.unwrap_err();
        let unknown = shop.query(order).await;
        assert!(matches!(unknown, Err(NoAnswer::Refused(_))), "{unknown:?}");
        let open = shop.driver.session.read(|pages| pages.orders[&order].void);
        assert!(
            open.is_some(),
            "the void's trace number is kept for its reversal"
        );
        // the reversal of the void, and the void again
        let undone = shop.reverse(order).await.unwrap_err();
        assert!(undone.to_string().contains("sent again"), "{undone}");
        assert_eq!(shop.moved(order), ["2", "0", "0"]);
        assert_eq!(shop.reverse(order).await, Ok(Verdict::Reversed));
        assert_eq!(shop.moved(order), ["2", "0", "2"]);
        shop.driver.settle().await.unwrap();
        assert!(shop.driver.settled()[0].balanced);
    }
}

#[tokio::test]
async fn a_refund_without_an_answer_is_repeated_under_its_own_trace_number() {
    for money_moved in [true, false] {
        let shop = Shop::with(
            vec![once(Operation::Refund, silence(money_moved))],
            |config| config.order_in_62 = false,
        );
        let order = order(1);
        shop.charge(order, "2.00").await.unwrap();
        shop.refund(order, 1, "1.00").await.unwrap_err();
        shop.refund(order, 1, "1.00").await.unwrap();
        let known = store_sim::acquirer::CardHost::order_of(super::shop::TERMINAL, 7, 2);
        let account = shop.acquirer.ledger().order(&known).unwrap();
        assert_eq!(account.refunded.normalize().to_string(), "1");
    }
}

#[tokio::test]
async fn nobody_listening_means_that_nothing_was_sent() {
    let shop = Shop::open(vec![]);
    let order = order(1);
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let config = driver_config(folder.path(), port);
    let clock = std::sync::Arc::new(crate::adapters::clock::SystemClock);
    let driver = crate::adapters::acquirers::cardhost::CardHost::new(config, clock).unwrap();
    let shop = Shop { driver, ..shop };
    let unsent = shop.charge(order, "1.00").await;
    assert!(matches!(unsent, Err(NoAnswer::NotSent(_))), "{unsent:?}");
    assert_eq!(shop.query(order).await, Ok(Verdict::NotFound));
}
