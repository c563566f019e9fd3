//! Movements by day, their marks, and the back office's entries.

use store_actors::{
    domain::{
        day::Day,
        office::{
            entry::{self, Entry},
            movement::Movement,
            shift::Shift,
        },
        payment::{Payment, State},
        record::Body,
        refund::RefundState,
    },
    ports::BooksDisk as _,
};

use super::{NOON, append, moved, open, payment, refund};
use crate::adapters::journal::{Journal, store::Changes, verify::verify};

async fn of_day(journal: &Journal, day: Day) -> (u64, Vec<Movement>) {
    let read = journal.movements(day, None).await.unwrap().unwrap();
    (read.mark, read.movements)
}

fn expected(payments: &[Payment], day: Day) -> Vec<Movement> {
    let all = payments.iter().flat_map(|one| Movement::all_of(one, 0));
    all.filter(|one| one.day == day).collect()
}

#[tokio::test]
async fn a_day_has_its_movements_and_a_mark_that_moves_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let today = Day::of(NOON, 0);
    let mut all: Vec<Payment> = (0..10).map(|n| payment(n, State::Approved)).collect();
    all[3].state = State::Unknown;
    for one in &all {
        append(&journal, &[moved(one)]).await.unwrap();
    }
    let (mark, movements) = of_day(&journal, today).await;
    assert_eq!(movements.len(), 9);
    assert_eq!(movements, expected(&all, today));
    assert_eq!(journal.movements(today, Some(mark)).await.unwrap(), None);

    // a refund is of the next day: today's mark stays
    all[4].refunds.push(refund(1, 1, RefundState::Refunded));
    append(&journal, &[moved(&all[4])]).await.unwrap();
    assert_eq!(journal.movements(today, Some(mark)).await.unwrap(), None);
    assert_eq!(
        of_day(&journal, today.next()).await.1,
        expected(&all, today.next())
    );
    assert_eq!(expected(&all, today.next()).len(), 1);

    // what was unknown turns out paid; what was approved is taken back
    all[3].state = State::Approved;
    all[5].state = State::Reversed;
    append(&journal, &[moved(&all[3]), moved(&all[5])])
        .await
        .unwrap();
    let (later, movements) = of_day(&journal, today).await;
    assert!(later > mark);
    assert_eq!(movements, expected(&all, today));
    journal.close().await.unwrap();
    drop(journal);
    assert_eq!(verify(dir.path()).unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_store_of_before_gets_its_ledger_and_a_wrong_one_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<Payment> = (0..40).map(|n| payment(n, State::Approved)).collect();
    let today = Day::of(NOON, 0);
    let journal = open(dir.path());
    for some in all.chunks(8) {
        append(&journal, &some.iter().map(moved).collect::<Vec<_>>())
            .await
            .unwrap();
    }
    let mut changes = Changes::default();
    journal.shared.wait_applied().unwrap();
    for key in journal.shared.store.ledger.iter().keys() {
        changes.ledger.remove(key.unwrap());
    }
    changes.meta.remove("ledger");
    journal.shared.store.apply(&changes).unwrap();
    journal.close().await.unwrap();
    drop(journal);

    let journal = open(dir.path());
    assert_eq!(of_day(&journal, today).await.1, expected(&all, today));
    let mut changes = Changes::default();
    let last = journal
        .shared
        .store
        .ledger
        .iter()
        .keys()
        .next_back()
        .unwrap()
        .unwrap();
    changes.ledger.remove(last);
    journal.shared.store.apply(&changes).unwrap();
    journal.close().await.unwrap();
    drop(journal);
    let faults = verify(dir.path()).unwrap().faults;
    assert_eq!(
        faults,
        [format!("the ledger of {today} is not that of the payments")]
    );
}

#[tokio::test]
async fn entries_are_found_by_their_prefix_the_latest_first() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let zero = store_actors::domain::money::Money::zero(store_actors::domain::money::Currency::Cny);
    let shift = |counter: &str, number: u64| {
        let shift = Shift::open(None, counter.parse().unwrap(), None, zero, NOON).unwrap();
        Entry::Shift(Shift { number, ..shift })
    };
    let all = [
        shift("1", 1),
        shift("1", 2),
        shift("10", 1),
        shift("1", 10),
        shift("1", 2),
    ];
    for entry in &all {
        let office = Box::new(entry.clone());
        append(&journal, &[Body::Office { office }]).await.unwrap();
    }
    let found = async |prefix: &str, limit| journal.entries(prefix, limit).await.unwrap();
    let of_1 = entry::shifts_of(&"1".parse().unwrap());
    assert_eq!(found(&of_1, 2).await, [shift("1", 10), shift("1", 2)]);
    assert_eq!(found(&of_1, 9).await.len(), 3);
    assert_eq!(found(entry::SHIFTS, 9).await.len(), 4);
    assert_eq!(found(entry::BOOKS, 9).await, []);
}
