//! Sums of statements against sums of the records, and payments to try them on.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    ids::{PaymentId, RefundId},
    money::Money,
    office::fee::{FeeRule, Rounding},
    payment::{Opening, Origin, Payment, State},
    refund::{Refund, RefundState},
    tender::{Funding, Presented, Scheme, Tender},
    timestamp::Timestamp,
};

const OFFSET: i32 = 480;
const EPOCH_MS: i64 = 1_800_000_000_000;

pub(crate) fn yuan(amount: &str) -> Money {
    Money::parse(amount, Currency::Cny).unwrap()
}

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// An approved payment at counter 01 by Alipay at acquirer `a`, a second after the epoch for each
/// `number`, with its refunds a second later.
pub(crate) fn some_payment(number: u64, amount: &str, refunds: &[&str]) -> Payment {
    let at = Timestamp::from_unix_ms(EPOCH_MS).plus_ms(number * 1_000);
    let opening = Opening {
        id: PaymentId::new(at, number.to_be_bytes().repeat(2)[..10].try_into().unwrap()),
        counter: "01".parse().unwrap(),
        money: yuan(amount),
        tender: Tender::Any,
        origin: Origin::Till,
        reference: None,
        fingerprint: None,
        number,
        opened_by: None,
    };
    let mut payment = Payment::open(opening, at);
    payment.state = State::Approved;
    payment.presented = Some(Presented::code(Scheme::Alipay));
    payment.acquirer = Some("a".parse().unwrap());
    payment.acquirer_ref = Some(format!("R{number}"));
    payment.submitted_at = Some(at);
    payment.ended_at = Some(at);
    for (nth, amount) in refunds.iter().enumerate() {
        let at = at.plus_ms(1_000 * (nth as u64 + 1));
        payment.refunds.push(some_refund(at, amount));
    }
    payment
}

pub(crate) fn some_refund(at: Timestamp, amount: &str) -> Refund {
    Refund {
        id: RefundId::new(at, [9; 10]),
        money: yuan(amount),
        state: RefundState::Refunded,
        requested_at: at,
        changed_at: at,
        reason: None,
        fingerprint: None,
        by: None,
        approved_by: None,
        acquirer_ref: None,
        refusal: None,
        last_word: None,
        attempts: 1,
        due: None,
    }
}

pub(crate) fn rule(acquirer: &str, rate: &str) -> FeeRule {
    FeeRule {
        name: format!("{acquirer} at {rate}"),
        acquirer: acquirer.parse().unwrap(),
        tenders: Vec::new(),
        schemes: Vec::new(),
        fundings: Vec::new(),
        from: None,
        until: None,
        rate: decimal(rate),
        fixed: Decimal::ZERO,
        minimum: Decimal::ZERO,
        cap: None,
        tiers: Vec::new(),
        rounding: Rounding::HalfUp,
        rounded: Rounded::Transaction,
        given_back: true,
    }
}

fn some_state() -> impl Strategy<Value = State> {
    prop_oneof![
        4 => Just(State::Approved),
        1 => Just(State::Confirmed),
        1 => prop::sample::select(State::ALL.to_vec()),
    ]
}

/// Payments of several days, counters, tenders and acquirers, some refunded, some in parts.
pub(crate) fn payments() -> impl Strategy<Value = Vec<Payment>> {
    let one = (
        (0..400_000_u64, 1..200_000_u64, 0..3_u8, some_state()),
        (
            (0..Scheme::ALL.len(), 0..3_usize),
            0..3_usize,
            prop::collection::vec((1..100_u64, 0..300_000_u64), 0..3),
        ),
    );
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        numbered
            .map(
                |(
                    nth,
                    ((seconds, units, counter, state), ((scheme, funding), acquirer, refunds)),
                )| {
                    let mut payment = some_payment(seconds * 1_000 + nth as u64, "1", &[]);
                    payment.money = Money::from_minor_units(units, Currency::Cny).unwrap();
                    payment.counter = format!("0{counter}").parse().unwrap();
                    payment.opened_by = ["L|i", "王芳"]
                        .get(usize::from(counter))
                        .map(|name| (*name).into());
                    payment.state = state;
                    let scheme = Scheme::ALL[scheme];
                    payment.presented = Some(match scheme {
                        Scheme::Visa | Scheme::Mastercard | Scheme::OtherCard => Presented {
                            funding: Funding::ALL.get(funding).copied(),
                            ..Presented::card(scheme, "411111******1111".into())
                        },
                        _ => Presented::code(scheme),
                    });
                    payment.acquirer = ["a", "b"].get(acquirer).map(|id| id.parse().unwrap());
                    let mut left = units;
                    for (percent, later_s) in refunds {
                        let part = (units * percent / 100).min(left);
                        if part == 0 || !payment.state.is_paid() {
                            continue;
                        }
                        left -= part;
                        let at = payment.opened_at.plus_ms(later_s * 1_000);
                        let mut refund = some_refund(at, "1");
                        let nth = u8::try_from(payment.refunds.len()).unwrap();
                        refund.id = RefundId::new(at, [nth; 10]);
                        refund.money = Money::from_minor_units(part, Currency::Cny).unwrap();
                        payment.refunds.push(refund);
                    }
                    payment
                },
            )
            .collect()
    })
}

/// By day, as the journal keeps them.
pub(crate) fn by_day(payments: &[Payment]) -> BTreeMap<Day, Vec<Movement>> {
    let mut days: BTreeMap<Day, Vec<Movement>> = BTreeMap::new();
    for movement in payments
        .iter()
        .flat_map(|one| Movement::all_of(one, OFFSET))
    {
        days.entry(movement.day).or_default().push(movement);
    }
    days
}

fn summed(days: BTreeMap<Day, Vec<Movement>>, table: &FeeTable) -> BTreeMap<Day, DaySums> {
    let mut volumes = AllVolumes::new();
    let sums = days
        .into_iter()
        .map(|(day, mut movements)| (day, DaySums::of(&mut movements, table, &mut volumes)));
    sums.collect()
}

fn statement(by: &[By], days: &BTreeMap<Day, DaySums>) -> Statement {
    Statement::of(by, days.iter().map(|(day, sums)| (*day, sums)))
}

#[test]
fn a_statement_is_divided_as_it_was_asked_for() {
    let mut other = some_payment(90_000, "100.00", &[]);
    other.counter = "02".parse().unwrap();
    other.acquirer = Some("b".parse().unwrap());
    other.opened_by = Some("Li".into());
    let all = [
        some_payment(1, "12.50", &["2.50"]),
        some_payment(2, "7.50", &[]),
        other,
    ];
    let table = FeeTable {
        rules: vec![rule("a", "0.006")],
    };
    let days = summed(by_day(&all), &table);
    let told = |by: &[By]| -> Vec<String> {
        let lines = statement(by, &days).lines.into_iter();
        let told = lines.map(|Line { of, currency, sums }| {
            let (fees, net) = (sums.fees(&table, currency), sums.net(&table, currency));
            let (gross, refunded) = (sums.gross, sums.refunded);
            format!(
                "{} {gross} -{refunded} -{fees} ={net} ?{}",
                of.join("/"),
                sums.unpriced
            )
        });
        told.collect()
    };
    // 12.50 costs 0.08, 7.50 costs 0.05 (0.045 up); of 2.50 goes 0.02 back (0.075 less 0.016, up)
    assert_eq!(told(&[]), [" 120.00 -2.50 -0.11 =117.39 ?1"]);
    assert_eq!(
        told(&[By::Counter, By::Acquirer]),
        [
            "01/a 20.00 -2.50 -0.11 =17.39 ?0",
            "02/b 100.00 -0 -0.00 =100.00 ?1"
        ]
    );
    assert_eq!(
        told(&[By::Day]),
        [
            "2027-01-15 20.00 -2.50 -0.11 =17.39 ?0",
            "2027-01-16 100.00 -0 -0.00 =100.00 ?1"
        ]
    );
    assert_eq!(
        told(&[By::Month, By::Week, By::Tender, By::Scheme, By::Cashier]),
        [
            "2027-01/2027-01-11/customer_code/alipay/ 20.00 -2.50 -0.11 =17.39 ?0",
            "2027-01/2027-01-11/customer_code/alipay/Li 100.00 -0 -0.00 =100.00 ?1"
        ]
    );
    let instead = &days[&Day::parse("2027-01-16").unwrap()].instead;
    let b_at_a = &instead[&("a".parse().unwrap(), Currency::Cny)];
    assert_eq!(b_at_a.fees(&table, Currency::Cny), decimal("0.60"));
}

#[test]
fn what_is_rounded_by_period_is_rounded_once() {
    let all: Vec<_> = (1..=10).map(|nth| some_payment(nth, "0.50", &[])).collect();
    let fees_when = |rounded| {
        let rule = FeeRule {
            rounded,
            ..rule("a", "0.006")
        };
        let table = FeeTable { rules: vec![rule] };
        let days = summed(by_day(&all), &table);
        statement(&[], &days).totals[0]
            .sums
            .fees(&table, Currency::Cny)
    };
    assert_eq!(fees_when(Rounded::Transaction), decimal("0.00"));
    assert_eq!(fees_when(Rounded::Period), decimal("0.03"));
}

proptest! {
    /// Whatever it is divided by, a statement's lines come to what the records come to.
    #[test]
    fn sums_are_those_of_the_records(payments in payments(), by in prop::collection::vec(0..By::ALL.len(), 0..4)) {
        let by: Vec<By> = by.into_iter().map(|at| By::ALL[at]).collect();
        let debit = FeeRule { fundings: vec![Funding::Debit], ..rule("a", "0.0035") };
        let table = FeeTable { rules: vec![debit, rule("a", "0.0038"), rule("b", "0.006")] };
        let days = summed(by_day(&payments), &table);
        let statement = statement(&by, &days);

        // from the payments alone, in minor units
        let mut expected = [0_u64; 4];
        for payment in payments.iter().filter(|one| one.state.is_paid()) {
            expected[0] += 1;
            expected[1] += payment.money.minor_units();
            expected[2] += payment.refunds.len() as u64;
            expected[3] += payment.refunds.iter().map(|one| one.money.minor_units()).sum::<u64>();
        }
        let units = |amount: Decimal| u64::try_from(amount * Decimal::from(100)).unwrap();
        for lines in [&statement.lines, &statement.totals] {
            let mut sums = Sums::default();
            lines.iter().for_each(|line| sums.add(&line.sums));
            let found = [sums.payments, units(sums.gross), sums.refunds, units(sums.refunded)];
            prop_assert_eq!(found, expected);
            // rounded by transaction, the lines' fees come to the total's
            let fees = lines.iter().map(|line| line.sums.fees(&table, line.currency));
            prop_assert_eq!(fees.sum::<Decimal>(), sums.fees(&table, Currency::Cny));
            let nets = lines.iter().map(|line| line.sums.net(&table, line.currency));
            prop_assert_eq!(nets.sum::<Decimal>(), sums.gross - sums.refunded - sums.fees(&table, Currency::Cny));
        }
        let of: std::collections::BTreeSet<_> = statement.lines.iter().map(|line| &line.of).collect();
        prop_assert_eq!(of.len(), statement.lines.len());
    }

    /// Told apart by card, the same money is on the lines, and each card's fees are at its own
    /// rate: what is not known is at the credit card's.
    #[test]
    fn each_kind_of_card_costs_its_own_rate(payments in payments()) {
        let of = |funding, rate| FeeRule { fundings: vec![funding], ..rule("a", rate) };
        let table = FeeTable {
            rules: vec![of(Funding::Debit, "0.0035"), of(Funding::Credit, "0.006"), rule("a", "0.002")],
        };
        let told = summed(by_day(&payments), &table);
        let one_rate = |rate| summed(by_day(&payments), &FeeTable { rules: vec![rule("a", rate)] });
        let (debit, credit, codes) = (one_rate("0.0035"), one_rate("0.006"), one_rate("0.002"));
        let fees = |days: &_, by: &[By], is: &dyn Fn(&[String]) -> bool| {
            let lines = statement(by, days).lines;
            let mine = lines.iter().filter(|line| is(&line.of));
            mine.map(|line| line.sums.fees(&table, line.currency)).sum::<Decimal>()
        };
        let by = [By::Tender, By::Funding];
        let is_debit = |of: &[String]| of[1] == "debit";
        let is_other_card = |of: &[String]| of[0] == "card" && of[1] != "debit";
        let is_code = |of: &[String]| of[0] != "card";
        prop_assert_eq!(fees(&told, &by, &is_debit), fees(&debit, &by, &is_debit));
        prop_assert_eq!(fees(&told, &by, &is_other_card), fees(&credit, &by, &is_other_card));
        prop_assert_eq!(fees(&told, &by, &is_code), fees(&codes, &by, &is_code));
        let every = |_: &[String]| true;
        prop_assert_eq!(fees(&told, &by, &every), fees(&told, &[], &every));
    }

    /// A payment refunded whole costs nothing in the end, in however many parts it went back.
    #[test]
    fn a_fee_given_back_is_the_fee_taken(payments in payments()) {
        let table = FeeTable { rules: vec![rule("a", "0.0038"), rule("b", "0.006")] };
        for payment in payments.iter().filter(|one| one.state.is_paid()) {
            let movements = Movement::all_of(payment, OFFSET);
            let mut pricer = Pricer::new(&table, None, Volumes::new());
            let fees: Vec<_> = movements.iter().filter_map(|one| pricer.price(one)).collect();
            prop_assert_eq!(fees.len(), if payment.acquirer.is_some() { movements.len() } else { 0 });
            let sum: Decimal = fees.iter().map(|one| one.fee).sum();
            let signed: Decimal = movements.iter().map(Movement::signed).sum();
            prop_assert!(sum >= Decimal::ZERO && sum <= signed + Decimal::new(1, 2));
            if signed.is_zero() {
                prop_assert_eq!(sum, Decimal::ZERO);
            }
        }
    }
}
