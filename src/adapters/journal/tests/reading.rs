//! What was appended is found again: by id, key, reference, filter and page.

use std::{sync::Arc, time::Duration};

use store_actors::{
    domain::payment::{Payment, State},
    ports::{JournalDisk, PaymentFilter},
};

use super::{NOON, append, config, event, fingerprint, group, moved, open, payment, refund};
use crate::adapters::journal::{Journal, JournalConfig, plan::Plan};
use store_actors::domain::refund::RefundState;

#[tokio::test]
async fn ten_thousand_payments_are_filtered_and_paged_through_without_a_gap_or_a_double() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let state = |n: u32| State::ALL[(n * 7 % 10) as usize];
    let all: Vec<Payment> = (0..10_000).map(|n| payment(n, state(n))).collect();
    for chunk in all.chunks(128) {
        append(&journal, &chunk.iter().map(moved).collect::<Vec<_>>())
            .await
            .unwrap();
    }
    let any = PaymentFilter {
        limit: 500,
        ..Default::default()
    };
    let filters = [
        any.clone(),
        PaymentFilter {
            counter: Some("03".parse().unwrap()),
            ..any.clone()
        },
        PaymentFilter {
            state: Some(State::Unknown),
            ..any.clone()
        },
        PaymentFilter {
            state: Some(State::Declined),
            limit: 77,
            ..any.clone()
        },
        PaymentFilter {
            reference: Some("basket 1234".into()),
            limit: 1,
            ..any.clone()
        },
        PaymentFilter {
            reference: Some("none of them".into()),
            ..any.clone()
        },
        PaymentFilter {
            since: Some(NOON.plus_ms(9_000)),
            ..any.clone()
        },
        PaymentFilter {
            since: Some(NOON.plus_ms(10_000)),
            ..any.clone()
        },
    ];
    for filter in filters {
        let newest_first = all.iter().rev();
        let expected: Vec<_> = newest_first
            .filter(|payment| filter.admits(payment))
            .collect();
        let mut found = Vec::new();
        let mut next = filter.clone();
        loop {
            let page = journal.find(next.clone()).await.unwrap();
            assert!(page.len() <= filter.limit);
            let Some(last) = page.last() else { break };
            next.before = Some(last.id);
            found.extend(page);
        }
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_key_leads_to_the_payment_that_was_opened_or_refunded_under_it() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let mut opened = payment(2, State::Opened);
    opened.fingerprint = Some(fingerprint("till-1".into()));
    append(
        &journal,
        &[moved(&opened), moved(&payment(3, State::Opened))],
    )
    .await
    .unwrap();
    let mut refunded = opened.clone();
    refunded.state = State::Approved;
    refunded.refunds.push(refund(1, 2, RefundState::Submitted));
    append(&journal, &[moved(&refunded)]).await.unwrap();

    for key in ["till-1", "refund 1"] {
        assert_eq!(
            journal.payment_of_key(key).await.unwrap().as_ref(),
            Some(&refunded),
            "{key}"
        );
    }
    assert_eq!(journal.payment_of_key("till-2").await.unwrap(), None);
    let of_refund = journal
        .payment_of_refund(refunded.refunds[0].id)
        .await
        .unwrap();
    assert_eq!(of_refund, Some(refunded));
    let unheard_of = refund(2, 2, RefundState::Submitted).id;
    assert_eq!(journal.payment_of_refund(unheard_of).await.unwrap(), None);
}

/// A transaction is visible in sled before it is on stable storage.
#[tokio::test]
async fn what_is_not_durable_yet_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Arc::new(open(dir.path()));
    let opened = payment(1, State::Opened);
    append(&journal, &[moved(&opened)]).await.unwrap();
    let approved = payment(1, State::Approved);
    let shared = &journal.shared;
    let head = shared.progress().durable;
    let records = group(&mut journal.tip(), &[moved(&approved)]);
    let plan = Plan::of(&records, &head, &shared.store, 0).unwrap();
    shared.store.apply(&plan.changes).unwrap();

    assert_eq!(journal.tip().seq, 1);
    assert_eq!(journal.records(1, 10, usize::MAX).await.unwrap().len(), 1);
    let reading = tokio::spawn({
        let journal = journal.clone();
        async move { journal.payment(approved.id).await }
    });
    let too_early = tokio::time::timeout(Duration::from_millis(50), async {
        while !reading.is_finished() {
            tokio::task::yield_now().await;
        }
    });
    too_early
        .await
        .expect_err("the reader saw what could still be lost");
    shared.store.sync().unwrap();
    shared.advance(plan.head);
    assert_eq!(
        reading.await.unwrap().unwrap().unwrap().state,
        State::Approved
    );
    assert_eq!(journal.records(1, 10, usize::MAX).await.unwrap().len(), 2);
}

#[tokio::test]
async fn totals_follow_the_business_day_that_the_journal_began_with() {
    let dir = tempfile::tempdir().unwrap();
    // noon in UTC is past midnight, thirteen hours further east
    let east = JournalConfig {
        day_offset_minutes: 13 * 60,
        ..config(dir.path())
    };
    let journal = Journal::open(east).unwrap();
    append(&journal, &[moved(&payment(3, State::Approved)), event(1)])
        .await
        .unwrap();
    journal.close().await.unwrap();
    drop(journal);
    let journal = open(dir.path());
    append(&journal, &[moved(&payment(6, State::Approved))])
        .await
        .unwrap();
    let totals = journal.totals("2023-11-16").await.unwrap();
    let [total] = &totals[..] else {
        panic!("{totals:?}")
    };
    let found = (
        &*total.tender,
        &*total.state,
        total.count,
        total.minor_units,
    );
    assert_eq!(found, ("card", "approved", 2, 4 + 7));
    assert!(journal.totals("2023-11-15").await.unwrap().is_empty());
}
