//! Pre-authorisations, their completions and what undoes each.

use store_actors::{
    domain::{
        ids::PaymentId,
        payment::{NoAnswer, Verdict},
    },
    ports::{Acquirer as _, Batches as _, Charge, Instrument},
};
use store_sim::acquirer::{self, Connection, Delivery, Operation, OrderState, Rule};

use super::shop::{Shop, charge, cny, order};

impl Shop {
    async fn hold(&self, order: PaymentId, amount: &str) -> Result<Verdict, NoAnswer> {
        let charge = charge(order, amount);
        let Instrument::Card { card, pin_block } = charge.instrument else {
            unreachable!("a card")
        };
        let instrument = Instrument::Hold { card, pin_block };
        let held = Charge {
            instrument,
            ..charge
        };
        Ok(self.driver.charge(held).await?.verdict)
    }

    async fn complete(
        &self,
        order: PaymentId,
        of: PaymentId,
        amount: &str,
    ) -> Result<Verdict, NoAnswer> {
        let instrument = Instrument::Held { of };
        let completion = Charge {
            instrument,
            ..charge(order, amount)
        };
        Ok(self.driver.charge(completion).await?.verdict)
    }

    fn state(&self, order: PaymentId) -> OrderState {
        let ledger = self.acquirer.ledger();
        ledger.audit().unwrap();
        ledger.order(&order.to_string()).unwrap().state
    }
}

fn is_approved(verdict: &Verdict, amount: &str) -> bool {
    matches!(verdict, Verdict::Approved { money, .. } if *money == cny(amount))
}

fn is_silence(said: &Result<Verdict, NoAnswer>) -> bool {
    matches!(said, Err(NoAnswer::Broken(_) | NoAnswer::TimedOut))
}

fn once(operation: Operation, money_moved: bool) -> Rule {
    let connection = Connection::Drop;
    let silence = Delivery::Silence {
        money_moved,
        connection,
    };
    Rule::on(operation).delivery(silence).times(1)
}

#[tokio::test]
async fn money_is_held_and_a_part_of_it_taken_once() {
    let shop = Shop::open(vec![]);
    let (held, first, second) = (order(1), order(2), order(3));
    let said = shop.hold(held, "100.00").await.unwrap();
    assert!(is_approved(&said, "100.00"), "{said:?}");
    assert_eq!(shop.hold(held, "100.00").await, Ok(said));
    assert_eq!(shop.state(held), OrderState::Held);
    assert_eq!(shop.moved(held), ["0", "0", "0"]);
    // it is in no batch
    assert!(shop.driver.open().is_none());
    let shop = shop.restart();
    let said = shop.complete(first, held, "80.00").await.unwrap();
    assert!(is_approved(&said, "80.00"), "{said:?}");
    assert_eq!(shop.complete(first, held, "80.00").await, Ok(said));
    assert_eq!(shop.moved(first), ["80", "0", "0"]);
    let more = shop.complete(second, held, "20.00").await.unwrap();
    assert!(matches!(more, Verdict::Declined { .. }), "{more:?}");
    assert_eq!(shop.moved(second), ["0", "0", "0"]);
    // what was taken can't be let go of any more
    let kept = shop.reverse(held).await.unwrap();
    assert!(matches!(kept, Verdict::NotReversible { .. }), "{kept:?}");
    shop.refund(first, 1, "30.00").await.unwrap();
    assert_eq!(shop.moved(first), ["80", "30", "0"]);
    shop.driver.settle().await.unwrap();
    let settled = &shop.driver.settled()[0];
    assert!(settled.balanced, "{settled:?}");
    assert_eq!((settled.debits.count, settled.credits.count), (1, 1));
}

#[tokio::test]
async fn what_is_held_is_let_go_of_in_a_later_batch_too() {
    let shop = Shop::open(vec![]);
    let (held, sale) = (order(1), order(2));
    shop.hold(held, "100.00").await.unwrap();
    shop.charge(sale, "1.00").await.unwrap();
    shop.driver.settle().await.unwrap();
    assert_eq!(shop.reverse(held).await, Ok(Verdict::Reversed));
    assert_eq!(shop.state(held), OrderState::Closed);
    let late = shop.complete(order(3), held, "1.00").await;
    assert!(matches!(late, Err(NoAnswer::NotSent(_))), "{late:?}");
    let refused = shop.refund(held, 1, "1.00").await;
    assert!(matches!(refused, Err(NoAnswer::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_completion_is_voided_and_then_the_money_is_held_as_before() {
    let shop = Shop::open(vec![]);
    let (held, first, second) = (order(1), order(2), order(3));
    shop.hold(held, "10.00").await.unwrap();
    shop.complete(first, held, "10.00").await.unwrap();
    assert_eq!(shop.reverse(first).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(first), ["10", "0", "10"]);
    let said = shop.complete(second, held, "4.00").await.unwrap();
    assert!(is_approved(&said, "4.00"), "{said:?}");
    assert_eq!(shop.moved(second), ["4", "0", "0"]);
}

/// The request is lost, or its answer is; a restart lies between. Each is reversed (0400) as what
/// it was.
#[tokio::test]
async fn what_has_no_answer_is_reversed_and_holds_and_takes_nothing() {
    for money_moved in [true, false] {
        let shop = Shop::open(vec![once(Operation::Card, money_moved)]);
        let (held, second, taken) = (order(1), order(2), order(3));
        let silence = shop.hold(held, "10.00").await;
        assert!(is_silence(&silence), "{money_moved}: {silence:?}");
        let shop = shop.restart();
        assert!(shop.query(held).await.is_err(), "there is no query");
        assert_eq!(shop.reverse(held).await, Ok(Verdict::Reversed));
        let order = shop.acquirer.ledger().order(&held.to_string());
        assert!(order.is_none_or(|order| order.state == OrderState::Closed));

        shop.hold(second, "10.00").await.unwrap();
        let rules = shop.acquirer.rules();
        rules.add(once(Operation::Card, money_moved)).unwrap();
        let silence = shop.complete(taken, second, "10.00").await;
        assert!(is_silence(&silence), "{money_moved}: {silence:?}");
        let shop = shop.restart();
        assert_eq!(shop.reverse(taken).await, Ok(Verdict::Reversed));
        let net: Vec<String> = shop.moved(taken).into();
        assert_eq!(net[0], net[2], "{net:?}");
        assert_eq!(shop.state(second), OrderState::Held);
        let said = shop.complete(super::shop::order(4), second, "10.00").await;
        assert!(is_approved(&said.unwrap(), "10.00"));
    }
}

/// The answer to a cancellation is lost: it is itself reversed, and sent once more.
#[tokio::test]
async fn a_cancellation_without_an_answer_ends_with_the_money_let_go_of() {
    for money_moved in [true, false] {
        let shop = Shop::open(vec![once(Operation::Reverse, money_moved)]);
        let held = order(1);
        shop.hold(held, "10.00").await.unwrap();
        let silence = shop.reverse(held).await;
        assert!(is_silence(&silence), "{money_moved}: {silence:?}");
        let shop = shop.restart();
        let undone = shop.reverse(held).await;
        assert!(matches!(undone, Err(NoAnswer::Refused(_))), "{undone:?}");
        assert_eq!(shop.state(held), OrderState::Held);
        assert_eq!(shop.reverse(held).await, Ok(Verdict::Reversed));
        assert_eq!(shop.state(held), OrderState::Closed);
    }
}

#[tokio::test]
async fn an_issuer_may_refuse_to_hold_and_what_it_never_held_is_not_asked_for() {
    let code = "51".to_owned();
    let shop = Shop::open(vec![
        Rule::on(Operation::Card).verdict(acquirer::Verdict::Decline { code }),
    ]);
    let held = order(1);
    let said = shop.hold(held, "10.00").await.unwrap();
    assert!(matches!(said, Verdict::Declined { .. }), "{said:?}");
    for of in [held, order(2)] {
        let unsent = shop.complete(order(3), of, "1.00").await;
        assert!(matches!(unsent, Err(NoAnswer::NotSent(_))), "{unsent:?}");
    }
}

/// Months later too, whatever the book forgets meanwhile.
#[tokio::test]
async fn the_book_keeps_what_is_held_until_it_is_taken() {
    let shop = Shop::with(vec![], |config| config.keep_days = 0);
    let (held, taken) = (order(1), order(2));
    shop.hold(held, "10.00").await.unwrap();
    let shop = shop.restart_with(|config| config.keep_days = 0);
    let said = shop.complete(taken, held, "10.00").await.unwrap();
    assert!(is_approved(&said, "10.00"), "{said:?}");
    let shop = shop.restart_with(|config| config.keep_days = 0);
    let gone = shop.complete(order(3), held, "1.00").await;
    assert!(matches!(gone, Err(NoAnswer::NotSent(_))), "{gone:?}");
}
