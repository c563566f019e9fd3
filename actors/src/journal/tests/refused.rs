//! What is not taken: on a nearly full disk, behind a stopped one, beyond the bound.

use std::time::Duration;

use super::{Bench, event, moved, run};
use crate::{
    domain::{invariant, payment::State},
    journal::{Appended, WAITING_MAX, WRITING_MAX},
    ports::{GROUP_RECORDS_MAX, JournalFailed},
};

#[test]
fn on_a_nearly_full_disk_no_payment_begins_and_those_begun_end() {
    run(async {
        let bench = Bench::new();
        bench.disk.set_delay(Duration::from_millis(5));
        bench
            .append(vec![moved(1, State::Opened)])
            .await
            .unwrap()
            .unwrap();
        bench.disk.set_nearly_full(true);
        let busy = bench.append(vec![event(1)]);
        bench.settle().await;
        let opening = bench.append(vec![moved(2, State::Opened)]);
        let ending = bench.append(vec![moved(1, State::Approved)]);
        busy.await.unwrap().unwrap();
        assert!(matches!(
            opening.await.unwrap(),
            Err(JournalFailed::NearlyFull)
        ));
        assert_eq!(
            ending.await.unwrap().unwrap(),
            Appended {
                first_seq: 3,
                last_seq: 3
            }
        );
        assert_eq!(invariant::is_chained(&bench.disk.durable()), Ok(()));

        bench.disk.set_nearly_full(false);
        bench
            .append(vec![moved(2, State::Opened)])
            .await
            .unwrap()
            .unwrap();
    });
}

#[test]
fn who_is_behind_what_a_nearly_full_disk_refused_is_answered_behind_it() {
    run(async {
        let bench = Bench::new();
        bench.disk.set_delay(Duration::from_millis(5));
        bench.disk.set_nearly_full(true);
        let opening = bench.append(vec![moved(2, State::Opened)]);
        let ending = bench.append(vec![moved(1, State::Approved)]);
        let rest = bench.append(vec![event(1); GROUP_RECORDS_MAX - 2]);
        let behind = bench.append(vec![event(1)]);
        behind.await.unwrap().unwrap();
        assert_eq!(bench.disk.group_sizes(), [1, GROUP_RECORDS_MAX - 1]);
        let before = [&opening, &ending, &rest];
        assert!(before.iter().all(|answer| answer.is_finished()));
        assert!(matches!(
            opening.await.unwrap(),
            Err(JournalFailed::NearlyFull)
        ));
        ending.await.unwrap().unwrap();
        rest.await.unwrap().unwrap();
        assert_eq!(invariant::is_chained(&bench.disk.durable()), Ok(()));
    });
}

#[test]
fn once_the_journal_has_stopped_a_nearly_full_disk_is_no_reason_any_more() {
    run(async {
        let bench = Bench::new();
        bench.disk.fail_next(JournalFailed::Stopped("EIO".into()));
        bench.disk.fail_next(JournalFailed::NearlyFull);
        let first = bench.append(vec![event(1); GROUP_RECORDS_MAX]);
        let opening = bench.append(vec![moved(2, State::Opened)]);
        let ending = bench.append(vec![moved(1, State::Approved)]);
        bench.settle().await;
        for answer in [first, opening, ending] {
            assert!(answer.is_finished());
            let stopped = answer.await.unwrap();
            assert!(
                matches!(&stopped, Err(JournalFailed::Stopped(why)) if why == "EIO"),
                "{stopped:?}"
            );
        }
    });
}

#[test]
fn beyond_the_bound_an_append_is_told_to_try_again() {
    run(async {
        let bench = Bench::new();
        bench.disk.set_delay(Duration::from_millis(5));
        let first = bench.append(vec![event(1)]);
        bench.settle().await;
        let groups = WAITING_MAX / GROUP_RECORDS_MAX + WRITING_MAX - 1;
        let waiting: Vec<_> = (0..groups)
            .map(|_| bench.append(vec![event(1); 256]))
            .collect();
        bench.settle().await;
        let one_more = bench.append(vec![event(1)]).await.unwrap();
        assert!(matches!(one_more, Err(JournalFailed::Busy)), "{one_more:?}");
        first.await.unwrap().unwrap();
        for answer in waiting {
            answer.await.unwrap().unwrap();
        }
        bench.append(vec![event(1)]).await.unwrap().unwrap();
    });
}
