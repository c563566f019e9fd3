//! Prices, as tables.

use super::*;
use crate::domain::office::statement::tests::{decimal, rule, some_payment, yuan};

fn fee(rule: &FeeRule, amount: &str, volume: &str) -> String {
    rule.of_payment(yuan(amount), decimal(volume)).to_string()
}

#[test]
fn a_rate_has_a_fixed_part_a_minimum_and_a_cap() {
    let rule = FeeRule {
        fixed: decimal("0.10"),
        minimum: decimal("0.25"),
        cap: Some(decimal("20")),
        ..rule("a", "0.006")
    };
    for (amount, expected) in [
        ("1.00", "0.25"),
        ("25.00", "0.25"),
        ("100.00", "0.70"),
        ("3316.66", "20.00"),
        ("3316.67", "20"),
        ("1000000.00", "20"),
    ] {
        assert_eq!(fee(&rule, amount, "0"), expected, "{amount}");
    }
}

#[test]
fn rounding_is_as_it_is_named() {
    for (rounding, low, high) in [
        (Rounding::HalfEven, "0.00", "0.02"),
        (Rounding::HalfUp, "0.01", "0.02"),
        (Rounding::Up, "0.01", "0.02"),
        (Rounding::Down, "0.00", "0.01"),
    ] {
        let rule = FeeRule {
            rounding,
            ..rule("a", "0.005")
        };
        // 0.005 and 0.015
        assert_eq!(fee(&rule, "1.00", "0"), low, "{rounding:?}");
        assert_eq!(fee(&rule, "3.00", "0"), high, "{rounding:?}");
        let exact = FeeRule {
            rounded: Rounded::Period,
            ..rule
        };
        assert_eq!(fee(&exact, "3.00", "0"), "0.01500");
    }
}

#[test]
fn tiers_are_reached_by_the_months_volume() {
    let tier = |from: &str, rate: &str| Tier {
        from_volume: decimal(from),
        rate: decimal(rate),
    };
    let rule = FeeRule {
        tiers: vec![tier("100", "0.005"), tier("200", "0.004")],
        given_back: false,
        ..rule("a", "0.006")
    };
    assert_eq!(fee(&rule, "100.00", "0"), "0.60");
    assert_eq!(fee(&rule, "100.00", "99.99"), "0.60");
    assert_eq!(fee(&rule, "100.00", "100"), "0.50");
    assert_eq!(fee(&rule, "100.00", "1000"), "0.40");

    let table = FeeTable { rules: vec![rule] };
    let mut pricer = Pricer::new(&table, None, Volumes::new());
    let fees: Vec<_> = (1..=4)
        .map(|nth| {
            let movements = Movement::all_of(&some_payment(nth, "100.00", &[]), 480);
            pricer.price(&movements[0]).unwrap().fee.to_string()
        })
        .collect();
    assert_eq!(fees, ["0.60", "0.50", "0.40", "0.40"]);
    assert_eq!(pricer.volumes[&0], decimal("400"));
}

#[test]
fn the_first_rule_that_fits_is_the_one() {
    let day = |text| Day::parse(text).unwrap();
    let old = FeeRule {
        until: Some(day("2026-06-30")),
        ..rule("a", "0.01")
    };
    let qr = FeeRule {
        tenders: vec![Tender::MerchantQr],
        schemes: vec![Scheme::Alipay],
        ..rule("a", "0.002")
    };
    let from = FeeRule {
        from: Some(day("2026-07-01")),
        ..rule("a", "0.006")
    };
    let table = FeeTable {
        rules: vec![qr, old, from],
    };
    let a: AcquirerId = "a".parse().unwrap();
    let at = |(tender, scheme), on| {
        let found = table.rule(&a, Means::new(tender, scheme), day(on));
        found.map(|(at, _)| at)
    };
    let alipay = Some(Scheme::Alipay);
    assert_eq!(at((Tender::MerchantQr, alipay), "2026-01-01"), Some(0));
    assert_eq!(at((Tender::MerchantQr, None), "2026-06-30"), Some(1));
    assert_eq!(at((Tender::CustomerCode, alipay), "2026-06-30"), Some(1));
    assert_eq!(at((Tender::CustomerCode, alipay), "2026-07-01"), Some(2));
    let b = "b".parse().unwrap();
    assert!(
        table
            .rule(&b, Means::new(Tender::Card, None), day("2026-07-01"))
            .is_none()
    );
}

#[test]
fn a_debit_card_has_a_rate_of_its_own_and_what_is_not_known_is_credit() {
    let of = |funding, rate| FeeRule {
        fundings: vec![funding],
        ..rule("a", rate)
    };
    let table = FeeTable {
        rules: vec![
            of(Funding::Debit, "0.0035"),
            of(Funding::Credit, "0.0045"),
            rule("a", "0.006"),
        ],
    };
    let a: AcquirerId = "a".parse().unwrap();
    let day = Day::parse("2026-11-22").unwrap();
    let card = |funding| Means::card(Scheme::UnionPay, funding);
    for (means, expected) in [
        (card(Some(Funding::Debit)), 0),
        (card(Some(Funding::Credit)), 1),
        (card(None), 1),
        (Means::new(Tender::CustomerCode, Some(Scheme::UnionPay)), 2),
        (Means::new(Tender::MerchantQr, None), 2),
    ] {
        let found = table.rule(&a, means, day).map(|(at, _)| at);
        assert_eq!(found, Some(expected), "{means:?}");
    }
}

#[test]
fn the_cheapest_acquirer_for_a_debit_card_need_not_be_the_one_for_a_credit_card() {
    let debit = FeeRule {
        fundings: vec![Funding::Debit],
        ..rule("b", "0.002")
    };
    let table = FeeTable {
        rules: vec![rule("a", "0.005"), debit, rule("b", "0.007")],
    };
    let day = Day::parse("2026-11-22").unwrap();
    let first = |funding| {
        let means = Means::card(Scheme::Visa, funding);
        let rank = |id: &&str| table.cost_rank(&id.parse().unwrap(), means, yuan("50"), day);
        ["a", "b"].into_iter().min_by_key(rank).unwrap()
    };
    assert_eq!(first(Some(Funding::Debit)), "b");
    assert_eq!(first(Some(Funding::Credit)), "a");
    assert_eq!(first(None), "a");
}

#[test]
fn a_refund_gives_back_by_the_rates_of_the_payments_day() {
    let payment = some_payment(1, "10.00", &["3.33", "3.33", "3.34"]);
    let movements = Movement::all_of(&payment, 480);
    let fees = |rule: FeeRule| -> Vec<String> {
        let table = FeeTable { rules: vec![rule] };
        let mut pricer = Pricer::new(&table, None, Volumes::new());
        let priced = movements.iter().map(|one| pricer.price(one).unwrap());
        priced.map(|priced| priced.fee.to_string()).collect()
    };
    assert_eq!(
        fees(rule("a", "0.006")),
        ["0.06", "-0.02", "-0.02", "-0.02"]
    );
    let kept = FeeRule {
        given_back: false,
        ..rule("a", "0.006")
    };
    assert_eq!(fees(kept), ["0.06", "0", "0", "0"]);
}

#[test]
fn the_cheapest_acquirer_comes_first() {
    let fixed = FeeRule {
        fixed: decimal("0.50"),
        ..rule("b", "0.001")
    };
    let table = FeeTable {
        rules: vec![rule("a", "0.006"), fixed, rule("d", "0.006")],
    };
    let ids = |names: &[&str]| -> Vec<AcquirerId> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    };
    let order = |given: &[&str], amount| {
        let means = Means::new(Tender::Card, None);
        let day = Day::parse("2026-11-22").unwrap();
        let mut order = ids(given);
        order.sort_by_key(|id| table.cost_rank(id, means, yuan(amount), day));
        order
    };
    assert_eq!(
        order(&["c", "a", "b", "d"], "50.00"),
        ids(&["a", "d", "b", "c"])
    );
    assert_eq!(
        order(&["c", "d", "a", "b"], "500.00"),
        ids(&["b", "d", "a", "c"])
    );
    // as they came where there is nothing to choose by
    assert_eq!(order(&["d", "a"], "50.00"), ids(&["d", "a"]));
}
