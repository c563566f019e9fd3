//! A card that was accepted offline, told afterwards.

use store_actors::{
    domain::{
        ids::PaymentId,
        payment::{NoAnswer, Verdict},
    },
    ports::{Acquirer as _, Batches as _},
};
use store_sim::acquirer::{self, Connection, Delivery, Operation, Rule};

use super::shop::{Shop, charge, cny, order};
use crate::adapters::acquirers::cardhost::OfflineAs;

fn advising(rules: Vec<Rule>) -> Shop {
    Shop::with(rules, |config| config.offline_as = OfflineAs::Advice)
}

impl Shop {
    async fn forward(&self, order: PaymentId, amount: &str) -> Result<Verdict, NoAnswer> {
        Ok(self.driver.forward(charge(order, amount)).await?.verdict)
    }
}

fn silence(money_moved: bool) -> Rule {
    let connection = Connection::Drop;
    Rule::on(Operation::Card).delivery(Delivery::Silence {
        money_moved,
        connection,
    })
}

fn is_approved(verdict: &Verdict, amount: &str) -> bool {
    matches!(verdict, Verdict::Approved { money, .. } if *money == cny(amount))
}

#[tokio::test]
async fn an_advice_is_taken_once_however_often_it_is_forwarded() {
    for as_what in [OfflineAs::Purchase, OfflineAs::Advice] {
        let shop = Shop::with(vec![], |config| config.offline_as = as_what);
        let order = order(1);
        let first = shop.forward(order, "12.50").await.unwrap();
        assert!(is_approved(&first, "12.50"), "{first:?}");
        assert_eq!(shop.forward(order, "12.50").await, Ok(first.clone()));
        assert_eq!(shop.query(order).await, Ok(first));
        assert_eq!(shop.moved(order), ["12.5", "0", "0"]);
        // it is in the batch like any other
        shop.driver.settle().await.unwrap();
        let settled = shop.driver.settled();
        assert!(
            settled[0].balanced && settled[0].debits.count == 1,
            "{settled:?}"
        );
    }
}

/// The answer is lost, or the advice itself; a restart lies between. It is never reversed.
#[tokio::test]
async fn an_advice_without_an_answer_is_repeated_under_its_own_number() {
    for money_moved in [true, false] {
        let shop = advising(vec![silence(money_moved).times(2)]);
        let order = order(1);
        let lost = shop.forward(order, "3.00").await.unwrap_err();
        assert!(matches!(lost, NoAnswer::Broken(_)), "{lost}");
        let trace = |shop: &Shop| shop.driver.session.read(|pages| pages.orders[&order].trace);
        let before = trace(&shop);
        // undoing it repeats it, too
        shop.reverse(order).await.unwrap_err();
        let config = |config: &mut super::super::CardHostConfig| {
            config.offline_as = OfflineAs::Advice;
        };
        let shop = shop.restart_with(config);
        let found = shop.query(order).await.unwrap();
        assert!(is_approved(&found, "3.00"), "{found:?}");
        assert_eq!(trace(&shop), before);
        assert_eq!(shop.moved(order), ["3", "0", "0"]);
    }
}

#[tokio::test]
async fn a_refused_advice_is_a_loss_and_what_never_left_is_tried_anew() {
    let code = "51".to_owned();
    let rule = Rule::on(Operation::Card).verdict(acquirer::Verdict::Decline { code });
    let shop = advising(vec![rule.times(1)]);
    let refused = shop.forward(order(1), "1.00").await.unwrap();
    assert!(matches!(refused, Verdict::Declined { .. }), "{refused:?}");
    let later = order(2);
    let shop = shop.without_host();
    let unsent = shop.forward(later, "2.00").await.unwrap_err();
    assert!(matches!(unsent, NoAnswer::NotSent(_)), "{unsent}");
    assert_eq!(shop.query(later).await, Ok(Verdict::NotFound));
}
