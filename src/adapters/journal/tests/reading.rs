//! What was appended is found again: by id, key, reference, filter and page.

use store_actors::{
    domain::payment::{Payment, State},
    ports::{JournalDisk, PaymentFilter},
};

use super::{NOON, append, config, event, fingerprint, group, moved, open, payment, refund};
use crate::adapters::journal::{
    Journal, JournalConfig,
    guard::{Guard, SEGMENT_BYTES_MIN},
};
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

/// As between the writer's answer and the store's next transaction.
#[tokio::test]
async fn what_is_durable_and_not_yet_in_the_store_is_found_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let opened = payment(2, State::Opened);
    let bystander = payment(1, State::Submitted);
    append(&journal, &[moved(&bystander), moved(&opened)])
        .await
        .unwrap();
    // nobody brings the store up any more
    journal.close().await.unwrap();
    let mut approved = payment(2, State::Approved);
    approved.refunds.push(refund(1, 1, RefundState::Submitted));
    let fresh = payment(3, State::Opened);
    let mut tip = journal.tip();
    let records = group(&mut tip, &[moved(&approved), moved(&fresh)]);
    let elsewhere = tempfile::tempdir().unwrap();
    let guard = Guard::begin(elsewhere.path(), SEGMENT_BYTES_MIN, journal.tip());
    let place = guard.unwrap().append(&records, journal.tip()).unwrap();
    journal.shared.arrive(place);
    journal.shared.advance(|progress| progress.durable = tip);

    let read = journal.records(2, 10, usize::MAX).await.unwrap();
    assert_eq!(read[1..], records);
    assert_eq!(journal.records(1, 10, 1).await.unwrap().len(), 1);
    assert_eq!(
        journal.records(4, 10, usize::MAX).await.unwrap(),
        records[1..]
    );
    let found = journal.payment(approved.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&approved));
    let of_refund = journal.payment_of_refund(approved.refunds[0].id);
    assert_eq!(of_refund.await.unwrap().as_ref(), Some(&approved));
    let of_key = journal.payment_of_key("key 2").await.unwrap();
    assert_eq!(of_key, Some(approved.clone()));
    let all = journal.find(PaymentFilter {
        limit: 10,
        ..Default::default()
    });
    assert_eq!(
        all.await.unwrap(),
        [fresh.clone(), approved.clone(), bystander.clone()]
    );
    let open_ones = PaymentFilter {
        state: Some(State::Opened),
        limit: 10,
        ..Default::default()
    };
    let found = journal.find(open_ones).await.unwrap();
    assert_eq!(found.iter().collect::<Vec<_>>(), [&fresh]);
    let unsettled = [bystander, approved, fresh];
    assert_eq!(journal.unsettled().await.unwrap(), unsettled);
    for reference in unsettled.iter().filter_map(|one| one.reference.as_deref()) {
        let mut of_reference = unsettled.to_vec();
        of_reference.retain(|one| one.reference.as_deref() == Some(reference));
        let found = journal.unsettled_of(reference).await.unwrap();
        assert_eq!(found, of_reference, "{reference}");
    }
    assert_eq!(journal.unsettled_of("no basket").await.unwrap(), []);

    while journal.shared.pending().retire(tip.seq) {}
    assert_eq!(journal.shared.pending().payments().count(), 0);
    assert_eq!(journal.payment(opened.id).await.unwrap(), Some(opened));
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
