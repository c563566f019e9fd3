//! What nobody knows: listed while it lasts, paid back when it turns up late or twice.

use super::{
    offline::{limits, visa},
    *,
};
use crate::{domain::double::REPLACED_MAX, store::requests::GetUnknown};

impl Shop {
    /// A payment for basket B1 whose charge nobody answered.
    async fn unknown_basket(&self) -> PaymentId {
        self.acquirer.tell(Operation::Charge, Told::Hang);
        let opened = self.basket().await.unwrap();
        self.reaches(opened, State::Collecting).await;
        self.scan(opened, ALIPAY);
        self.reaches(opened, State::Unknown).await;
        // its counter is free for the next customer only once the order is being undone
        opened
    }

    async fn basket(&self) -> Result<PaymentId, Refused> {
        let open = OpenPayment {
            reference: Some("B1".into()),
            ..self.open_message(None)
        };
        let opened = self.store.ask(open, BOUND).await.unwrap()?;
        Ok(opened.payment.id)
    }

    async fn unknown(&self) -> Vec<PaymentId> {
        let lines = self.store.ask(GetUnknown, BOUND).await.unwrap().unwrap();
        lines.into_iter().map(|line| line.payment.id).collect()
    }

    async fn paid_back(&self, id: PaymentId) -> Payment {
        let refund = RefundId::automatic(id);
        until("the automatic refund", || {
            let payment = self.payment(id)?;
            let is_back = payment.refund(refund)?.state == RefundState::Refunded;
            is_back.then_some(payment)
        })
        .await
    }
}

#[actix::test]
async fn an_approval_that_comes_after_the_end_is_paid_back_by_itself() {
    let shop = shop();
    shop.ready().await;
    let late = Told::SayAfter(Duration::from_secs(9), approved(cny("12.50")));
    shop.acquirer.tell(Operation::Charge, late);
    shop.acquirer
        .tell(Operation::Query, Told::Say(approved(cny("12.50"))));
    let id = shop.open().await;
    shop.scan(id, ALIPAY);
    shop.reaches(id, State::Submitted).await;
    let cancelled = shop.store.ask(CancelPayment(id), BOUND).await.unwrap();
    assert_eq!(cancelled.unwrap().state, State::Reversing);
    shop.reaches(id, State::Reversed).await;
    assert_eq!(shop.unknown().await, []);
    until("the late approval is taken up", || {
        shop.payment(id)
            .filter(|payment| payment.is_in_doubt())
            .map(|_| ())
    })
    .await;
    assert_eq!(shop.unknown().await, [id]);
    let paid_back = shop.paid_back(id).await;
    assert_eq!(paid_back.state, State::Reversed, "what was said stays said");
    assert_eq!(shop.acquirer.heard_times(Operation::Refund), 1);
    assert_eq!(shop.unknown().await, []);
}

#[actix::test]
async fn a_basket_paid_again_while_unknown_is_paid_back_once_it_turns_out_paid_twice() {
    let shop = shop();
    shop.ready().await;
    let first = shop.unknown_basket().await;
    // the till gives up on it, and so the stand is free
    shop.acquirer
        .tell(Operation::Reverse, Told::Fail(NoAnswer::Forged));
    let too_late = Verdict::NotReversible {
        acquirer_ref: "A1".into(),
        money: cny("12.50"),
    };
    shop.acquirer.tell(
        Operation::Reverse,
        Told::SayAfter(Duration::from_secs(8), too_late),
    );
    shop.store
        .ask(CancelPayment(first), BOUND)
        .await
        .unwrap()
        .unwrap();
    let second = shop.basket().await.unwrap();
    let tied = shop.payment(first).unwrap().replaced_by;
    assert_eq!(tied[0].payment, second, "tied before it begins");
    shop.reaches(second, State::Collecting).await;
    shop.scan(second, ALIPAY);
    shop.reaches(second, State::Approved).await;
    let first = shop.paid_back(first).await;
    assert_eq!(first.refunds.len(), 1);
    let second = shop.payment(second).unwrap();
    assert!(second.is_settled() && second.refunds.is_empty());
}

#[actix::test]
async fn a_basket_that_turns_out_paid_is_kept_when_the_second_try_came_to_nothing() {
    let shop = shop();
    shop.ready().await;
    let first = shop.unknown_basket().await;
    let late = Told::SayAfter(Duration::from_secs(3), approved(cny("12.50")));
    shop.acquirer.tell(Operation::Query, late);
    // the stand of an unknown payment is taken: the second one is for another counter, which here
    // is away
    let elsewhere = shop.counter_tie(first).await;
    assert_eq!(shop.unknown().await, [first]);
    let paid = shop.reaches(first, State::Approved).await;
    assert_eq!(paid.replaced_by[0].payment, elsewhere);
    assert_eq!(shop.unknown().await, [first], "it may be paid twice");
    until("it is known that it was paid once", || {
        let payment = shop.payment(first)?;
        payment.is_settled().then_some(())
    })
    .await;
    assert_eq!(shop.acquirer.heard_times(Operation::Refund), 0);
    assert_eq!(shop.unknown().await, []);
}

#[actix::test]
async fn a_basket_with_too_many_payments_of_unknown_outcome_is_refused_before_another_begins() {
    let shop = shop();
    shop.ready().await;
    let first = shop.unknown_basket().await;
    let late = Told::SayAfter(Duration::from_secs(600), approved(cny("12.50")));
    shop.acquirer.tell(Operation::Query, late);
    for n in 1..=REPLACED_MAX {
        let by = PaymentId::from_bytes([u8::try_from(n).unwrap(); 16]);
        let replace = requests::Replace { payment: first, by };
        shop.counter.ask(replace, BOUND).await.unwrap().unwrap();
    }
    let records = shop.disk.durable().len();
    let refused = shop.basket().await;
    assert!(matches!(refused, Err(Refused::TooManyTries)), "{refused:?}");
    assert_eq!(shop.disk.durable().len(), records, "nothing has begun");
    let tied = shop.payment(first).unwrap().replaced_by;
    assert_eq!(tied.len(), REPLACED_MAX);
}

#[actix::test]
async fn a_basket_whose_card_was_accepted_offline_is_paid_and_not_asked_for_again() {
    let shop = Shop::offline(Lending::Lender(limits())).await;
    let by_card = OpenPayment {
        tender: Tender::Card,
        reference: Some("B1".into()),
        ..shop.open_message(None)
    };
    let opened = shop.store.ask(by_card, BOUND).await.unwrap().unwrap();
    let first = opened.payment.id;
    shop.reaches(first, State::Collecting).await;
    shop.tap(first, visa(1));
    shop.reaches(first, State::ApprovedOffline).await;
    let refused = shop.basket().await;
    assert!(
        matches!(refused, Err(Refused::PaidAlready(paid)) if paid == first),
        "{refused:?}"
    );
    assert_eq!(shop.payment(first).unwrap().replaced_by, []);
}

#[actix::test]
async fn payments_of_a_counter_that_is_no_longer_configured_are_taken_up() {
    let disk = MemoryDisk::default();
    let before = shop_on_paused(&disk);
    before.ready().await;
    before.acquirer.tell(Operation::Charge, Told::Hang);
    let id = before.open().await;
    before.scan(id, ALIPAY);
    before.reaches(id, State::Submitted).await;
    let mut stranger = before.payment(id).unwrap();
    stranger.counter = "99".parse().unwrap();
    let append = Append {
        bodies: vec![Body::Payment {
            payment: Box::new(stranger),
        }],
    };
    before.journal.ask(append, BOUND).await.unwrap().unwrap();
    let after = shop_on(disk.after_crash(true), Lending::Nobody);
    after.reaches(id, State::Reversed).await;
    let cancelled = after.store.ask(CancelPayment(id), BOUND).await.unwrap();
    assert_eq!(cancelled.unwrap().state, State::Reversed);
}

impl Shop {
    /// Ties a payment that never begins to `first`.
    async fn counter_tie(&self, first: PaymentId) -> PaymentId {
        let by = PaymentId::from_bytes([7; 16]);
        let replace = requests::Replace { payment: first, by };
        self.counter.ask(replace, BOUND).await.unwrap().unwrap();
        by
    }
}

fn shop_on_paused(disk: &MemoryDisk) -> Shop {
    tokio::time::pause();
    shop_on(disk.clone(), Lending::Nobody)
}
