//! Which rule fits: counts, chances, and the order of rules.

use super::*;

fn view<'a>(order: &'a str, tail: &'a str, amount: u32) -> View<'a> {
    View {
        operation: Operation::Charge,
        order,
        tender: Some(Tender::CustomerCode),
        tail,
        amount: Some(Decimal::from(amount)),
        store: "s1",
        counter: "c1",
    }
}

fn decline(code: &str) -> Rule {
    Rule::on(Operation::Charge).verdict(Verdict::Decline {
        code: code.to_owned(),
    })
}

fn hits(rule: Rule, seed: u64, requests: u32) -> Vec<u32> {
    let rules = Rules::new(vec![rule], seed);
    let hit = |n: &u32| rules.choose(&view("o", "0017", 5)).verdict.is_some() && *n > 0;
    (1..=requests).filter(hit).collect()
}

#[test]
fn all_that_is_given_must_fit() {
    let when = |change: fn(&mut When)| {
        let mut rule = decline("NO");
        change(&mut rule.when);
        let rules = Rules::new(vec![rule], 1);
        rules.choose(&view("order", "0017", 5)).verdict.is_some()
    };
    assert!(when(|_| ()));
    assert!(when(|w| w.suffix = Some("17".into())));
    assert!(when(|w| w.amount_from = Some(Decimal::from(5))));
    assert!(when(|w| w.amount_to = Some(Decimal::from(5))));
    assert!(when(|w| w.store = Some("s1".into())));
    assert!(when(|w| w.order = Some("order".into())));
    assert!(!when(|w| w.suffix = Some("18".into())));
    assert!(!when(|w| w.amount_from = Some(Decimal::from(6))));
    assert!(!when(|w| w.amount_to = Some(Decimal::from(4))));
    assert!(!when(|w| w.store = Some("s2".into())));
    assert!(!when(|w| w.counter = Some("c2".into())));
    assert!(!when(|w| w.order = Some("other".into())));
    assert!(!when(|w| w.tender = Some(Tender::Card)));
    assert!(!when(|w| w.operation = Some(Operation::Query)));
}

#[test]
fn the_nth_request_the_first_few_and_the_first_few_of_an_order() {
    let nth = Rule {
        when: When {
            nth: Some(3),
            ..When::default()
        },
        ..decline("NO")
    };
    assert_eq!(hits(nth, 1, 6), [3]);
    assert_eq!(hits(decline("NO").times(2), 1, 6), [1, 2]);
    let rules = Rules::new(
        vec![Rule {
            per_order: Some(1),
            ..decline("NO")
        }],
        1,
    );
    let mut hit = |order| rules.choose(&view(order, "", 1)).verdict.is_some();
    assert_eq!(
        ["a", "b", "a", "b"].map(&mut hit),
        [true, true, false, false]
    );
}

#[test]
fn chances_are_the_seeds_and_come_out_about_right() {
    let rule = |p| Rule {
        when: When {
            probability: Some(p),
            ..When::default()
        },
        ..decline("NO")
    };
    assert_eq!(hits(rule(0.3), 7, 500), hits(rule(0.3), 7, 500));
    assert_ne!(hits(rule(0.3), 7, 500), hits(rule(0.3), 8, 500));
    assert!((110..190).contains(&hits(rule(0.3), 7, 500).len()));
    assert_eq!(hits(rule(0.0), 7, 50).len(), 0);
    assert_eq!(hits(rule(1.0), 7, 50).len(), 50);
}

#[test]
fn the_first_fitting_rule_wins_for_verdict_and_delivery_apart_and_added_rules_come_first() {
    let slow = Rule::on(Operation::Charge).delivery(Delivery::Slow { ms: 1 });
    let rules = Rules::new(vec![decline("FIRST"), slow, decline("SECOND")], 1);
    let decided = |code: &str| Script {
        verdict: Some(Verdict::Decline {
            code: code.to_owned(),
        }),
        delivery: Some(Delivery::Slow { ms: 1 }),
    };
    assert_eq!(rules.choose(&view("o", "", 1)), decided("FIRST"));
    rules.add(decline("ADDED").times(1)).unwrap();
    assert_eq!(rules.choose(&view("o", "", 1)), decided("ADDED"));
    assert_eq!(rules.choose(&view("o", "", 1)), decided("FIRST"));
    rules.clear();
    assert_eq!(rules.choose(&view("o", "", 1)), Script::default());
}

#[test]
fn a_rule_that_cannot_work_is_refused_with_its_reason() {
    let rule = || decline("NO");
    let when = |when| Rule { when, ..rule() };
    let error = |status| {
        Rule::default().delivery(Delivery::Error {
            status,
            money_moved: true,
        })
    };
    let endless = Verdict::Verifying {
        for_ms: u64::MAX,
        then: Then::Never,
    };
    for rule in [
        Rule::default(),
        when(When {
            suffix: Some("12345".into()),
            ..When::default()
        }),
        when(When {
            probability: Some(1.1),
            ..When::default()
        }),
        when(When {
            probability: Some(f64::NAN),
            ..When::default()
        }),
        when(When {
            nth: Some(0),
            ..When::default()
        }),
        error(200),
        error(600),
        Rule::default().delivery(Delivery::Late { ms: u64::MAX }),
        Rule::default().verdict(endless),
        Rule::on(Operation::Charge).verdict(Verdict::CustomerPaysFirst),
        Rule::on(Operation::Charge).verdict(Verdict::NotFound),
    ] {
        assert!(
            matches!(rule.validate(), Err(AcquirerError::Rule { .. })),
            "{rule:?}"
        );
    }
    assert!(rule().validate().is_ok());
}
