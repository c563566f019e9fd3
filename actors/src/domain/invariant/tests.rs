//! Each rule, kept and broken.

use super::*;
use crate::domain::{
    money::Currency,
    offline::{CardToken, Offline},
    payment::{Answered, Opening, Origin, Verdict},
    record::{Body, Tip},
    tender::Tender,
    timestamp::Timestamp,
};

fn cny(text: &str) -> Money {
    Money::parse(text, Currency::Cny).unwrap()
}

fn payment(state: State) -> Payment {
    let opening = Opening {
        id: PaymentId::from_bytes([1; 16]),
        counter: "01".parse().unwrap(),
        money: cny("12.50"),
        tender: Tender::Card,
        origin: Origin::Till,
        reference: None,
        fingerprint: None,
        number: 0,
        opened_by: None,
    };
    let mut payment = Payment::open(opening, Timestamp::from_unix_ms(0));
    payment.state = state;
    payment
}

fn rule(outcome: Result<(), Violation>) -> Option<&'static str> {
    outcome.err().map(|violation| violation.rule.name())
}

#[test]
fn pay_1_the_acquirer_holds_once_what_the_books_say() {
    for (state, refunded, charges, holds, broken) in [
        (State::Approved, "0", 1, "12.50", None),
        (State::Approved, "2.50", 1, "10.00", None),
        (State::Approved, "12.50", 1, "0", None),
        (State::Reversed, "0", 1, "0", None),
        (State::Declined, "0", 0, "0", None),
        (State::Approved, "0", 2, "12.50", Some("PAY-1")),
        (State::Approved, "0", 0, "0", Some("PAY-1")),
        (State::Approved, "2.50", 1, "12.50", Some("PAY-1")),
        (State::Approved, "12.51", 1, "0", Some("PAY-1")),
        (State::Declined, "0", 1, "12.50", Some("PAY-1")),
        (State::Unknown, "0", 1, "12.50", Some("PAY-1")),
    ] {
        let booked = Booked {
            state,
            money: cny("12.50"),
            refunded: cny(refunded),
        };
        let checked = moved_at_most_once(booked, charges, cny(holds));
        assert_eq!(
            rule(checked),
            broken,
            "{state:?} {refunded} {charges} {holds}"
        );
    }
}

#[test]
fn pay_2_a_charge_stands_behind_its_record() {
    let (before, after) = (payment(State::Collecting), payment(State::Submitted));
    let check = |effects: &[Effect]| rule(intent_first(&before, &after, effects));
    assert_eq!(check(&[Effect::Record, Effect::Charge]), None);
    assert_eq!(check(&[Effect::Charge, Effect::Record]), Some("PAY-2"));
    assert_eq!(check(&[Effect::Charge]), Some("PAY-2"));
    assert_eq!(check(&[]), Some("PAY-2"), "a new state nobody recorded");
}

#[test]
fn pay_3_what_has_not_ended_is_listed() {
    let nobody = BTreeSet::new();
    let listed = BTreeSet::from([PaymentId::from_bytes([1; 16])]);
    assert_eq!(
        rule(ended_or_listed(&payment(State::Approved), &nobody)),
        None
    );
    assert_eq!(
        rule(ended_or_listed(&payment(State::Unknown), &listed)),
        None
    );
    assert_eq!(
        rule(ended_or_listed(&payment(State::Unknown), &nobody)),
        Some("PAY-3")
    );
}

#[test]
fn pay_4_silence_ends_nothing_unless_it_proves_itself() {
    let (before, after) = (payment(State::Submitted), payment(State::Cancelled));
    let check = |operation, no_answer| {
        let event = Event::Answer {
            operation,
            answer: Err(no_answer),
        };
        rule(silence_is_no_decline(&event, &before, &after))
    };
    let not_sent = || NoAnswer::NotSent("refused".into());
    assert_eq!(check(Operation::Charge, not_sent()), None);
    assert_eq!(check(Operation::Query, not_sent()), Some("PAY-4"));
    assert_eq!(check(Operation::Charge, NoAnswer::TimedOut), Some("PAY-4"));
}

#[test]
fn pay_5_only_its_own_answer_settles_a_payment() {
    let (before, after) = (payment(State::Submitted), payment(State::Declined));
    let check = |order| {
        let verdict = Verdict::Declined {
            code: "51".into(),
            text: "no".into(),
        };
        let answer = Ok(Answered { order, verdict });
        let event = Event::Answer {
            operation: Operation::Charge,
            answer,
        };
        rule(only_its_own_answer(&event, &before, &after))
    };
    assert_eq!(check(after.id), None);
    assert_eq!(check(PaymentId::from_bytes([2; 16])), Some("PAY-5"));
}

#[test]
fn jrn_2_a_gap_or_another_hash_breaks_the_chain() {
    let mut tip = Tip::default();
    let mut next = || {
        tip.append(Timestamp::from_unix_ms(0), &Body::Stopped)
            .unwrap()
    };
    let chain = [next(), next(), next()];
    assert_eq!(rule(is_chained(&chain)), None);
    assert_eq!(
        rule(is_chained(&[chain[0].clone(), chain[2].clone()])),
        Some("JRN-2")
    );
    let mut forged = chain.clone();
    forged[1].body.push(' ');
    assert_eq!(rule(is_chained(&forged)), Some("JRN-2"));
}

#[test]
fn out_1_every_record_is_held_once() {
    assert_eq!(rule(held_exactly_once(3, &[2, 1, 3])), None);
    assert_eq!(rule(held_exactly_once(3, &[1, 3])), Some("OUT-1"));
    assert_eq!(rule(held_exactly_once(3, &[1, 2, 2, 3])), Some("OUT-1"));
}

#[test]
fn dev_1_a_silent_device_is_not_called_ready() {
    assert_eq!(rule(silence_is_seen(2_000, 3_000, true)), None);
    assert_eq!(rule(silence_is_seen(4_000, 3_000, false)), None);
    assert_eq!(rule(silence_is_seen(4_000, 3_000, true)), Some("DEV-1"));
}

#[test]
fn pay_6_what_is_at_risk_stays_within_the_budget() {
    let mut open = payment(State::ApprovedOffline);
    open.offline = Some(Offline {
        accepted_at: open.opened_at,
        card: CardToken([1; 16]),
        forwards: 0,
    });
    let used = Share::of(open.exposure().unwrap().money).plus(Share::of(cny("7.50")));
    let total = |sum, count| OfflineTotal {
        sum: cny(sum),
        count,
    };
    assert_eq!(rule(within_the_budget(used, total("20.00", 2))), None);
    assert_eq!(
        rule(within_the_budget(used, total("20.00", 1))),
        Some("PAY-6")
    );
    assert_eq!(
        rule(within_the_budget(used, total("19.99", 2))),
        Some("PAY-6")
    );
    open.state = State::Confirmed;
    assert_eq!(
        open.exposure(),
        None,
        "what is confirmed is at risk no more"
    );
}
