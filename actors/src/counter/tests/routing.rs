//! Several acquirers for one tender: limits, and the way round one that got nothing.

use super::*;
use crate::{
    domain::{code::CodeRefused, enabling::Enabling, readiness::Obstacle, tender::Scheme},
    store::requests::Scan,
};

struct Two {
    shop: Shop,
    second: Arc<ScriptedAcquirer>,
}

/// `limit` is the first one's, for codes.
async fn two(limit: Option<&str>) -> Two {
    let mut first = ScriptedAcquirer::default();
    if let Some(limit) = limit {
        first.limit(Tender::CustomerCode, cny(limit));
    }
    let second = Arc::new(ScriptedAcquirer::named("second".parse().unwrap()));
    let (disk, nobody) = (MemoryDisk::default(), Lending::Nobody);
    let shop = shop_with(disk, nobody, first, Some(second.clone()));
    shop.ready().await;
    Two { shop, second }
}

fn alipay_at_01() -> Scan {
    Scan {
        counter: "01".parse().unwrap(),
        text: Secret::new(ALIPAY.into()),
    }
}

#[actix::test]
async fn a_charge_that_never_left_goes_to_the_next_acquirer() {
    tokio::time::pause();
    let Two { shop, second } = two(None).await;
    let unsent = || Told::Fail(NoAnswer::NotSent("connection refused".into()));
    shop.acquirer.tell(Operation::Charge, unsent());
    let id = shop.open().await;
    shop.scan(id, ALIPAY);
    let paid = shop.reaches(id, State::Approved).await;
    assert_eq!(paid.acquirer, Some("second".parse().unwrap()));
    assert_eq!(second.heard(), [(Operation::Charge, id)]);
    // both intents were on disk before they left
    let submitted: Vec<_> = shop
        .history(id)
        .into_iter()
        .filter(|payment| payment.state == State::Submitted)
        .filter_map(|payment| payment.acquirer)
        .collect();
    assert_eq!(
        submitted,
        ["scripted".parse().unwrap(), "second".parse().unwrap()]
    );
    let said: Vec<_> = paid
        .evidence
        .iter()
        .filter_map(|one| one.said.clone())
        .collect();
    assert_eq!(said, ["could not be sent: connection refused", "approved"]);
}

#[actix::test]
async fn where_nothing_left_for_anybody_the_payment_is_cancelled() {
    tokio::time::pause();
    let Two { shop, second } = two(None).await;
    for acquirer in [&shop.acquirer, &second] {
        let unsent = Told::Fail(NoAnswer::NotSent("connection refused".into()));
        acquirer.tell(Operation::Charge, unsent);
    }
    let id = shop.open().await;
    shop.scan(id, ALIPAY);
    let cancelled = shop.reaches(id, State::Cancelled).await;
    assert_eq!(cancelled.reason, Some(Reason::AcquirerUnreachable));
    assert_eq!(shop.acquirer.heard_times(Operation::Charge), 1);
    assert_eq!(second.heard_times(Operation::Charge), 1);
}

#[actix::test]
async fn what_may_have_moved_money_never_goes_to_another_acquirer() {
    tokio::time::pause();
    for doubtful in [
        Told::Fail(NoAnswer::TimedOut),
        Told::Fail(NoAnswer::ServerFailed(503)),
        Told::Fail(NoAnswer::Broken("reset by peer".into())),
        Told::Fail(NoAnswer::Refused("20000".into())),
        Told::Say(Verdict::Declined {
            code: "51".into(),
            text: "insufficient funds".into(),
        }),
    ] {
        let Two { shop, second } = two(None).await;
        shop.acquirer.tell(Operation::Charge, doubtful);
        let id = shop.open().await;
        shop.scan(id, ALIPAY);
        until("it has ended", || {
            shop.payment(id).filter(|payment| payment.state.is_final())
        })
        .await;
        assert_eq!(second.heard(), []);
    }
}

#[actix::test]
async fn above_its_limit_an_acquirer_is_passed_over() {
    tokio::time::pause();
    let Two { shop, second } = two(Some("12.49")).await;
    let id = shop.open().await;
    shop.scan(id, ALIPAY);
    shop.reaches(id, State::Approved).await;
    assert_eq!(second.heard(), [(Operation::Charge, id)]);
    assert_eq!(shop.acquirer.heard(), []);
}

#[actix::test]
async fn above_every_limit_the_cashier_is_told_so() {
    tokio::time::pause();
    let mut only = ScriptedAcquirer::default();
    only.limit(Tender::CustomerCode, cny("12.49"));
    only.limit(Tender::MerchantQr, cny("12.49"));
    let shop = shop_with(MemoryDisk::default(), Lending::Nobody, only, None);
    shop.ready().await;
    let id = shop.open().await;
    let refused = shop.store.ask(alipay_at_01(), BOUND).await.unwrap();
    assert!(
        matches!(refused, Err(Refused::Code(CodeRefused::AboveLimit))),
        "{refused:?}"
    );
    shop.store
        .ask(CancelPayment(id), BOUND)
        .await
        .unwrap()
        .unwrap();
    let open = OpenPayment {
        tender: Tender::MerchantQr,
        ..shop.open_message(None)
    };
    let id = shop
        .store
        .ask(open, BOUND)
        .await
        .unwrap()
        .unwrap()
        .payment
        .id;
    let cancelled = shop.reaches(id, State::Cancelled).await;
    assert_eq!(cancelled.reason, Some(Reason::AboveLimit));
}

#[actix::test]
async fn what_is_off_for_the_store_is_refused_in_words_whatever_its_acquirers_take() {
    tokio::time::pause();
    let enabling = Enabling {
        off_tenders: vec![Tender::MerchantQr],
        off_schemes: vec![Scheme::Alipay],
        ask: Some("Ms Li".into()),
    };
    let (disk, nobody) = (MemoryDisk::default(), Lending::Nobody);
    let shop = shop_taking(disk, nobody, ScriptedAcquirer::default(), None, enabling);
    shop.ready().await;
    // the till, before anything is begun
    let open = OpenPayment {
        tender: Tender::MerchantQr,
        ..shop.open_message(None)
    };
    let refused = shop.store.ask(open, BOUND).await.unwrap();
    let Err(Refused::NotReady(obstacles)) = refused else {
        panic!("{refused:?}");
    };
    let [obstacle @ Obstacle::NotEnabled { .. }] = obstacles.as_slice() else {
        panic!("{obstacles:?}");
    };
    assert!(obstacle.words().1.ends_with("ask Ms Li"), "{obstacle:?}");
    // the cashier, at the scan; a code of another kind still pays
    let id = shop.open().await;
    let refused = shop.store.ask(alipay_at_01(), BOUND).await.unwrap();
    assert!(
        matches!(refused, Err(Refused::Code(CodeRefused::NotEnabled))),
        "{refused:?}"
    );
    assert_eq!(shop.acquirer.heard(), []);
    shop.scan(id, "120061098828009406");
    shop.reaches(id, State::Approved).await;
}
