//! The ledger refuses what contradicts it, whoever asks, and reads back the bytes it once wrote.

use rust_decimal::Decimal;

use super::*;
use crate::acquirer::config::Tender;
use crate::acquirer::order::{Opened, OrderState, RefundOpened, Refusal};

fn opened(order: &str) -> Fact {
    Fact::Opened(Box::new(Opened {
        order: order.to_owned(),
        reference: "SBX1".to_owned(),
        fingerprint: "f".to_owned(),
        tender: Tender::CustomerCode,
        store: "s1".to_owned(),
        counter: "c1".to_owned(),
        amount: Decimal::from(5),
        currency: "CNY".to_owned(),
        account: Some("customer:a".to_owned()),
        tail: "9406".to_owned(),
        qr: None,
        plan: None,
        sent_at: None,
        pay_until_ms: None,
        provider: None,
        label: None,
        completes: None,
        hold: false,
        signature: false,
    }))
}

fn approved(order: &str, amount: i64) -> Fact {
    let account = "customer:a".to_owned();
    let postings = Posting::pair(&account, "merchant:s1", Decimal::from(amount));
    Fact::Approved {
        order: order.to_owned(),
        account,
        postings,
    }
}

fn refund(order: &str, amount: i64) -> Vec<Fact> {
    let opened = RefundOpened {
        refund: "r".to_owned(),
        reference: "SBR1".to_owned(),
        fingerprint: "f".to_owned(),
        amount: Decimal::from(amount),
        plan: None,
    };
    let postings = Posting::pair("merchant:s1", "customer:a", Decimal::from(amount));
    let [order, refund] = [order.to_owned(), "r".to_owned()];
    vec![
        Fact::RefundOpened {
            order: order.clone(),
            refund: opened,
        },
        Fact::RefundPaid {
            order,
            refund,
            postings,
        },
    ]
}

#[test]
fn facts_that_contradict_the_book_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger
        .commit(1, vec![opened("a"), approved("a", 5)])
        .unwrap();
    ledger.commit(2, vec![opened("b")]).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let order = || "b".to_owned();
    let uneven = vec![Posting {
        account: "x".to_owned(),
        amount: Decimal::from(5),
    }];
    let wrong = [
        vec![opened("a")],
        vec![approved("a", 5)],
        vec![approved("b", 6)],
        vec![approved("b", -5)],
        vec![approved("c", 5)],
        vec![approved("b", 5), approved("b", 5)],
        vec![Fact::Approved {
            order: order(),
            account: "x".to_owned(),
            postings: uneven,
        }],
        vec![Fact::Reversed {
            order: order(),
            postings: vec![],
        }],
        vec![Fact::Reversed {
            order: "a".to_owned(),
            postings: vec![],
        }],
        vec![Fact::Tombstoned { order: order() }],
        refund("b", 1),
        refund("a", 6),
    ];
    for facts in wrong {
        let refused = ledger.commit(3, facts.clone());
        assert!(
            matches!(refused, Err(AcquirerError::Corrupt { .. })),
            "{facts:?}"
        );
    }
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    ledger.commit(3, refund("a", 5)).unwrap();
    let refusal = Refusal::new("NO", "no");
    ledger
        .commit(
            4,
            vec![Fact::Declined {
                order: order(),
                refusal,
            }],
        )
        .unwrap();
}

#[test]
fn a_dead_ledger_takes_nothing_and_frees_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = Ledger::open(&path).unwrap();
    assert!(Ledger::open(&path).is_err());
    ledger.die();
    assert!(matches!(
        ledger.commit(1, vec![opened("a")]),
        Err(AcquirerError::Dead)
    ));
    assert!(Ledger::open(&path).unwrap().order("a").is_none());
}

#[test]
fn a_ledger_written_long_ago_is_read_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let golden = concat!(
        r#"{"seq":1,"at_ms":1760000000000,"facts":[{"opened":{"order":"a","reference":"SBX1","#,
        r#""fingerprint":"f","tender":"customer_code","store":"s1","counter":"c1","amount":"5","#,
        r#""currency":"CNY","account":"customer:a","tail":"9406","qr":null,"plan":null}},"#,
        r#"{"approved":{"order":"a","account":"customer:a","postings":[{"account":"customer:a","#,
        r#""amount":"-5"},{"account":"merchant:s1","amount":"5"}]}}]}"#,
        "\n",
    );
    std::fs::write(&path, golden).unwrap();
    let read = LedgerReader::from_file(&path).unwrap().order("a").unwrap();
    assert_eq!(
        (read.state, read.charged),
        (OrderState::Approved, Decimal::from(5))
    );
    std::fs::remove_file(&path).unwrap();
    let mut ledger = Ledger::open(&path).unwrap();
    ledger
        .commit(1_760_000_000_000, vec![opened("a"), approved("a", 5)])
        .unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), golden);
}
