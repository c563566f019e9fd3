//! The journal against the disk in memory: the same groups, the same answers.

use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;
use store_actors::{
    domain::{
        invariant,
        payment::{Payment, State},
        record::Body,
        refund::RefundState,
    },
    journal::memory::MemoryDisk,
    ports::{JournalDisk, PaymentFilter},
};

use super::{event, facts, moved, open, payment, refund};
use crate::adapters::journal::Journal;

#[derive(Clone, Debug)]
enum Step {
    Group(Vec<Body>),
    Receipt(u64),
    Close,
    /// The process ends without closing.
    Drop,
}

fn body() -> impl Strategy<Value = Body> {
    let state = prop::sample::select(&State::ALL[..]);
    let refunds = prop::collection::vec((0u8..3, any::<bool>()), 0..3);
    let of_payment = (0u32..12, state, refunds).prop_map(|(n, state, refunds)| {
        let mut payment = payment(n, state);
        for (m, done) in refunds {
            let state = if done {
                RefundState::Refunded
            } else {
                RefundState::Unknown
            };
            payment
                .refunds
                .push(refund(m + 10 * u8::try_from(n).unwrap(), 1, state));
        }
        moved(&payment)
    });
    prop_oneof![4 => of_payment, 1 => (0usize..3_000).prop_map(event), 1 => Just(Body::Stopped)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => prop::collection::vec(body(), 1..20).prop_map(Step::Group),
        2 => (0u64..150).prop_map(Step::Receipt),
        1 => Just(Step::Close),
        1 => Just(Step::Drop),
    ]
}

async fn compare(journal: &Journal, model: &MemoryDisk) {
    assert_eq!(journal.tip(), model.tip());
    assert_eq!(journal.receipted(), model.receipted());
    let records = journal.records(1, usize::MAX, usize::MAX).await.unwrap();
    assert_eq!(records, model.durable());
    assert_eq!(invariant::is_chained(&records), Ok(()));
    for (from, max, bytes) in [(1, 7, usize::MAX), (5, 1_000, 900), (17, 3, 1), (400, 1, 1)] {
        let ours = journal.records(from, max, bytes).await.unwrap();
        assert_eq!(ours, model.records(from, max, bytes).await.unwrap());
    }
    assert_eq!(
        journal.unsettled().await.unwrap(),
        model.unsettled().await.unwrap()
    );
    for n in 0..3 {
        let reference = format!("basket {n}");
        let ours = journal.unsettled_of(&reference).await.unwrap();
        assert_eq!(ours, model.unsettled_of(&reference).await.unwrap());
    }
    for state in State::ALL.map(Some).into_iter().chain([None]) {
        let filter = PaymentFilter {
            state,
            limit: 500,
            ..Default::default()
        };
        let ours = journal.find(filter.clone()).await.unwrap();
        assert_eq!(ours, model.find(filter).await.unwrap());
    }
    let all = model
        .find(PaymentFilter {
            limit: 500,
            ..Default::default()
        })
        .await
        .unwrap();
    for payment in &all {
        compare_keys(journal, model, payment).await;
    }
    journal.shared.wait_applied().unwrap();
    assert_eq!(journal.shared.progress().applied.payments, all.len() as u64);
    compare_totals(journal, &all).await;
}

async fn compare_keys(journal: &Journal, model: &MemoryDisk, payment: &Payment) {
    assert_eq!(
        journal.payment(payment.id).await.unwrap().as_ref(),
        Some(payment)
    );
    let of_refunds = payment
        .refunds
        .iter()
        .filter_map(|refund| refund.fingerprint.as_ref());
    for fingerprint in payment.fingerprint.iter().chain(of_refunds) {
        let ours = journal.payment_of_key(&fingerprint.key).await.unwrap();
        assert_eq!(ours, model.payment_of_key(&fingerprint.key).await.unwrap());
    }
    for refund in &payment.refunds {
        let ours = journal.payment_of_refund(refund.id).await.unwrap();
        assert_eq!(ours.as_ref(), Some(payment));
    }
}

async fn compare_totals(journal: &Journal, all: &[Payment]) {
    let mut expected: BTreeMap<(String, &str), (u64, u64)> = BTreeMap::new();
    let mut count = |tender: &'static str, state, units| {
        let (count, sum) = expected.entry((state, tender)).or_default();
        (*count, *sum) = (*count + 1, *sum + units);
    };
    for payment in all {
        let tender = payment.actual_tender().as_str();
        count(
            tender,
            payment.state.as_str().to_owned(),
            payment.money.minor_units(),
        );
        let refunded = payment
            .refunds
            .iter()
            .filter(|r| r.state == RefundState::Refunded);
        refunded.for_each(|r| count(tender, "refunded".into(), r.money.minor_units()));
    }
    let totals = journal.totals("").await.unwrap();
    assert_eq!(totals.len(), expected.len());
    for total in totals {
        // payments of these tests are opened on one day and refunded on the next
        let is_refund = total.state == "refunded";
        assert_eq!(
            total.day,
            if is_refund {
                "2023-11-16"
            } else {
                "2023-11-15"
            }
        );
        assert_eq!(total.currency, "CNY");
        let found = expected.get(&(total.state, &total.tender));
        assert_eq!(found, Some(&(total.count, total.minor_units)));
    }
}

async fn play(dir: &Path, steps: Vec<Step>) {
    let mut journal = open(dir);
    let model = MemoryDisk::default();
    for step in steps {
        match step {
            Step::Group(bodies) => {
                let tip = model.append(facts(&bodies)).await.unwrap();
                assert_eq!(journal.append(facts(&bodies)).await.unwrap(), tip);
            }
            Step::Receipt(through) => {
                let ours = journal.set_receipted(through).await;
                assert_eq!(ours.is_ok(), model.set_receipted(through).await.is_ok());
            }
            Step::Close => {
                journal.close().await.unwrap();
                drop(journal);
                journal = open(dir);
                assert!(journal.was_clean());
            }
            Step::Drop => {
                drop(journal);
                journal = open(dir);
                assert!(!journal.was_clean());
            }
        }
    }
    compare(&journal, &model).await;
    journal.close().await.unwrap();
    drop(journal);
    compare(&open(dir), &model).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_appended_is_read_back_as_from_memory(steps in prop::collection::vec(step(), 1..20)) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(play(dir.path(), steps));
    }
}
