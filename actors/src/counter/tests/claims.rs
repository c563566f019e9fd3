//! What providers tell: booked once, at the right counter, without holding anybody up.

use super::*;
use crate::{
    domain::{
        sticker::Notification,
        tender::{Scheme, Tender},
    },
    store::requests::{TakeNotification, Taken},
};

fn told(order: &str, transaction: &str, label: &str) -> TakeNotification {
    TakeNotification {
        acquirer: "scripted".parse().unwrap(),
        told: Notification {
            order: order.into(),
            transaction: transaction.into(),
            sent_at: None,
            money: cny("12.50"),
            is_paid: true,
            scheme: Scheme::Alipay,
            labels: vec![label.into()],
        },
    }
}

impl Shop {
    async fn take(&self, told: TakeNotification) -> Taken {
        self.store.ask(told, BOUND).await.unwrap().unwrap()
    }

    fn paid(&self) {
        let paid = Told::Say(approved(cny("12.50")));
        self.acquirer.tell(Operation::Query, paid);
    }
}

#[actix::test]
async fn what_a_provider_tells_is_booked_once_and_never_charged() {
    let shop = shop();
    shop.ready().await;
    shop.paid();
    let Taken::Opened(id) = shop.take(told("S1", "T1", "01")).await else {
        panic!("the label is the counter's name");
    };
    let payment = shop.reaches(id, State::Approved).await;
    assert_eq!(payment.acquirer_ref.as_deref(), Some("A1"));
    assert_eq!(payment.actual_tender(), Tender::MerchantQr);
    for _ in 0..3 {
        assert_eq!(shop.take(told("S1", "T1", "01")).await, Taken::Repeated(id));
    }
    let unmatched = shop.take(told("S2", "T2", "nobody's")).await;
    assert!(matches!(unmatched, Taken::Unmatched(_)), "{unmatched:?}");
    let mut unpaid = told("S3", "T3", "01");
    unpaid.told.is_paid = false;
    assert_eq!(shop.take(unpaid).await, Taken::Nothing);
    assert_eq!(shop.acquirer.heard_times(Operation::Charge), 0);
    assert_eq!(shop.acquirer.heard_times(Operation::Reverse), 0);
}

#[actix::test]
async fn a_sticker_is_paid_while_somebody_pays_at_the_stand_and_numbers_have_no_gaps() {
    let shop = shop();
    shop.ready().await;
    shop.paid();
    let at_till = shop.open_message(None);
    // all at once: openings take turns
    let (opened, one, other) = tokio::join!(
        shop.store.ask(at_till, BOUND),
        shop.take(told("S1", "T1", "01")),
        shop.take(told("S2", "T2", "01")),
    );
    let opened = opened.unwrap().unwrap().payment.id;
    shop.reaches(opened, State::Collecting).await;
    let id_of = |taken| match taken {
        Taken::Opened(id) => id,
        other => panic!("{other:?}"),
    };
    let mut numbers = Vec::new();
    for id in [opened, id_of(one), id_of(other)] {
        let known = until("it is written", || shop.payment(id)).await;
        numbers.push(known.number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3]);
    shop.scan(opened, ALIPAY);
    shop.reaches(opened, State::Approved).await;
}

#[actix::test]
async fn a_notification_of_an_own_order_only_has_it_asked_about() {
    let shop = shop();
    shop.ready().await;
    shop.acquirer
        .tell(Operation::Charge, Told::Say(Verdict::Verifying));
    let id = shop.open().await;
    shop.scan(id, ALIPAY);
    shop.reaches(id, State::Verifying).await;
    let asked = shop.acquirer.heard_times(Operation::Query);
    shop.acquirer
        .tell(Operation::Query, Told::Say(Verdict::Verifying));
    let taken = shop.take(told(&id.to_string(), "T1", "01")).await;
    assert_eq!(taken, Taken::Asked(id));
    until("it is asked at once", || {
        (shop.acquirer.heard_times(Operation::Query) > asked).then_some(())
    })
    .await;
    assert_eq!(shop.payment(id).unwrap().state, State::Verifying);
}

#[actix::test]
async fn told_of_after_the_end_it_is_asked_about_and_paid_back() {
    let shop = shop();
    shop.ready().await;
    shop.acquirer
        .tell(Operation::Charge, Told::Say(Verdict::Verifying));
    let id = shop.open().await;
    shop.scan(id, ALIPAY);
    shop.reaches(id, State::Verifying).await;
    shop.store
        .ask(CancelPayment(id), BOUND)
        .await
        .unwrap()
        .unwrap();
    shop.reaches(id, State::Reversed).await;
    shop.paid();
    let taken = shop.take(told(&id.to_string(), "T1", "01")).await;
    assert_eq!(taken, Taken::Asked(id));
    let refund = RefundId::automatic(id);
    until("the automatic refund", || {
        let payment = shop.payment(id)?;
        (payment.refund(refund)?.state == RefundState::Refunded).then_some(())
    })
    .await;
}
