//! Bills with planted differences give exactly those.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    office::statement::tests::{decimal, payments, some_payment},
    payment::{Answered, NoAnswer, Payment},
};

const OFFSET: i32 = 480;
const CUT_OFF_MS: u64 = 30 * 60_000;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

/// As an honest acquirer bills it.
fn billed(line: usize, movement: &Movement) -> BillLine {
    let refund = movement.refund.map(|refund| refund.id.to_string());
    BillLine {
        line,
        kind: if refund.is_some() {
            BillKind::Refund
        } else {
            BillKind::Payment
        },
        order: movement.order.to_string(),
        refund,
        acquirer_ref: None,
        at: movement.at,
        amount: movement.money.amount(),
        fee: None,
    }
}

struct Case {
    movements: Vec<Movement>,
    bill: Bill,
    fees: BTreeMap<[u8; 16], Decimal>,
    states: BTreeMap<String, State>,
}

impl Case {
    fn honest(payments: &[Payment]) -> Self {
        let of = payments
            .iter()
            .flat_map(|one| Movement::all_of(one, OFFSET));
        let movements: Vec<Movement> = of.collect();
        let lines = movements
            .iter()
            .enumerate()
            .map(|(nth, one)| billed(nth + 1, one));
        let bill = Bill {
            lines: lines.collect(),
            ..Bill::default()
        };
        Self {
            movements,
            bill,
            fees: BTreeMap::new(),
            states: BTreeMap::new(),
        }
    }

    fn reconcile(&self, days: (Day, Day)) -> Reconciled {
        let ours = Ours {
            movements: &self.movements,
            fees: &self.fees,
            states: &self.states,
            offset_minutes: OFFSET,
            cut_off_ms: CUT_OFF_MS,
        };
        reconcile(&self.bill, days, ours)
    }

    /// Class, line, ours, theirs of each.
    fn told(&self, date: &str) -> Vec<String> {
        let found = self
            .reconcile((day(date), day(date)))
            .differences
            .into_iter();
        let amount = |amount: Option<Decimal>| amount.map_or("-".to_owned(), |one| one.to_string());
        let told = found.map(|one| {
            let (ours, theirs) = (amount(one.ours), amount(one.theirs));
            let explained = if one.explained { " explained" } else { "" };
            format!("{} {ours} {theirs}{explained}", one.class.as_str())
        });
        told.collect()
    }
}

/// Seconds from the payments' epoch, which is 16:00 of 2027-01-15 at +8, to 18:00.
const EVENING: u64 = 2 * 3_600;

/// And to midnight.
const MIDNIGHT: u64 = 8 * 3_600;

/// The customer pays in the last moment, and the store pays it back by itself: both are moves of
/// money, and the acquirer bills both (WeChat Pay as SUCCESS and REFUND, Alipay as 交易 and 退款).
#[test]
fn trap_8_what_was_paid_in_the_last_moment_and_paid_back_is_billed_twice_over() {
    let case = || Case::honest(&[some_payment(EVENING, "12.50", &["12.50"])]);
    let honest = case();
    assert_eq!(honest.bill.lines.len(), 2);
    assert_eq!(honest.told("2027-01-15"), Vec::<String>::new());
    // an acquirer that has the payment and not what went back holds the customer's money
    let mut kept = case();
    kept.bill.lines.retain(|line| line.refund.is_none());
    assert_eq!(kept.told("2027-01-15"), ["missing_there -12.50 -"]);
}

#[test]
fn each_kind_of_difference_is_told_as_what_it_is() {
    let evening = |nth: u64| EVENING + nth;
    let two = || {
        [
            some_payment(evening(1), "12.50", &[]),
            some_payment(evening(2), "7.50", &["2.50"]),
        ]
    };
    type Plant = fn(&mut Case);
    let plants: [(&str, Plant, &[&str]); 12] = [
        ("nothing", |_| {}, &[]),
        (
            "a line of another shop",
            |case| {
                let mut line = case.bill.lines[0].clone();
                line.order = "somebody else's".into();
                case.bill.lines.push(line);
            },
            &["missing_here - 12.50"],
        ),
        (
            "billed twice",
            |case| case.bill.lines.push(case.bill.lines[0].clone()),
            &["missing_here - 12.50"],
        ),
        (
            "a refund of nobody",
            |case| {
                let mut line = case.bill.lines[2].clone();
                line.refund = Some("00".repeat(16));
                case.bill.lines.push(line);
            },
            &["missing_here - -2.50"],
        ),
        (
            "not billed",
            |case| drop(case.bill.lines.remove(0)),
            &["missing_there 12.50 -"],
        ),
        (
            "a refund not billed",
            |case| drop(case.bill.lines.remove(2)),
            &["missing_there -2.50 -"],
        ),
        (
            "another amount",
            |case| case.bill.lines[1].amount = decimal("7.05"),
            &["amount 7.50 7.05"],
        ),
        (
            "another fee",
            |case| {
                case.fees.insert(case.movements[0].id(), decimal("0.08"));
                case.bill.lines[0].fee = Some(decimal("0.07"));
                case.bill.lines[1].fee = Some(decimal("0.07"));
            },
            &["fee 0.08 0.07"],
        ),
        (
            "undone there",
            |case| {
                let mut line = case.bill.lines[0].clone();
                line.kind = BillKind::Reversal;
                case.bill.lines.push(line);
            },
            &["paid_then_reversed 12.50 0.00"],
        ),
        (
            "undone here",
            |case| {
                let gone = case.movements.remove(0);
                case.states.insert(gone.order.to_string(), State::Reversed);
            },
            &["paid_then_reversed 0 12.50"],
        ),
        (
            "undone on both sides",
            |case| {
                let gone = case.movements.remove(0);
                case.states.insert(gone.order.to_string(), State::Reversed);
                let mut line = case.bill.lines[0].clone();
                line.kind = BillKind::Reversal;
                case.bill.lines.push(line);
            },
            &[],
        ),
        (
            "capitals",
            |case| case.bill.lines[0].order.make_ascii_uppercase(),
            &[],
        ),
    ];
    for (what, plant, expected) in plants {
        let mut case = Case::honest(&two());
        plant(&mut case);
        assert_eq!(case.told("2027-01-15"), expected, "{what}");
    }
}

#[test]
fn what_falls_between_two_days_is_cut_off_and_then_explained() {
    let payment = some_payment(MIDNIGHT - 60, "12.50", &[]);
    let mut case = Case::honest(&[payment]);
    assert_eq!(case.movements[0].day, day("2027-01-15"));
    let mut line = case.bill.lines.remove(0);
    assert_eq!(case.told("2027-01-15"), ["day_cut_off 12.50 -"]);
    // it comes on the next day's bill, under the same name
    let id = |case: &Case, date| {
        case.reconcile((day(date), day(date))).differences[0].id(&"a".parse().unwrap())
    };
    let first = id(&case, "2027-01-15");
    line.at = line.at.plus_ms(120_000);
    case.bill.lines.push(line);
    assert_eq!(
        case.told("2027-01-16"),
        ["day_cut_off 12.50 12.50 explained"]
    );
    assert_eq!(id(&case, "2027-01-16"), first);
    // far from midnight it is missing
    let case = Case {
        bill: Bill::default(),
        ..Case::honest(&[some_payment(MIDNIGHT - 3_600, "12.50", &[])])
    };
    assert_eq!(case.told("2027-01-15"), ["missing_there 12.50 -"]);
}

#[test]
fn card_hosts_are_compared_by_their_own_numbers() {
    let mut payment = some_payment(EVENING, "12.50", &[]);
    payment.presented = Some(crate::domain::tender::Presented::card(
        crate::domain::tender::Scheme::Visa,
        "411111******1111".into(),
    ));
    let mut case = Case::honest(&[payment]);
    case.bill.lines[0].order.clear();
    case.bill.lines[0].acquirer_ref = Some(format!("R{}", EVENING));
    assert_eq!(case.told("2027-01-15"), [""; 0]);
    case.bill.lines[0].acquirer_ref = Some("R9".into());
    assert_eq!(
        case.told("2027-01-15"),
        ["missing_here - 12.50", "missing_there 12.50 -"]
    );
}

#[test]
fn todays_payments_are_compared_by_asking() {
    let payments: Vec<_> = (1..=5).map(|nth| some_payment(nth, "12.50", &[])).collect();
    let movements: Vec<_> = payments
        .iter()
        .flat_map(|one| Movement::all_of(one, OFFSET))
        .collect();
    let said = |nth: usize, verdict| {
        let order = payments[nth].id;
        (order, Ok(Answered { order, verdict }))
    };
    let approved = |amount| Verdict::Approved {
        acquirer_ref: "R".into(),
        money: crate::domain::office::statement::tests::yuan(amount),
        signature: false,
    };
    let answers = vec![
        said(0, approved("12.50")),
        said(1, approved("12.05")),
        said(2, Verdict::NotFound),
        said(3, Verdict::Reversed),
        (payments[4].id, Err(NoAnswer::TimedOut)),
    ];
    let done = match_by_query(&movements, &answers);
    let classes: Vec<_> = done.differences.iter().map(|one| one.class).collect();
    assert_eq!(
        classes,
        [Class::Amount, Class::MissingThere, Class::PaidThenReversed]
    );
    assert_eq!(done.matched, [(payments[0].id.to_string(), None)]);
}

/// What is planted into an honest bill, and the class it gives.
#[derive(Clone, Copy, Debug)]
enum Plant {
    Left,
    Dropped,
    Amount,
    Doubled,
}

proptest! {
    /// A bill with planted differences gives exactly those.
    #[test]
    fn what_was_planted_is_found_and_nothing_else(
        payments in payments(),
        plants in prop::collection::vec(prop::sample::select(
            vec![Plant::Left, Plant::Left, Plant::Dropped, Plant::Amount, Plant::Doubled]), 200),
    ) {
        let mut case = Case::honest(&payments);
        let mut expected = BTreeMap::new();
        let honest = std::mem::take(&mut case.bill.lines);
        for ((mut line, plant), own) in honest.into_iter().zip(plants).zip(&case.movements) {
            let part = line.refund.clone();
            let name = (line.order.clone(), part.clone());
            match plant {
                Plant::Left => case.bill.lines.push(line),
                Plant::Dropped => drop(expected.insert(name, vec![Class::MissingThere])),
                Plant::Amount => {
                    line.amount += Decimal::ONE;
                    case.bill.lines.push(line);
                    expected.insert(name, vec![Class::Amount]);
                }
                Plant::Doubled if own.refund.is_none() => {
                    case.bill.lines.extend([line.clone(), line]);
                    expected.insert((name.0, Some("payment".to_owned())), vec![Class::MissingHere]);
                }
                Plant::Doubled => case.bill.lines.push(line),
            }
        }
        let days = (day("2020-01-01"), day("2039-12-31"));
        let done = case.reconcile(days);
        let mut found: BTreeMap<_, Vec<Class>> = BTreeMap::new();
        for one in done.differences {
            found.entry((one.order, one.part)).or_default().push(one.class);
        }
        prop_assert_eq!(found, expected);
    }
}
