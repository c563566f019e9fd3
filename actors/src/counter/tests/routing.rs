//! Several acquirers for one tender: limits, and the way round one that got nothing.

use rust_decimal::Decimal;

use super::*;
use crate::{
    domain::{
        code::CodeRefused,
        enabling::Enabling,
        office::fee::{FeeRule, FeeTable, Rounded, Rounding},
        readiness::Obstacle,
        routing::Preference,
        tender::{Funding, Scheme},
    },
    language::Language,
    store::requests::Scan,
    wire::emv::CardRead,
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
    assert!(
        obstacle.say(Language::English).ends_with("ask Ms Li"),
        "{obstacle:?}"
    );
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

fn rule(acquirer: &str, percent: &str) -> FeeRule {
    FeeRule {
        name: acquirer.into(),
        acquirer: acquirer.parse().unwrap(),
        tenders: vec![Tender::CustomerCode],
        schemes: vec![Scheme::Alipay],
        fundings: Vec::new(),
        from: None,
        until: None,
        rate: percent.parse::<Decimal>().unwrap() / Decimal::ONE_HUNDRED,
        fixed: Decimal::ZERO,
        minimum: Decimal::ZERO,
        cap: None,
        tiers: Vec::new(),
        rounding: Rounding::HalfUp,
        rounded: Rounded::Transaction,
        given_back: true,
    }
}

/// What the two acquirers take, in percent.
fn preferring(first: &str, second: &str) -> Preference {
    let rules = vec![rule("scripted", first), rule("second", second)];
    Preference::LeastCost {
        table: Arc::new(FeeTable { rules }),
        offset_minutes: 480,
    }
}

/// The rate of a debit card is another than that of a credit card, and the journal keeps which it
/// was.
#[actix::test]
async fn a_debit_card_goes_where_debit_cards_are_cheap() {
    tokio::time::pause();
    let card_rule = |acquirer: &str, percent, fundings: &[Funding]| FeeRule {
        tenders: vec![Tender::Card],
        schemes: Vec::new(),
        fundings: fundings.to_vec(),
        ..rule(acquirer, percent)
    };
    let rules = vec![
        card_rule("second", "0.35", &[Funding::Debit]),
        card_rule("second", "0.60", &[]),
        card_rule("scripted", "0.45", &[]),
    ];
    let prefer = Preference::LeastCost {
        table: Arc::new(FeeTable { rules }),
        offset_minutes: 480,
    };
    for (name, funding, asked) in [
        ("VISA DEBIT", Some(Funding::Debit), "second"),
        ("VISA CREDIT", Some(Funding::Credit), "scripted"),
        ("VISA", None, "scripted"),
    ] {
        let second = Arc::new(ScriptedAcquirer::named("second".parse().unwrap()));
        let acquirers = (ScriptedAcquirer::default(), Some(second));
        let (disk, enabling) = (MemoryDisk::default(), Enabling::default());
        let shop = shop_preferring(disk, Lending::Nobody, acquirers, enabling, prefer.clone());
        shop.ready().await;
        shop.reader_is_ready();
        let id = shop.open_for("50", Tender::Card).await.unwrap();
        let card = CardRead {
            label: Some(name.into()),
            ..*super::offline::visa(1)
        };
        shop.tap(id, Box::new(card));
        let paid = shop.reaches(id, State::Approved).await;
        assert_eq!(paid.acquirer, Some(asked.parse().unwrap()), "{name}");
        assert_eq!(paid.presented.unwrap().funding, funding, "{name}");
    }
}

#[actix::test]
async fn the_cheaper_acquirer_is_asked_where_the_store_prefers_that() {
    let cases = [
        (Preference::Priority, "scripted"),
        (preferring("0.60", "0.38"), "second"),
        (preferring("0.38", "0.60"), "scripted"),
        (preferring("0.38", "0.38"), "scripted"),
    ];
    tokio::time::pause();
    for (prefer, asked) in cases {
        let second = Arc::new(ScriptedAcquirer::named("second".parse().unwrap()));
        let acquirers = (ScriptedAcquirer::default(), Some(second));
        let (disk, enabling) = (MemoryDisk::default(), Enabling::default());
        let shop = shop_preferring(disk, Lending::Nobody, acquirers, enabling, prefer.clone());
        shop.ready().await;
        let id = shop.open().await;
        shop.scan(id, ALIPAY);
        let paid = shop.reaches(id, State::Approved).await;
        assert_eq!(paid.acquirer, Some(asked.parse().unwrap()), "{prefer:?}");
    }
}
