//! When a day can be closed.

use super::*;
use crate::domain::{
    ids::AcquirerId,
    office::{
        difference::{Class, Found},
        statement::tests::{by_day, decimal, some_payment, yuan},
    },
    payment::State,
};

/// 2027-01-15 at +8.
fn at(hours: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000).plus_ms(hours * 3_600_000)
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn open(now: Timestamp) -> Open<'static> {
    Open {
        now,
        offset_minutes: 480,
        last: None,
        shifts: &[],
        unsettled: &[],
        differences: &[],
    }
}

#[test]
fn a_day_is_closed_once_in_order_and_when_it_is_over() {
    let today = day("2027-01-15");
    let payments = [
        some_payment(1, "12.50", &["2.50"]),
        some_payment(90_000, "1.00", &[]),
    ];
    let movements: Vec<_> = by_day(&payments).into_values().flatten().collect();
    let close = |open: Open<'_>, day| open.close(day, &movements, Vec::new(), None);
    assert_eq!(close(open(at(0)), today), Err(vec![Obstacle::NotOver]));
    let books = close(open(at(24)), today).unwrap();
    assert_eq!((books.number, books.lines.len()), (1, 1));
    assert_eq!(
        (books.lines[0].gross, books.lines[0].refunded),
        (decimal("12.50"), decimal("2.50"))
    );
    let after = Open {
        last: Some(&books),
        ..open(at(72))
    };
    assert_eq!(close(after, today), Err(vec![Obstacle::ClosedAlready]));
    let skipped = Err(vec![Obstacle::NotNext(today.next())]);
    assert_eq!(close(after, day("2027-01-17")), skipped);
    assert_eq!(close(after, today.next()).unwrap().number, 2);
}

#[test]
fn nothing_of_the_day_may_be_open() {
    let shift = Shift::open(None, "01".parse().unwrap(), None, yuan("0"), at(1)).unwrap();
    let later = Shift::open(None, "02".parse().unwrap(), None, yuan("0"), at(30)).unwrap();
    let mut unknown = some_payment(1, "12.50", &[]);
    unknown.state = State::Unknown;
    let acquirer: AcquirerId = "a".parse().unwrap();
    let found = Found {
        day: day("2027-01-15"),
        class: Class::Amount,
        order: "x".into(),
        part: None,
        ours: None,
        theirs: None,
        line: None,
        explained: false,
    };
    let difference = Difference::new(found.clone(), &acquirer, "sha", "manager", at(20));
    let explained = Difference::new(
        Found {
            explained: true,
            ..found
        },
        &acquirer,
        "s",
        "m",
        at(20),
    );
    let all = Open {
        shifts: &[shift, later],
        unsettled: &[unknown.clone(), some_payment(2, "1.00", &[])],
        differences: &[difference.clone(), explained],
        ..open(at(40))
    };
    let refused = all
        .close(day("2027-01-15"), &[], Vec::new(), None)
        .unwrap_err();
    assert_eq!(
        refused,
        [
            Obstacle::OpenShift {
                counter: "01".parse().unwrap(),
                number: 1
            },
            Obstacle::Unsettled(unknown.id.to_string()),
            Obstacle::Difference(difference.id),
        ]
    );
    // what is of the next day does not keep this one open
    assert!(all.close(day("2027-01-14"), &[], Vec::new(), None).is_ok());
}
