//! Every word that a host has.

use store_actors::{
    domain::payment::{NoAnswer, Verdict, answer::RefundVerdict},
    ports::{Acquirer as _, Charge, Instrument},
};
use store_sim::acquirer::{self, Operation, Rule};

use super::shop::{Shop, charge, cny, order};

fn declining(operation: Operation, code: &str) -> Rule {
    let code = code.to_owned();
    Rule::on(operation).verdict(acquirer::Verdict::Decline { code })
}

#[tokio::test]
async fn a_card_is_charged_once_however_often_it_is_sent() {
    let (shop, order) = (Shop::open(vec![]), order(1));
    let first = shop.charge(order, "12.50").await.unwrap();
    let Verdict::Approved {
        acquirer_ref,
        money,
        ..
    } = &first
    else {
        panic!("{first:?}")
    };
    assert_eq!((acquirer_ref.len(), *money), (12, cny("12.50")));
    assert_eq!(shop.charge(order, "12.50").await, Ok(first.clone()));
    assert_eq!(shop.query(order).await, Ok(first));
    assert_eq!(shop.moved(order), ["12.5", "0", "0"]);
    assert_eq!(shop.host.sign_ins(), 1);
}

#[tokio::test]
async fn an_issuers_no_is_a_decline_and_undone_it_holds_no_money() {
    let shop = Shop::open(vec![declining(Operation::Card, "51")]);
    let order = order(1);
    let declined = shop.charge(order, "1.00").await;
    let (code, text) = ("51".to_owned(), "not enough money".to_owned());
    assert_eq!(declined, Ok(Verdict::Declined { code, text }));
    assert_eq!(shop.query(order).await, declined);
    assert_eq!(shop.reverse(order).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order), ["0", "0", "0"]);
}

#[tokio::test]
async fn what_is_approved_is_undone_by_a_void() {
    let (shop, order) = (Shop::open(vec![]), order(1));
    shop.charge(order, "3.00").await.unwrap();
    assert_eq!(shop.reverse(order).await, Ok(Verdict::Reversed));
    assert_eq!(shop.reverse(order).await, Ok(Verdict::Reversed));
    assert_eq!(shop.query(order).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order), ["3", "0", "3"]);
}

#[tokio::test]
async fn a_void_that_is_refused_leaves_the_money_where_it_is() {
    let shop = Shop::open(vec![declining(Operation::Reverse, "TOO_LATE")]);
    let order = order(1);
    shop.charge(order, "3.00").await.unwrap();
    let kept = shop.reverse(order).await.unwrap();
    assert!(matches!(kept, Verdict::NotReversible { .. }), "{kept:?}");
    assert_eq!(shop.moved(order), ["3", "0", "0"]);
}

#[tokio::test]
async fn a_refund_moves_money_once_and_never_beyond_the_payment() {
    let (shop, order) = (Shop::open(vec![]), order(1));
    shop.charge(order, "5.00").await.unwrap();
    for _ in 0..2 {
        let refunded = shop.refund(order, 1, "2.00").await.unwrap();
        let RefundVerdict::Refunded { money, .. } = refunded else {
            panic!("{refunded:?}")
        };
        assert_eq!(money, cny("2.00"));
    }
    let refused = shop.refund(order, 2, "4.00").await.unwrap();
    assert!(
        matches!(&refused, RefundVerdict::Refused { code, .. } if code == "64"),
        "{refused:?}"
    );
    assert_eq!(shop.moved(order), ["5", "2", "0"]);
}

#[tokio::test]
async fn what_was_never_sent_is_not_known_and_once_undone_is_never_sent() {
    let (shop, order) = (Shop::open(vec![]), order(1));
    assert_eq!(shop.query(order).await, Ok(Verdict::NotFound));
    assert_eq!(shop.reverse(order).await, Ok(Verdict::Reversed));
    let shop = shop.restart();
    assert_eq!(shop.charge(order, "1.00").await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order), ["0", "0", "0"]);
}

#[tokio::test]
async fn only_cards_are_taken() {
    let shop = Shop::open(vec![]);
    let instrument = Instrument::MerchantQr;
    let charge = Charge {
        instrument,
        ..charge(order(1), "1.00")
    };
    let refused = shop.driver.charge(charge).await;
    assert!(matches!(refused, Err(NoAnswer::NotSent(_))), "{refused:?}");
}

#[tokio::test]
async fn an_echo_tells_whether_anybody_is_there() {
    let Shop {
        driver,
        host,
        acquirer,
        folder: _folder,
    } = Shop::open(vec![]);
    assert_eq!(driver.probe().await, Ok(()));
    drop((host, acquirer));
    let nobody = driver.probe().await;
    assert!(matches!(nobody, Err(NoAnswer::NotSent(_))), "{nobody:?}");
}

#[tokio::test]
async fn without_an_order_in_field_62_the_trace_number_names_it() {
    let shop = Shop::with(vec![], |config| config.order_in_62 = false);
    let order = order(1);
    shop.charge(order, "4.00").await.unwrap();
    // the sign-in was the first message, and told batch 7
    let known = store_sim::acquirer::CardHost::order_of(super::shop::TERMINAL, 7, 2);
    let charged = |shop: &Shop| {
        let account = shop.acquirer.ledger().order(&known).unwrap();
        [account.charged, account.refunded, account.reversed].map(|n| n.normalize().to_string())
    };
    assert_eq!(charged(&shop), ["4", "0", "0"]);
    shop.refund(order, 1, "1.00").await.unwrap();
    assert_eq!(charged(&shop), ["4", "1", "0"]);
}
