//! Every word that an acquirer has, and everything that can pay.

use jiff::civil;
use store_actors::{
    domain::payment::{NoAnswer, Verdict, answer::RefundVerdict},
    ports::{Acquirer as _, Charge, Instrument, PinBlock},
    wire::emv::{CardRead, ContactlessRead, Step, TerminalData, aid::default_candidates},
};
use store_sim::acquirer::{self, Operation, Rule, Tender, Then};
use zeroize::Zeroizing;

use crate::adapters::acquirers::testing::{
    KEY, Moved, Shop, WECHAT, approved, charge, cny, config, driver, driver_of, order, refund,
};
use crate::adapters::acquirers::{DriverRefused, Way};

fn verifying(for_ms: u64, then: Then) -> acquirer::Verdict {
    acquirer::Verdict::Verifying { for_ms, then }
}

fn declining(code: &str) -> acquirer::Verdict {
    acquirer::Verdict::Decline {
        code: code.to_owned(),
    }
}

#[tokio::test]
async fn a_code_is_charged_once_however_often_it_is_sent() {
    let shop = Shop::open(vec![]);
    for _ in 0..3 {
        assert_eq!(
            shop.charge(order(1), "12.50").await,
            Ok(approved(1, "12.50"))
        );
    }
    assert_eq!(shop.query(order(1)).await, Ok(approved(1, "12.50")));
    assert_eq!(shop.moved(order(1)), ["12.5", "0", "0"]);
}

#[tokio::test]
async fn the_same_order_with_another_amount_is_refused_and_settles_nothing() {
    let shop = Shop::open(vec![]);
    shop.charge(order(1), "1.00").await.unwrap();
    let refused = shop.charge(order(1), "2.00").await;
    let Err(NoAnswer::Refused(why)) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        why.contains("409") && why.contains("NUMBER_CONFLICT"),
        "{why}"
    );
    assert_eq!(shop.moved(order(1)), ["1", "0", "0"]);
}

#[tokio::test]
async fn declined_with_the_acquirers_own_code_and_undone_means_no_money() {
    let shop = Shop::open(vec![
        Rule::on(Operation::Charge).verdict(declining("NOT_ENOUGH")),
    ]);
    let text = "the issuer declined".to_owned();
    let declined = Verdict::Declined {
        code: "NOT_ENOUGH".to_owned(),
        text,
    };
    assert_eq!(shop.charge(order(1), "1.00").await, Ok(declined.clone()));
    assert_eq!(shop.query(order(1)).await, Ok(declined));
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order(1)), ["0", "0", "0"]);
}

#[tokio::test]
async fn the_customer_verifies_and_the_answer_comes_with_a_query() {
    let rule = Rule::on(Operation::Charge).verdict(verifying(30, Then::Approve));
    let shop = Shop::open(vec![rule]);
    assert_eq!(shop.charge(order(1), "1.00").await, Ok(Verdict::Verifying));
    shop.until(order(1), &approved(1, "1.00")).await;
}

#[tokio::test]
async fn a_qr_code_is_pending_with_its_text_then_approved() {
    let shop = Shop::open(vec![]);
    let pending = shop.qr(order(1), "1.00").await.unwrap();
    let Verdict::Pending { qr: Some(text) } = &pending else {
        panic!("{pending:?}")
    };
    assert!(text.starts_with("https://"), "{text}");
    assert_eq!(shop.query(order(1)).await, Ok(pending.clone()));
    shop.acquirer.customers().pay(text, "alice").unwrap();
    assert_eq!(shop.query(order(1)).await, Ok(approved(1, "1.00")));
}

#[tokio::test]
async fn an_order_that_nobody_knows_is_not_found_and_once_undone_it_is_closed_for_good() {
    let shop = Shop::open(vec![]);
    assert_eq!(shop.query(order(1)).await, Ok(Verdict::NotFound));
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.charge(order(1), "1.00").await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order(1)), ["0", "0", "0"]);
}

#[tokio::test]
async fn a_paid_order_is_undone_once_and_may_refuse_to_be() {
    let late = Rule::on(Operation::Reverse)
        .verdict(declining("TOO_LATE"))
        .times(1);
    let shop = Shop::open(vec![late]);
    shop.charge(order(1), "1.00").await.unwrap();
    let kept = Verdict::NotReversible {
        acquirer_ref: "SBX000000000001".into(),
        money: cny("1.00"),
    };
    assert_eq!(shop.reverse(order(1)).await, Ok(kept));
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order(1)), ["1", "0", "1"]);
}

#[tokio::test]
async fn a_reversal_may_be_put_off_while_the_customer_pays() {
    let rules = vec![
        Rule::on(Operation::Charge).verdict(verifying(3_600_000, Then::Never)),
        Rule::on(Operation::Reverse)
            .verdict(verifying(10, Then::Approve))
            .times(1),
    ];
    let shop = Shop::open(rules);
    shop.charge(order(1), "1.00").await.unwrap();
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Verifying));
    shop.until(order(1), &approved(1, "1.00")).await;
    assert_eq!(shop.reverse(order(1)).await, Ok(Verdict::Reversed));
    assert_eq!(shop.moved(order(1)), ["1", "0", "1"]);
}

#[tokio::test]
async fn a_card_goes_with_its_track_its_chip_data_and_its_pin_block() {
    let shop = Shop::open(vec![]);
    let card = Box::new(card());
    let pin_block = Some(PinBlock(Zeroizing::new(vec![7; 8])));
    let instrument = Instrument::Card {
        card: card.clone(),
        pin_block,
    };
    let with_pin = Charge {
        instrument,
        ..charge(order(1), "5.00")
    };
    let answered = shop.driver.charge(with_pin).await.unwrap();
    assert_eq!(answered.verdict, approved(1, "5.00"));
    let bare = Box::new(CardRead {
        track2: None,
        ..*card
    });
    let instrument = Instrument::Card {
        card: bare,
        pin_block: None,
    };
    let by_number = Charge {
        instrument,
        ..charge(order(2), "5.00")
    };
    shop.driver.charge(by_number).await.unwrap();
    let ledger = shop.acquirer.ledger();
    let payers = [1, 2].map(|n| {
        let account = ledger.order(&order(n).to_string()).unwrap();
        account.movements[0].postings[0].account.clone()
    });
    assert!(
        payers[0].starts_with("customer:card:") && payers[0] == payers[1],
        "{payers:?}"
    );
}

/// A card that gives all it has at GET PROCESSING OPTIONS, without a directory.
fn card() -> CardRead {
    let hex = |text: &str| -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        digits.chunks(2).map(|bytes| pair(bytes).unwrap()).collect()
    };
    let now = civil::date(2026, 3, 1).at(12, 0, 0, 0);
    let terminal = TerminalData::purchase(cny("5.00"), now, [1, 2, 3, 4]);
    let mut read = ContactlessRead::new(default_candidates(), terminal);
    read.start();
    let mut step = read.on_response(&hex("6A82"));
    for answer in [
        "6F 09 84 07 A0000000031010 9000",
        "77 3B 82 02 2000 57 13 4761739001010010D22122011143804400000F 9F26 08 1122334455667788 \
         9F27 01 80 9F36 02 0001 9F10 07 06010A03A00000 5F34 01 01 9000",
    ] {
        assert!(matches!(step, Step::Transmit(_)), "{step:?}");
        step = read.on_response(&hex(answer));
    }
    let Step::Done(card) = step else {
        panic!("{step:?}")
    };
    *card
}

#[tokio::test]
async fn refunds_are_paid_once_refused_or_in_progress() {
    let slow = Rule::on(Operation::Refund)
        .verdict(verifying(20, Then::Approve))
        .times(1);
    let shop = Shop::open(vec![slow]);
    shop.charge(order(1), "3.00").await.unwrap();
    let pay = |n, amount| shop.driver.refund(order(1), refund(n), cny(amount));
    assert_eq!(pay(1, "1.00").await, Ok(RefundVerdict::InProgress));
    let paid = async {
        while pay(1, "1.00").await == Ok(RefundVerdict::InProgress) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), paid)
        .await
        .unwrap();
    for _ in 0..2 {
        let refunded = pay(2, "1.50").await.unwrap();
        assert!(matches!(refunded, RefundVerdict::Refunded { money, .. } if money == cny("1.50")));
    }
    let over = pay(3, "0.51").await.unwrap();
    assert!(
        matches!(over, RefundVerdict::Refused { code, .. } if code == "REFUND_EXCEEDS_PAYMENT")
    );
    assert!(
        matches!(pay(2, "1.49").await, Err(NoAnswer::Refused(_))),
        "another amount"
    );
    let unknown = shop.driver.refund(order(9), refund(1), cny("1.00")).await;
    assert!(matches!(unknown, Err(NoAnswer::Refused(_))), "{unknown:?}");
    assert_eq!(shop.moved(order(1)), ["3", "2.5", "0"]);
}

#[tokio::test]
async fn a_tender_that_is_not_enabled_for_this_store_is_declined_with_its_reason() {
    let shop = Shop::with(2_000, |config| {
        config.stores.insert("s1".to_owned(), [Tender::Card].into());
    });
    let declined = shop.charge(order(1), "1.00").await.unwrap();
    assert!(matches!(declined, Verdict::Declined { code, .. } if code == "TENDER_NOT_ENABLED"));
}

#[tokio::test]
async fn a_wrong_key_or_a_wrong_clock_is_refused_and_moves_nothing() {
    let shop = Shop::open(vec![]);
    let mut config = config(&shop.acquirer.url(), 2_000);
    let slow = driver_of(config.clone(), Moved(-400)).unwrap();
    config.key = "another".into();
    let stranger = driver_of(config, Moved(0)).unwrap();
    for (driver, code) in [(slow, "CLOCK_SKEW"), (stranger, "BAD_SIGNATURE")] {
        let refused = driver.charge(charge(order(1), "1.00")).await;
        assert!(
            matches!(&refused, Err(NoAnswer::Refused(why)) if why.contains(code)),
            "{refused:?}"
        );
    }
    assert_eq!(shop.query(order(1)).await, Ok(Verdict::NotFound));
}

#[tokio::test]
async fn an_answer_from_another_time_is_none() {
    let shop = Shop::with(2_000, |config| config.skew_limit_s = 1_000);
    let late = driver_of(config(&shop.acquirer.url(), 2_000), Moved(400)).unwrap();
    let answer = late.charge(charge(order(1), "1.00")).await;
    assert!(
        matches!(answer, Err(NoAnswer::Unintelligible(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn the_probe_tells_whether_anybody_is_there() {
    let Shop {
        acquirer,
        driver,
        folder: _folder,
    } = Shop::open(vec![]);
    assert_eq!(driver.probe().await, Ok(()));
    acquirer.kill();
    assert!(matches!(
        driver.probe().await,
        Err(NoAnswer::NotSent(_) | NoAnswer::Broken(_))
    ));
}

#[test]
fn what_cannot_work_is_refused_at_the_start() {
    assert!(matches!(
        driver("http://10.0.0.1", 1),
        Err(DriverRefused::Url(_))
    ));
    let mut wrong = config("https://127.0.0.1:1", 1);
    wrong.way = Way::trusting("/nowhere/ca.pem");
    assert!(matches!(
        driver_of(wrong, Moved(0)),
        Err(DriverRefused::Certificates { .. })
    ));
    let mut wrong = config("http://127.0.0.1:1", 1);
    wrong.merchant = "a\nb".to_owned();
    assert!(matches!(
        driver_of(wrong, Moved(0)),
        Err(DriverRefused::Merchant)
    ));
}

#[test]
fn neither_key_nor_code_is_in_debug_output() {
    let config = config("http://127.0.0.1:1", 1);
    let text = format!("{config:?} {:?}", charge(order(1), "1.00"));
    let driver = format!("{:?}", driver_of(config, Moved(0)).unwrap());
    assert!(
        !text.contains(KEY) && !text.contains(WECHAT) && !driver.contains(KEY),
        "{text} {driver}"
    );
}
