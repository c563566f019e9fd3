//! Pre-authorisations and completions at a counter.

use super::{offline::visa, *};
use crate::{
    domain::payment::{CompletionRefused, Part},
    store::requests::{CompletePayment, Opened},
};

impl Shop {
    /// With readers that are there.
    async fn holding() -> Self {
        Self::offline(Lending::Nobody).await.back_online().await
    }

    async fn back_online(self) -> Self {
        self.cut_off(false).await;
        self
    }

    async fn hold(&self, amount: &str) -> PaymentId {
        let open = OpenPayment {
            money: cny(amount),
            tender: Tender::Card,
            pre_authorise: true,
            ..self.open_message(None)
        };
        let opened = self.store.ask(open, BOUND).await.unwrap().unwrap();
        self.reaches(opened.payment.id, State::Collecting).await;
        opened.payment.id
    }

    async fn held(&self, amount: &str) -> PaymentId {
        let told = Told::Say(approved(cny(amount)));
        self.acquirer.tell(Operation::Charge, told);
        let id = self.hold(amount).await;
        self.tap(id, visa(1));
        self.reaches(id, State::Authorised).await;
        id
    }

    async fn complete(&self, of: PaymentId, amount: &str, name: &str) -> Result<Opened, Refused> {
        let complete = CompletePayment {
            payment: of,
            money: cny(amount),
            fingerprint: key(name, amount),
            by: None,
        };
        self.store.ask(complete, BOUND).await.unwrap()
    }
}

#[actix::test]
async fn what_is_held_is_taken_by_a_payment_that_needs_no_stand() {
    let shop = Shop::holding().await;
    let held = shop.held("12.50").await;
    assert_eq!(shop.acquirer.heard_times(Operation::Charge), 1);
    // somebody else is paying meanwhile
    let other = shop.open().await;
    let told = Told::Say(approved(cny("10.00")));
    shop.acquirer.tell(Operation::Charge, told);
    let taken = shop.complete(held, "10.00", "C1").await.unwrap();
    let by = taken.payment.id;
    shop.reaches(by, State::Approved).await;
    let completed = shop.reaches(held, State::Completed).await;
    assert_eq!(completed.completion().map(|tie| tie.payment), Some(by));
    assert_eq!(shop.payment(by).unwrap().completes(), Some(held));
    assert_eq!(shop.payment(other).unwrap().state, State::Collecting);
    // the tie was on disk before the completion began
    let records = shop.disk.durable();
    let bodies = records.iter().map(|record| record.decode_body().unwrap());
    let payments: Vec<Payment> = bodies
        .filter_map(|body| match body {
            Body::Payment { payment } => Some(*payment),
            _ => None,
        })
        .collect();
    let tied = payments.iter().position(|one| one.completion().is_some());
    let begun = payments.iter().position(|one| one.id == by);
    assert!(tied.unwrap() < begun.unwrap());
    // asked for again it is the same; another one finds nothing to take
    let again = shop.complete(held, "10.00", "C1").await.unwrap();
    assert!(again.repeated && again.payment.id == by);
    let refused = shop.complete(held, "2.50", "C2").await;
    let not_held = CompletionRefused::NotHeld(State::Completed);
    assert!(
        matches!(&refused, Err(Refused::Completion(why)) if *why == not_held),
        "{refused:?}"
    );
}

#[actix::test]
async fn of_two_completions_at_once_one_is_refused() {
    let shop = Shop::holding().await;
    let held = shop.held("12.50").await;
    for _ in 0..2 {
        let told = Told::Say(approved(cny("6.00")));
        shop.acquirer.tell(Operation::Charge, told);
    }
    let both = tokio::join!(
        shop.complete(held, "6.00", "C1"),
        shop.complete(held, "6.00", "C2")
    );
    let begun = [&both.0, &both.1].into_iter().filter(|one| one.is_ok());
    assert_eq!(begun.count(), 1, "{both:?}");
    shop.reaches(held, State::Completed).await;
    assert_eq!(shop.acquirer.heard_times(Operation::Charge), 2);
}

#[actix::test]
async fn a_completion_nobody_knows_of_is_reversed_and_the_money_is_free_to_be_taken_again() {
    let shop = Shop::holding().await;
    let held = shop.held("12.50").await;
    shop.acquirer.tell(Operation::Charge, Told::Hang);
    for _ in 0..20 {
        let failed = Told::Fail(NoAnswer::ServerFailed(503));
        shop.acquirer.tell(Operation::Query, failed);
    }
    let first = shop.complete(held, "12.50", "C1").await.unwrap();
    let refused = shop.complete(held, "12.50", "C2").await;
    let under_way = CompletionRefused::UnderWay(first.payment.id);
    assert!(
        matches!(&refused, Err(Refused::Completion(why)) if *why == under_way),
        "{refused:?}"
    );
    let kept = shop.store.ask(CancelPayment(held), BOUND).await.unwrap();
    assert!(matches!(kept, Err(Refused::Completion(_))), "{kept:?}");
    shop.reaches(first.payment.id, State::Reversed).await;
    until("it is free again", || {
        let payment = shop.payment(held)?;
        payment.completion().is_none().then_some(())
    })
    .await;
    let second = shop.complete(held, "12.50", "C3").await.unwrap();
    shop.reaches(second.payment.id, State::Approved).await;
    shop.reaches(held, State::Completed).await;
}

#[actix::test]
async fn a_counter_that_dies_between_the_tie_and_the_completion_frees_the_money() {
    let shop = Shop::holding().await;
    let held = shop.held("12.50").await;
    let mut tied = shop.payment(held).unwrap();
    tied.part = Some(Part::PreAuthorisation {
        completion: Some(crate::domain::double::Tie {
            payment: PaymentId::from_bytes([7; 16]),
            at: tied.changed_at,
        }),
    });
    let body = Body::Payment {
        payment: Box::new(tied),
    };
    let append = Append { bodies: vec![body] };
    shop.journal.ask(append, BOUND).await.unwrap().unwrap();
    shop.counter.try_send(Panic).unwrap();
    until("it is free again", || {
        let payment = shop.payment(held)?;
        payment.completion().is_none().then_some(())
    })
    .await;
    shop.ready().await;
    let taken = shop.complete(held, "12.50", "C1").await.unwrap();
    shop.reaches(taken.payment.id, State::Approved).await;
}

#[actix::test]
async fn what_is_held_is_let_go_of_by_cancelling_it() {
    let shop = Shop::holding().await;
    let held = shop.held("12.50").await;
    let released = shop.store.ask(CancelPayment(held), BOUND).await.unwrap();
    assert_eq!(released.unwrap().state, State::Reversing);
    shop.reaches(held, State::Reversed).await;
    assert_eq!(shop.acquirer.heard_times(Operation::Refund), 0);
    let again = shop.store.ask(CancelPayment(held), BOUND).await.unwrap();
    assert_eq!(again.unwrap().state, State::Reversed);
}

#[actix::test]
async fn nothing_is_held_without_a_card_a_link_or_an_acquirer_that_does_so() {
    let shop = Shop::holding().await;
    let code = OpenPayment {
        pre_authorise: true,
        ..shop.open_message(None)
    };
    let refused = shop.store.ask(code, BOUND).await.unwrap();
    assert!(matches!(refused, Err(Refused::NoPreAuthorisation)));
    let id = shop.hold("12.50").await;
    shop.cut_off(true).await;
    shop.tap(id, visa(1));
    let ended = shop.reaches(id, State::Cancelled).await;
    assert_eq!(ended.reason, Some(Reason::AcquirerUnreachable));
    assert_eq!(shop.acquirer.heard_times(Operation::Charge), 0);
}
