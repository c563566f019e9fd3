//! Cards while no acquirer can be reached: accepted within the budget, charged afterwards in order.

use super::*;
use crate::{
    domain::{
        code::CodeRefused,
        offline::{OfflineRefused, OfflineTotal},
        tender::Scheme,
    },
    ports::CardVault,
    store::requests::{GetUnknown, Scan},
    wire::emv::{CardKind, CardRead, CryptogramKind, EmvData, Expiry, Pan},
};

const VISA: &str = "4761739001010010";
const UNION_PAY: &str = "6250947000000014";

fn total(sum: &str, count: u32) -> OfflineTotal {
    OfflineTotal {
        sum: cny(sum),
        count,
    }
}

pub(super) fn limits() -> OfflineLimits {
    OfflineLimits {
        total: total("50.00", 3),
        max_age_ms: 3_600_000,
        per_payment: cny("20.00"),
        per_card: total("30.00", 2),
        schemes: vec![Scheme::Visa],
        slice: total("25.00", 2),
    }
}

fn card(kind: CardKind, pan: &str) -> Box<CardRead> {
    Box::new(CardRead {
        scheme: kind.scheme(),
        kind,
        aid: kind.aid(),
        label: None,
        pan: Pan::parse(pan).unwrap(),
        psn: None,
        expiry: Expiry {
            year: 2030,
            month: 12,
        },
        cryptogram: CryptogramKind::Online,
        emv_data: EmvData::from_bytes(&[0x9F, 0x36, 0x02, 0x00, 0x07]),
        signature: false,
        track2: None,
    })
}

/// A Visa number with a right check digit.
pub(super) fn visa(n: u8) -> Box<CardRead> {
    let digits = (0..10).map(|check| format!("47617390010{n:04}{check}"));
    let pan = digits
        .map(|pan| Pan::parse(&pan).map(|_| pan))
        .find_map(Result::ok);
    card(CardKind::Visa, &pan.unwrap())
}

impl Shop {
    pub(super) async fn offline(lending: Lending) -> Self {
        tokio::time::pause();
        let shop = shop_on(MemoryDisk::default(), lending);
        shop.ready().await;
        shop.counter
            .try_send(Fact {
                device: "01-nfc".parse().unwrap(),
                kind: FactKind::HealthChanged(Health::Ready),
            })
            .unwrap();
        shop.cut_off(true).await;
        shop
    }

    pub(super) async fn cut_off(&self, is_cut_off: bool) {
        self.acquirer.cut_off(is_cut_off);
        let signals = self.signals.clone();
        until("the link is judged", move || {
            let board = signals.board();
            let status = board.acquirers.values().next()?;
            (status.reachable != is_cut_off).then_some(())
        })
        .await;
    }

    pub(super) async fn open_for(
        &self,
        amount: &str,
        tender: Tender,
    ) -> Result<PaymentId, Refused> {
        let open = OpenPayment {
            money: cny(amount),
            tender,
            ..self.open_message(None)
        };
        let opened = self.store.ask(open, BOUND).await.unwrap()?;
        self.reaches(opened.payment.id, State::Collecting).await;
        Ok(opened.payment.id)
    }

    pub(super) fn tap(&self, payment: PaymentId, card: Box<CardRead>) {
        self.fact(FactKind::CardRead { payment, card });
    }

    /// A card pays offline, or is refused for the reason given.
    async fn pays(&self, amount: &str, card: Box<CardRead>) -> Result<PaymentId, OfflineRefused> {
        let id = self.open_for(amount, Tender::Card).await.unwrap();
        self.tap(id, card);
        let ended = until("accepted or not", || {
            let payment = self.payment(id)?;
            let done = matches!(payment.state, State::ApprovedOffline | State::Cancelled);
            done.then_some(payment)
        })
        .await;
        match ended.reason {
            None => Ok(id),
            Some(Reason::OfflineRefused { why }) => Err(why),
            Some(other) => panic!("{other:?}"),
        }
    }

    async fn kept(&self) -> usize {
        self.vault.kept().await.unwrap().len()
    }
}

#[actix::test]
async fn a_card_is_accepted_offline_and_charged_when_the_way_is_free() {
    let shop = Shop::offline(Lending::Lender(limits())).await;
    let id = shop.pays("12.50", visa(1)).await.unwrap();
    assert_eq!(shop.acquirer.heard_times(Operation::Charge), 0);
    assert_eq!(shop.kept().await, 1);
    let lines = shop.store.ask(GetUnknown, BOUND).await.unwrap().unwrap();
    assert_eq!(lines.len(), 1, "it is listed");
    let second = shop.pays("5.00", visa(2)).await.unwrap();
    let third = shop.pays("7.00", visa(3)).await.unwrap();
    shop.cut_off(false).await;
    shop.reaches(third, State::Confirmed).await;
    let asked: Vec<_> = shop.acquirer.heard();
    let in_order = [id, second, third].map(|id| (Operation::Charge, id));
    assert_eq!(asked, in_order);
    until("the vault is empty", || {
        let kept = futures_util::FutureExt::now_or_never(shop.kept());
        kept.filter(|kept| *kept == 0)
    })
    .await;
    let text: String = shop
        .disk
        .durable()
        .into_iter()
        .map(|record| record.body)
        .collect();
    let pan = visa(1).pan.expose().to_owned();
    assert!(
        !text.contains(&pan),
        "SEC-1: the card number is in the journal"
    );
}

#[actix::test]
async fn each_limit_refuses_in_words_and_takes_nothing() {
    let shop = Shop::offline(Lending::Lender(limits())).await;
    let limit = cny("20.00");
    for (amount, card, why) in [
        ("20.01", visa(1), OfflineRefused::AbovePayment { limit }),
        (
            "5.00",
            card(CardKind::UnionPayDebit, UNION_PAY),
            OfflineRefused::Scheme,
        ),
    ] {
        assert_eq!(shop.pays(amount, card).await, Err(why), "{amount}");
    }
    shop.pays("20.00", visa(1)).await.unwrap();
    assert_eq!(
        shop.pays("10.01", visa(1)).await,
        Err(OfflineRefused::CardUsedUp)
    );
    shop.pays("20.00", visa(2)).await.unwrap();
    assert_eq!(
        shop.pays("10.01", visa(3)).await,
        Err(OfflineRefused::BudgetUsedUp)
    );
    shop.pays("10.00", visa(3)).await.unwrap();
    assert_eq!(shop.kept().await, 3, "only what was accepted is kept");
    // full: the counter says so before anybody opens a payment
    until("closed", || {
        shop.signals
            .board()
            .offline
            .and_then(|status| status.closed)
    })
    .await;
    let refused = shop.open_for("1.00", Tender::Card).await;
    let Err(Refused::NotReady(obstacles)) = refused else {
        panic!("{refused:?}");
    };
    let closed = |obstacle: &Obstacle| matches!(obstacle, Obstacle::OfflineClosed { .. });
    assert!(obstacles.iter().any(closed), "{obstacles:?}");
}

#[actix::test]
async fn a_wallet_code_is_refused_offline_in_words() {
    let shop = Shop::offline(Lending::Lender(limits())).await;
    let refused = shop.open_for("5.00", Tender::CustomerCode).await;
    assert!(matches!(refused, Err(Refused::NotReady(_))), "{refused:?}");
    let any = shop.open_for("5.00", Tender::Any).await.unwrap();
    let scan = Scan {
        counter: "01".parse().unwrap(),
        text: Secret::new(ALIPAY.into()),
    };
    let refused = shop.store.ask(scan, BOUND).await.unwrap();
    assert!(
        matches!(refused, Err(Refused::Code(CodeRefused::NoNetwork))),
        "{refused:?}"
    );
    shop.tap(any, visa(1));
    shop.reaches(any, State::ApprovedOffline).await;
    assert_eq!(shop.acquirer.heard_times(Operation::Charge), 0);
}

#[actix::test]
async fn a_lease_stays_valid_while_whoever_lends_is_away() {
    let shop = Shop::offline(Lending::Away(limits())).await;
    assert_eq!(
        shop.pays("1.00", visa(1)).await,
        Err(OfflineRefused::BudgetUsedUp),
        "nothing was lent yet"
    );
    let lent = crate::domain::offline::budget::Share {
        minor_units: 2_000,
        count: 2,
    };
    shop.counter.ask(Lend(lent), BOUND).await.unwrap();
    let first = shop.pays("12.00", visa(1)).await.unwrap();
    assert_eq!(
        shop.pays("8.01", visa(2)).await,
        Err(OfflineRefused::BudgetUsedUp)
    );
    shop.pays("8.00", visa(2)).await.unwrap();
    assert_eq!(
        shop.counter.ask(requests::GiveBack, BOUND).await.unwrap(),
        lent,
        "all of it is in use"
    );
    shop.cut_off(false).await;
    shop.reaches(first, State::Confirmed).await;
}

/// What a lender had lent before it went.
#[derive(Message)]
#[rtype(result = "()")]
struct Lend(Share);

impl Handler<Lend> for Counter {
    type Result = ();

    fn handle(&mut self, Lend(share): Lend, _: &mut Context<Self>) {
        self.lease = share;
    }
}

#[actix::test]
async fn a_refusal_afterwards_is_booked_and_frees_the_budget() {
    let shop = Shop::offline(Lending::Lender(limits())).await;
    let id = shop.pays("20.00", visa(1)).await.unwrap();
    let declined = Verdict::Declined {
        code: "54".into(),
        text: "expired card".into(),
    };
    shop.acquirer.tell(Operation::Charge, Told::Say(declined));
    shop.cut_off(false).await;
    let refused = shop.reaches(id, State::RefusedLater).await;
    assert!(matches!(refused.reason, Some(Reason::Acquirer { .. })));
    until("the budget is free", || {
        let status = shop.signals.board().offline?;
        (status.used == Share::default()).then_some(())
    })
    .await;
}

#[actix::test]
async fn a_counter_that_dies_forgets_neither_what_it_accepted_nor_what_it_sent() {
    let shop = Shop::offline(Lending::Lender(limits())).await;
    let first = shop.pays("10.00", visa(1)).await.unwrap();
    let second = shop.pays("10.00", visa(2)).await.unwrap();
    shop.counter.try_send(Panic).unwrap();
    shop.acquirer.tell(Operation::Charge, Told::Hang);
    shop.acquirer
        .tell(Operation::Query, Told::Say(approved(cny("10.00"))));
    shop.cut_off(false).await;
    until("the first is sent", || {
        shop.acquirer.heard().first().copied()
    })
    .await;
    shop.counter.try_send(Panic).unwrap();
    shop.reaches(first, State::Confirmed).await;
    shop.reaches(second, State::Confirmed).await;
    let charges = shop.acquirer.heard().into_iter();
    let charges: Vec<_> = charges
        .filter(|(what, _)| *what == Operation::Charge)
        .collect();
    assert_eq!(
        charges,
        [first, second].map(|id| (Operation::Charge, id)),
        "each once"
    );
}

#[actix::test]
async fn the_head_office_can_lower_the_total() {
    let shop = Shop::offline(Lending::Lender(limits())).await;
    shop.pays("5.00", visa(1)).await.unwrap();
    let set = Body::OfflineTotalSet {
        total: total("10.00", 3),
    };
    let bodies = vec![set];
    shop.journal
        .ask(Append { bodies }, BOUND)
        .await
        .unwrap()
        .unwrap();
    until("it is in force", || {
        let status = shop.signals.board().offline?;
        let lease = status.leases.values().next()?.minor_units;
        (status.total.minor_units == 1_000 && lease <= 1_000).then_some(())
    })
    .await;
    assert_eq!(
        shop.pays("5.01", visa(2)).await,
        Err(OfflineRefused::BudgetUsedUp)
    );
    shop.pays("5.00", visa(2)).await.unwrap();
}

#[actix::test]
async fn without_a_budget_a_card_is_refused_when_the_network_is_gone() {
    let shop = shop();
    shop.ready().await;
    let fact = |kind| Fact {
        device: "01-nfc".parse().unwrap(),
        kind,
    };
    shop.counter
        .try_send(fact(FactKind::HealthChanged(Health::Ready)))
        .unwrap();
    let id = shop.open_for("5.00", Tender::Card).await.unwrap();
    shop.cut_off(true).await;
    shop.tap(id, card(CardKind::Visa, VISA));
    let ended = shop.reaches(id, State::Cancelled).await;
    let why = OfflineRefused::NotEnabled;
    assert_eq!(ended.reason, Some(Reason::OfflineRefused { why }));
}
